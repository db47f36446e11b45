"""What goes over the network: every bit of a prediction, and nothing that could be run."""

from __future__ import annotations

import math
import pickle
import struct
from dataclasses import replace

import pytest

from allstation.core.decision import Decision, Reason
from allstation.core.errors import ModelError, StationError
from allstation.core.known_sizes import KnownSizes, SlideSizes
from allstation.core.records import EvidenceMap
from allstation.core.site import PixelSize, Site
from allstation.inference.pipeline import Outcome
from allstation.processing.cluster import wire
from allstation.processing.cluster.requests import IDENTITY, Answer, Request, WantedField, Work, answer_of
from tests import makers

CLASSES = ("Benign", "Early", "Pre", "Pro")
EVIDENCE = EvidenceMap(rows=2, columns=1, classes=CLASSES, values=bytes(range(8)))


def test_a_prediction_arrives_with_every_bit() -> None:
    shares = {"Benign": 0.1 + 0.2, "Early": 5e-324, "Pre": 1 / 3, "Pro": math.nextafter(0.5, 1)}
    made = makers.prediction(shares, reasons=(Reason.BLURRED,), evidence=EVIDENCE)
    cells = tuple(makers.new_cell(number) for number in range(3))
    answer = Answer.read(Answer("done", "tls://x:1", outcomes=[Outcome(7, made, cells=cells)]).to_bytes())
    (arrived,) = answer.outcomes
    assert arrived == Outcome(7, made, cells=cells)
    assert arrived.prediction is not None
    assert arrived.prediction.decision.reasons[0] is Reason.BLURRED
    for name, share in shares.items():
        assert struct.pack("<d", share) == struct.pack("<d", arrived.prediction.probabilities[name])


def test_what_is_not_finite_stays_so() -> None:
    made = makers.prediction(dict.fromkeys(CLASSES, math.nan), reasons=(Reason.UNREADABLE,), novelty=math.nan)
    (arrived,) = Answer.read(Answer("done", "", outcomes=[Outcome(1, made)]).to_bytes()).outcomes
    assert arrived.prediction is not None
    assert not arrived.prediction.is_readable
    assert math.isnan(arrived.prediction.novelty)


@pytest.mark.parametrize("error", [StationError("unreadable-field", "A."), ModelError("bad-bundle", "B.")])
def test_errors_keep_their_kind_and_sentence(error: StationError) -> None:
    (arrived,) = Answer.read(Answer("done", "", outcomes=[Outcome(1, None, error)]).to_bytes()).outcomes
    assert type(arrived.error) is type(error)
    assert arrived.error is not None
    assert (arrived.error.code, arrived.error.sentence) == (error.code, error.sentence)


def test_a_request_arrives_as_it_was_sent_and_can_key_a_pipeline() -> None:
    site = Site(id="here", name="Here", pixel_sizes=(PixelSize(size=0.11, frame=(1024, 768)),))
    slides = (SlideSizes(4, (PixelSize(size=0.2, frame=(640, 480)), PixelSize(size=0.1))),)
    work = Work("ab" * 32, sizes=KnownSizes("pixel", site, slides), cells=True)
    sent = Request(work, (WantedField(3, "/data/a.jpg", "cd" * 32, b"\x00\xff", 4),), careful=True)
    arrived = Request.read(sent.to_bytes())
    assert arrived == sent
    assert hash(arrived.work) == hash(work)


def test_a_request_of_another_version_is_told_apart() -> None:
    assert Request.read(Request(Work("ab"), (), identity="0.0.1 protocol 0").to_bytes()) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", pickle.dumps({"a": 1}), wire.encode([1]), wire.encode({"!": "os.system", "v": "true"})],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        Request.read(data)
    with pytest.raises(wire.WireError):
        Answer.read(data)


SHARES = dict.fromkeys(CLASSES, 0.25)


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "nothing"},
        {"worker": ["a"]},
        {"seconds": math.nan},
        {"seconds": "1"},
        {"absent": 5},
        {"absent": [[1]]},
        {"outcomes": [[[1], None, StationError("a", "b"), None]]},
        {"outcomes": [[1, "Benign", None, None]]},
        {"outcomes": [[1, None, None, None]]},
        {"outcomes": [[1, None, "error", None]]},
        {"outcomes": [[1, makers.prediction(SHARES), None, "cells"]]},
        {"outcomes": [[1, replace(makers.prediction(SHARES), probabilities={"Benign": "1"}), None, None]]},
        {"outcomes": [[1, replace(makers.prediction(SHARES), quality=None), None, None]]},
        {"outcomes": [[1, replace(makers.prediction(SHARES), cell_count=1 << 63), None, None]]},
    ],
)
def test_an_answer_of_other_types_is_refused(lie: dict[str, object]) -> None:
    content = {"kind": "done", "worker": "", "identity": "", "seconds": 1.0, "absent": [], "outcomes": []}
    Answer.read(wire.pack(content))
    with pytest.raises(wire.WireError):
        Answer.read(wire.pack(content | lie))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"work": ["ab"], "careful": False, "fields": 5},
        {"work": ["ab"], "careful": False, "fields": [["../../a", "/b", "cd", b"x"]]},
        {"work": ["ab", [1]], "careful": False, "fields": []},
    ],
)
def test_a_request_of_other_types_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(wire.WireError):
        Request.read(wire.encode({"identity": IDENTITY, **content}))


@pytest.mark.parametrize(
    "changes",
    [
        {"model_sha256": "cd" * 32},
        {"probabilities": SHARES | {"Benign": math.nan}},
        {"probabilities": dict.fromkeys(CLASSES, math.nan)},
        {"probabilities": SHARES | {"Benign": 40.0}},
        {"probabilities": dict.fromkeys(reversed(CLASSES), 0.25)},
        {"decision": Decision("Pro")},
        {"cell_count": -1},
    ],
)
def test_a_prediction_that_the_model_cannot_have_made_is_not_believed(changes: dict[str, object]) -> None:
    made = makers.prediction(SHARES)
    for prediction, believed in ((made, True), (replace(made, **changes), False)):
        sent = Answer("done", "", outcomes=[Outcome(1, prediction)]).to_bytes()
        assert (answer_of(sent, made.model_sha256, CLASSES) is not None) is believed
    assert answer_of(ValueError("lost"), made.model_sha256, CLASSES) is None


def test_types_that_are_not_on_the_list_are_not_sent() -> None:
    with pytest.raises(TypeError):
        wire.encode({"a": object()})
