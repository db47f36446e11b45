"""``allstation site export-statistics``, ``merge`` and ``remove``: federation by files that people carry."""

from __future__ import annotations

import argparse
from pathlib import Path

from allstation.commands import DONE
from allstation.commands.printing import say
from allstation.commissioning.federation import exported, merged, removed, write_merged_bundle
from allstation.commissioning.statistics_file import (
    SUFFIX,
    SharedStatistics,
    read_statistics,
    write_statistics,
)
from allstation.core.errors import StationError
from allstation.core.text import shown_name
from allstation.imaging.output_kinds import SITE_MODEL, STATISTICS
from allstation.imaging.outputs import Output, check_outputs
from allstation.inference.bundle import SUFFIX as MODEL_SUFFIX
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.trust import require_accepted
from allstation.keys.station import station_key


def run(options: argparse.Namespace) -> int:
    """Do the chosen action.

    Raises:
        StationError: ``bad-output``, ``bad-bundle``, ``bad-statistics``, ``bad-merge``, ``too-few-cells``,
            ``unknown-maker``, ``not-written``.
    """
    match options.action:
        case "export-statistics":
            inputs = [options.model]
        case "merge":
            inputs = options.files
        case _:
            inputs = [options.whole, options.part]
    as_model = options.out.suffix.lower() == MODEL_SUFFIX and options.action != "export-statistics"
    if not as_model and options.out.suffix.lower() != SUFFIX:
        sentence = f"--out: {shown_name(options.out)} should end in {SUFFIX}: statistics are written."
        raise StationError("bad-output", sentence)
    kind = SITE_MODEL if as_model else STATISTICS
    check_outputs([Output("--out", options.out, kind)], inputs=inputs, force=options.force)
    found = _made(options)
    _write(options.out, found, as_model=as_model)
    return DONE


def _made(options: argparse.Namespace) -> SharedStatistics:
    name = options.name or options.out.stem
    if options.action == "export-statistics":
        bundle = ModelBundle.open(options.model)
        require_accepted(bundle.trust, bundle.name)
        return exported(bundle, name=name, epsilon=options.noise)
    if options.action == "merge":
        shares = [read_statistics(path) for path in options.files]
        for one in shares:
            _tell(one)
        return merged(shares, name=name)
    whole, part = read_statistics(options.whole), read_statistics(options.part)
    if whole.trust is not None:
        require_accepted(whole.trust, whole.name)
    return removed(whole, part, name=name)


def _tell(one: SharedStatistics) -> None:
    counts = zip(one.statistics.types, one.statistics.counts.astype(int).tolist(), strict=True)
    types = ", ".join(f"{shown_name(kind)} {count}" for kind, count in counts)
    by = f"; {one.trust.text}" if one.trust is not None else ""
    say(f"{shown_name(one.name)}: {types}; {one.slides} slides{by}")
    if one.noise:
        say(f"         {one.noise}")


def _write(target: Path, found: SharedStatistics, *, as_model: bool) -> None:
    try:
        if as_model:
            base = ModelBundle.open(default_bundle_path())
            made = write_merged_bundle(target, found, base=base, key=station_key())
            say(f"written: {shown_name(str(target))}, {made.trust.text}; it names nothing by itself")
            return
        written = write_statistics(target, found, key=station_key())
    except OSError as error:
        sentence = f"{shown_name(target)} cannot be written ({error.strerror or error}). Name another file."
        raise StationError("not-written", sentence) from error
    _tell(written)
    say(f"written: {shown_name(str(target))}")
