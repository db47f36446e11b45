"""Rare pictures are decoded in a child: the same pixels, and a child that does harm costs its field alone."""

from __future__ import annotations

import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from allstation import frozen
from allstation.__main__ import main
from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.imaging.archives import unpack
from allstation.imaging.formats import decode
from allstation.imaging.formats.headers import read_header
from allstation.imaging.formats.isolated import DIED, DecoderPool
from allstation.imaging.formats.source import Source
from allstation.imaging.synthetic import write_demo
from allstation.isolation.child import Budget, Child
from allstation.store.case import Case
from tests.faults.fuzz_decode import seeds
from tests.makers import child_processes, end_from_outside

HOSTILE = Path(__file__).resolve().parents[2] / "isolation" / "hostile_child.py"
PLAIN = {
    *(
        "jpeg",
        "jpeg progressive",
        "jpeg exif",
        "jpeg gray",
        "png",
        "png palette",
        "png alpha",
        "png animated",
    ),
    *("tiff", "tiff deflate", "tiff big", "tiff alpha", "tiff pages", "tiff 16 bit", "bmp", "bmp palette"),
}
"""What is decoded in the station's process; everything else that is read is not."""
FILES = {name: data for name, data in seeds() if name != "gif"}


def header_of(data: bytes):
    return read_header(Source(io.BytesIO(data), len(data)))


@pytest.mark.parametrize("name", FILES)
def test_a_picture_has_the_same_pixels_wherever_it_is_decoded(name):
    data = FILES[name]
    header = header_of(data)
    assert decode.is_plain(header) is (name in PLAIN)
    for shrink in (1, 2):
        truth = decode.pixels_here(data, header, shrink)
        found = decode.decoders().pixels(data, header, shrink=shrink, limits=DecodeLimits())
        np.testing.assert_array_equal(found, truth)


def test_plain_pictures_start_no_child(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "decoders", lambda: pytest.fail("a child was asked"))
    for name in PLAIN:
        decode.decode(tmp_path / name, data=FILES[name])
        decode.decode_reduced(tmp_path / name, (32, 32), data=FILES[name])


def test_several_threads_have_decoders_of_their_own(tmp_path, monkeypatch):
    names = ["webp", "jpeg 2000", "png 16 bit", "tiff lzw"] * 8
    with monkeypatch.context() as here:
        here.setattr(decode, "is_plain", lambda _: True)
        truth = {name: decode.decode(tmp_path / name, data=FILES[name]) for name in set(names)}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda name: decode.decode(tmp_path / name, data=FILES[name]), names))
    assert all(np.array_equal(rgb, truth[name]) for rgb, name in zip(found, names, strict=True))


def hostile(monkeypatch, do: str, *, memory: int = 1 << 30) -> DecoderPool:
    monkeypatch.setenv("HOSTILE", do)
    pool = DecoderPool([sys.executable, "-P", str(HOSTILE), "serve"], Budget(memory=memory))
    monkeypatch.setattr(decode, "decoders", lambda: pool)
    return pool


@pytest.mark.parametrize(
    ("do", "code", "said"),
    [
        pytest.param(
            "crash", DIED, "SIGSEGV", marks=pytest.mark.skipif(sys.platform == "win32", reason="POSIX signal")
        ),
        ("exit", DIED, "exit status 7"),
        ("spin", "too-slow", "more than 1 seconds"),
        pytest.param(
            "eat",
            "out-of-memory",
            "more memory",
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce it"),
        ),
        ("", "unreadable-field", "damaged WebP"),
    ],
)
def test_a_decoder_that_does_harm_costs_its_field(monkeypatch, tmp_path, do, code, said):
    limits = DecodeLimits(max_seconds=1.0)
    with closing(hostile(monkeypatch, do)), pytest.raises(StationError) as caught:
        decode.decode(tmp_path / "a.webp", limits, data=FILES["webp"])
    assert caught.value.code == code
    assert said in caught.value.sentence
    assert "a.webp" in caught.value.sentence


def test_a_decoder_names_no_other_refusals_than_decoders_have(monkeypatch, tmp_path):
    monkeypatch.setenv(
        "HOSTILE_ANSWER", '{"code": "unreadable-field", "problem": "is\\u001b[2J\\u202e fine"}'
    )
    with closing(hostile(monkeypatch, "answer")), pytest.raises(StationError) as caught:
        decode.decode(tmp_path / "a.webp", data=FILES["webp"])
    assert caught.value.sentence.isprintable()
    monkeypatch.setenv("HOSTILE_ANSWER", '{"code": "crashed-twice", "problem": "is gone"}')
    with closing(hostile(monkeypatch, "answer")), pytest.raises(StationError) as caught:
        decode.decode(tmp_path / "a.webp", data=FILES["webp"])
    assert caught.value.code == "unreadable-field"


def test_a_decoder_that_cannot_start_is_no_fault_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "decoders", lambda: DecoderPool(["/no/such/program"]))
    with pytest.raises(StationError) as caught:
        decode.decode(tmp_path / "a.webp", data=FILES["webp"])
    assert caught.value.code == "decoder-missing"
    assert "does not start" in caught.value.sentence


def test_a_decoder_that_was_ended_while_it_waited_is_replaced_unseen(monkeypatch):
    before = child_processes()
    with closing(DecoderPool(frozen.child_command("decoder"))) as pool:
        data = FILES["webp"]
        first = pool.pixels(data, header_of(data), shrink=1, limits=DecodeLimits())
        (waiting,) = child_processes() - before
        end_from_outside(waiting)
        np.testing.assert_array_equal(
            pool.pixels(data, header_of(data), shrink=1, limits=DecodeLimits()), first
        )
        (another,) = child_processes() - before
        assert another != waiting
        monkeypatch.setattr(Child, "worn", True)
        pool.pixels(data, header_of(data), shrink=1, limits=DecodeLimits())
        assert child_processes() == before


def test_a_field_whose_decoder_dies_fails_alone_and_the_command_goes_on(tmp_path, monkeypatch, capsys):
    fields, case = tmp_path / "Slide", tmp_path / "a.allcase"
    write_demo(fields, fields=2, seed=3)
    (fields / "bad.webp").write_bytes(FILES["webp"])
    with closing(hostile(monkeypatch, "exit")):
        assert main(["classify", str(fields), "--case", str(case)]) == 1
    said = capsys.readouterr()
    assert "done: 2, failed: 1" in said.out
    assert said.err.count("bad.webp ended its WebP decoder") == 1
    assert "Traceback" not in said.err
    with Case.open(case, read_only=True) as kept:
        assert [field.error_code for field in kept.fields.page() if field.error_code] == [DIED]


@pytest.mark.parametrize("kind", frozen.ISOLATED_CHILDREN)
def test_the_frozen_program_starts_its_children_by_a_switch(kind, tmp_path):
    code = "import sys; from allstation import frozen; sys.exit(frozen.start(lambda _: 9))"
    with (tmp_path / "empty").open("w+b") as nothing:
        source = nothing if kind == "archive" else None
        command = [sys.executable, "-c", code, frozen.CHILD_SWITCH, kind]
        told = {"file": "a.svs", "readable": [], "limits": DecodeLimits()._asdict()}
        first = told if kind == "slide" else None
        with closing(Child(command, Budget(memory=1 << 30), source=source, first=first)) as child:
            assert child.pid


def test_an_archive_whose_reader_dies_is_one_sentence(tmp_path, monkeypatch):
    code = (
        "import sys, os; from allstation.isolation import serving; serving.begin(sys.argv[1:]); os._exit(3)"
    )
    monkeypatch.setattr(unpack, "child_command", lambda _: [sys.executable, "-c", code])
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(StationError, match="ended with exit status 3") as caught:
        unpack.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code == "unreadable-archive"


def test_what_a_reader_of_archives_says_of_names_is_judged_here(tmp_path, monkeypatch):
    """One that was taken over sends a name that climbs out, and bytes for it."""
    code = (
        "import sys; from allstation.isolation import frames, serving; out = serving.begin(sys.argv[1:])\n"
        "frames.send(out, {'member': '../evil.jpg', 'problem': ''})\n"
        "frames.send(out, {}, b'evil')\n"
        "frames.send(out, {'end': True}); frames.send(out, {'done': True})"
    )
    monkeypatch.setattr(unpack, "child_command", lambda _: [sys.executable, "-c", code])
    (tmp_path / "a.zip").write_bytes(b"PK")
    result = unpack.unpack(tmp_path / "a.zip", tmp_path / "in" / "out")
    assert result.fields == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_no_thread_is_left_of_a_decoder_that_was_given_up(monkeypatch, tmp_path):
    before = set(threading.enumerate())
    with closing(hostile(monkeypatch, "spin")), pytest.raises(StationError):
        decode.decode(tmp_path / "a.webp", DecodeLimits(max_seconds=0.2), data=FILES["webp"])
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
