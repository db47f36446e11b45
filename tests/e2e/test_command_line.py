"""The commands as a person types them: real files in, real tables and reports out."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from allstation import first_look, paths
from allstation.__main__ import main
from allstation.commands import classify
from allstation.core.classes import CLASS_NAMES, RESEARCH_USE
from allstation.core.filters import FieldSort
from allstation.core.records import Review
from allstation.imaging import intake, synthetic
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle
from allstation.processing import importer
from allstation.store.case import Case
from allstation.store.fields import Fields
from allstation.store.lock import CaseLock


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("smears")
    synthetic.write_demo(folder, fields=8, seed=5)
    return folder


def test_classify_writes_case_table_json_and_report_that_agree(fields, tmp_path, capsys):
    case, table, document, report = (tmp_path / name for name in ("a.allcase", "a.csv", "a.json", "a.pdf"))
    status = main(
        ["classify", str(fields), "--case", str(case), "--csv", str(table), "--json", str(document),
         "--report", str(report), "--threads", "2"]
    )  # fmt: skip
    assert status == 0
    assert "done: 8" in capsys.readouterr().out

    data = json.loads(document.read_text("utf-8"))
    assert data["schema"] >= 1
    assert sum(data["counts"]["decisions"].values()) == 8
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(data["fields"]) == 8

    with Case.open(case, read_only=True) as stored:
        snapshot = stored.snapshot()
    by_hash = {field.sha256: field for field in snapshot.fields}
    for entry in data["fields"]:
        prediction = by_hash[entry["sha256"]].prediction
        assert entry["status"] == "done"
        assert entry["probabilities"] == pytest.approx(dict(prediction.probabilities), abs=1e-6)
        assert tuple(entry["probabilities"]) == CLASS_NAMES
        assert entry["decision"] == prediction.decision.name

    pages = [page.extract_text() for page in PdfReader(report).pages]
    assert all(RESEARCH_USE in page for page in pages)


def test_a_large_folder_is_read_and_added_part_by_part(fields, tmp_path, monkeypatch):
    """Never far ahead of the case, in order, every field once."""
    ahead, read, added = [], [], Fields.add

    def counted(path, limits):
        read.append(path)
        return real(path, limits)

    def noted(stored, slide, new):
        time.sleep(0.05)  # a slow disk: reading would be far ahead by now
        done = added(stored, slide, new)
        ahead.append(len(read) - stored.count())
        return done

    real = intake.new_field
    monkeypatch.setattr(intake, "new_field", counted)
    monkeypatch.setattr(Fields, "add", noted)
    monkeypatch.setattr(importer, "_FILES_AHEAD", 1)
    monkeypatch.setattr(importer, "_BATCHES_AHEAD", 1)
    monkeypatch.setattr(classify, "_BATCH", 1)
    folder = tmp_path / "flat"
    folder.mkdir()
    for path in fields.rglob("*.jpg"):
        (folder / path.name).write_bytes(path.read_bytes())
    assert main(["classify", str(folder), "--case", str(tmp_path / "a.allcase")]) == 0
    assert len(ahead) == 8
    assert max(ahead) <= 2 + 2
    with Case.open(tmp_path / "a.allcase", read_only=True) as case:
        names = [field.path.name for field in case.fields.page(sort=FieldSort.ADDED)]
        assert case.audit.verify() is None
    assert names == sorted(path.name for path in folder.iterdir())


def test_classifying_a_case_again_does_nothing_twice(fields, tmp_path, capsys):
    case = tmp_path / "again.allcase"
    assert main(["classify", str(fields), "--case", str(case)]) == 0
    with Case.open(case, read_only=True) as stored:
        before = [field.prediction for field in stored.snapshot().fields]
    assert main(["classify", str(fields), "--case", str(case)]) == 0
    with Case.open(case, read_only=True) as stored:
        assert [field.prediction for field in stored.snapshot().fields] == before


def test_a_case_is_exported_in_every_form(fields, tmp_path, capsys):
    case, report = tmp_path / "x.allcase", tmp_path / "x.pdf"
    assert main(["classify", str(fields), "--case", str(case), "--report", str(report)]) == 0
    with Case.open(case) as stored:
        stored.reviews.add(Review(field_id=stored.fields.page()[0].id, reviewer="Ana", class_name="Pre"))
    out = tmp_path / "out"
    out.mkdir()
    forms = ["--fhir", str(out / "f.json"), "--dicom", str(out / "d"), "--geojson", str(out / "g")]
    forms += ["--labelled", str(out / "l"), "--pdf", str(report)]
    assert main(["export", str(case), *forms]) == 0
    assert json.loads((out / "f.json").read_text("utf-8"))["resourceType"] == "Bundle"
    assert len(list((out / "d").glob("*.dcm"))) == 9
    assert len(list((out / "g").rglob("*.geojson"))) == 8
    assert len(list((out / "l" / "Pre").iterdir())) == 1
    assert main(["export", str(case)]) == 2
    assert "--fhir" in capsys.readouterr().err


def test_a_bad_file_is_named_the_rest_is_kept_and_the_status_is_one(fields, tmp_path, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(next(fields.rglob("*.jpg")).read_bytes()[:2000])
    table = tmp_path / "t.csv"
    assert main(["classify", str(fields), str(broken), "--csv", str(table)]) == 1
    printed = capsys.readouterr()
    assert "broken.jpg" in printed.err
    assert "done: 8" in printed.out


def test_a_file_of_several_pages_is_named_as_such(fields, tmp_path, capsys):
    pages = [Image.open(path) for path in sorted(fields.rglob("*.jpg"))[:2]]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    assert main(["classify", str(tmp_path / "stack.tif")]) == 0
    said = capsys.readouterr()
    assert f"note     {tmp_path / 'stack.tif'}: the first of 2 pages is classified" in said.err
    assert "done: 1" in said.out


def test_a_folder_without_fields_is_wrong_usage(tmp_path, capsys):
    assert main(["classify", str(tmp_path)]) == 2
    assert "no fields" in capsys.readouterr().out


@pytest.mark.parametrize(("held", "said"), [(True, "open at "), (False, "read-only place")])
def test_a_case_that_cannot_be_written_says_why(held, said, fields, tmp_path, capsys, *, monkeypatch):
    folder = tmp_path / "a.allcase"
    with Case.create(folder) as case:
        if not held:
            case.close()
            monkeypatch.setattr(CaseLock, "take", lambda *_, **__: None)
        assert main(["classify", str(fields), "--case", str(folder)]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_a_case_is_not_touched(fields, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["classify", str(fields), "--case", str(tmp_path)]) == 2
    assert "not a case" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "words",
    [
        ["classify"],
        ["classify", "x", "--threads", "0"],
        ["classify", "x", "--threads", "two"],
        ["models", "fly"],
        ["demo"],
    ],
)
def test_wrong_usage_is_two(words, capsys):
    assert main(words) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.usefixtures("fields_drawn_anew")
def test_demo_fields_are_the_same_for_the_same_seed(tmp_path):
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert main(["demo", str(tmp_path / name), "--fields", "3", "--seed", seed]) == 0
    first, same, other = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.jpg"))] for name in "abc"
    )
    assert len(first) == 3
    assert first == same
    assert first != other


def test_labelled_demo_fields_lie_in_class_folders(tmp_path):
    assert main(["demo", str(tmp_path), "--fields", "8", "--labelled"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(CLASS_NAMES)


def test_models_are_listed_shown_and_verified(capsys):
    assert main(["models", "list"]) == 0
    assert "Benign, Early, Pre, Pro" in capsys.readouterr().out
    assert main(["models", "show"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == list(CLASS_NAMES)
    assert main(["models", "verify"]) == 0
    assert "checksums match" in capsys.readouterr().out


def test_the_doctor_finds_this_machine_well(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    assert "one field classified" in printed
    assert "isolation: rare pictures, archives and foreign models in processes of their own" in printed


def test_evaluate_prints_every_figure_with_n_interval_split_and_patients(tmp_path, capsys):
    folder, document = tmp_path / "labelled", tmp_path / "e.json"
    synthetic.write_demo(folder, fields=12, seed=2, labelled=True)
    page = tmp_path / "e.pdf"
    assert main(["evaluate", str(folder), "--json", str(document), "--pdf", str(page)]) == 0
    assert "patients unknown" in PdfReader(page).pages[0].extract_text()
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("balanced accuracy"))
    assert "95 % interval" in line
    assert "n = 12" in line
    assert "patients unknown" in line
    data = json.loads(document.read_text("utf-8"))
    assert sum(map(sum, data["confusion"]["counts"])) == 12


def test_fields_of_a_class_the_model_does_not_know_are_refused_not_left_out(tmp_path, capsys):
    synthetic.write_demo(tmp_path, fields=8, seed=2, labelled=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "Pro").rename(tmp_path / "Blast")
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "Blast holds fields and is no class of this model" in capsys.readouterr().err


@pytest.mark.parametrize(("listed", "said"), [(8, "2 patients"), (7, "patients unknown")])
def test_patients_are_counted_only_where_every_field_has_one(tmp_path, listed, said, capsys):
    folder, table = tmp_path / "labelled", tmp_path / "patients.csv"
    paths = synthetic.write_demo(folder, fields=8, seed=2, labelled=True)
    lines = [f"{path.parent.name},{path.name},{index % 2}" for index, path in enumerate(paths[:listed])]
    table.write_text("\n".join(["class,file,patient", *lines, "Pro"]) + "\n", "utf-8")
    assert main(["evaluate", str(folder), "--groups", str(table)]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["evaluate", "{fields}", "--json", "{taken}/e.json"], ["demo", "{taken}/x"]]
)
def test_what_cannot_be_written_is_one_sentence(words, tmp_path, capsys):
    folder, taken = tmp_path / "labelled", tmp_path / "taken"
    synthetic.write_demo(folder, fields=4, seed=2, labelled=True)
    taken.write_text("a file")
    assert main([word.format(fields=folder, taken=taken) for word in words]) == 2
    assert "Choose another folder or make space." in capsys.readouterr().err


def test_the_demo_without_a_display_names_its_files(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux can lack a display")
    assert main(["--demo"]) == 0
    printed = capsys.readouterr().out
    for kind in ("pdf", "csv", "json"):
        path = next(line for line in printed.splitlines() if line.endswith(f".{kind}")).removeprefix(
            "written: "
        )
        assert Path(path).stat().st_size > 0


@pytest.mark.parametrize("place", ["profile", "taken/profile"])
def test_the_demo_lies_in_the_profile_that_was_named(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(first_look, "has_display", lambda *_: False)
    monkeypatch.setattr(first_look, "FIELDS", 2)
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "other"))
    (tmp_path / "taken").write_text("a file")
    status = main(["--demo", "--profile", str(tmp_path / place)])
    if place == "profile":
        assert status == 0
        assert (tmp_path / place / "cases" / "Demo" / "demo.pdf").is_file()
    else:
        assert status == 2
        assert "could not be written" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_an_interrupted_classification_keeps_what_was_finished(fields, tmp_path):
    """Ctrl+C half way: the case opens, and the next call finishes the rest."""
    case = tmp_path / "c.allcase"
    code = (
        "import sys\n"
        "from allstation.commands import progress\n"
        "def update(self, done):\n"
        "    if done == 4: raise KeyboardInterrupt\n"
        "progress.ProgressLine.update = update\n"
        "from allstation.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "classify", str(fields), "--case", str(case), "--threads", "1"]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 1, first.stderr
    assert "stopped" in first.stderr
    assert main(["classify", str(fields), "--case", str(case)]) == 0
    with Case.open(case, read_only=True) as stored:
        assert all(field.prediction is not None for field in stored.snapshot().fields)


@pytest.mark.real_data
def test_forty_real_fields_from_folder_to_table(real_data, tmp_path):
    names = {
        name: sorted((real_data / "taleqani" / "Original" / name).iterdir())[::80][:10]
        for name in CLASS_NAMES
    }
    table = tmp_path / "real.csv"
    given = [str(path) for paths in names.values() for path in paths]
    assert main(["classify", *given, "--csv", str(table)]) == 0
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(given)


def test_a_second_model_is_kept_beside_the_first(fields, tmp_path, capsys):
    """Both predictions of every field are kept; the first model is what the case shows."""
    shipped = ModelBundle.open(default_bundle_path())
    info = {key: value for key, value in shipped.info.items() if key not in ("schema", "files")}
    changed = {**info, "name": "Other", "version": "2", "calibration": {"temperature": 3.0}}
    members = {name: data for name, data in shipped.members.items() if name != "reference.npz"}
    other = write_bundle(tmp_path / "other.allmodel", changed, members)
    case, table = tmp_path / "two.allcase", tmp_path / "t.csv"
    models = ["--model", str(default_bundle_path()), "--model", str(other.path)]
    words = ["classify", str(fields), "--case", str(case), "--csv", str(table), *models]
    assert main(words) == 0
    assert main(words) == 0  # nothing is done twice
    assert "t Other 2.csv" in capsys.readouterr().out
    with Case.open(case, read_only=True) as kept:
        assert {field.prediction.model_sha256 for field in kept.fields.page()} == {shipped.sha256}
        assert all(len(kept.fields.predictions(field.id)) == 2 for field in kept.fields.page())
        assert kept.audit.verify() is None
    tables = [path.read_text("utf-8-sig") for path in (table, tmp_path / "t Other 2.csv")]
    assert [other.sha256 in table for table in tables] == [False, True]


def test_a_file_that_changed_since_it_was_added_is_not_classified_as_the_old_one(fields, tmp_path, capsys):
    """What stands beside a hash must be said of the bytes with that hash."""
    smear = tmp_path / "smear"
    shutil.copytree(fields, smear)
    first, second, *_ = sorted(smear.rglob("*.jpg"))
    case = tmp_path / "c.allcase"
    assert main(["classify", str(smear), "--case", str(case)]) == 0
    with Case.open(case) as stored:
        (before,) = (field for field in stored.fields.page() if field.path == first)
        first.write_bytes(second.read_bytes())
        stored.queue.requeue([before.id])
    capsys.readouterr()
    assert main(["classify", str(second), "--case", str(case)]) == 1
    assert f"{first.name} is not the one that was added" in capsys.readouterr().err
    with Case.open(case, read_only=True) as stored:
        after = stored.fields.get(before.id)
    assert (after.error_code, after.prediction) == ("changed-field", before.prediction)
