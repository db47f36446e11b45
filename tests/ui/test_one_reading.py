"""The way of a field from drop to PDF: how often its file is opened, and that no other bytes get through."""

from __future__ import annotations

import builtins
import io
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader
from pytestqt.qtbot import QtBot

from allstation.core.errors import StationError
from allstation.core.records import CaseSnapshot, FieldRecord, FieldState, NewField, Slide
from allstation.imaging.formats import decode
from allstation.imaging.intake import find_fields, new_field
from allstation.imaging.synthetic import draw_field, write_field
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.engine import Engine
from allstation.report.content.build import build_content
from allstation.report.content.options import ReportOptions
from allstation.report.exchange.annotate import annotated
from allstation.report.exchange.outlines import outlines as exported_outlines
from allstation.report.pdf import write_pdf
from allstation.services.images.field_cache import FieldCache
from allstation.services.images.thumbnails import ThumbnailKey, ThumbnailLoader
from allstation.ui.viewer.loader import read_picture
from allstation.ui.viewer.outlines import find_outlines

RED = (255, 0, 0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ModelBundle.open(default_bundle_path()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "smear" / "field 1.jpg"
    write_field(target, draw_field("Pre", 3, size=(768, 1024)))
    return target


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is opened by file name, and what is decoded, in every thread of this process."""
    counts: Counter[str] = Counter()

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def opens(file: object, *rest: object, **more: object) -> object:
            if isinstance(file, str | bytes | os.PathLike):
                counts[os.path.basename(os.fsdecode(file))] += 1  # noqa: PTH119 - any kind of path
            return real(file, *rest, **more)

        return opens

    monkeypatch.setattr(os, "open", counted(os.open))
    monkeypatch.setattr(builtins, "open", counted(builtins.open))
    monkeypatch.setattr(io, "open", counted(io.open))
    pixels = decode._pixels

    def decoded(*arguments: object, **more: object) -> object:
        counts["decoded"] += 1
        return pixels(*arguments, **more)

    monkeypatch.setattr(decode, "_pixels", decoded)
    return counts


def record_of(new: NewField, engine: Engine) -> FieldRecord:
    made = engine.classify(new.path, sha256=new.sha256)
    return FieldRecord(
        id=1, slide_id=1, path=new.path, sha256=new.sha256, width=new.width, height=new.height,
        state=FieldState.DONE, prediction=made,
    )  # fmt: skip


def snapshot_of(record: FieldRecord) -> CaseSnapshot:
    return CaseSnapshot(
        case_id="C-1", name="Case", taken_at="2026-11-22T15:30:00Z", details={},
        slides=(Slide(id=1, name="Smear", folder=record.path.parent),), fields=(record,), models=(),
        audit_head="", reviews=(),
    )  # fmt: skip


def thumbnail_of(qtbot: QtBot, loader: ThumbnailLoader, record: FieldRecord, width: int = 160) -> object:
    key = ThumbnailKey(record.id, width, width * 3 // 4)
    with qtbot.waitSignal(loader.loaded) as arrived:
        loader.request(key, record.path, record.sha256)
    return arrived.args[1]


def test_from_drop_to_pdf_a_field_is_opened_at_most_five_times_and_decoded_three_times(
    qtbot: QtBot, path: Path, engine: Engine, tmp_path: Path, opened: Counter[str]
):
    (dropped,) = find_fields([path.parent])
    record = record_of(new_field(dropped.path), engine)
    files = FieldCache()
    picture = read_picture(record.path, files)
    loader = ThumbnailLoader(files=files)
    small = thumbnail_of(qtbot, loader, record)
    loader.stop()
    polygons = find_outlines(record.path, record.sha256, engine.preprocessing.size, files)
    write_pdf(snapshot_of(record), tmp_path / "report.pdf", ReportOptions(template="contact"))
    assert picture.size.width() == 1024
    assert small.shape == (120, 160, 3)
    assert len(polygons) == record.prediction.cell_count > 0
    assert sum(len(page.images) for page in PdfReader(tmp_path / "report.pdf").pages) == 1
    assert opened["field 1.jpg"] == 4
    assert opened["decoded"] == 3


def test_a_thumbnail_that_comes_before_the_viewer_costs_one_reading_more(
    qtbot: QtBot, path: Path, engine: Engine, opened: Counter[str]
):
    record = record_of(new_field(path), engine)
    files = FieldCache()
    loader = ThumbnailLoader(files=files)
    thumbnail_of(qtbot, loader, record)
    read_picture(record.path, files)
    thumbnail_of(qtbot, loader, record, width=320)
    loader.stop()
    assert opened["field 1.jpg"] == 4
    assert opened["decoded"] == 3


def swap(path: Path) -> None:
    Image.new("RGB", (1024, 768), RED).save(path, "jpeg")


def test_other_bytes_are_neither_classified_nor_outlined_nor_shown_small(
    qtbot: QtBot, path: Path, engine: Engine
):
    record = record_of(new_field(path), engine)
    content = build_content(snapshot_of(record), ReportOptions()).fields[0]
    swap(path)
    for read in (
        lambda: engine.classify(path, sha256=record.sha256),
        lambda: find_outlines(path, record.sha256, (168, 224)),
        lambda: exported_outlines(record, None),
        lambda: annotated(record, content, width=300),
    ):
        with pytest.raises(StationError) as refused:
            read()
        assert refused.value.code == "changed-field"
    loader = ThumbnailLoader()
    assert thumbnail_of(qtbot, loader, record) is None
    loader.stop()


@pytest.mark.parametrize("moment", range(4))
def test_what_the_viewer_shows_has_the_hash_it_says_whenever_the_file_is_swapped(
    path: Path, moment: int, monkeypatch: pytest.MonkeyPatch
):
    """Swaps the file right after each of the steps of a reading."""
    pixels = decode.decode(path)
    sha256 = new_field(path).sha256
    steps = [(decode, "read_bytes"), (decode, "probe"), (decode, "decode")]
    for number, (module, name) in enumerate(steps):
        real = getattr(module, name)

        def then_swapped(*arguments: object, _real=real, _number=number, **more: object) -> object:
            answer = _real(*arguments, **more)
            if _number == moment:
                swap(path)
            return answer

        monkeypatch.setattr(module, name, then_swapped)
    files = FieldCache()
    picture = read_picture(path, files)
    assert picture.sha256 == sha256
    shown = picture.levels[0].pixelColor(500, 300)
    assert (shown.red(), shown.green(), shown.blue()) == tuple(pixels[300, 500])
    if moment < len(steps):
        assert new_field(path).sha256 != sha256
        with pytest.raises(StationError):
            find_outlines(path, sha256, (168, 224), files)


@pytest.mark.parametrize("template", ["full", "contact"])
def test_a_page_never_draws_a_file_whose_bytes_changed_and_says_so(
    path: Path, engine: Engine, tmp_path: Path, template: str
):
    snapshot = snapshot_of(record_of(new_field(path), engine))
    options = ReportOptions(template=template)

    def written(name: str) -> tuple[int, str]:
        write_pdf(snapshot, tmp_path / name, options)
        pages = PdfReader(tmp_path / name).pages
        return sum(len(page.images) for page in pages), " ".join(page.extract_text() for page in pages)

    images, text = written("before.pdf")
    assert images >= 1
    assert "file was changed" not in text
    swap(path)
    images, text = written("after.pdf")
    assert images == 0
    assert "No picture" in text
    assert "file was changed" in text


@pytest.mark.real_data
def test_a_real_field_is_read_as_often(qtbot: QtBot, real_data: Path, engine: Engine, opened: Counter[str]):
    path = next((real_data / "taleqani-highres" / "Pro").glob("*.jpg"))
    record = record_of(new_field(path), engine)
    files = FieldCache()
    picture = read_picture(path, files)
    polygons = find_outlines(path, record.sha256, engine.preprocessing.size, files)
    assert len(polygons) == record.prediction.cell_count
    assert picture.sha256 == record.sha256
    assert opened[path.name] == 3
    assert opened["decoded"] == 2
