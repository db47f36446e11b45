"""Archives: their fields come out, nothing else does, and nothing lands outside."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.imaging.archives import unpack

PIXELS = bytes(range(256)) * 40


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in {".gz", ".tgz"} else "w") as out:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


MAKERS = [(make_zip, "a.zip"), (make_tar, "a.tar"), (make_tar, "a.tar.gz")]


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_fields_come_out_with_their_folders(tmp_path, make, name):
    members = {"Slide 1/a.jpg": PIXELS, "Slide 2/Präparat 骨.tif": b"x", "notes.txt": b"no", "b.PNG": b"y"}
    result = unpack.unpack(make(tmp_path / name, members), tmp_path / "out")
    assert everything_below(tmp_path / "out") == {"Slide 1/a.jpg", "Slide 2/Präparat 骨.tif", "b.PNG"}
    assert (tmp_path / "out/Slide 1/a.jpg").read_bytes() == PIXELS
    assert [path.name for path in result.fields] == ["a.jpg", "Präparat 骨.tif", "b.PNG"]
    assert result.passed_over == [("notes.txt", "no field image by its name")]


@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_no_path_climbs_out(tmp_path, make, name):
    evil = [
        "../evil.jpg",
        "/evil.jpg",
        "a/../../evil.jpg",
        "..\\evil.jpg",
        "C:\\evil.jpg",
        "C:evil.jpg",
        "\\\\host\\s\\e.jpg",
    ]
    result = unpack.unpack(
        make(tmp_path / name, dict.fromkeys([*evil, "good.jpg"], b"1")), tmp_path / "in" / "out"
    )
    assert everything_below(tmp_path) == {name, "in/out/good.jpg"}
    assert len(result.passed_over) == len(evil)


def test_links_and_devices_are_passed_over(tmp_path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as out:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.jpg")
            info.type, info.linkname = kind, str(secret)
            out.addfile(info)
    result = unpack.unpack(path, tmp_path / "out")
    assert result.fields == []
    assert [reason for _, reason in result.passed_over] == ["a link or special file"] * 4
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as packed:
        entry = zipfile.ZipInfo("link.jpg")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, str(secret))
    assert unpack.unpack(tmp_path / "links.zip", tmp_path / "out").fields == []


def test_a_file_through_a_link_of_the_archive_stays_inside(tmp_path):
    path = tmp_path / "both.tar"
    with tarfile.open(path, "w") as out:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
        out.addfile(link)
        info = tarfile.TarInfo("out/a.jpg")
        info.size = 1
        out.addfile(info, io.BytesIO(b"1"))
    unpack.unpack(path, tmp_path / "target")
    assert everything_below(tmp_path) == {"both.tar", "target/out/a.jpg"}


def test_strange_and_reserved_names_become_plain(tmp_path):
    names = ["con.jpg", "a\nb.jpg", "dir. /c<>?.jpg", "x" * 300 + ".jpg", "\u202egpj.jpg"]
    result = unpack.unpack(make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"1")), tmp_path / "out")
    assert len(result.fields) == len(names)
    written = everything_below(tmp_path / "out")
    assert "_con.jpg" in written
    assert "dir/c___.jpg" in written
    assert all(name.isprintable() and len(os.fsencode(name)) < 255 for name in written)


def test_same_names_are_kept_apart(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as out:
        for content in (b"1", b"2"):
            info = tarfile.TarInfo("a.jpg")
            info.size = 1
            out.addfile(info, io.BytesIO(content))
    unpack.unpack(path, tmp_path / "out")
    assert everything_below(tmp_path / "out") == {"a.jpg", "a (2).jpg"}


@pytest.mark.parametrize(("make", "name"), [MAKERS[0], MAKERS[2]])
def test_bombs_are_stopped_while_they_unpack_and_leave_nothing(tmp_path, make, name):
    path = make(tmp_path / name, {"good.jpg": PIXELS, "bomb.jpg": bytes(64 << 20)})
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out")
    assert caught.value.code == "archive-too-large"
    assert everything_below(tmp_path / "out") == set()


@pytest.mark.parametrize(
    "limits",
    [{"max_members": 2}, {"max_bytes": 2_000}, {"max_file_bytes": 900}],
)
@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_limits(tmp_path, make, name, limits):
    path = make(tmp_path / name, {f"{index}.jpg": os.urandom(1000) for index in range(3)})
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out", unpack.ArchiveLimits(**limits))
    assert caught.value.code == "archive-too-large"


def test_an_endless_list_of_entries_is_refused_unread(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": b"1"})
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = (900 << 20).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out")
    assert caught.value.code in {"archive-too-large", "unreadable-archive"}


@pytest.mark.parametrize("cut", [10, 60, 5800, 9000])
@pytest.mark.parametrize(("make", "name"), MAKERS)
def test_damaged_archives_are_one_sentence(tmp_path, make, name, cut):
    path = make(tmp_path / name, {"a.jpg": os.urandom(5000), "b.jpg": os.urandom(5000)})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out")
    assert caught.value.code == "unreadable-archive"
    assert everything_below(tmp_path / "out") == set()


def test_a_wrong_checksum_is_found(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.jpg", PIXELS)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out")
    assert caught.value.code == "unreadable-archive"


def test_encrypted_archives_say_so(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": b"1"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(StationError) as caught:
        unpack.unpack(path, tmp_path / "out")
    assert "encrypted" in caught.value.sentence


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"hello")
    for path in (tmp_path / "a.zip", tmp_path / "missing.zip", tmp_path):
        with pytest.raises(StationError):
            unpack.unpack(path, tmp_path / "out")
    assert unpack.looks_like_archive(Path("A.TAR.GZ"))
    assert not unpack.looks_like_archive(Path("a.jpg"))
