"""``allstation cells`` and ``allstation differential`` as a person types them."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest

from allstation.__main__ import main
from allstation.imaging import synthetic
from allstation.imaging.cells.shapes import mask_of
from allstation.report.tables.cells import file_mask
from allstation.store.case import Case


@pytest.fixture(scope="module")
def smears(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smears")
    paths = synthetic.write_demo(folder, fields=3, seed=5)
    large = cv2.resize(cv2.imread(str(paths[0])), (640, 480), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(paths[0].with_name("large.png")), large)
    return folder


@pytest.fixture(scope="module")
def folder(smears, tmp_path_factory):
    place = tmp_path_factory.mktemp("cases") / "a.allcase"
    assert main(["classify", str(smears), "--case", str(place), "--threads", "1"]) == 0
    return place


@pytest.fixture
def typed(folder, tmp_path):
    """A copy of the case in which two people gave types."""
    with Case.open(folder, read_only=True) as case:
        place = tmp_path / "typed.allcase"
        case.backup(place / "case.sqlite")
    with Case.open(place) as case:
        ids = list(case.cells.ids())
        assert len(ids) >= 12
        case.cells.set_type(ids[:4], "blast", "Ada")
        case.cells.set_type(ids[4:12], "lymphocyte", "Ada")
        case.cells.set_type(ids[:3], "blast", "Bob")
        case.cells.set_type(ids[3:10], "lymphocyte", "Bob")
        case.cells.set_type(ids[10:11], "nucleated-red-cell", "Bob")
        case.cells.save_proposals([(ids[12 % len(ids)], "blast", 0.75)], "t" * 64)
    return place


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_anonymised_table_names_nobody_and_leads_back(typed, tmp_path, capsys):
    target, crops = tmp_path / "cells.csv", tmp_path / "crops"
    wanted = ["cells", str(typed), "--anonymised", "--csv", str(target), "--crops", str(crops)]
    assert main(wanted) == 0
    rows = rows_of(target)
    text = target.read_text("utf-8")
    with Case.open(typed, read_only=True) as case:
        plain = case.fields.records(case.fields.ids())
        assert len(rows) == case.cells.count() == len(list(crops.iterdir()))
    assert not any(one.path.stem in text or one.sha256 in text for one in plain)
    assert not any(one.path.stem in path.name for one in plain for path in crops.iterdir())
    assert "Ada" not in text
    assert {row["folder"] for row in rows} == {""}
    capsys.readouterr()
    assert main(["trace", str(typed), rows[0]["code"]]) == 0
    assert plain[0].path.parent.name in capsys.readouterr().out


def test_images_have_no_codes(smears, tmp_path, capsys):
    assert main(["cells", str(smears), "--anonymised", "--csv", str(tmp_path / "a.csv")]) != 0
    assert "--anonymised" in capsys.readouterr().err


def test_table_of_a_case_is_what_the_case_holds(folder, tmp_path, capsys):
    target = tmp_path / "cells.csv"
    assert main(["cells", str(folder), "--csv", str(target)]) == 0
    rows = rows_of(target)
    with Case.open(folder, read_only=True) as case:
        cells = case.cells.page()
        paths = {field.id: field.path for field in case.fields.page()}
    assert f"cells: {len(cells)}" in capsys.readouterr().out
    wanted = "field,cell,x,y,width,height,area_px,area_um2,edge,type,proposed,probability"
    assert ",".join(rows[0]).startswith(wanted)
    for row, cell in zip(rows, cells, strict=True):
        assert row["field"] == paths[cell.field_id].name
        assert (int(row["cell"]), int(row["width"]), int(row["height"])) == (
            cell.number,
            cell.width,
            cell.height,
        )
        assert (float(row["x"]), float(row["y"])) == pytest.approx((cell.x, cell.y), abs=1e-4)
        assert row["edge"] == str(cell.at_edge).lower()
        assert (row["type"], row["area_um2"]) == ("", "")


def test_table_of_images_is_the_same_as_of_their_case(smears, folder, tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    assert main(["cells", str(folder), "--csv", str(one)]) == 0
    assert main(["cells", str(smears), "--csv", str(other), "--threads", "1"]) == 0
    assert one.read_bytes() == other.read_bytes()


def test_coco_is_read_back_as_the_masks(typed, tmp_path):
    target = tmp_path / "cells.json"
    assert main(["cells", str(typed), "--coco", str(target)]) == 0
    data = json.loads(target.read_text("utf-8"))
    names = {one["id"]: one["name"] for one in data["categories"]}
    images = {one["id"]: one for one in data["images"]}
    with Case.open(typed, read_only=True) as case:
        cells = {cell.id: cell for cell in case.cells.page()}
    assert {one["id"] for one in data["annotations"]} == set(cells)
    for one in data["annotations"]:
        cell, image = cells[one["id"]], images[one["image_id"]]
        mask = decoded(one["segmentation"])
        assert mask.shape == (image["height"], image["width"])
        assert int(mask.sum()) == one["area"] == pytest.approx(cell.area_px, rel=0.1)
        left, top, width, height = one["bbox"]
        assert not mask[:top].any()
        assert not mask[top + height :].any()
        inside = mask[top : top + height, left : left + width]
        assert np.array_equal(inside, file_mask(cell, (image["width"], image["height"])))
        assert names[one["category_id"]] == (cell.type or "white-cell")
        if cell.outline.picture == (image["width"], image["height"]):
            assert np.array_equal(inside, mask_of(cell))


def decoded(segmentation):
    """Return the mask of COCO's uncompressed run lengths, as its own tools read them."""
    height, width = segmentation["size"]
    flat = np.concatenate([np.full(run, at % 2) for at, run in enumerate(segmentation["counts"])])
    return flat.reshape(width, height).T


def test_crops_are_pictures_of_the_cells(typed, smears, tmp_path):
    target = tmp_path / "crops"
    assert main(["cells", str(typed), "--crops", str(target)]) == 0
    pictures = sorted(target.iterdir())
    with Case.open(typed, read_only=True) as case:
        cells = case.cells.page()
    assert len(pictures) == len(cells)
    assert sum(path.stem.endswith("_blast") for path in pictures) == 4 - 1
    crop = cv2.imread(str(pictures[0]))
    assert crop.shape[0] >= cells[0].height


def test_field_that_is_gone_is_named_and_the_rest_is_written(folder, tmp_path, capsys):
    place = tmp_path / "gone.allcase"
    with Case.open(folder, read_only=True) as case:
        case.backup(place / "case.sqlite")
    with Case.open(place) as case:
        case.connection.db.execute("UPDATE fields SET name = 'gone.jpg' WHERE id = 1")
    assert main(["cells", str(place), "--crops", str(tmp_path / "crops")]) == 1
    assert "gone.jpg" in capsys.readouterr().err
    assert any((tmp_path / "crops").iterdir())


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The working folder, with a folder that is not empty and a table of another program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "Nothing to write"),
        (["--csv", "cells.png"], "name of a field"),
        (["--csv", "same.json", "--coco", "same.json"], "is --csv too"),
        (["--crops", "full"], "not empty"),
        (["--csv", "other.csv"], "not a table of cells"),
    ],
)
def test_refusals(folder, work, capsys, arguments, word):
    assert main(["cells", str(folder), *arguments]) == 2
    assert word in capsys.readouterr().err
    assert (work / "other.csv").read_text() == "a,b\n1,2\n"


def test_case_beside_images_and_folder_without_fields(folder, smears, tmp_path, capsys):
    target = str(tmp_path / "a.csv")
    assert main(["cells", str(folder), str(smears), "--csv", target]) == 2
    assert "A case was named beside" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["cells", str(tmp_path / "empty"), "--csv", target]) == 2


def test_own_table_is_replaced_and_that_of_another_case_is_not(folder, typed, tmp_path, capsys):
    target = tmp_path / "cells.csv"
    assert main(["cells", str(folder), "--csv", str(target)]) == 0
    assert main(["cells", str(typed), "--csv", str(target)]) == 0
    other = tmp_path / "other.allcase"
    Case.create(other).close()
    assert main(["cells", str(other), "--csv", str(target)]) == 2
    assert "from another run" in capsys.readouterr().err
    assert main(["cells", str(other), "--csv", str(target), "--force"]) == 0
    assert rows_of(target) == []


def test_differential_in_words(typed, capsys):
    assert main(["differential", str(typed), "--tell", "blast=50"]) == 0
    out = capsys.readouterr().out
    assert "Ada: 12 white cells" in out
    assert "Blast" in out
    assert "33.3 % (95 % interval 9.9 to 65.1)" in out
    assert "Fewer than 100 cells: 12 counted" in out
    assert "more cells to tell 33.3 % from 50 %" in out
    assert "Nucleated red cell" in out
    assert "10.0 per 100 white cells" in out
    assert "Bob against the limits of Ada" in out
    assert "cells named by both: 11, alike: 9; kappa" in out


def test_differential_of_one_reader_and_of_proposals(typed, capsys):
    assert main(["differential", str(typed), "--reader", "Bob"]) == 0
    assert "Ada" not in capsys.readouterr().out
    assert main(["differential", str(typed), "--proposals", "--reader", "Ada"]) == 0
    assert "1 of them by their proposed type" in capsys.readouterr().out


@pytest.mark.parametrize("tell", ["blast", "blast=x", "blast=0", "blast=120", "=5"])
def test_share_that_is_none(typed, capsys, tell):
    assert main(["differential", str(typed), "--tell", tell]) == 2
    assert "no TYPE=PERCENT" in capsys.readouterr().err


def test_differential_without_types(folder, typed, capsys):
    assert main(["differential", str(folder)]) == 2
    assert "nobody has given a type" in capsys.readouterr().err
    assert main(["differential", str(typed), "--reader", "Eve"]) == 2
    said = capsys.readouterr().err
    assert "Eve typed none of the" in said
    assert "there are counts by " in said
    assert main(["differential", str(typed), "--tell", "mast-cell=5"]) == 2
    assert "no cell type 'mast-cell'" in capsys.readouterr().err
