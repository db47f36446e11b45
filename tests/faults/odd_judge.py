"""Judge of the differential test: decodes a case twice over poisoned memory and compares with the truth."""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from allstation.core.errors import StationError
from allstation.imaging.formats import decode
from tests.faults.odd_case import MEAN_LIMIT, MUST_BE_RIGHT, RIGHT_OR_REFUSED, Case, Pixels, stderr_file

RIGHT, REFUSED, WRONG, ESCAPED = "right", "refused", "wrong", "escaped"

UNSEEN = "damaged, but no reader says so"

REDUCED_LIMIT = 40
"""Difference of a quarter's mean, grey levels: a reduced picture has few samples, which noise moves."""

_PERTURB = -6
"""``M_PERTURB`` of glibc's mallopt: fills what is allocated and what is freed with a byte."""

_DAMAGED_CODES = frozenset({"unreadable-field", "truncated-field", "empty-file"})
_DAMAGED_WORDS = re.compile(r"damaged|too early|truncated|corrupt|incomplete|cut off", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one case.

    Attributes:
        name: Of the case.
        result: ``right``, ``refused``, ``wrong`` or ``escaped``.
        fault: Reason why this is not as it must be; empty if it is.
        detail: Difference, sentence or exception.
    """

    name: str
    result: str
    fault: str = ""
    detail: str = ""


def poison(shape: tuple[int, int], value: int) -> None:
    """Fill memory of the sizes that a picture needs with one byte, and let go of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(_PERTURB, value)
    pixels = shape[0] * shape[1]
    blocks = [np.full(pixels * size, value, np.uint8) for size in (1, 2, 3, 3, 4, 6, 8)]
    del blocks


def calm() -> None:
    """Switch the filling off."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(_PERTURB, 0)


def decode_other(folder: Path, shape: tuple[int, int], value: int) -> None:
    """Decode another picture of the same size, whose pixels must not appear anywhere else."""
    path = folder / f"other-{shape[0]}x{shape[1]}-{value}.png"
    if not path.exists():
        Image.fromarray(np.full((*shape, 3), value, np.uint8)).save(path)
    decode.decode(path)


def attempt(path: Path, *, reduced: tuple[int, int] | None = None) -> Pixels | StationError | Exception:
    """Decode as the program does, at full size or, as for a prediction, squashed."""
    try:
        return decode.decode_reduced(path, reduced) if reduced else decode.decode(path)
    except StationError as error:
        return error
    except Exception as error:
        return error


def judge(case: Case, folder: Path) -> Outcome:
    """Decode one case and say what became of it.

    Args:
        case: The file.
        folder: Where it is written to.
    """
    path = folder / f"case{case.suffix}"
    path.write_bytes(case.data)
    shape = (48, 64) if case.truth is None else case.truth.shape[:2]
    try:
        decode_other(folder, shape, 60)
        poison(shape, 0x5A)
        with stderr_file() as said:
            first = attempt(path)
            reduced = attempt(path, reduced=(shape[0] // 6, shape[1] // 6))
            decode_other(folder, shape, 170)
            poison(shape, 0xC3)
            second = attempt(path)
    finally:
        calm()
        path.unlink()
    outcome = _verdict(case, first)
    if outcome.fault:
        return outcome
    if not _same(first, second):
        return Outcome(name=case.name, result=WRONG, fault="unstable", detail="two decodings differ")
    if isinstance(first, Exception) != isinstance(reduced, Exception):
        detail = f"decode: {_shown(first)}; decode_reduced: {_shown(reduced)}"
        return Outcome(name=case.name, result=outcome.result, fault="reduced-differs", detail=detail)
    # Sound files hold noise as well, of which a reduced picture has too few samples to compare.
    drawn = not case.name.startswith("sound")
    if drawn and isinstance(first, np.ndarray) and isinstance(reduced, np.ndarray):
        apart = reduced_difference(first, reduced)
        if apart:
            return Outcome(name=case.name, result=WRONG, fault="reduced-differs", detail=apart)
    if said and said[0].strip():
        return Outcome(name=case.name, result=outcome.result, fault="stderr", detail=said[0].strip()[:300])
    return outcome


def _shown(answer: Pixels | Exception) -> str:
    return repr(answer)[:200] if isinstance(answer, Exception) else "pixels"


def _same(first: Pixels | Exception, second: Pixels | Exception) -> bool:
    if isinstance(first, Exception) or isinstance(second, Exception):
        return repr(first) == repr(second)
    return bool(np.array_equal(first, second))


def _verdict(case: Case, answer: Pixels | StationError | Exception) -> Outcome:
    if isinstance(answer, StationError):
        fault = refusal_fault(case, answer)
        return Outcome(
            name=case.name, result=REFUSED, fault=fault, detail=f"{answer.code}: {answer.sentence}"
        )
    if isinstance(answer, Exception):
        return Outcome(name=case.name, result=ESCAPED, fault="escaped", detail=repr(answer)[:300])
    truth, unknown = case.truth, "no-rule"
    if case.damaged and case.strict is not None:
        truth, unknown = case.strict(case.data), "damaged-accepted"
    if truth is None:
        if case.verdict == RIGHT_OR_REFUSED:
            return Outcome(name=case.name, result=RIGHT)
        return Outcome(name=case.name, result=WRONG, fault=unknown, detail=f"{answer.shape} pixels")
    detail = difference(answer, truth, case.tolerance)
    fault = "pixels" if detail else ""
    if not fault and case.damaged and case.verdict == REFUSED:
        return Outcome(name=case.name, result=RIGHT, detail=UNSEEN)
    return Outcome(name=case.name, result=WRONG if detail else RIGHT, fault=fault, detail=detail)


def refusal_fault(case: Case, error: StationError) -> str:
    """Return what is wrong with a refusal; nothing if it is as it must be."""
    if case.verdict == MUST_BE_RIGHT:
        return "refused-though-right-before"
    if not error.sentence.isprintable():
        return "unprintable"
    if case.damaged:
        return ""
    said = re.split(r"Save it|Expected|Choose", error.sentence)[0].replace(f"case{case.suffix}", "")
    if error.code in _DAMAGED_CODES or _DAMAGED_WORDS.search(error.sentence):
        return "called-damaged"
    return "" if re.search(case.words, said, re.IGNORECASE) else "not-named"


def reduced_difference(whole: Pixels, reduced: Pixels) -> str:
    """Return how far the quarters of the picture for a prediction are from those of the whole one."""
    quarters = [cv2.resize(picture, (2, 2), interpolation=cv2.INTER_AREA) for picture in (whole, reduced)]
    most = int(np.abs(quarters[0].astype(np.int16) - quarters[1]).max())
    return f"{most} between quarters of the reduced picture" if most > REDUCED_LIMIT else ""


def difference(answer: Pixels, truth: Pixels, tolerance: int | None) -> str:
    """Return how far the pixels are from the truth if that is too far; else nothing."""
    if answer.shape != truth.shape:
        return f"shape {answer.shape}, not {truth.shape}"
    apart = np.abs(answer.astype(np.int16) - truth)
    mean, most = float(apart.mean()), int(apart.max())
    far = mean > MEAN_LIMIT if tolerance is None else most > tolerance
    return f"mean {mean:.2f}, most {most}" if far else ""
