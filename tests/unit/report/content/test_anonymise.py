"""Anonymised exports hold no name that stands anywhere in a case, and cannot be joined with open ones.

A name of its own is planted in every place that has room for one, and looked for in every byte of every
export: packed, encoded, inside the PDF inside the DICOM object.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from allstation import paths
from allstation.core.cell_types import CellSummary
from allstation.core.classes import CLASS_NAMES
from allstation.core.pseudonyms import nonce_of, traced
from allstation.core.records import FieldCopy, FieldState, ModelRecord, Review, Slide
from allstation.imaging.fields.file import read_field
from allstation.keys.release import release_keys
from allstation.report.content.anonymise import anonymised, free_texts
from allstation.report.content.build import build_content
from allstation.report.content.free_text import Anonymity, FreeText
from allstation.report.content.identity import DATES, GROUPS
from allstation.report.content.options import Letterhead, ReportOptions
from allstation.report.exchange.fhir import write_fhir
from allstation.report.exchange.labelled import write_labelled
from allstation.report.exchange.outlines import write_outlines
from allstation.report.pdf import render_pdf, write_pdf
from allstation.report.tables.case_tables import write_csv, write_json, write_xlsx
from tests import pictures_with_names
from tests.every_byte import Parts, everything_in, found_in, ids_in
from tests.unit.report.factory import CLOCK, MODEL_SHA, Factory

WRITERS = (
    (pictures_with_names.write_jpeg, "jpg"),
    (pictures_with_names.write_png, "png"),
    (pictures_with_names.write_tiff, "tif"),
    (pictures_with_names.write_webp, "webp"),
    (pictures_with_names.write_bmp, "bmp"),
)


class Names:
    """Gives each place a name of its own, so that a failing test says which one leaked."""

    def __init__(self) -> None:
        self._letters = (
            "".join(pair) for pair in itertools.product("bcdfgklm", "aeiou", "bcdfgklm", "aeiou")
        )
        self.place: dict[str, str] = {}

    def at(self, place: str) -> str:
        name = f"Vex{next(self._letters)}ley"
        self.place[name] = place
        return name


def planted(names: Names, folder: Path):
    """Return a case of six fields, of every format, with names wherever there is room for one."""
    home = folder / names.at("folder of the fields")
    home.mkdir()
    maker = Factory(home, distinct=6, size=(120, 160))
    drawn = [Image.open(maker.picture(index)).convert("RGB") for index in range(6)]
    case = maker.snapshot(6, slides=2)
    fields = []
    for index, (field, picture) in enumerate(zip(case.fields[:5], drawn, strict=False)):
        write, suffix = WRITERS[index % len(WRITERS)]
        path = home / f"{names.at('file name')} {index}.{suffix}"
        write(path, picture, names.at(f"metadata of {suffix}"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        review = Review(
            field_id=field.id, id=index + 1, reviewer=names.at("reviewer"), class_name=CLASS_NAMES[index % 4],
            comment=f"asked by {names.at('comment')}, tel. 0171 2345678", at=f"2026-11-22T15:20:0{index}Z",
        )  # fmt: skip
        fields.append(dataclasses.replace(field, path=path, sha256=digest, review=review))
    lost = home / f"{names.at('name of a file that is gone')}.jpg"
    fields.append(dataclasses.replace(
        case.fields[5], path=lost, state=FieldState.FAILED, prediction=None, error_code="truncated-field",
        error=f"The field {lost} of {names.at('sentence of a failure')} ends early.",
    ))  # fmt: skip
    keys = [key for _, labels in GROUPS for key in labels if key not in {*DATES, "age"}]
    details = {key: names.at(f"case data {key}") for key in keys}
    details |= {names.at("key of case data"): names.at("unknown case data"), "age": f"7, {names.at('age')}"}
    details |= {"birth_date": "2.1.1999", "collected_at": "2026-11-21 07:13", "received_at": "2026-11-22"}
    second = Review(
        field_id=1,
        reviewer=names.at("another reviewer"),
        class_name="Pro",
        comment=names.at("another comment"),
    )
    copy = FieldCopy(field_id=1, slide_id=2, path=home / f"{names.at('copy')}.jpg")
    return dataclasses.replace(
        case,
        name=names.at("name of the case"),
        details=details,
        slides=tuple(
            Slide(id=one.id, name=names.at("slide"), folder=home / names.at("folder of a slide"))
            for one in case.slides
        ),
        fields=tuple(fields),
        models=(model(names),),
        reviews=(*(one.review for one in fields if one.review), second),
        copies=(copy,),
        cells=CellSummary(
            total=5,
            by_reader={names.at("reader of cells"): {"blast": 3}, names.at("another reader"): {"blast": 2}},
        ),
    )  # fmt: skip


def model(names: Names) -> ModelRecord:
    say = names.at
    info = {
        "name": say("model name"),
        "created": say("model date"),
        "author": say("model author"),
        "training": {"split": say("model split"), say("model key"): 1, "patients": say("model patients")},
        "network": {"architecture": say("model architecture")},
        "figures": {say("model figure"): {"value": 0.9}, "accuracy": {"value": 0.9, "ci": say("interval")}},
        "limits": [say("model limit")],
        "notes": say("model notes"),
    }  # fmt: skip
    return ModelRecord(
        sha256=MODEL_SHA, name=say("model"), version=say("model version"), classes=CLASS_NAMES, info=info
    )


def written(case, folder: Path, anonymise: Anonymity | None, *, typed: ReportOptions) -> Parts:
    """Write every export of a case to a folder; return what is in every file of them."""
    from allstation.report.exchange.dicom import write_dicom

    folder.mkdir()
    one = dataclasses.replace(
        typed, anonymise=anonymise is not None, anonymity=anonymise or Anonymity(), travels=True
    )
    content = build_content(case, one)
    pdf = render_pdf(case, content, one)
    (folder / "travels.pdf").write_bytes(pdf)
    write_pdf(
        case,
        folder / "report.pdf",
        dataclasses.replace(
            ReportOptions(clock=CLOCK, annex=True), anonymise=one.anonymise, anonymity=fresh(anonymise)
        ),
    )
    write_csv(case, folder / "t.csv", anonymise=again(anonymise))
    write_json(case, folder / "t.json", anonymise=again(anonymise))
    write_xlsx(case, folder / "t.xlsx", thumbnails=True, anonymise=again(anonymise))
    write_fhir(case, folder / "f.json", one, pdf=pdf)
    write_dicom(case, folder / "dicom", one, pdf=pdf)
    write_outlines(case, folder / "outlines", anonymise=again(anonymise))
    write_labelled(case, folder / "labelled", anonymise=again(anonymise))
    return everything_in(path for path in folder.rglob("*") if path.is_file())


def fresh(anonymise: Anonymity | None) -> Anonymity:
    return Anonymity(anonymise.keep if anonymise else frozenset())


def again(anonymise: Anonymity | None) -> Anonymity | None:
    """Return the same choices for another export."""
    return None if anonymise is None else fresh(anonymise)


def typed(names: Names | None = None, folder: Path | None = None) -> ReportOptions:
    """Return a signed report's options with a name in everything that is typed for it."""
    say = names.at if names else str
    logo = folder / "logo.png" if folder else None
    if logo is not None:
        pictures_with_names.write_png(logo, Image.new("RGB", (40, 20), "red"), say("metadata of the logo"))
    head = Letterhead(say("laboratory"), (say("address"), "Tel. 0171 2345678"), logo)
    return ReportOptions(
        clock=CLOCK, template="summary", status="amended", reviewer=say("signer"), reason=say("reason"),
        comment=say("report comment"), conclusion=say("conclusion"), letterhead=head,
    )  # fmt: skip


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Every export of one case: anonymised twice, open, and open of another case."""
    names, folder = Names(), tmp_path_factory.mktemp("planted")
    case = planted(names, folder)
    options = typed(names, folder)
    sets = {
        "hidden": written(case, folder / "hidden", Anonymity(), typed=options),
        "hidden again": written(case, folder / "again", Anonymity(), typed=options),
        "open": written(case, folder / "open", None, typed=options),
    }
    other = Factory(tmp_path_factory.mktemp("other")).snapshot(5, reviewed=3, case_id="OTHER", seed=5)
    other_model = dataclasses.replace(other.models[0], sha256="c" * 64)
    counted = CellSummary(total=1, by_reader={"A": {"blast": 1}, "B": {"blast": 1}})
    other = dataclasses.replace(other, models=(other_model,), audit_head="d" * 64, cells=counted)
    sets["other"] = written(other, folder / "other", None, typed=typed())
    return names, case, sets


def test_no_name_stands_in_any_byte_of_any_anonymised_export(exports):
    names, _, sets = exports
    seen = {names.place[name]: files for name, files in found_in(sets["hidden"], names.place).items()}
    assert seen == {}
    assert len(names.place) > 60
    for said in ("0171 2345678", "02.01.1999", "2.1.1999", "1999-01-02", "19990102", "07:13", "2026-11-2"):
        assert found_in(sets["hidden"], [said]) == {}, said


def test_the_search_finds_every_name_in_the_open_exports(exports):
    names, _, sets = exports
    missing = set(names.place) - set(found_in(sets["open"], names.place))
    # What an open export does not hold either, or draws as pixels.
    assert {names.place[name] for name in missing} <= {
        "another comment", "another reviewer", "metadata of the logo",
        "model date", "model author", "model key", "model notes", "model name",
    }  # fmt: skip


def test_an_anonymised_and_an_open_export_cannot_be_joined(exports):
    _, _, sets = exports
    constants = ids_in(sets["other"])
    hidden, again, shown = (ids_in(sets[name]) - constants for name in ("hidden", "hidden again", "open"))
    assert len(hidden) > 50
    assert hidden & shown == set()
    assert hidden & again == set()
    hashes = [
        {hash_of(file, kind) for file in sets[name] for kind in ("sha256", "sha1", "md5")}
        for name in ("hidden", "open")
    ]
    assert hashes[0] & hashes[1] == set()
    assert not {one.encode() for one in hashes[1]} & hidden


def hash_of(path: str, kind: str) -> str:
    return hashlib.new(kind, Path(path).read_bytes(), usedforsecurity=False).hexdigest()


def one_of(parts: Parts, name: str) -> Path:
    (found,) = (Path(path) for path in parts if Path(path).name == name)
    return found


def test_the_laboratory_finds_the_field_of_a_code(exports):
    _, case, sets = exports
    table = one_of(sets["hidden"], "t.csv")
    with table.open(newline="", encoding="utf-8") as file:
        codes = [row["code"] for row in csv.DictReader(file) if not row["same_as"]]
    hashes = [field.sha256 for field in case.fields]
    assert [traced(case.secret, code, hashes) for code in codes] == hashes
    assert traced(b"another case", codes[0], hashes) == ""
    assert len({nonce_of(code) for code in codes}) == 1


def test_pictures_of_an_anonymised_folder_show_the_same_pixels(exports):
    _, case, sets = exports
    table = one_of(sets["hidden"], "labels.csv")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    originals = {field.sha256: field.path for field in case.fields}
    assert len(rows) == 5
    for row in rows:
        copy = read_field(table.parent / row["path"], sha256=row["sha256"])
        original = read_field(originals[traced(case.secret, row["code"], originals)])
        assert np.array_equal(copy.pixels, original.pixels)
        assert row["reviewer"].startswith("reviewer ")
        assert (row["reviewed_at"], row["slide"][:6]) == ("2026", "Slide ")


def test_free_text_goes_only_by_choice_and_is_listed_before(exports, tmp_path):
    names, case, _ = exports
    listed = free_texts(case, typed(names))
    assert set(listed) == set(FreeText)
    for kind in FreeText:
        target = tmp_path / f"{kind}.csv"
        write_csv(case, target, anonymise=Anonymity(frozenset({kind})))
        went = found_in(everything_in([target]), names.place)
        said = " ".join(listed[kind])
        assert all(name in said for name in went), kind
        assert bool(went) is (kind in {FreeText.NAMES, FreeText.COMMENTS, FreeText.REVIEWERS})
    content = build_content(case, ReportOptions(anonymity=Anonymity(frozenset({FreeText.SPECIMEN}))))
    assert {one.label for one in content.specimen if one.value} == {
        "Specimen",
        "Source",
        "Collected",
        "Received",
    }
    assert content.kept == ("specimen",)


def test_reviewers_are_numbered_in_the_order_of_their_first_review(factory):
    case = factory.snapshot(4)
    reviews = tuple(
        Review(field_id=one.id, reviewer=name, class_name="Pro", at=f"2026-11-22T15:20:0{one.id}Z")
        for one, name in zip(case.fields, ("B", "A", "B", "C"), strict=True)
    )
    both = zip(case.fields, reviews, strict=True)
    fields = tuple(dataclasses.replace(one, review=review) for one, review in both)
    content = build_content(dataclasses.replace(case, fields=fields, reviews=reviews))
    assert [row.reviewer for row in content.fields] == [
        "reviewer 1",
        "reviewer 2",
        "reviewer 1",
        "reviewer 3",
    ]
    assert {row.reviewed_at for row in content.fields} == {"2026"}


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"age": "7 years", "sex": "Female"}, {"Age": "7 years", "Sex": "Female"}),
        ({"age": "93", "sex": "F, sister of Vera Vex"}, {}),
        ({"age": "7 (Vera's)"}, {}),
        ({"stain": "May-Grünwald Giemsa", "objective": "100x/1.25 oil", "pixel_size": "0,065 µm"},
         {"Stain": "May-Grünwald Giemsa", "Objective": "100x/1.25 oil", "Pixel size": "0,065 µm"}),
        ({"stain": "Giemsa by Vera", "objective": "Vera 100x", "pixel_size": "0.1 um Vera"}, {}),
        ({"collected_at": "21.11.2026 07:13", "birth_date": "1999-01-02"}, {"Collected": "2026"}),
        ({"collected_at": "2026, after Vera"}, {}),
    ],
)  # fmt: skip
def test_an_entry_is_shown_by_what_it_is_never_by_how_it_reads(factory, details, shown):
    content = build_content(factory.snapshot(1, details=details))
    entries = (*content.patient, *content.request, *content.specimen)
    assert {one.label: one.value for one in entries if one.value} == shown
    assert len(entries) == len(details)
    assert all(one.withheld is (one.label not in shown) for one in entries)


def test_a_reviewer_who_bears_the_patient_s_name_is_numbered_though_names_go(factory):
    case = factory.snapshot(2, reviewed=2)
    first, second = case.fields
    named = dataclasses.replace(first, review=dataclasses.replace(first.review, reviewer="Dr. Musterfrau"))
    keep = Anonymity(frozenset({FreeText.REVIEWERS}))
    content = build_content(
        dataclasses.replace(case, fields=(named, second), reviews=(named.review, second.review)),
        ReportOptions(anonymity=keep, reviewer="Dr. Sign", status="final", travels=True),
    )
    assert [row.reviewer for row in content.fields] == ["reviewer 1", "Dr. B. Reviewer"]
    assert content.reviewer == "Dr. Sign"


def test_a_workbook_tells_the_year_only(factory, tmp_path):
    write_xlsx(factory.snapshot(1), tmp_path / "t.xlsx", anonymise=Anonymity())
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        assert ">2026-01-01T00:00:00Z</dcterms:created>" in book.read("docProps/core.xml").decode()


def test_how_far_the_maker_of_a_model_is_known_goes_and_who_it_is_does_not(factory):
    case = factory.snapshot(1)
    trust = {"level": "laboratory", "text": "signed by Laboratory Vera", "key": "12ab"}
    signed = dataclasses.replace(case.models[0], info={**case.models[0].info, "trust": trust})
    (shown,) = anonymised(dataclasses.replace(case, models=(signed,)), Anonymity()).models
    assert shown.info["trust"] == {"level": "laboratory", "text": "signed by a laboratory key"}


def test_words_that_every_model_card_has_are_not_asked_about(factory):
    case = factory.snapshot(1)
    with zipfile.ZipFile(paths.resource("models/all-station.allmodel")) as bundle:
        info = json.loads(bundle.read("bundle.json"))
    foreign = dataclasses.replace(case.models[0], name="V", version="", info={**info, "author": "Vera"})
    listed = free_texts(dataclasses.replace(case, models=(foreign,)))[FreeText.MODELS]
    assert set(listed) == {"V", "author", "Vera"}


def test_a_key_that_is_no_release_is_called_so_in_anonymised_reports_too(factory):
    case = factory.snapshot(1)
    name = next(iter(release_keys().names.values()))
    said = {f"signed by {name}": f"signed by {name}", "signed by Vera": "signed by the release key"}
    for text, expected in said.items():
        info = {**case.models[0].info, "trust": {"level": "release", "text": text, "key": "12ab"}}
        signed = dataclasses.replace(case.models[0], info=info)
        (shown,) = anonymised(dataclasses.replace(case, models=(signed,)), Anonymity()).models
        assert shown.info["trust"] == {"level": "release", "text": expected}


def test_the_model_that_came_with_the_program_is_named_as_the_program_knows_it(factory):
    from allstation.inference.bundle import ModelBundle, default_bundle_path

    shipped = ModelBundle.open(default_bundle_path()).record()
    case = factory.snapshot(1)
    lying = dataclasses.replace(shipped, name="Vera", info={**shipped.info, "limits": ["of Vera"]})
    content = build_content(dataclasses.replace(case, models=(lying, case.models[0])))
    first, second = content.models
    assert (first.name, first.version, first.sha256) == (shipped.name, shipped.version, shipped.sha256)
    assert "of Vera" not in first.limits
    assert (second.name, second.version) == ("Model 2", "")
    assert second.sha256 != MODEL_SHA


def test_a_jpeg_without_metadata_gets_other_bytes_too(factory, tmp_path):
    case = factory.snapshot(3, reviewed=3)
    plain = [cv2.imencode(".jpg", np.full((64, 64, 3), 200, np.uint8))[1].tobytes() for _ in range(1)]
    path = tmp_path / "plain.jpg"
    path.write_bytes(plain[0])
    field = dataclasses.replace(
        case.fields[0], path=path, sha256=hashlib.sha256(plain[0]).hexdigest(), width=64, height=64
    )
    hidden = write_labelled(
        dataclasses.replace(case, fields=(field,)), tmp_path / "out", anonymise=Anonymity()
    )
    (copy,) = hidden.table.parent.rglob("*.jpg")
    assert copy.read_bytes() != plain[0]
    assert json.dumps(plain[0].hex())[-200:-20] in json.dumps(copy.read_bytes().hex())  # the coded picture


def test_a_field_that_could_not_be_read_says_why_in_words(factory):
    (failed,) = build_content(factory.snapshot(17)).failures
    assert failed.error == "The field was not read: truncated field."
