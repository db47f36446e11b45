"""What offices do with the commands: outputs named wrongly, doubles, archives of a Mac, other pictures."""

from __future__ import annotations

import csv
import json
import os
import shutil
import zipfile
from pathlib import Path

import openpyxl
import pytest
from pypdf import PdfReader

from allstation.__main__ import main
from allstation.core.filters import FieldSort
from allstation.core.records import Review
from allstation.imaging import synthetic
from allstation.store.case import Case
from tests.faults.damaged_bundle import rebuilt


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> list[Path]:
    return synthetic.write_demo(tmp_path_factory.mktemp("drawn"), fields=4, seed=11)


@pytest.fixture
def smear(drawn, tmp_path) -> Path:
    """Return a folder of three fields that a test may spoil."""
    folder = tmp_path / "Slide A"
    folder.mkdir()
    for number, path in enumerate(drawn[:3], start=1):
        shutil.copy(path, folder / f"{number}.jpg")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, so that a test can say that none changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


# Outputs


@pytest.mark.parametrize("option", ["--csv", "--json", "--xlsx", "--report"])
def test_an_output_without_a_name_does_not_take_the_first_smear(option, smear, capsys):
    """``classify --csv *.jpg``: the shell puts the first field where the table's name is missing."""
    before = contents(smear)
    assert main(["classify", option, *map(str, sorted(smear.iterdir()))]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert f"{option}: 1.jpg has the name of a field" in said.err
    assert "done" not in said.out
    assert contents(smear) == before


@pytest.mark.parametrize(
    "name",
    ["new.jpg", "NEW.TIFF", "new.heic", "new.gif", "new.svs", "new.zip", "x.allmodel", "x.JPG.", "x.tif . "],
)
def test_no_output_gets_a_field_s_or_another_kind_s_suffix(name, smear, tmp_path, capsys):
    assert main(["classify", str(smear), "--csv", str(tmp_path / name)]) == 2
    assert "Name a file that ends in .csv" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_an_output_without_any_name_is_said_in_a_sentence(smear, capsys):
    assert main(["classify", str(smear), "--csv", ""]) == 2
    assert "--csv: no file is named. Name one that ends in .csv." in capsys.readouterr().err


def _linked(smear: Path) -> Path:
    (link := smear.parent / "linked.csv").symlink_to(smear / "1.jpg")
    return link


def _hard_linked(smear: Path) -> Path:
    os.link(smear / "1.jpg", link := smear.parent / "hard.csv")
    return link


def _by_another_way(smear: Path) -> Path:
    (other := smear.parent / "way").symlink_to(smear)
    shutil.move(smear / "1.jpg", smear / "1.dat")
    return other / "1.dat"


def _renamed(smear: Path) -> Path:
    return shutil.copy(smear / "1.jpg", smear.parent / "renamed.csv")


def _theirs(smear: Path) -> Path:
    (table := smear.parent / "patients.csv").write_text("number,name\n1,Maria\n", "utf-8")
    return table


def _folder(smear: Path) -> Path:
    (place := smear.parent / "t.csv").mkdir()
    return place


def _pipe(smear: Path) -> Path:
    os.mkfifo(place := smear.parent / "pipe.csv")
    return place


def _loose_link(smear: Path) -> Path:
    (link := smear.parent / "loose.csv").symlink_to(smear.parent / "gone.csv")
    return link


@pytest.mark.parametrize(
    "made",
    [_linked, _hard_linked, _by_another_way, _renamed, _theirs, _folder, _loose_link]
    + ([_pipe] if hasattr(os, "mkfifo") else []),
)
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_this_program_did_not_write_is_never_replaced(made, force, smear, tmp_path, capsys):
    target = made(smear)
    given = [str(path) for path in sorted(smear.iterdir())]
    before, names = contents(tmp_path), sorted(tmp_path.rglob("*"))
    assert main(["classify", *given, "--csv", str(target), *force]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert target.name in said.err
    assert "done" not in said.out
    assert contents(tmp_path) == before
    assert sorted(tmp_path.rglob("*")) == names


def test_outputs_of_another_run_are_replaced_with_force_only(smear, drawn, tmp_path, capsys):
    words = [part for kind in ("csv", "json", "xlsx") for part in (f"--{kind}", str(tmp_path / f"t.{kind}"))]
    words += ["--report", str(tmp_path / "t.pdf")]
    assert main(["classify", str(smear), *words]) == 0
    before = contents(tmp_path)
    for option in range(0, len(words), 2):
        capsys.readouterr()
        assert main(["classify", str(drawn[3]), *words[option : option + 2]]) == 2
        assert "from another run" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert main(["classify", str(drawn[3]), *words, "--force"]) == 0
    assert [row["field"] for row in rows_of(tmp_path / "t.csv")] == [drawn[3].name]
    assert len(json.loads((tmp_path / "t.json").read_text("utf-8"))["fields"]) == 1
    assert openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"].max_row == 2


def test_one_kind_of_output_does_not_replace_another(smear, tmp_path, capsys):
    table = tmp_path / "t.csv"
    assert main(["classify", str(smear), "--csv", str(table)]) == 0
    before = table.read_bytes()
    for option in ("--json", "--xlsx", "--report"):
        assert main(["classify", str(smear), option, str(table), "--force"]) == 2
    assert "is not a report of this program" in capsys.readouterr().err
    assert table.read_bytes() == before


def test_a_case_replaces_its_own_outputs_and_no_other_case_s(smear, drawn, tmp_path, capsys):
    words = [f"--{kind}={tmp_path / 't'}.{kind}" for kind in ("csv", "json", "xlsx")]
    words.append(f"--report={tmp_path / 't.pdf'}")
    mine, other = ["--case", str(tmp_path / "mine.allcase")], ["--case", str(tmp_path / "other.allcase")]
    assert main(["classify", str(smear), *mine, *words]) == 0
    shutil.copy(drawn[3], smear / "4.jpg")
    assert main(["classify", str(smear), *mine, *words]) == 0
    assert len(rows_of(tmp_path / "t.csv")) == 4
    for word in words:
        assert main(["classify", str(smear / "1.jpg"), *other, word]) == 2
    assert not (tmp_path / "other.allcase").exists()
    assert "from another run" in capsys.readouterr().err


def test_two_outputs_in_one_file_are_refused(smear, tmp_path, capsys):
    words = ["--csv", str(tmp_path / "Out.txt"), "--json", str(tmp_path / "out.TXT")]
    assert main(["classify", str(smear), *words]) == 2
    assert "is --csv too" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["case.sqlite", "case.lock", "case.sqlite.repaired", "reports/new.pdf"])
def test_a_case_s_own_files_are_no_outputs(name, smear, tmp_path, capsys):
    case = tmp_path / "c.allcase"
    assert main(["classify", str(smear), "--case", str(case), "--csv", str(case / name)]) == 2
    assert not case.exists()
    assert main(["classify", str(smear), "--case", str(case), "--csv", str(case / "fields.csv")]) == 0


def test_a_folder_that_is_not_there_is_told_before_the_work(smear, tmp_path, capsys):
    assert main(["classify", str(smear), "--csv", str(tmp_path / "gone" / "t.csv")]) == 2
    said = capsys.readouterr()
    assert "there is no such folder" in said.err
    assert "done" not in said.out


def test_an_empty_file_holds_nothing_and_may_be_filled(smear, tmp_path):
    (tmp_path / "t.csv").touch()
    assert main(["classify", str(smear), "--csv", str(tmp_path / "t.csv")]) == 0
    assert len(rows_of(tmp_path / "t.csv")) == 3


def test_the_tables_of_a_second_model_are_looked_at_before_the_work(smear, tmp_path, capsys):
    from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle

    shipped = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in shipped.info.items() if key not in ("schema", "files")}
    other = write_bundle(tmp_path / "o.allmodel", {**info, "name": "Other", "version": "2"}, shipped.members)
    (tmp_path / "t Other 2.csv").write_text("mine\n")
    models = ["--model", str(default_bundle_path()), "--model", str(other.path)]
    assert main(["classify", str(smear), "--csv", str(tmp_path / "t.csv"), *models]) == 2
    assert "t Other 2.csv is there already" in capsys.readouterr().err
    assert not (tmp_path / "t.csv").exists()


def test_models_of_one_name_have_a_table_each(smear, tmp_path):
    """A model that was trained again is called as before; its table must not take the other's place."""
    given = [rebuilt(tmp_path / f"{text}.allmodel", info={"source": text}) for text in ("a", "b", "c")]
    models = [word for bundle in given for word in ("--model", str(bundle.path))]
    assert main(["classify", str(smear), "--csv", str(tmp_path / "t.csv"), *models]) == 0
    hashes = {path.name: {row["model_sha256"] for row in rows_of(path)} for path in tmp_path.glob("t*.csv")}
    assert sorted(map(sorted, hashes.values())) == sorted([bundle.sha256] for bundle in given)


@pytest.mark.parametrize("words", [["classify", "{0}", "--case", "{1}"], ["report", "{2}", "--out", "{1}"],
                                   ["export", "{2}", "--dicom", "{1}"], ["demo", "{1}"]])  # fmt: skip
def test_a_smear_in_the_place_of_a_folder_is_kept(words, smear, tmp_path, capsys):
    case, one, two = tmp_path / "c.allcase", smear / "1.jpg", smear / "2.jpg"
    assert main(["classify", str(one), "--case", str(case)]) == 0
    capsys.readouterr()
    before = two.read_bytes()
    # Of reports every case is tried by itself, and one that fails is named.
    assert main([word.format(one, two, case) for word in words]) == (1 if words[0] == "report" else 2)
    assert capsys.readouterr().err.count("\n") == 1
    assert two.read_bytes() == before


@pytest.mark.parametrize("words", [["classify", "{0}", "--case", "{1}"], ["report", "{2}", "--out", "{1}"],
                                   ["export", "{2}", "--dicom", "{1}"], ["export", "{2}", "--geojson", "{1}"],
                                   ["export", "{2}", "--labelled", "{1}"]])  # fmt: skip
def test_no_folder_gets_a_field_s_suffix(words, smear, tmp_path, capsys):
    case, one, new = tmp_path / "c.allcase", smear / "1.jpg", tmp_path / "new.JPG"
    assert main(["classify", str(one), "--case", str(case)]) == 0
    capsys.readouterr()
    assert main([word.format(one, new, case) for word in words]) == 2
    assert "new.JPG has the name of a field. Name a folder" in capsys.readouterr().err
    assert not new.exists()


def test_evaluate_replaces_no_smear_no_groups_and_no_earlier_figures(tmp_path, capsys):
    folder = tmp_path / "labelled"
    synthetic.write_demo(folder, fields=4, seed=2, labelled=True)
    groups = tmp_path / "groups.csv"
    groups.write_text("class,file,patient\nPro,Pro-001.jpg,1\n", "utf-8")
    before = contents(tmp_path)
    for option, target in (
        ("--json", folder / "Pro" / "Pro-001.jpg"),
        ("--pdf", folder / "Pro" / "Pro-001.jpg"),
        ("--json", groups),
        ("--json", folder),
    ):
        assert main(["evaluate", str(folder), "--groups", str(groups), option, str(target), "--force"]) == 2
    assert contents(tmp_path) == before
    words = ["evaluate", str(folder), "--json", str(tmp_path / "e.json"), "--pdf", str(tmp_path / "e.pdf")]
    assert main(words) == 0
    capsys.readouterr()
    assert main(words) == 2
    assert "add --force" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0


def test_a_report_replaces_the_case_s_own_report_and_nothing_else(smear, tmp_path, capsys):
    case, out = tmp_path / "c.allcase", tmp_path / "out"
    assert main(["classify", str(smear), "--case", str(case)]) == 0
    assert main(["report", str(case), "--out", str(out)]) == 0
    assert main(["report", str(case), "--out", str(out), "--template", "summary"]) == 0
    theirs = tmp_path / "in" / "c.allcase"
    assert main(["classify", str(smear), "--case", str(theirs)]) == 0
    before = (out / "c.pdf").read_bytes()
    capsys.readouterr()
    assert main(["report", str(theirs), "--out", str(out)]) == 2
    assert "from another run" in capsys.readouterr().err
    assert main(["report", str(case), str(theirs), "--out", str(out)]) == 2
    assert "the same file" in capsys.readouterr().err
    assert (out / "c.pdf").read_bytes() == before
    shutil.copy(smear / "1.jpg", out / "c.pdf")
    assert main(["report", str(case), "--out", str(out), "--force"]) == 2
    assert (out / "c.pdf").read_bytes() == (smear / "1.jpg").read_bytes()


def test_exports_replace_only_exports_of_their_case(smear, drawn, tmp_path, capsys):
    case, other = tmp_path / "c.allcase", tmp_path / "o.allcase"
    assert main(["classify", str(smear), "--case", str(case), "--report", str(tmp_path / "c.pdf")]) == 0
    assert main(["classify", str(drawn[3]), "--case", str(other)]) == 0
    words = [part for kind, name in (("fhir", "f.json"), ("dicom", "d"), ("geojson", "d"))
             for part in (f"--{kind}", str(tmp_path / name))]  # fmt: skip
    assert main(["export", str(case), *words]) == 0
    assert main(["export", str(case), *words]) == 0
    before = contents(tmp_path / "d")
    assert len(before) == 6
    for option in range(0, len(words), 2):
        capsys.readouterr()
        assert main(["export", str(other), *words[option : option + 2]]) == 2
        assert "from another run" in capsys.readouterr().err
    assert contents(tmp_path / "d") == before
    assert main(["export", str(other), *words, "--force"]) == 0
    assert len(contents(tmp_path / "d")) == 2  # nothing of the other case lies among them
    for target in (smear / "1.jpg", tmp_path / "c.pdf"):
        kept = target.read_bytes()
        given = ["--pdf", str(tmp_path / "c.pdf"), "--fhir", str(target), "--force"]
        assert main(["export", str(case), *given]) == 2
        assert target.read_bytes() == kept


@pytest.mark.parametrize(("option", "name"), [("--dicom", "field-0001.dcm"), ("--geojson", "0001_1.geojson")])
def test_an_export_does_not_replace_another_program_s_files(option, name, smear, tmp_path, capsys):
    case = tmp_path / "c.allcase"
    assert main(["classify", str(smear), "--case", str(case)]) == 0
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"type": "FeatureCollection", "features": []}')
    assert main(["export", str(case), option, str(out), "--force"]) == 2
    assert name in capsys.readouterr().err
    assert len(contents(out)) == 1


def test_a_labelled_folder_is_never_filled_twice(smear, tmp_path, capsys):
    case, out = tmp_path / "c.allcase", tmp_path / "l"
    assert main(["classify", str(smear), "--case", str(case)]) == 0
    with Case.open(case) as stored:
        stored.reviews.add(Review(field_id=stored.fields.page()[0].id, reviewer="Ana", class_name="Pre"))
    assert main(["export", str(case), "--labelled", str(out)]) == 0
    before = contents(out)
    assert main(["export", str(case), "--labelled", str(out), "--force"]) == 2
    assert "not empty" in capsys.readouterr().err
    assert contents(out) == before


def test_demo_fields_do_not_replace_smears_of_the_same_name(tmp_path, capsys):
    theirs = tmp_path / "Slide 2" / "field-003.jpg"
    theirs.parent.mkdir()
    theirs.write_bytes(b"a smear")
    assert main(["demo", str(tmp_path), "--fields", "4"]) == 2
    assert "field-003.jpg is there already" in capsys.readouterr().err
    assert contents(tmp_path) == {"Slide 2/field-003.jpg": b"a smear"}
    theirs.unlink()
    assert main(["demo", str(tmp_path), "--fields", "4"]) == 0
    assert main(["demo", str(tmp_path), "--fields", "4"]) == 0


# The same bytes twice


def test_the_same_picture_twice_has_two_rows_and_a_count(smear, tmp_path, capsys):
    shutil.copy(smear / "1.jpg", smear / "9.jpg")
    words = [f"--{kind}={tmp_path / 't'}.{kind}" for kind in ("csv", "json", "xlsx")]
    assert main(["classify", str(smear), *words, f"--report={tmp_path / 't.pdf'}"]) == 0
    said = capsys.readouterr()
    assert "done: 3, same bytes as another: 1" in said.out
    assert f"{smear / '9.jpg'}: the same bytes as field 1, 1.jpg" in said.err
    assert "mix-up" not in said.err
    rows = {row["field"]: row for row in rows_of(tmp_path / "t.csv")}
    assert list(rows) == ["1.jpg", "2.jpg", "3.jpg", "9.jpg"]
    first, copy = rows["1.jpg"], rows["9.jpg"]
    differing = {key for key in first if first[key] != copy[key]}
    assert differing == {"number", "field", "path", "same_as"}
    assert (copy["same_as"], first["same_as"], copy["number"]) == ("1", "", "4")
    data = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert [field["same_as"] for field in data["fields"]] == [None, None, None, 1]
    assert data["fields"][3]["probabilities"] == data["fields"][0]["probabilities"]
    assert (data["counts"]["fields"], data["counts"]["copies"]) == (3, 1)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Fields"]
    assert [sheet.cell(line, 3).value for line in range(2, 6)] == ["1.jpg", "2.jpg", "3.jpg", "9.jpg"]
    page = " ".join(PdfReader(tmp_path / "t.pdf").pages[0].extract_text().split())
    assert "1 file has the same bytes as another field" in page
    assert main(["verify-report", str(tmp_path / "t.pdf")]) == 0


def test_the_same_picture_on_two_slides_is_called_a_mix_up(smear, tmp_path, capsys):
    other = tmp_path / "Slide B"
    other.mkdir()
    shutil.copy(smear / "2.jpg", other / "x.jpg")
    case, table = tmp_path / "c.allcase", tmp_path / "t.csv"
    words = ["--case", str(case), "--csv", str(table), "--report", str(tmp_path / "t.pdf")]
    assert main(["classify", str(smear), str(other), *words]) == 0
    said = capsys.readouterr().err
    assert "lies on slide Slide A (2.jpg) and on slide Slide B (x.jpg): that is what a mix-up looks" in said
    last = rows_of(table)[-1]
    assert (last["slide"], last["field"], last["same_as"]) == ("Slide B", "x.jpg", "2")
    assert "mix-up" in PdfReader(tmp_path / "t.pdf").pages[0].extract_text()
    with Case.open(case, read_only=True) as stored:
        assert stored.audit.verify() is None
        (copy,) = stored.copies.all()
        assert copy.path == other / "x.jpg"
    # The case goes on saying it, and says it once.
    assert main(["classify", str(smear), str(other), *words]) == 0
    assert capsys.readouterr().err.count("mix-up") == 1
    assert len(rows_of(table)) == 4
    assert main(["verify-report", str(tmp_path / "t.pdf"), "--case", str(case)]) == 0


def test_a_mix_up_that_was_mended_is_not_told_any_more(smear, tmp_path, capsys):
    other = tmp_path / "Slide B"
    other.mkdir()
    shutil.copy(smear / "2.jpg", other / "x.jpg")
    words = ["classify", str(smear), str(other), "--case", str(tmp_path / "c.allcase")]
    assert main(words) == 0
    (other / "x.jpg").unlink()
    capsys.readouterr()
    assert main(words) == 0
    assert "mix-up" not in "".join(capsys.readouterr())


def test_a_file_named_twice_or_moved_is_no_copy(smear, tmp_path, capsys):
    case = ["--case", str(tmp_path / "c.allcase")]
    (tmp_path / "way").symlink_to(smear)
    assert main(["classify", str(smear), str(smear / "1.jpg"), str(tmp_path / "way"), *case]) == 0
    smear.rename(tmp_path / "moved")
    assert main(["classify", str(tmp_path / "moved"), *case]) == 0
    said = capsys.readouterr()
    assert "same bytes" not in said.out + said.err
    assert "done: 3\n" in said.out


# Archives and other pictures


def mac_zip(path: Path, smear: Path) -> Path:
    """Pack fields as the Finder does: with the other halves of the files, and the folder's settings."""
    with zipfile.ZipFile(path, "w") as made:
        for field in sorted(smear.iterdir()):
            made.write(field, f"Slide 2/{field.name}")
            made.writestr(f"__MACOSX/Slide 2/._{field.name}", b"\0\x05\x16\x07")
        made.writestr("Slide 2/.DS_Store", b"Bud1")
        made.writestr("Slide 2/notes.txt", b"stained on Monday")
    return path


def test_a_zip_made_on_a_mac_is_unpacked_and_nothing_is_refused(smear, tmp_path, capsys):
    packed, case, table = mac_zip(tmp_path / "x.zip", smear), tmp_path / "c.allcase", tmp_path / "t.csv"
    assert main(["classify", str(packed), "--case", str(case), "--csv", str(table)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "done: 3" in said.out
    rows = [(row["slide"], row["field"]) for row in rows_of(table)]
    assert rows == [("Slide 2", "1.jpg"), ("Slide 2", "2.jpg"), ("Slide 2", "3.jpg")]
    assert all(Path(row["path"]).is_file() for row in rows_of(table))
    assert main(["classify", str(packed), "--case", str(case), "--csv", str(table)]) == 0
    assert "same bytes" not in "".join(capsys.readouterr())


def test_a_zip_without_a_case_is_classified_and_its_fields_are_not_kept(smear, tmp_path, capsys):
    table = tmp_path / "t.csv"
    packed = mac_zip(tmp_path / "x.zip", smear)
    assert main(["classify", str(packed), "--csv", str(table)]) == 0
    assert "unpacked for this run only" in capsys.readouterr().err
    assert [row["field"] for row in rows_of(table)] == ["1.jpg", "2.jpg", "3.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Slide A", "t.csv", "x.zip"]


def test_a_damaged_zip_is_refused_by_name(tmp_path, capsys):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not really")
    assert main(["classify", str(tmp_path / "x.zip")]) == 2
    assert f"refused  {tmp_path / 'x.zip'}: The archive x.zip cannot be read" in capsys.readouterr().err


@pytest.mark.real_data
def test_the_zip_of_the_office_is_unpacked(real_data, tmp_path, capsys):
    packed = real_data / "odd-files" / "mac-zip-resource-forks.zip"
    assert main(["classify", str(packed), "--case", str(tmp_path / "c.allcase")]) == 0
    assert capsys.readouterr().err == ""


def test_pictures_of_other_kinds_are_counted_and_named_once(smear, capsys):
    for name in ("a.HEIC", "b.heic", "c.heif", ".hidden.heic"):
        (smear / name).write_bytes(b"x")
    assert main(["classify", str(smear)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith(
        "note     3 HEIC files were passed over (the first: a.HEIC): save them as JPEG"
    )
    assert said.err.count("\n") == 1
    assert "done: 3" in said.out


@pytest.mark.parametrize("name", ["d.svs", "d.czi"])
def test_a_file_called_as_a_scanners_is_refused_by_name_and_the_rest_is_done(name, smear, capsys):
    (smear / name).write_bytes(b"x")
    assert main(["classify", str(smear)]) == 1
    said = capsys.readouterr()
    assert f"The slide {name} is not a slide that the station reads" in said.err
    assert "done: 3" in said.out


@pytest.mark.parametrize("name", ["a.jxl", "a.avif", "a.gif", "a.nef"])
def test_a_folder_of_other_pictures_alone_is_not_called_empty_only(name, tmp_path, capsys):
    (tmp_path / name).write_bytes(b"x")
    assert main(["classify", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "passed over (" + name in said.err
    assert "no fields" in said.out


def test_pictures_of_other_kinds_in_an_archive_are_counted_too(smear, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.write(smear / "1.jpg", "1.jpg")
        made.writestr("2.heic", b"x")
    assert main(["classify", str(tmp_path / "x.zip"), "--case", str(tmp_path / "c.allcase")]) == 0
    assert "1 HEIC file was passed over (2.heic)" in capsys.readouterr().err
    with Case.open(tmp_path / "c.allcase", read_only=True) as case:
        assert len(case.fields.page(sort=FieldSort.ADDED)) == 1


def test_archives_in_folders_and_in_archives_are_counted(smear, tmp_path, capsys):
    with zipfile.ZipFile(smear / "more.zip", "w") as made:
        made.write(smear / "1.jpg", "9.jpg")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.write(smear / "more.zip", "inner.zip")
    (smear / "old.7z").write_bytes(b"x")
    assert main(["classify", str(smear)]) == 0
    said = "2 archives were passed over (the first: more.zip): unpack them and add them again."
    assert said in capsys.readouterr().err
    assert main(["classify", str(tmp_path / "x.zip")]) == 2
    assert "1 archive was passed over (inner.zip): unpack it and add it again." in capsys.readouterr().err


def test_pictures_of_other_kinds_in_class_folders_are_counted_and_named_once(tmp_path, capsys):
    synthetic.write_demo(tmp_path / "lab", fields=8, seed=2, labelled=True)
    for folder in (tmp_path / "lab").iterdir():
        (folder / "x.heic").write_bytes(b"x")
    assert main(["evaluate", str(tmp_path / "lab")]) == 0
    assert capsys.readouterr().err.count("HEIC") == 1


def test_the_pictures_of_a_case_are_no_smears_whatever_it_is_called(smear, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.write(smear / "1.jpg", "1.jpg")
    assert main(["classify", str(tmp_path / "x.zip"), "--case", str(smear / "run 1")]) == 0
    capsys.readouterr()
    assert main(["classify", str(smear)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("done: 3\n")
    assert "mix-up" not in said.err


@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
def test_a_file_s_name_cannot_write_lines_or_turn_the_writing_on_the_terminal(smear, capsys):
    shutil.copy(smear / "1.jpg", smear / "5\nfailed   x\x1b[2J\u202egpj.jpg")
    (smear / "6\nrefused y\x1b[2J\u202e.jpg").write_bytes(b"x")
    assert main(["classify", str(smear)]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2
    assert not {"\x1b", "\u202e"} & set(said)
