"""``allstation differential``: the differential counts of a case, in words and figures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence

from allstation.commands import DONE, WRONG_USAGE
from allstation.commands.case_trust import warn_of_history
from allstation.commands.printing import say
from allstation.core.classes import RESEARCH_USE
from allstation.core.differential import (
    Differential,
    ReaderComparison,
    TypeCount,
    report_of,
    stop_sentence,
)
from allstation.core.errors import StationError
from allstation.store.case import Case

_NAME = 32
_WHOLE = 100


def run(options: argparse.Namespace) -> int:
    """Print every reader's count, and every two readers compared.

    Returns:
        ``WRONG_USAGE`` when nobody, or not the person asked for, gave a type.

    Raises:
        StationError: If the case cannot be read, or a share to be told is none.
    """
    wanted = [_share(text) for text in options.tell]
    with Case.open(options.case, read_only=True) as case:
        warn_of_history(case, str(options.case))
        summary = case.cells.summary()
    known = {one.key for one in summary.types}
    for key, _ in wanted:
        if key not in known:
            sentence = f"--tell: this case has no cell type {key!r}. It has {', '.join(sorted(known))}."
            raise StationError("unknown-cell-type", sentence)
    found = report_of(summary, count_proposals=options.proposals)
    readers = [one for one in found.readers if options.reader in (None, one.reader)]
    if not readers and options.proposals and options.reader is None and found.proposals is not None:
        readers = [found.proposals]
    if not readers:
        who = "nobody has given a type to any" if options.reader is None else f"{options.reader} typed none"
        names = ", ".join(one.reader for one in found.readers)
        others = f"; there are counts by {names}" if names else ""
        say(f"{who} of the {summary.total} cells of this case{others}", error=True)
        return WRONG_USAGE
    lines: list[str] = []
    for one in readers:
        lines += [*_count_lines(one, wanted), ""]
    if options.reader is None:
        for comparison in found.comparisons:
            lines += [*_comparison_lines(comparison), ""]
    for line in [*lines, RESEARCH_USE]:
        say(line)
    return DONE


def _share(text: str) -> tuple[str, float]:
    """Read ``TYPE=PERCENT``.

    Raises:
        StationError: ``bad-share``.
    """
    key, _, percent = text.partition("=")
    try:
        share = float(percent.removesuffix("%").strip().replace(",", ".")) / _WHOLE
    except ValueError:
        share = math.nan
    if not key or not 0 < share < 1:
        sentence = f"--tell {text!r} is no TYPE=PERCENT. Write for example blast=20."
        raise StationError("bad-share", sentence)
    return key.strip(), share


def _count_lines(found: Differential, wanted: Sequence[tuple[str, float]]) -> Iterator[str]:
    yield f"{found.reader}: {found.n} white cells"
    if found.proposed:
        yield f"{found.proposed} of them by their proposed type: nobody named them"
    for one in found.white:
        if one.count:
            yield _line(one, f"{one.per_hundred:5.1f} %")
    for one in found.beside:
        if one.count:
            yield _line(one, f"{one.per_hundred:5.1f} per 100 white cells" if found.n else "")
    if found.left_out:
        yield f"  not counted: {found.left_out}"
    if found.note:
        yield found.note
    for key, share in wanted:
        counted = found.share_of(key)
        if counted is not None and found.n:
            yield f"{counted.type.name}: {stop_sentence(counted.count, found.n, share)}"


def _line(one: TypeCount, share: str) -> str:
    low, high = _WHOLE * one.interval.low, _WHOLE * one.interval.high
    limits = f"{low:.1f} to {high:.1f}" if math.isfinite(high) else f"{low:.1f} and more"
    return f"  {one.type.name:<{_NAME}} {one.count:6}  {share} (95 % interval {limits})"


def _comparison_lines(found: ReaderComparison) -> Iterator[str]:
    yield f"{found.second.reader} against the limits of {found.first.reader} (Ruemke, 95 %):"
    for one in found.types:
        low, high = one.limits
        mark = {True: "within", False: "OUTSIDE", None: "not compared:"}[one.agrees]
        second = f"{one.second.per_hundred:5.1f} %" if found.second.n else "    –  "
        yield f"  {one.type.name:<{_NAME}} {second}  {mark} {low} to {high} %"
    if found.common is None:
        yield "  no cell was named by both"
        return
    common = found.common
    kappa = "kappa means nothing here" if common.kappa is None else f"kappa {common.kappa:.2f}"
    yield f"  cells named by both: {common.n}, alike: {common.agreed}; {kappa}"
