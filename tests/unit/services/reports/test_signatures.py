"""Signed reports of a case: the very bytes are kept, and amended reports name their predecessor."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from allstation import paths
from allstation.cli import main
from allstation.core.errors import StationError
from allstation.core.records import Review
from allstation.report.content.options import ReportOptions
from allstation.report.verification.parts import Part, Verdict
from allstation.report.verification.verify import embedded_data
from allstation.services.reports import reporting, signatures
from allstation.services.reports.reporting import MadeReport
from allstation.services.settings import Settings, SettingsFile
from allstation.store.audit.contents import kept_report
from allstation.store.case import Case
from tests.signers import PASSWORD, Authority, Signer, make_signer, time_stamp_server
from tests.unit.report.factory import CLOCK, stored_case

FINAL = ReportOptions(clock=CLOCK, template="summary", status="final", reviewer="Dr. Berta Beispiel")
AMENDED = replace(FINAL, status="amended", reason="second opinion")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: Signer) -> Path:
    monkeypatch.setenv(paths.PROFILE_VARIABLE, str(tmp_path / "profile"))
    signatures.trust_store().add_made(signer.authority, signer.revocations)
    return stored_case(tmp_path, 4, reviewed=1)


def made(folder: Path, signer: Signer, options: ReportOptions = FINAL) -> MadeReport:
    wanted = replace(options, signature=signer.key.facts.block())
    with Case.open(folder, read_only=True) as case:
        return reporting.make(case, case.snapshot(), wanted)


def kept(folder: Path, report: MadeReport) -> Path:
    with Case.open(folder) as case:
        reporting.keep(case, report, file="out.pdf")
    return kept_report(folder, str(report.status), report.sha256)


def decide(folder: Path) -> None:
    with Case.open(folder) as case:
        first = next(iter(case.fields.page()))
        wanted = "Pro" if first.final_name != "Pro" else "Pre"
        case.reviews.add(Review(field_id=first.id, reviewer="Dr. C", class_name=wanted))


def test_the_case_keeps_exactly_the_signed_bytes(folder: Path, signer: Signer, tmp_path: Path) -> None:
    seen = made(folder, signer)
    signed = signatures.sign_with_file(seen, signer.file, PASSWORD)
    assert signed.data.startswith(seen.data)
    path = kept(folder, signed)
    assert path.read_bytes() == signed.data
    reporting.write(signed, tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == signed.data
    with Case.open(folder, read_only=True) as case:
        (record,) = case.reports.all()
        assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert case.audit.verify() is None
    found = signatures.verify(tmp_path / "out.pdf", folder)
    assert found.holds, found.findings
    assert [str(one.part) for one in found.parts] == [
        "Content", "Digital signature", "Signer", "Time stamp", "Case",
    ]  # fmt: skip


def test_a_report_that_announces_a_signature_is_neither_kept_nor_written_without_it(
    folder: Path, signer: Signer, tmp_path: Path
) -> None:
    seen = made(folder, signer)
    with Case.open(folder) as case, pytest.raises(StationError) as refused:
        reporting.keep(case, seen)
    assert refused.value.code == "not-signed"
    with pytest.raises(StationError, match="sign it first"):
        reporting.write(seen, tmp_path / "out.pdf")
    assert not (folder / "reports").exists()
    assert not (tmp_path / "out.pdf").exists()


def test_another_key_than_that_of_the_named_certificate_signs_nothing(
    folder: Path, signer: Signer, tmp_path: Path
) -> None:
    seen = made(folder, signer)
    with pytest.raises(StationError) as refused:
        signatures.sign(seen, make_signer(tmp_path / "other").key)
    assert refused.value.code == "other-certificate"


def test_a_revoked_certificate_signs_nothing(folder: Path, tmp_path: Path) -> None:
    authority = Authority.make()
    key = authority.issue("Dr. D")
    (tmp_path / "a.pem").write_bytes(authority.pem)
    signatures.trust(tmp_path / "a.pem")
    wanted = replace(FINAL, signature=key.facts.block())
    with Case.open(folder, read_only=True) as case:
        report = reporting.make(case, case.snapshot(), wanted)
    assert signatures.sign(report, key).signed
    (tmp_path / "a.crl").write_bytes(authority.revoke(key))
    signatures.trust(tmp_path / "a.crl")
    with pytest.raises(StationError) as refused:
        signatures.sign(report, key)
    assert refused.value.code == "certificate-revoked"


def test_an_amended_report_names_the_file_that_it_replaces(folder: Path, signer: Signer) -> None:
    amended = replace(AMENDED, anonymise=False)
    first = signatures.sign(made(folder, signer), signer.key)
    kept(folder, first)
    decide(folder)
    hidden = made(folder, signer, AMENDED)
    assert hidden.content.anonymised
    assert not hidden.content.replaces, "a hash of a file joins an anonymised report with an open one"
    second = signatures.sign(made(folder, signer, amended), signer.key)
    path = kept(folder, second)
    assert embedded_data(path)["content"]["replaces"] == first.sha256
    found = signatures.verify(path, folder)
    assert found.holds, found.findings
    decide(folder)
    third = signatures.sign(made(folder, signer, amended), signer.key)
    assert embedded_data(kept(folder, third))["content"]["replaces"] == second.sha256


def test_an_amended_report_of_something_else_is_noticed(folder: Path, signer: Signer, tmp_path: Path) -> None:
    kept(folder, signatures.sign(made(folder, signer), signer.key))
    decide(folder)
    wanted = replace(
        AMENDED,
        anonymise=False,
        signature=signer.key.facts.block(),
        replaces="0" * 64,
        previous={"content": None},
    )
    with Case.open(folder, read_only=True) as case:
        before = embedded_data(reporting.kept(case))
        report = reporting.make(case, case.snapshot(), replace(wanted, previous=before))
    path = kept(folder, signatures.sign(report, signer.key))
    found = signatures.verify(path, folder).part(Part.CASE)
    assert found.verdict is Verdict.FAILS
    assert any("knows no report with the hash of the one" in one for one in found.sentences)


def test_a_report_of_another_case_is_not_compared_with_the_open_one(
    folder: Path, signer: Signer, tmp_path: Path
) -> None:
    path = kept(folder, signatures.sign(made(folder, signer), signer.key))
    (tmp_path / "other").mkdir()
    other = stored_case(tmp_path / "other", 2)
    found = signatures.verify(path, other, same_only=True)
    assert found.part(Part.CASE).verdict is Verdict.NOTE
    assert not signatures.verify(path, other).holds


def test_the_settings_name_the_certificate_and_never_the_password(folder: Path, signer: Signer) -> None:
    chosen = signatures.choose(signer.file, PASSWORD)
    known = chosen.certificate
    assert chosen.trusted
    signatures.forget(signatures.trusted()[0].sha256)
    assert not signatures.choose(signer.file, PASSWORD).trusted
    settings = Settings(signing_file=str(signer.file), signing_certificate=known)
    assert signatures.signature_block(settings) == signer.key.facts.block()
    stamped = settings._replace(time_stamp_server="https://tsa.example.org/x")
    assert signatures.signature_block(stamped).time_stamp == "tsa.example.org"
    assert PASSWORD not in known
    for damaged in ("", "{", "[]", '{"signed": 1}', '{"other": true}', '{"signed": true, "name": 3}', "null"):
        assert not signatures.signature_block(settings._replace(signing_certificate=damaged)).signed


# The command line


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", "utf-8")
    return path


def test_from_making_a_certificate_to_the_verified_report(
    folder: Path, tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer, authority = tmp_path / "c.p12", tmp_path / "c.pem"
    words = ["certificate", "make", str(signer), "--name", "Dr. C", "--password-file", str(password)]
    assert main([*words, "--authority", str(authority)]) == 0
    assert main(["certificate", "list"]) == 0
    assert "Dr. C: own authority  (self-made)" in capsys.readouterr().out
    words = ["report", str(folder), "--out", str(tmp_path / "o"), "--template", "summary"]
    words += ["--status", "final", "--signed-by", "Dr. C"]
    words += ["--certificate", str(signer), "--password-file", str(password)]
    assert main(words) == 0
    report = tmp_path / "o" / f"{folder.stem}.pdf"
    assert "lets go:  the signer, whom a digital signature names: Dr. C" in capsys.readouterr().out
    assert main(["verify-report", str(report), "--case", str(folder)]) == 0
    said = capsys.readouterr().out
    for part in ("Content            holds", "Digital signature  holds", "Signer             holds",
                 "Time stamp         None", "Case               holds", "entered it as final"):  # fmt: skip
        assert part in said
    (own,) = [one.sha256 for one in signatures.trusted() if one.name.startswith("Dr. C")]
    assert main(["certificate", "forget", own]) == 0
    assert main(["verify-report", str(report)]) == 1
    assert "Signer             fails" in capsys.readouterr().out
    assert main(["certificate", "trust", str(authority)]) == 0
    assert main(["verify-report", str(report)]) == 0
    assert main(["certificate", "forget", "0000"]) == 1


def test_what_the_command_line_refuses(
    folder: Path,
    tmp_path: Path,
    password: Path,
    signer: Signer,
    *,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    report = ["report", str(folder), "--certificate", str(signer.file)]
    final = ["--status", "final", "--signed-by", "Dr. C"]
    (tmp_path / "wrong").write_text("wrong password")
    for words, said in (
        (["--password-file", str(password)], "is not signed digitally"),
        ([*final, "--password-file", str(tmp_path / "wrong")], "does not open signer.p12"),
        (final, "--password-file"),
    ):
        assert main([*report, *words]) == 2
        assert said in capsys.readouterr().err
    for words in (["make"], ["trust"], ["forget"], ["time-stamp-server"]):
        assert main(["certificate", *words]) == 2
    assert main(["certificate", "trust", str(password)]) == 2
    make = ["certificate", "make", "--password-file"]
    assert main([*make, str(password), "--name", "X", str(signer.file)]) == 2
    assert main([*make, str(tmp_path / "no"), "--name", "X", str(tmp_path / "x.p12")]) == 2
    with Case.open(folder, read_only=True) as case:
        assert case.reports.all() == []


def test_the_time_stamp_server_is_named_and_taken_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for address, kept_address in (("https://tsa.example.org/", "https://tsa.example.org/"), ("none", "")):
        assert main(["certificate", "time-stamp-server", address]) == 0
        assert SettingsFile(paths.config_folder()).value.time_stamp_server == kept_address
    assert main(["certificate", "time-stamp-server", "nonsense"]) == 2


def test_the_configured_server_stamps_reports_and_without_an_answer_nothing_is_signed(
    folder: Path, tmp_path: Path, password: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    clocks = Authority.make("Example Time Stamps")
    (tmp_path / "clocks.pem").write_bytes(clocks.pem)
    assert main(["certificate", "trust", str(tmp_path / "clocks.pem")]) == 0
    words = ["report", str(folder), "--out", str(tmp_path / "o"), "--template", "summary"]
    words += ["--status", "final", "--signed-by", "Dr. Berta Beispiel"]
    words += ["--certificate", str(signer.file), "--password-file", str(password)]
    with time_stamp_server(clocks.issue("Example Clock", stamps=True)) as (address, queries):
        assert main(["certificate", "time-stamp-server", address]) == 0
        assert queries == []
        capsys.readouterr()
    assert main(words) == 1
    assert "127.0.0.1 gave no time stamp" in capsys.readouterr().err
    with Case.open(folder, read_only=True) as case:
        assert case.reports.all() == []
    with time_stamp_server(clocks.issue("Example Clock", stamps=True)) as (address, queries):
        assert main(["certificate", "time-stamp-server", address]) == 0
        assert main(words) == 0
        assert queries
    assert main(["verify-report", str(tmp_path / "o" / f"{folder.stem}.pdf"), "--case", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "PAdES B-T" in said
    assert "Time stamp         holds" in said


def test_the_libraries_of_signatures_are_loaded_only_to_sign_or_verify() -> None:
    code = (
        "import sys, allstation.app, allstation.cli, allstation.ui.main_window.workbench; "
        "import allstation.ui.report.window, allstation.ui.report.certificate_dialog, allstation.report.pdf; "
        "names = {'pyhanko', 'pyhanko_certvalidator', 'asn1crypto', 'aiohttp', 'lxml'}; "
        "print(sorted(names & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
