"""The training program as the window and a person start it: real child processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from allstation.core import events
from allstation.core.errors import StationError
from allstation.sweep import grid, make_sweep, read_sweep
from training.cli import main


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program; its input stays open until it ends by itself."""
    with subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, error = process.stdout.read(), process.stderr.read()
        return subprocess.CompletedProcess(arguments, process.wait(120), out, error)


@pytest.mark.parametrize(
    ("words", "usage"), [(["train", "--help"], "train"), (["check", "--wrong"], "check")]
)
def test_usage_names_what_was_typed(words: list[str], usage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "allstation", *words], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert f"usage: allstation {usage} " in said
    assert "python -m" not in said


def test_the_window_gets_events_and_nothing_else(labelled_folder: Path) -> None:
    done = start("--protocol", "check", str(labelled_folder))
    told = [events.decode(line) for line in done.stdout.splitlines()]
    assert isinstance(told[0], events.Started)
    assert told[0].command == "check"
    assert any(isinstance(event, events.Phase) for event in told)
    report = next(event for event in told if isinstance(event, events.Report))
    assert report.kind == "check"
    assert report.data["fields"] == 48
    assert isinstance(told[-1], events.Finished)
    assert told[-1].state == "finished"
    assert done.returncode == 0


def test_a_refusal_is_an_event_and_a_status(tmp_path: Path) -> None:
    done = start(
        "--protocol", "fit", "zhang", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")
    )
    told = [events.decode(line) for line in done.stdout.splitlines()]
    assert isinstance(told[-2], events.Failed)
    assert told[-2].code == "no-folder"
    assert told[-1] == events.Finished("failed")
    assert done.returncode == 2


def test_a_person_reads_the_sentence_and_no_trace(tmp_path: Path) -> None:
    done = start("check", str(tmp_path / "none"))
    assert done.returncode == 2
    assert "There is no labelled folder 'none' here." in done.stderr
    assert "Traceback" not in done.stderr


def test_list_names_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().err
    for name in ("zhang", "nadim", "resnet50", "densenet121", "compact", "svm-hog", "ann-cells"):
        assert name in shown


def test_help_does_not_load_a_network() -> None:
    code = """
import sys
from allstation.sweep import grid, make_sweep, read_sweep
from training.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in ("tensorflow", "keras", "sklearn", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_wrong_usage_is_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["dance"], ["fit"], ["list", "--colour"], ["fit", "zhang", "--epochs", "0"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    assert main(["fit", "zhang"]) == 2
    assert "Give one with --data FOLDER" in capsys.readouterr().err


def test_fit_and_evaluate_a_classical_method(
    labelled_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "knn.toml"
    table = tmp_path / "groups.csv"
    table.write_text("class,file,field_group\nPro,Pro-001.png,x\n")
    recipe.write_text(
        f'data = "labelled"\n[method]\nkind = "knn-pixels"\n[split]\ngroups = "{table.as_posix()}"\n', "utf-8"
    )
    assert main(["fit", str(recipe), "--out", str(tmp_path / "run"), "--seed", "4"]) == 0
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["recipe"]["fit"]["seed"] == 4
    assert main(["evaluate", str(tmp_path / "run"), "--json", str(tmp_path / "out.json")]) == 0
    assert "patients unknown" in capsys.readouterr().err
    assert "run" in json.loads((tmp_path / "out.json").read_text())["runs"]


def test_preview_from_the_command_line(labelled_folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert (
        main(["augment-preview", "nadim", str(sheet), "--data", str(labelled_folder), "--fields", "2"]) == 0
    )
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_the_keyboard_ends_politely(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from training import commands

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupt)
    assert main(["list"]) == 2
    assert "start again to resume" in capsys.readouterr().err


def test_an_error_crosses_as_it_is() -> None:
    error = StationError("a-code", "A sentence.")
    assert (error.code, str(error)) == ("a-code", "A sentence.")


def sweep(folder: Path, out: Path, *varied: str) -> int:
    vary = ["--vary", *varied] if varied else []
    return main(["sweep", "knn-pixels", "--data", str(folder), "--out", str(out), *vary])


def test_a_sweep_trains_every_combination_and_goes_on_where_it_was(
    labelled_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    assert sweep(labelled_folder, out, "kind=knn-pixels,knn-hog") == 0
    made = read_sweep(out)
    assert [run.title for run in made] == ["knn-pixels", "knn-hog"]
    printed = capsys.readouterr()
    shown = printed.out + printed.err
    for run in made:
        info = json.loads((run.folder / "run.json").read_text())
        assert info["recipe"]["method"]["kind"] == run.values["kind"]
        assert f"{run.title}: accuracy (Wilson) 0." in shown or f"{run.title}: accuracy (Wilson) 1." in shown
    assert "patients unknown" in shown

    untouched = (made[0].folder / "metrics.json").stat().st_mtime_ns
    shutil.rmtree(made[1].folder)
    assert sweep(labelled_folder, out) == 0
    assert (made[1].folder / "metrics.json").is_file()
    assert (made[0].folder / "metrics.json").stat().st_mtime_ns == untouched
    again = capsys.readouterr()
    assert "run 2 of 2" in again.out + again.err


@pytest.mark.parametrize(
    ("varied", "words"),
    [
        ((), "Nothing varies yet"),
        (("seed=1",), "Nothing varies yet"),
        (("colour=red,blue",), "'colour=red,blue' says nothing to vary"),
        (("batch=many,64",), "is no list of numbers for batch"),
    ],
)
def test_a_sweep_that_varies_nothing_is_refused(
    labelled_folder: Path, tmp_path: Path, varied: tuple[str, ...], words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert sweep(labelled_folder, tmp_path / "out", *varied) == 2
    shown = capsys.readouterr()
    assert words in shown.out + shown.err
    assert not (tmp_path / "out").exists()


def test_a_sweep_goes_into_no_folder_that_holds_something_else(labelled_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert sweep(labelled_folder, tmp_path, "seed=1,2") == 2
    assert [path.name for path in tmp_path.iterdir() if path.name != "labelled"] == ["mine.txt"]


def test_a_failed_run_is_named_at_the_end_of_the_sweep(
    labelled_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    out.mkdir()
    for run in make_sweep(out, {"method": {"kind": "knn-pixels"}, "data": str(labelled_folder)},
                          grid({"seed": "1,2"}), lambda kind: {}):  # fmt: skip
        if run.values["seed"] == 1:
            run.folder.write_text("a file where the run folder should be")
    assert sweep(labelled_folder, out) == 2
    shown = capsys.readouterr()
    assert "1 of 2 runs failed: seed 1" in shown.out + shown.err
    assert (out / "02" / "metrics.json").is_file()
