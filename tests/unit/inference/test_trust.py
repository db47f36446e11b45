"""Trust in bundles: who signed is told, names cannot be borrowed, what was changed is refused."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from allstation import paths
from allstation.__main__ import main
from allstation.core.errors import StationError
from allstation.imaging.synthetic import write_demo
from allstation.inference.bundle import ModelBundle, default_bundle_path, write_bundle, write_signature_file
from allstation.inference.trust import TrustLevel
from allstation.keys.signing import SigningKey, new_secret
from allstation.keys.station import station_key
from allstation.keys.trust_store import TrustStore
from allstation.processing.model_scheduler import read_bundle
from allstation.processing.status_types import UnknownModel
from tests.faults.damaged_bundle import rebuilt


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.open(default_bundle_path())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small bundle that nobody signed; its network is never run."""
    return rebuilt(tmp_path_factory.mktemp("m") / "plain.allmodel", network=b"none").path


def written(target: Path, source: Path, *, key: SigningKey | None = None, **info: object) -> ModelBundle:
    bundle = ModelBundle.open(source)
    kept = {name: value for name, value in bundle.info.items() if name not in {"schema", "files"}}
    return write_bundle(target, {**kept, **info}, bundle.members, key=key)


def maker(name: str = "Lab 7") -> SigningKey:
    return SigningKey(new_secret(), name=name, role="laboratory")


def test_the_shipped_bundle_is_the_releases(shipped: ModelBundle) -> None:
    trust = shipped.trust
    assert (trust.level, trust.is_known, trust.made_here, trust.asks) == (
        TrustLevel.RELEASE,
        True,
        True,
        False,
    )
    assert trust.by in trust.text


def test_without_its_signature_the_shipped_bundle_is_an_impostor(tmp_path: Path) -> None:
    copy = tmp_path / "copy.allmodel"
    copy.write_bytes(default_bundle_path().read_bytes())
    trust = ModelBundle.open(copy).trust
    assert (trust.level, trust.impostor, trust.asks, trust.made_here) == (
        TrustLevel.UNSIGNED,
        True,
        True,
        False,
    )


@pytest.mark.parametrize("detached", [False, True])
def test_each_kind_of_key_has_its_level(plain: Path, tmp_path: Path, detached: bool) -> None:
    lab, friend, stranger = maker("Lab"), maker("Friend"), maker("Stranger")
    TrustStore().trusting(lab.public, name="Our lab", role="laboratory").trusting(
        friend.public, name="A friend").save()  # fmt: skip
    expected = {
        station_key(): (TrustLevel.STATION, "signed by this station", True),
        lab: (TrustLevel.LABORATORY, "signed by Our lab", True),
        friend: (TrustLevel.TRUSTED, "signed by A friend", True),
        stranger: (TrustLevel.UNKNOWN, f"unknown maker (key {stranger.public.fingerprint})", False),
    }
    for number, (key, (level, text, known)) in enumerate(expected.items()):
        target = tmp_path / f"{number}.allmodel"
        bundle = written(target, plain, key=None if detached else key)
        if detached:
            write_signature_file(bundle, key)
            bundle = ModelBundle.open(target)
        assert (bundle.trust.level, bundle.trust.text, bundle.trust.is_known) == (level, text, known)
        assert bundle.trust.made_here is (level is TrustLevel.STATION)


def test_the_same_input_and_key_give_the_same_bytes(plain: Path, tmp_path: Path) -> None:
    one = written(tmp_path / "a.allmodel", plain, key=station_key())
    two = written(tmp_path / "b.allmodel", plain, key=station_key())
    assert one.sha256 == two.sha256


def test_the_best_of_two_signatures_counts(plain: Path, tmp_path: Path) -> None:
    bundle = written(tmp_path / "a.allmodel", plain, key=maker())
    write_signature_file(bundle, station_key())
    assert ModelBundle.open(bundle.path).trust.level is TrustLevel.STATION


def _repacked(path: Path, change: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, **change}.items():
            archive.writestr(name, data)


def test_what_was_changed_after_it_was_signed_is_refused(plain: Path, tmp_path: Path) -> None:
    bundle = written(tmp_path / "a.allmodel", plain, key=maker())
    _repacked(bundle.path, {"bundle.json": json.dumps({**bundle.info, "version": "9"}).encode()})
    with pytest.raises(StationError, match="changed after it was signed"):
        ModelBundle.open(bundle.path)


def test_a_signature_of_another_bundle_is_refused(plain: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.allmodel"
    copy.write_bytes(plain.read_bytes())
    beside = default_bundle_path().with_name("all-station.allmodel.sig")
    copy.with_name("copy.allmodel.sig").write_bytes(beside.read_bytes())
    with pytest.raises(StationError, match="signature of another bundle"):
        ModelBundle.open(copy)
    copy.with_name("copy.allmodel.sig").write_bytes(b"{}")
    with pytest.raises(StationError, match="cannot be understood"):
        ModelBundle.open(copy)


def test_a_bundle_that_is_written_anew_loses_the_signature_beside_it(plain: Path, tmp_path: Path) -> None:
    bundle = written(tmp_path / "a.allmodel", plain)
    beside = write_signature_file(bundle, maker())
    written(bundle.path, plain, version="2")
    assert not beside.exists()
    assert ModelBundle.open(bundle.path).trust.level is TrustLevel.UNSIGNED


def test_an_accepted_file_works_and_stays_unknown(plain: Path) -> None:
    bundle = ModelBundle.open(plain)
    assert isinstance(read_bundle(plain), UnknownModel)
    assert main(["models", "accept", str(plain)]) == 0
    assert (bundle.trust.asks, bundle.trust.is_known) == (False, False)
    assert bundle.record().is_of_unknown_maker
    assert bundle.record().signed_by == "not signed, unknown maker"


def test_a_bundle_cannot_say_itself_who_signed_it(plain: Path, tmp_path: Path) -> None:
    lie = {"level": "release", "text": "signed by ALL Station releases", "key": ""}
    assert (
        written(tmp_path / "a.allmodel", plain, trust=lie).record().signed_by == "not signed, unknown maker"
    )


def test_a_laboratory_key_signs_on_the_command_line(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from allstation.keys import laboratory

    monkeypatch.setattr(laboratory, "_COST", 2**15)
    public = laboratory.make_laboratory_key(tmp_path / "lab.key", name="Lab", password="correct horse")
    TrustStore().trusting(public, name="Lab", role="laboratory").save()
    bundle = written(tmp_path / "a.allmodel", plain)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["models", "sign", str(bundle.path), "--key", str(tmp_path / "lab.key")]) == 0
    assert "signed by Lab" in capsys.readouterr().out
    assert ModelBundle.open(bundle.path).trust.level is TrustLevel.LABORATORY


NAMES = ["needs review", "Needs  Review", "blurred", "low confidence", "unreadable output", "", " Pro",
         "P\x1b[2J", "<b>Pro</b>", "=1+1", "@x", "P|Q", "x" * 61, "P\u202ero", "Pro\n"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_class_names_that_would_pass_for_something_else_are_refused(
    plain: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(StationError, match="class name"):
        written(tmp_path / "a.allmodel", plain, classes=["Benign", name, "Pre", "Pro"])


def test_names_and_versions_are_one_short_line(plain: Path, tmp_path: Path) -> None:
    for info in ({"name": "a\nb"}, {"name": "x" * 121}, {"version": "\x07"}, {"name": " "}):
        with pytest.raises(StationError, match="name or version"):
            written(tmp_path / "a.allmodel", plain, **info)
    with pytest.raises(StationError, match="read the same"):
        written(tmp_path / "a.allmodel", plain, classes=["Pro", "pro", "x", "y"])
    good = ["Pré-B (II)", "T & B", "Лимфобласт", "c-ALL"]
    assert written(tmp_path / "a.allmodel", plain, classes=good).classes == tuple(good)


def test_a_queued_models_file_is_not_used_because_a_case_names_it(plain: Path) -> None:
    """A case from elsewhere may name any bundle of this computer."""
    from allstation.processing.model_scheduler import _read

    sha256 = ModelBundle.open(plain).sha256
    assert isinstance(_read(sha256, plain, asks=True).found, UnknownModel)
    assert isinstance(_read(sha256, plain, asks=False).found, ModelBundle)


def test_each_activation_compares_the_reference_fields(shipped: ModelBundle, tmp_path: Path) -> None:
    other = np.load(io.BytesIO(shipped.members["reference.npz"]))
    memory = io.BytesIO()
    np.savez(memory, rgb=other["rgb"], probabilities=other["probabilities"][:, ::-1])
    kept = {name: value for name, value in shipped.info.items() if name not in {"schema", "files"}}
    members = {**shipped.members, "reference.npz": memory.getvalue()}
    bundle = write_bundle(tmp_path / "a.allmodel", {**kept, "name": "Mine"}, members, key=station_key())
    assert read_bundle(bundle.path).code == "reference-differs"


def test_reports_and_tables_name_who_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_demo(tmp_path / "f", fields=2)
    strange = rebuilt(tmp_path / "s.allmodel")
    for model, text, in_report in (
        (strange.path, "not signed, unknown maker", "not signed, unknown maker"),
        (default_bundle_path(), "signed by ALL", "signed by "),
    ):
        table, report = tmp_path / "t.json", tmp_path / "r.pdf"
        command = ["classify", str(tmp_path / "f"), "--model", str(model), "--json", str(table)]
        assert main([*command, "--report", str(report), "--force"]) == 0
        said = capsys.readouterr().err
        assert ("unknown maker" in said) is (model == strange.path)
        (entry,) = json.loads(table.read_text("utf-8"))["models"]
        assert entry["signed_by"].startswith(text)
        from pypdf import PdfReader

        page = " ".join(PdfReader(report).pages[0].extract_text().split())
        assert in_report in page
        assert ("vouches" in page) is (model == strange.path)
        assert main(["verify-report", str(report)]) == 0
        capsys.readouterr()


def test_what_the_case_keeps_of_a_maker_is_as_it_was(plain: Path, tmp_path: Path) -> None:
    record = written(tmp_path / "a.allmodel", plain, key=station_key()).record()
    assert record.signed_by == "signed by this station"
    assert replace(record, info={}).signed_by == ""
    assert paths.data_folder().is_dir()
