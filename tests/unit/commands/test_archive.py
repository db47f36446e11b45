"""``allstation archive``: exit codes, what is printed, and what goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.cli import main
from allstation.imaging.synthetic import write_demo


def test_an_archive_is_made_goes_on_and_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_demo(tmp_path / "smears", fields=2, seed=8)
    out = tmp_path / "out"
    command = ["archive", str(tmp_path / "smears"), "--out", str(out), "--parquet", "--threads", "1"]
    assert main(command) == 0
    assert "2 slides, 2 fields, 2 done, 0 failed, 0 refused" in capsys.readouterr().out
    (tmp_path / "smears" / "Slide 1" / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    assert main(command) == 1
    printed = capsys.readouterr()
    assert "2 slides are done already; 2 fields are left" in printed.out
    assert "torn.jpg" in printed.err
    assert "torn.jpg" in (out / "errors.csv").read_text(encoding="utf-8")
    assert main(["archive", "--verify", str(out)]) == 0
    file = next((out / "data").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["archive", "--verify", str(out)]) == 1
    assert "its file was changed" in capsys.readouterr().err


def test_one_slide_is_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_demo(tmp_path / "smears", fields=2, seed=8)
    out = tmp_path / "out"
    command = [
        "archive",
        str(tmp_path / "smears" / "Slide 1"),
        "--out",
        str(out),
        "--parquet",
        "--threads",
        "1",
    ]
    assert main(command) == 0
    assert main(command) == 0
    assert main(["archive", "--verify", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "1 slide, 1 field, 1 done" in printed
    assert "1 slide is done already; 0 fields are left" in printed
    assert "1 slide with 1 field is as the manifest says" in printed
    assert "signed by this station" in printed


def test_wrong_usage_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["archive"]) == 2
    assert "--verify" in capsys.readouterr().err
    assert main(["archive", "--verify", str(tmp_path)]) == 2
    assert "no archive" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["archive", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 2
    assert "no fields found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["worker", "local"], "name its address"),
        (["worker", "tcp://10.1.1.1:5"], "not encrypted"),
        (["worker", "a:1", "--share", "x"], "names no shared folder"),
        (["cluster", "join"], "Name the file"),
        (["cluster", "status"], "No cluster was started here yet"),
        (["cluster", "revoke"], "Name the machine"),
        (["cluster", "revoke", "pc7"], "Made here: none"),
        (["classify", "x", "--cluster", "ftp://x"], "is no cluster"),
        (["classify", "x", "--cluster", "local", "--join", "none.alljoin"], "cannot be read"),
    ],
)
def test_commands_of_the_cluster_say_what_is_wrong(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_certificate_is_taken_back_and_all_of_them_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pc7.alljoin"
    assert main(["cluster", "join", str(file), "--address", "tls://10.0.0.1:8786"]) == 0
    assert main(["cluster", "revoke", "pc7"]) == 0
    assert "revoked  pc7, made " in capsys.readouterr().out
    assert main(["cluster", "renew"]) == 0
    assert "Every join file written before has ended" in capsys.readouterr().out
    assert main(["cluster", "revoke", "pc7"]) == 2
