"""Test an installed program by installing and using it: nothing of this project's Python is there.

    python packaging/smoke.py dist/allstation-classify_0.1.0_amd64.deb [--keep DIR] [--quick]
    python packaging/smoke.py build/installer/classify-only/program/allstation --folder-only

With a package (needs root, debootstrap, xvfb, xdotool, icewm): installs it in a bare Debian without Python,
as an older version first; starts the window from its desktop entry as a person whose home folder has spaces
and non-Latin letters; drops a folder on it; waits until every field is classified; exports a PDF; quits. Runs
the command line in a hostile environment and as a second person, compares every probability bit for bit
with the source tree's, trains one epoch in the full edition, removes the package and looks at what is left.
Any output that is not expected fails it. ``--folder-only`` runs the parts that need no installing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import parts
import pypdf
from clean_root import CleanRoot, in_own_namespace
from screen import Screen, wait_for

WORK = parts.ROOT / "build" / "smoke"
LAB, LAB_HOME = "lab", "/home/Лаборатория № 3 実験"
GUEST, GUEST_HOME = "guest", "/home/guest"
FIELDS = 6
CASE = "Мазки 7.allcase"

HOSTILE: dict[str, str] = {
    "PATH": "/nonexistent",
    "PYTHONPATH": "/opt/evil",
    "PYTHONHOME": "/opt/evil",
    "PYTHONSTARTUP": "/opt/evil/numpy.py",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "LD_LIBRARY_PATH": "/opt/evil",
    "QT_PLUGIN_PATH": "/opt/evil",
    "QT_QPA_PLATFORM_PLUGIN_PATH": "/opt/evil",
    "MPLBACKEND": "nothing",
    "LANG": "tr_TR.ISO-8859-9",
    "LC_ALL": "POSIX",
    "TMPDIR": "/opt/with space ü",
}
"""What a host's settings must not be able to change. ``/opt/evil`` holds modules and libraries that break."""


ALWAYS_EXPECTED = r"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
"""What LiteRT says at its first network, below Python's reach."""


@dataclass(frozen=True)
class Ran:
    """What one command did.

    Attributes:
        status: Exit status.
        out: Standard output.
        err: Standard error.
        seconds: Wall time.
    """

    status: int
    out: str
    err: str
    seconds: float


def run(command: Sequence[str], *, expect: str = "", status: int = 0, timeout: float = 300) -> Ran:
    """Run a command whose every line of output must be expected.

    Args:
        command: Program and arguments.
        expect: Regular expression that each line of its output, standard error too, must match whole.
        status: Exit status that it must end with.
        timeout: Seconds.

    Raises:
        SystemExit: Another status, or a line that nobody expected.
    """
    begun = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
    )
    ran = Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)
    surprises = unexpected(ran.out + "\n" + ran.err, expect)
    if ran.status != status or surprises:
        raise SystemExit(
            f"FAILED ({ran.status}, expected {status}): {shlex.join(command)}\n"
            + "\n".join(surprises or [ran.err])
        )
    return ran


def unexpected(output: str, expect: str) -> list[str]:
    """Return the lines of an output that do not match what is expected of each."""
    lines = (line.rstrip() for line in output.splitlines())
    return [line for line in lines if line and not re.fullmatch(f"{expect}|{ALWAYS_EXPECTED}", line)]


def say(text: str) -> None:
    """Tell which step was passed."""
    print(text, flush=True)


class Person:
    """Someone who uses the installed program.

    Args:
        prefix: Turns an environment and a command into a command line run as this person.
        see: Turns a path as this person names it into a path of this machine.
        home: The home folder, as this person names it.
        program: The console program's command.
    """

    def __init__(
        self,
        prefix: Callable[[Mapping[str, str], Sequence[str]], list[str]],
        see: Callable[[str], Path],
        *,
        home: str,
        program: str,
    ) -> None:
        self._prefix = prefix
        self.see = see
        self.home = home
        self._program = program

    def cli(
        self, *words: str, environment: Mapping[str, str] | None = None, expect: str = "", status: int = 0
    ) -> Ran:
        """Run a command of the command line."""
        return run(self.line(environment or {}, self._program, *words), expect=expect, status=status)

    def line(self, environment: Mapping[str, str], *words: str) -> list[str]:
        """Return the command line of any command run as this person."""
        return self._prefix(environment, words)


def answers(path: Path) -> dict[str, object]:
    """Return what was found in each field of a JSON table, by SHA-256, without times."""
    fields = json.loads(path.read_text("utf-8"))["fields"]
    return {field["sha256"]: [field["status"], field["probabilities"], field["decision"]] for field in fields}


def source_answers(fields: Path) -> dict[str, object]:
    """Classify the same fields with the source tree in a fresh profile."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "fields.json"
        environment = {**os.environ, "ALLSTATION_PROFILE": folder}
        command = [sys.executable, "-m", "allstation", "classify", str(fields), "--json", str(target)]
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, env=environment, cwd=parts.ROOT, stdout=quiet, stderr=quiet)
        return answers(target)


def prepare_evil(folder: Path) -> None:
    """Fill a folder with modules, libraries and plug-ins that break whoever loads them."""
    (folder / "PySide6").mkdir(parents=True)
    (folder / "platforms").mkdir()
    for name in ("numpy.py", "json.py", "encodings.py", "PySide6/__init__.py", "sitecustomize.py"):
        (folder / name).write_text("raise SystemExit('loaded from the host')\n", encoding="utf-8")
    for name in (
        "libQt6Core.so.6",
        "libpython3.11.so.1.0",
        "libshiboken6.abi3.so.6.11",
        "platforms/libqxcb.so",
    ):
        (folder / name).write_bytes(b"not a library")


# The command line


def try_commands(person: Person) -> None:
    """Every command answers ``--help``; the doctor finds nothing wrong."""
    version = person.cli("--version", expect=re.escape(f"ALL Station {parts.version()}"))
    seconds = min(person.cli("--help", expect=".*").seconds for _ in range(3))
    commands = parts.registry_of_commands()
    for name, (module, _, _) in commands.items():
        if module != "training":
            person.cli(name, "--help", expect=".*")
    person.cli("doctor", expect=r"ok +\S.*")
    say(
        f"  {version.out.strip()}: {len(commands)} commands answer, --help in {seconds:.2f} s; doctor content"
    )


def try_classifying(person: Person, *, environment: Mapping[str, str] | None = None, name: str = "") -> None:
    """Draw fields, classify them, write every form of output; compare with the source tree bit for bit."""
    folder = f"{person.home}/поля{name}"
    count = rf"{FIELDS} synthetic fields written to .*"
    person.cli("demo", folder, "--fields", str(FIELDS), "--seed", "3", environment=environment, expect=count)
    outputs = {kind: f"{person.home}/out{name}.{kind}" for kind in ("json", "csv", "xlsx", "pdf")}
    options = [word for kind, path in outputs.items() for word in (f"--{_option(kind)}", path)]
    case = f"{person.home}/case{name}.allcase"
    person.cli(
        "classify",
        folder,
        "--case",
        case,
        *options,
        environment=environment,
        expect=rf"done: {FIELDS}|written: .*",
    )
    for path in outputs.values():
        if not person.see(path).stat().st_size:
            raise SystemExit(f"FAILED: {path} is empty.")
    if answers(person.see(outputs["json"])) != source_answers(person.see(folder)):
        raise SystemExit("FAILED: the installed program's probabilities differ from the source tree's.")
    pages = check_pdf(person.see(outputs["pdf"]))
    person.cli("audit", case, environment=environment, expect=".*")
    say(f"  {FIELDS} fields as in the source tree, bit for bit; report of {pages} pages")


def _option(kind: str) -> str:
    return "report" if kind == "pdf" else kind


def check_pdf(path: Path) -> int:
    """Read a report back and return how many pages it has."""
    reader = pypdf.PdfReader(path)
    text = "".join(page.extract_text() for page in reader.pages)
    if "Research Use Only" not in text:
        raise SystemExit("FAILED: the report does not say that it is for research use only.")
    return len(reader.pages)


def try_training(person: Person, edition: str) -> None:
    """One epoch on drawn fields in the full edition; a clear sentence in the other."""
    labelled, target = f"{person.home}/labelled", f"{person.home}/run"
    if edition == parts.CLASSIFY_ONLY:
        sentence = r"allstation: This edition cannot train\. Install the full edition.*"
        person.cli("train", "compact", "--data", labelled, "--out", target, status=2, expect=sentence)
        say("  training: refused with a sentence that says what to install")
        return
    person.cli("demo", labelled, "--fields", "48", "--seed", "5", "--labelled", expect=".*synthetic fields.*")
    words = ("train", "compact", "--data", labelled, "--out", target, "--epochs", "1")
    ran = person.cli(*words, expect=".*")
    say(f"  training: one epoch in {ran.seconds:.0f} s")


# The window


def desktop_command(entry: Path, paths: Sequence[str] = ()) -> list[str]:
    """Return the command line of a desktop entry, as a desktop would start it with these paths."""
    text = entry.read_text("utf-8")
    found = re.search(r"^Exec=(.*)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"FAILED: {entry} has no Exec line.")
    words: list[str] = []
    for word in shlex.split(found.group(1)):
        words += list(paths) if word == "%F" else [word]
    return words


def count_done(database: Path) -> int:
    """Return how many fields of a case are classified, 0 while it is not there."""
    if not database.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            query = "SELECT count(*) FROM fields WHERE state = 'done'"
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


class Window:
    """The running window of a person.

    Args:
        person: Who started it.
        screen: Where it is shown.
        words: The command that starts it.
        environment: Beside ``HOME``.
    """

    def __init__(
        self, person: Person, screen: Screen, words: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._screen = screen
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the window
        begun = time.monotonic()
        self._process = subprocess.Popen(
            person.line({"DISPLAY": screen.display, **environment}, *words),
            stdout=self._output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.id = screen.wait_for_window("ALL Station", seconds=60)
        self.seconds = time.monotonic() - begun
        screen.focus(self.id)

    def quit(self) -> None:
        """Quit by the keyboard; the program must end with 0 and have said nothing."""
        self._screen.focus(self.id)
        self._screen.press("ctrl+q")
        try:
            status = self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            raise SystemExit("FAILED: the window did not end within 30 s after Ctrl+Q.") from None
        self._output.seek(0)
        said = unexpected(self._output.read(), "")
        if status or said:
            raise SystemExit(f"FAILED: the window ended with {status} and said:\n" + "\n".join(said))


def try_window(person: Person, screen: Screen, words: Sequence[str], keep: Path, *, name: str = "") -> None:
    """Drop a folder on the window, wait until it is classified, export the report, quit."""
    folder = f"{person.home}/Мазки{name}"
    person.cli("demo", folder, "--fields", str(FIELDS), "--seed", "9", expect=".*synthetic fields.*")
    profile = f"{person.home}/profile{name}"
    case = person.see(f"{profile}/cases/{Path(folder).name}.allcase")
    window = Window(person, screen, words, {"ALLSTATION_PROFILE": profile})
    try:
        time.sleep(1)
        screen.grab(keep / f"window{name}-1-started.png")
        screen.drop(folder, window.id)
        done = lambda: count_done(case / "case.sqlite") == FIELDS  # noqa: E731
        wait_for(done, seconds=120, what=f"{FIELDS} classified fields")
        time.sleep(2)
        screen.grab(keep / f"window{name}-2-classified.png")
        export(screen, window)
        target = case.with_suffix(".pdf")
        wait_for(target.exists, seconds=60, what=f"the report {target.name}")
        time.sleep(1)
        screen.grab(keep / f"window{name}-4-exported.png")
    except SystemExit:
        screen.grab(keep / f"window{name}-failed.png")
        raise
    window.quit()
    shutil.copyfile(target, keep / f"report{name}.pdf")
    pages = check_pdf(target)
    say(
        f"  window up in {window.seconds:.2f} s; {FIELDS} fields dropped, classified; report of {pages} pages"
    )


def export(screen: Screen, window: Window) -> None:
    """Ask for the report by its key and accept what the dialogs offer."""
    for _ in range(5):
        screen.focus(window.id)
        screen.press("ctrl+e")
        if screen.appears("^Export$", seconds=10):
            break
    dialog = screen.wait_for_window("^Export$", seconds=1)
    while screen.window("^Export$"):
        # A dialog that is still being built hears no key.
        screen.focus(dialog)
        screen.press("Return")
        time.sleep(1)


def seconds_to_window(person: Person, screen: Screen, words: Sequence[str], *, name: str) -> float:
    """Return the median of five starts with an empty profile each; the window is quit every time."""
    taken = []
    for number in range(5):
        window = Window(person, screen, words, {"ALLSTATION_PROFILE": f"{person.home}/start-{name}-{number}"})
        taken.append(window.seconds)
        time.sleep(0.5)
        window.quit()
    return sorted(taken)[2]


# Installing


def older_package(package: Path, folder: Path) -> Path:
    """Return the same package as an older version with one file more, which the newer one must remove."""
    tree = folder / "older"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(
        re.sub(r"^Version: .*$", "Version: 0.0.1", control.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
    )
    (tree / "usr/lib/allstation/_internal/left-over.txt").write_text("older", encoding="utf-8")
    target = folder / "older.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    return target


def install(root: CleanRoot, package: Path) -> None:
    """Install a package with what it depends on, as a software centre would."""
    shutil.copyfile(package, root.inside("/opt/package.deb"))
    root.root("apt-get", "install", "-y", "-q", "--no-install-recommends", "/opt/package.deb")
    root.inside("/opt/package.deb").unlink()


def check_no_python(root: CleanRoot) -> None:
    """Refuse a root in which a Python could help."""
    found = [str(path) for path in root.inside("/usr/bin").glob("*python*")]
    if found:
        raise SystemExit(f"FAILED: the bare system has a Python: {', '.join(found)}")


def person_of(root: CleanRoot, user: str, home: str) -> Person:
    """Return someone who has an account on the bare system."""

    def prefix(environment: Mapping[str, str], words: Sequence[str]) -> list[str]:
        return root.command(user, home, environment, *words)

    return Person(prefix, root.inside, home=home, program="/usr/bin/allstation-cli")


def smoke_package(package: Path, keep: Path, *, quick: bool) -> None:
    """Install a package in a bare system and use it."""
    in_own_namespace()
    edition = parts.CLASSIFY_ONLY if "classify" in package.name else parts.FULL
    WORK.mkdir(parents=True, exist_ok=True)
    with CleanRoot(WORK / "root", WORK / "base") as root, Screen() as screen:
        root.root("apt-get", "update", "-q")
        root.add_user(LAB, LAB_HOME)
        root.add_user(GUEST, GUEST_HOME)
        prepare_evil(root.inside("/opt/evil"))
        root.inside(HOSTILE["TMPDIR"]).mkdir(mode=0o777)
        root.inside(HOSTILE["TMPDIR"]).chmod(0o1777)
        lab, guest = person_of(root, LAB, LAB_HOME), person_of(root, GUEST, GUEST_HOME)
        install(root, older_package(package, WORK))
        check_no_python(root)
        say("installed as an older version in a bare system without Python")
        kept = f"{LAB_HOME}/{CASE}"
        lab.cli("demo", f"{LAB_HOME}/старые", "--fields", "2", "--seed", "1", expect=".*synthetic fields.*")
        lab.cli("classify", f"{LAB_HOME}/старые", "--case", kept, expect="done: 2")
        install(root, package)
        if root.inside("/usr/lib/allstation/_internal/left-over.txt").exists():
            raise SystemExit("FAILED: a file of the older version is still there.")
        lab.cli("audit", kept, expect=".*")
        say("upgraded: the older version's case opens, none of its own files is left")
        try_commands(lab)
        try_classifying(lab)
        try_classifying(lab, environment=HOSTILE, name="-hostile")
        try_classifying(guest)
        entry = root.inside("/usr/share/applications/allstation.desktop")
        try_window(lab, screen, desktop_command(entry), keep)
        if not quick:
            try_window(guest, screen, desktop_command(entry), keep, name="-second")
            try_training(lab, edition)
            compare_starts(lab, screen, desktop_command(entry))
        root.root("apt-get", "remove", "-y", "-q", package.name.split("_", maxsplit=1)[0])
        check_removed(root, kept)


def compare_starts(person: Person, screen: Screen, words: Sequence[str]) -> None:
    """Measure the installed window's start beside the source tree's, on the same screen."""
    installed = seconds_to_window(person, screen, words, name="installed")
    with tempfile.TemporaryDirectory() as home:
        here = folder_person(Path(home), sys.executable)
        source = seconds_to_window(here, screen, [sys.executable, "-m", "allstation"], name="source")
    say(f"  window up: installed {installed:.2f} s, source tree {source:.2f} s (median of 5)")
    if installed > 2 * source:
        raise SystemExit("FAILED: the installed window takes more than twice as long as the source tree's.")


def check_removed(root: CleanRoot, kept: str) -> None:
    """The program is gone and the person's case is not."""
    gone = ("/usr/lib/allstation", "/usr/bin/allstation", "/usr/share/applications/allstation.desktop")
    left = [path for path in gone if root.inside(path).exists() or root.inside(path).is_symlink()]
    if left or not (root.inside(kept) / "case.sqlite").is_file():
        raise SystemExit(f"FAILED: left after removing: {left}; the case must be there: {kept}")
    say("removed: nothing of the program is left, the case is")


# A program folder without installing


def folder_person(home: Path, program: str) -> Person:
    """Return this user with another home folder."""

    def prefix(environment: Mapping[str, str], words: Sequence[str]) -> list[str]:
        wanted = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(home), **environment}
        inherited = {"PYTHONPATH": str(parts.ROOT)} if program == sys.executable else {}
        pairs = [f"{name}={value}" for name, value in {**inherited, **wanted}.items()]
        return ["/usr/bin/env", "-i", "-C", str(home), *pairs, *words]

    return Person(prefix, Path, home=str(home), program=program)


def smoke_folder(program: Path, keep: Path) -> None:
    """Use a program folder where it lies."""
    edition = parts.FULL if (program / "_internal" / "tensorflow").exists() else parts.CLASSIFY_ONLY
    with tempfile.TemporaryDirectory(prefix="smoke Ж ") as home, Screen() as screen:
        person = folder_person(Path(home), str(program.resolve() / "allstation-cli"))
        try_commands(person)
        try_classifying(person)
        words = [str(program.resolve() / "allstation")]
        try_window(person, screen, words, keep)
        try_training(person, edition)
        compare_starts(person, screen, words)


def main(arguments: list[str]) -> int:
    """Smoke-test what the arguments name; raise SystemExit with the reason when it fails."""
    parser = argparse.ArgumentParser(description="Install the program somewhere clean and use it.")
    parser.add_argument("target", type=Path, help="a .deb, or with --folder-only a program folder")
    parser.add_argument("--folder-only", action="store_true", help="use a program folder where it lies")
    parser.add_argument(
        "--keep", type=Path, default=WORK / "kept", help="folder for screenshots and the report"
    )
    parser.add_argument("--quick", action="store_true", help="one window, no training, no timings")
    options = parser.parse_args(arguments)
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.folder_only:
        smoke_folder(options.target, options.keep)
    else:
        smoke_package(options.target.resolve(), options.keep, quick=options.quick)
    say("smoke test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
