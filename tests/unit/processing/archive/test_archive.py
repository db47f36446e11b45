"""Archives: one case or table a slide, resumed where they were, and held against their manifest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from allstation.core.errors import StationError
from allstation.core.limits import DecodeLimits
from allstation.imaging.synthetic import write_demo
from allstation.imaging.synthetic.slide import write_slide
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.pipeline import Outcome
from allstation.processing.archive.cases import SlideCases, case_folder
from allstation.processing.archive.manifest import CASES, ERRORS, MANIFEST, PARQUET, Manifest, RowDigest
from allstation.processing.archive.parquet import parquet_file
from allstation.processing.archive.signature import SIGNATURE, ManifestSigner
from allstation.processing.archive.slides import find_slides
from allstation.processing.archive.tables import TableStream
from allstation.processing.archive.verify import signer_of, verify_archive
from allstation.store.case import Case
from tests import makers


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


class Stub:
    """Executor whose network takes no time: a field's prediction is a function of its bytes."""

    threads = 2

    def __init__(self, bundle: ModelBundle, *, fails: str = "") -> None:
        self._bundle = bundle
        self._fails = fails
        self.asked: list[Path] = []

    def submit(self, key: int, path: Path, sha256: str, _slide: int = 0) -> Future[Outcome[int]]:
        self.asked.append(path)
        future: Future[Outcome[int]] = Future()
        if path.name == self._fails:
            future.set_result(Outcome(key, None, StationError("unreadable-field", "It is torn.")))
        else:
            share = 0.3 + zlib.crc32(sha256.encode()) / 2**33
            made = makers.prediction(makers.shares_of("Pre", share=share))
            future.set_result(Outcome(key, replace(made, model_sha256=self._bundle.sha256)))
        return future

    def close(self) -> None:
        """Nothing is under way."""


class Heard:
    """What the command would print."""

    def __init__(self) -> None:
        self.fields = 0
        self.troubles: list[tuple[str, str, str]] = []

    def progressed(self, fields: int) -> None:
        self.fields += fields

    def trouble(self, slide: str, path: Path, code: str, _sentence: str) -> None:
        self.troubles.append((slide, path.name, code))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("drawn")
    write_demo(place, fields=6, seed=2)
    return place


@pytest.fixture
def folder(tmp_path: Path, drawn: Path) -> Path:
    shutil.copytree(drawn, tmp_path / "smears")
    (tmp_path / "smears" / "Slide 2" / "notes.txt").write_text("not a field")
    (tmp_path / "smears" / "Slide 2" / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    return tmp_path / "smears"


def make(
    form: str, out: Path, folders: Sequence[Path], bundle: ModelBundle, *, fails: str = ""
) -> tuple[Manifest, Stub, Heard]:
    manifest = Manifest.begin(out, form=form, model=bundle.sha256)
    stub, heard = Stub(bundle, fails=fails), Heard()
    todo = [
        slide
        for slide in find_slides(folders, outside=out)
        if manifest.entries.get(slide.key) is None or manifest.entries[slide.key].state != slide.state
    ]
    if form == PARQUET:
        TableStream(
            out,
            bundle.classes,
            stub,
            limits=DecodeLimits(),
            finished=manifest.add,
            progressed=heard.progressed,
            trouble=heard.trouble,
        ).run(todo)
    else:
        cases = SlideCases(
            out,
            bundle,
            stub,
            limits=DecodeLimits(),
            site=None,
            progressed=heard.progressed,
            trouble=heard.trouble,
        )
        for slide in todo:
            manifest.add(cases.make(slide))
    manifest.close(complete=True)
    return manifest, stub, heard


@pytest.mark.parametrize("form", [CASES, PARQUET])
def test_each_slide_is_there_with_its_counts_and_the_archive_verifies(
    form: str, folder: Path, tmp_path: Path, bundle: ModelBundle
) -> None:
    manifest, _, heard = make(form, tmp_path / "out", [folder], bundle, fails="field-002.jpg")
    entries = manifest.entries
    assert list(entries) == ["smears/Slide 1", "smears/Slide 2"]
    one, two = entries.values()
    assert (one.fields, one.done, one.failed, one.refused) == (3, 2, 1, 0)
    assert (two.fields, two.done, two.failed, two.refused) == (3, 3, 0, 1)
    codes = {(slide, name): code for slide, name, code in heard.troubles}
    assert codes["smears/Slide 1", "field-002.jpg"] == "unreadable-field"
    assert ("smears/Slide 2", "torn.jpg") in codes
    assert [problem for _, problem in verify_archive(tmp_path / "out")] == ["", ""]


def test_both_forms_have_the_same_digests(folder: Path, tmp_path: Path, bundle: ModelBundle) -> None:
    cases = make(CASES, tmp_path / "a", [folder], bundle)[0]
    tables = make(PARQUET, tmp_path / "b", [folder], bundle)[0]
    digests = {key: entry.digest for key, entry in cases.entries.items()}
    assert digests == {key: entry.digest for key, entry in tables.entries.items()}
    assert len(set(digests.values())) == 2


@pytest.mark.parametrize("form", [CASES, PARQUET])
def test_a_second_run_does_only_what_is_new(
    form: str, folder: Path, tmp_path: Path, bundle: ModelBundle
) -> None:
    make(form, tmp_path / "out", [folder], bundle)
    assert make(form, tmp_path / "out", [folder], bundle)[1].asked == []
    for name in ("Slide 1", "Slide 2"):
        (folder / "later" / name).mkdir(parents=True)
        shutil.copy(folder / name / next(iter((folder / name).glob("*.jpg"))).name, folder / "later" / name)
    manifest, stub, _ = make(form, tmp_path / "out", [folder], bundle)
    assert {path.parent.parent.name for path in stub.asked} == {"later"}
    assert len(manifest.entries) == 4
    assert all(problem == "" for _, problem in verify_archive(tmp_path / "out"))


def test_the_data_set_reads_as_one_by_slide(folder: Path, tmp_path: Path, bundle: ModelBundle) -> None:
    make(PARQUET, tmp_path / "out", [folder], bundle)
    table = ds.dataset(tmp_path / "out" / "data", partitioning="hive").to_table()
    assert sorted(set(table["slide"].to_pylist())) == ["smears/Slide 1", "smears/Slide 2"]
    shares = np.array([table[f"probability_{name}"].to_pylist() for name in bundle.classes])
    assert np.allclose(shares.sum(axis=0), 1)
    assert set(table["decision"].to_pylist()) == {"Pre"}


def test_what_was_changed_is_found(folder: Path, tmp_path: Path, bundle: ModelBundle) -> None:
    out = tmp_path / "out"
    make(PARQUET, out, [folder], bundle)
    file = parquet_file(out, "smears/Slide 1")
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)
    (out / "data" / "slide=x").mkdir()
    (out / "data" / "slide=x" / "fields.parquet").write_bytes(b"")
    problems = [problem for _, problem in verify_archive(out) if problem]
    assert problems[0] == "its file was changed"
    assert "in no line of the manifest" in problems[1]


def test_a_case_whose_predictions_changed_is_found(folder: Path, tmp_path: Path, bundle: ModelBundle) -> None:
    out = tmp_path / "out"
    make(CASES, out, [folder], bundle)
    with Case.open(case_folder(out, "smears/Slide 1")) as case:
        (first, *_) = case.fields.page()
        case.queue.requeue([first.id])
        case.queue.claim(1)
        case.queue.save_prediction(first.id, makers.prediction("Pro", model_sha256=bundle.sha256))
    problems = {entry.slide: problem for entry, problem in verify_archive(out) if entry}
    assert problems == {
        "smears/Slide 1": "its predictions are not those of the manifest",
        "smears/Slide 2": "",
    }


def test_a_manifest_that_was_cut_off_goes_on(folder: Path, tmp_path: Path, bundle: ModelBundle) -> None:
    out = tmp_path / "out"
    make(PARQUET, out, [folder], bundle)
    lines = (out / MANIFEST).read_bytes().splitlines(keepends=True)
    (out / MANIFEST).write_bytes(b"".join(lines[:2]) + lines[2][:30])
    ManifestSigner(out).add(b"".join(lines[:2]))  # as it stood when the power went
    assert any("not finished" in problem for _, problem in verify_archive(out))
    manifest, stub, _ = make(PARQUET, out, [folder], bundle)
    assert {path.parent.name for path in stub.asked} == {"Slide 2"}
    assert len(manifest.entries) == 2
    assert [problem for _, problem in verify_archive(out)] == ["", ""]
    assert all(json.loads(line) for line in (out / MANIFEST).read_bytes().splitlines())


ENTRY = {"slide": "a", "folder": "/a", "state": "s", "fields": 1, "done": 1, "failed": 0, "refused": 0}
ENTRY |= {"file": "data/slide=a/fields.parquet", "digest": "0", "sha256": "0"}


@pytest.mark.parametrize(
    "lie",
    [
        {"fields": "many"},
        {"fields": -1},
        {"file": 5},
        {"file": "../elsewhere/fields.parquet"},
        {"file": "/etc/passwd"},
        {"file": ""},
        {"digest": None},
        {"slide": ["a"]},
        "[" * 200_000,
    ],
)
def test_a_forged_manifest_is_damage_and_looking_at_it_changes_nothing(lie: object, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Manifest.begin(out, form=PARQUET, model="ab").close(complete=True)
    head = (out / MANIFEST).read_bytes()
    (out / MANIFEST).write_bytes(head + json.dumps(ENTRY).encode() + b'\n{"cut o')
    assert [problem for _, problem in verify_archive(out)] != []
    assert (out / MANIFEST).read_bytes().endswith(b"cut o")
    text = lie if isinstance(lie, str) else json.dumps(ENTRY | lie)
    (out / MANIFEST).write_bytes(head + text.encode() + b"\n")
    with pytest.raises(StationError, match="is damaged"):
        list(verify_archive(out))


def test_a_table_of_other_types_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Manifest.begin(out, form=PARQUET, model="ab").close(complete=True)
    file = out / str(ENTRY["file"])
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"field": [1], "sha256": [None], "decision": ["a"], "error_code": [""]}), file)
    entry = ENTRY | {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    with (out / MANIFEST).open("a") as manifest:
        manifest.write(json.dumps(entry) + "\n")
    (_, problem), (_, unsigned) = verify_archive(out)
    assert problem.startswith("its file cannot be read")
    assert "not signed" in unsigned


def test_an_archive_is_signed_and_what_was_changed_is_not_taken_over(
    folder: Path, tmp_path: Path, bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make(PARQUET, out, [folder], bundle)
    assert signer_of(out) == "signed by this station"
    written = (out / MANIFEST).read_bytes()
    # A line that nobody signed, as a power cut leaves it: its slide is made again.
    (out / MANIFEST).write_bytes(written + json.dumps(ENTRY).encode() + b"\n")
    assert any("not signed" in problem for _, problem in verify_archive(out))
    manifest, stub, _ = make(PARQUET, out, [folder], bundle)
    assert (len(manifest.entries), stub.asked) == (2, [])
    monkeypatch.setenv("ALLSTATION_PROFILE", str(tmp_path / "elsewhere"))
    assert "key unknown here" in signer_of(out)
    # Counts that fit each other, written by somebody who does not have the key.
    signed = (out / MANIFEST).read_bytes()
    (out / MANIFEST).write_bytes(signed.replace(b'"refused":1', b'"refused":0'))
    assert (out / MANIFEST).read_bytes() != signed
    assert "was changed after it was signed" in signer_of(out)
    assert any("was changed after it was signed" in problem for _, problem in verify_archive(out))
    with pytest.raises(StationError, match="Nothing is added"):
        make(PARQUET, out, [folder], bundle)
    (out / SIGNATURE).unlink()
    assert "nobody signed" in signer_of(out)
    make(PARQUET, out, [folder], bundle)
    assert not (out / SIGNATURE).exists(), "what is in it would be vouched for unseen"


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, ERRORS, "data"])
def test_an_archive_does_not_write_through_links(name: str, tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    Manifest.begin(out, form=PARQUET, model="ab").close(complete=True)
    mine.write_bytes((out / MANIFEST).read_bytes())
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(mine)
    before = mine.read_bytes()
    with pytest.raises(StationError, match="is a link"):
        Manifest.begin(out, form=PARQUET, model="ab")
    assert mine.read_bytes() == before


def test_folders_that_are_no_archive_or_another_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StationError, match="holds other things"):
        Manifest.begin(tmp_path / "mine", form=CASES, model="ab")
    Manifest.begin(tmp_path / "new", form=CASES, model="ab").close(complete=True)
    with pytest.raises(StationError, match="another kind"):
        Manifest.begin(tmp_path / "new", form=PARQUET, model="ab")
    with pytest.raises(StationError, match="no archive"):
        list(verify_archive(tmp_path / "mine"))
    with pytest.raises(StationError, match="is no folder"):
        list(find_slides([tmp_path / "nowhere"], outside=tmp_path / "new"))


def test_two_folders_of_one_name_are_told_apart_and_the_archive_itself_is_passed_over(
    tmp_path: Path, drawn: Path
) -> None:
    for name in ("a/smears", "b/smears", "a/smears/out"):
        shutil.copytree(drawn, tmp_path / name)
    keys = [
        slide.key
        for slide in find_slides(
            [tmp_path / "a" / "smears", tmp_path / "b" / "smears"], outside=tmp_path / "a" / "smears" / "out"
        )
    ]
    assert keys == ["smears/Slide 1", "smears/Slide 2", "smears 2/Slide 1", "smears 2/Slide 2"]


def test_the_digest_takes_every_bit_and_no_order() -> None:
    def digest(*rows: tuple[str, float]) -> str:
        made = RowDigest()
        for name, share in rows:
            made.add_values(name, "ab", "Pre", "", (share,))
        return made.text()

    assert digest(("a", 0.1), ("b", 0.2)) == digest(("b", 0.2), ("a", 0.1))
    assert digest(("a", 0.3)) != digest(("a", 0.1 + 0.2))


@pytest.mark.parametrize("form", [CASES, PARQUET])
def test_a_whole_slide_is_a_slide_of_the_archive(form: str, tmp_path: Path, bundle: ModelBundle) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    write_slide(folder / "patient.svs", seed=4, width=3000, height=2000, format="svs")
    shutil.copy(folder / "patient.svs", folder / "torn.svs")
    os.truncate(folder / "torn.svs", 5_000)
    manifest, stub, heard = make(form, tmp_path / "out", [folder], bundle)
    whole, torn = (manifest.entries[f"scans/{name}.svs"] for name in ("patient", "torn"))
    assert whole.done == whole.fields == len(stub.asked) > 0
    assert {path.parent.name for path in stub.asked} == {"patient.svs"}
    assert (torn.fields, torn.refused) == (0, 1)
    assert [slide for slide, *_ in heard.troubles] == ["scans/torn.svs"]
    assert [problem for _, problem in verify_archive(tmp_path / "out")] == ["", ""]
    assert make(form, tmp_path / "out", [folder], bundle)[1].asked == [], "nothing is done twice"
