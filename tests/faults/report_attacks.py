"""Attacks on a report, digitally signed or not, by somebody who has the file and not the key."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from allstation.core.errors import StationError
from allstation.report.signing.trust import TrustStore
from tests import signers

if TYPE_CHECKING:
    from tests.faults.attacks import Ground, Seen

SEED = 77301


def _seen(text: str, *, held: bool) -> Seen:
    from tests.faults.attacks import Seen

    return Seen(text, held)


def prepare(base: Path) -> None:
    """Sign the report of the case as final, in this process, and trust the signer."""
    from allstation.report.content.options import ReportOptions
    from allstation.services.reports import reporting, signatures
    from allstation.store.case import Case

    signer = signers.make_signer(base / "keys")
    block = signer.key.facts.block()
    options = ReportOptions(template="summary", status="final", reviewer="Dr. B", signature=block)
    with Case.open(base / "a.allcase", read_only=True) as case:
        made = reporting.make(case, case.snapshot(), options)
    reporting.write(signatures.sign(made, signer.key), base / "signed.pdf")
    signer.trusted_in(base / "store")


def _signed(ground: Ground) -> tuple[Path, TrustStore]:
    return ground.base / "signed.pdf", TrustStore(ground.base / "store")


def _verdict(data: bytes, store: TrustStore | None) -> str:
    from allstation.report.verification.parts import examine

    try:
        found = examine(Path("r.pdf"), data, store)
    except StationError:
        return "refused"
    except Exception:
        return "escaped"
    return "agree" if found.holds else "findings"


def _counted(mutants: list[bytes], store: TrustStore) -> Seen:
    counts = dict.fromkeys(("refused", "findings", "agree", "escaped"), 0)
    for mutant in mutants:
        counts[_verdict(mutant, store)] += 1
    told = ", ".join(f"{name} {number}" for name, number in counts.items())
    return _seen(told, held=not counts["agree"] and not counts["escaped"])


def one_byte(ground: Ground) -> Seen:
    """Half of the changes fall on what the signature adds to the file."""
    path, store = _signed(ground)
    data, dice = path.read_bytes(), random.Random(SEED)
    end = data.rindex(b"/Contents <")
    mutants = []
    for number in range(ground.mutants):
        mutant = bytearray(data)
        place = dice.randrange(end if number % 2 else 0, len(data))
        mutant[place] ^= 1 << dice.randrange(8)
        mutants.append(bytes(mutant))
    return _counted(mutants, store)


def mutated(ground: Ground) -> Seen:
    path, store = _signed(ground)
    data, dice = path.read_bytes(), random.Random(SEED)
    mutants = []
    for _ in range(2 * ground.mutants):
        mutant = bytearray(data)
        for _ in range(dice.choice((1, 4, 32, 400))):
            mutant[dice.randrange(len(mutant))] ^= dice.randrange(1, 256)
        if dice.random() < 0.3:
            del mutant[dice.randrange(len(mutant)) :]
        mutants.append(bytes(mutant))
    return _counted(mutants, store)


def added(change: Callable[[bytes], bytes], *, signed: bool) -> Callable[[Ground], Seen]:
    """Return an attack that adds to a report; verified without its case."""

    def attack(ground: Ground) -> Seen:
        from allstation.report.verification.parts import Part, Verdict, examine

        path, store = _signed(ground) if signed else (ground.base / "a.pdf", None)
        found = examine(Path("r.pdf"), change(path.read_bytes()), store)
        part = found.part(Part.SIGNATURE if signed else Part.CONTENT)
        return _seen(part.sentences[-1], held=part.verdict is Verdict.FAILS)

    return attack


def stripped(ground: Ground) -> Seen:
    from allstation.report.verification.parts import Part, Verdict, examine

    path, store = _signed(ground)
    data = path.read_bytes()
    first = data.index(b"%%EOF") + len(b"%%EOF\n")
    part = examine(Path("r.pdf"), data[:first], store).part(Part.SIGNATURE)
    return _seen(part.sentences[0], held=part.verdict is Verdict.FAILS)


def unknown(ground: Ground) -> Seen:
    from allstation.report.verification.parts import Part, Verdict, examine

    path, _ = _signed(ground)
    other = signers.make_signer(ground.place / "other").trusted_in(ground.place / "other-store")
    part = examine(Path("r.pdf"), path.read_bytes(), other).part(Part.SIGNER)
    return _seen(part.sentences[1], held=part.verdict is Verdict.FAILS)


ATTACKS: dict[str, tuple[str, Callable[[Ground], Seen]]] = {
    "signed report, one byte changed": ("noticed each time, without --case", one_byte),
    "signed report, mutated": ("no traceback, none agrees", mutated),
    "signed report, picture over page one": ("noticed", added(signers.picture_over_page, signed=True)),
    "signed report, stamp over page one": ("noticed", added(signers.stamp_over_page, signed=True)),
    "signed report, page replaced in an update": ("noticed", added(signers.other_page_tree, signed=True)),
    "signed report, other look of the signature": (
        "noticed",
        added(signers.other_picture_of_signature, signed=True),
    ),
    "signed report, signature taken off": ("noticed", stripped),
    "signed report, signer unknown": ("noticed", unknown),
    "unsigned report, picture over page one": ("noticed", added(signers.picture_over_page, signed=False)),
    "unsigned report, stamp over page one": ("noticed", added(signers.stamp_over_page, signed=False)),
}
