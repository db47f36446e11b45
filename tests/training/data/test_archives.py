"""Archive listings: .zip, .tar and .rar against a folder, and archives that cannot be read."""

from __future__ import annotations

import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from training.data.archives import compare_with_archive, list_archive
from training.data.labelled_folder import read_labelled


def members(folder: Path) -> dict[str, bytes]:
    return {
        f"Blood/Original/{path.parent.name}/{path.name}": path.read_bytes()
        for path in sorted(folder.rglob("*.png"))
    }


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def vint(value: int) -> bytes:
    """A RAR 5 number: seven bits a byte, the highest set while more follow."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def rar_block(kind: int, flags: int, fields: bytes, data: bytes = b"") -> bytes:
    size = vint(len(data)) if data else b""
    body = vint(kind) + vint(flags) + size + fields
    body = vint(len(body)) + body
    return struct.pack("<I", zlib.crc32(body)) + body + data


def write_rar(path: Path, files: dict[str, bytes]) -> Path:
    """Write a RAR 5 archive of stored files, after the published technical note."""
    out = b"Rar!\x1a\x07\x01\x00" + rar_block(1, 0, vint(0))
    for name, data in files.items():
        encoded = name.encode()
        fields = vint(4) + vint(len(data)) + vint(0o644) + struct.pack("<I", zlib.crc32(data))
        fields += vint(0) + vint(1) + vint(len(encoded)) + encoded
        out += rar_block(2, 2, fields, data)
    path.write_bytes(out + rar_block(5, 0, vint(0)))
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    import io

    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("name", "write"), [("a.zip", write_zip), ("a.rar", write_rar), ("a.tar.gz", write_tar)]
)
def test_missing_extra_and_changed_files_are_found(name: str, write: object, labelled_folder: Path) -> None:
    files = members(labelled_folder)
    archive = write(labelled_folder.parent / name, files)  # type: ignore[operator]
    entries = list_archive(archive)
    assert len(entries) == 48
    untouched = compare_with_archive(read_labelled(labelled_folder), entries)
    assert untouched["folder_in_archive"] == "Blood/Original"
    assert not any(untouched[key] for key in ("missing", "extra", "size_differs", "crc_differs"))
    assert untouched["by_class"] == {"Benign": 12, "Early": 12, "Pre": 12, "Pro": 12}

    (labelled_folder / "Pro" / "Pro-003.png").unlink()
    shutil.copy(labelled_folder / "Pre" / "Pre-001.png", labelled_folder / "Pre" / "new.png")
    longer = labelled_folder / "Early" / "Early-002.png"
    longer.write_bytes(longer.read_bytes() + b"0")
    other = labelled_folder / "Benign" / "Benign-005.png"
    data = bytearray(other.read_bytes())
    data[-20] ^= 1
    other.write_bytes(bytes(data))
    found = compare_with_archive(read_labelled(labelled_folder), entries)
    assert found["missing"] == ["Blood/Original/Pro/Pro-003.png"]
    assert found["extra"] == ["Pre/new.png"]
    assert found["size_differs"] == ["Blood/Original/Early/Early-002.png"]
    has_crc = not name.startswith("a.tar")
    assert found["crc_differs"] == (["Blood/Original/Benign/Benign-005.png"] if has_crc else [])


def test_the_better_of_two_folders_with_equal_names_is_taken(labelled_folder: Path) -> None:
    files = members(labelled_folder)
    masks = {name.replace("Original", "Segmented"): b"other" for name in files}
    entries = list_archive(write_zip(labelled_folder.parent / "both.zip", {**masks, **files}))
    found = compare_with_archive(read_labelled(labelled_folder), entries)
    assert found["folder_in_archive"] == "Blood/Original"
    assert found["listed"] == 48


def test_an_archive_of_something_else(labelled_folder: Path) -> None:
    entries = list_archive(write_zip(labelled_folder.parent / "x.zip", {"readme.txt": b"x"}))
    found = compare_with_archive(read_labelled(labelled_folder), entries)
    assert found["listed"] == 0
    assert len(found["extra"]) == 48


@pytest.mark.parametrize("name", ["a.zip", "a.rar", "a.tar", "a.tgz"])
def test_a_broken_archive_gives_a_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no archive at all" * 60)
    with pytest.raises(StationError, match="cannot be listed") as caught:
        list_archive(tmp_path / name)
    assert caught.value.code == "bad-archive"


def test_other_kinds_and_missing_files_give_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="unknown kind"):
        list_archive(tmp_path / "a.7z")
    with pytest.raises(StationError, match="cannot be listed"):
        list_archive(tmp_path / "none.zip")
