"""What is dropped is walked, unpacked, judged and handed over in bounded steps."""

from __future__ import annotations

import queue
import threading
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from allstation.imaging.synthetic import write_demo
from allstation.processing.import_progress import ImportProgress
from allstation.processing.importer import ImportBatch, Importer, ImportFinished, batches
from allstation.store.case import Case


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields") / "Slide"
    write_demo(folder, fields=3)
    return folder


def collect(given: list[Path], unpack_to: Path | None = None) -> list[ImportBatch]:
    return list(batches(given, threading.Event(), unpack_to=unpack_to))


def test_fields_of_one_folder_come_together(fields: Path) -> None:
    found = collect([fields])
    assert sum(len(batch.fields) for batch in found) == 3
    for batch in found:
        assert {field.path.parent for field in batch.fields} == {batch.folder}


def test_what_is_no_field_is_refused_by_name_and_the_rest_goes_on(fields: Path, tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("dear colleague")
    found = collect([text, fields, tmp_path / "gone"])
    refused = {item.path.name: item.error.code for batch in found for item in batch.refused}
    assert set(refused) == {"letter.txt", "gone"}
    assert sum(len(batch.fields) for batch in found) == 3


def test_files_of_several_pages_are_counted(fields: Path, tmp_path: Path) -> None:
    pages = [Image.open(path) for path in sorted(fields.rglob("*.jpg"))]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    pages[1].save(tmp_path / "single.tif")
    (found,) = collect([tmp_path / "stack.tif", tmp_path / "single.tif"])
    assert {field.path.name: field.pages for field in found.fields} == {"stack.tif": 3, "single.tif": 1}
    progress = ImportProgress()
    with Case.create(tmp_path / "a.allcase") as case:
        progress.add(case, found)
    status = progress.status(running=False)
    assert (status.added, status.paged, status.refused_count) == (2, 1, 0)


def test_doubles_are_named(fields: Path, tmp_path: Path) -> None:
    progress = ImportProgress()
    with Case.create(tmp_path / "a.allcase") as case:
        for found in (*collect([fields]), *collect([fields])):
            progress.add(case, found)
    status = progress.status(running=False)
    assert (status.added, status.duplicates) == (3, 3)
    assert sorted(one.name for one in status.same) == ["field-001.jpg", "field-002.jpg", "field-003.jpg"]
    assert "nothing was added" in status.same[0].sentence


def test_an_archive_is_unpacked_beside_the_case(fields: Path, tmp_path: Path) -> None:
    archive = tmp_path / "monday.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in fields.rglob("*.jpg"):
            made.write(path, f"Smear 1/{path.name}")
        made.writestr("../climbs.jpg", b"x")
    found = collect([archive], tmp_path / "unpacked")
    assert sum(len(batch.fields) for batch in found) == 3
    assert {batch.folder for batch in found if batch.fields} == {tmp_path / "unpacked" / "monday" / "Smear 1"}
    assert [item.error.code for batch in found for item in batch.refused]
    assert not (tmp_path / "climbs.jpg").exists()


def test_a_second_archive_of_the_same_name_gets_its_own_folder(fields: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.write(next(fields.rglob("*.jpg")), "f.jpg")
    collect([archive], tmp_path / "u")
    collect([archive], tmp_path / "u")
    assert sorted(path.name for path in (tmp_path / "u").iterdir()) == ["a", "a 2"]


def test_a_damaged_archive_is_refused_by_name(tmp_path: Path) -> None:
    archive = tmp_path / "broken.zip"
    archive.write_bytes(b"PK\x03\x04 not really")
    ((refused,),) = [batch.refused for batch in collect([archive], tmp_path / "u")]
    assert refused.path == archive


def test_the_walk_waits_for_the_writer(fields: Path, tmp_path: Path) -> None:
    """Without anyone writing, only so many batches are read ahead; then it goes on."""
    for number in range(20):
        folder = tmp_path / "many" / f"s{number}"
        folder.mkdir(parents=True)
        (folder / "f.jpg").write_bytes(next(fields.rglob("*.jpg")).read_bytes())
    posted: queue.SimpleQueue[object] = queue.SimpleQueue()
    importer = Importer(posted.put)
    importer.add([tmp_path / "many"])
    items = [posted.get(timeout=20) for _ in range(8)]
    with pytest.raises(queue.Empty):
        posted.get(timeout=0.3)
    while not isinstance(items[-1], ImportFinished):
        importer.written()
        items.append(posted.get(timeout=20))
    assert sum(len(item.fields) for item in items if isinstance(item, ImportBatch)) == 20
    importer.stop()


def test_stopping_ends_a_walk_that_waits(fields: Path, tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / f"s{number}"
        folder.mkdir()
        (folder / "f.jpg").write_bytes(next(fields.rglob("*.jpg")).read_bytes())
    importer = Importer(lambda _item: None)
    importer.add([tmp_path])
    importer.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("import")]
