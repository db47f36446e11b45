"""Test an installed program by installing and using it: nothing of this project's Python is there.

    python packaging/smoke.py dist/allstation-classify_0.1.0_amd64.deb [--results FILE.md] [--quick]
    python packaging/smoke.py dist/allstation-0.1.0-classify-only-linux-x86_64.tar.xz
    python packaging/smoke.py dist/allstation-classify_0.1.0_amd64.deb --starts

With a package or an archive (needs root, debootstrap, xvfb, xdotool, icewm): uses a bare Debian without
Python. A package is installed there, as an older version first; the window is started from its desktop entry
by a person whose home folder has spaces and non-Latin letters; a folder is dropped on it; every field is
classified; a PDF exported; the window quit. Cases and model bundles are opened by their file types. The
command line and the window run in a hostile environment and for a second person, with the program's folder
mounted read-only; every probability is compared bit for bit with the source tree's; one epoch is trained in
the full edition; the package is removed. An archive is unpacked on a read-only stick instead. Any output that
is not expected fails it. ``--starts`` only measures how fast the window is up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import debian
import parts
import sbom
from clean_root import CleanRoot, in_own_namespace
from opening_steps import try_newer, try_opening
from person import Person
from screen import Screen
from training_steps import try_training
from window_steps import FIELDS, Window, check_pdf, compare_starts, desktop_command, try_window

WORK = parts.ROOT / "build" / "smoke"
LAB, LAB_HOME = "lab", "/home/Лаборатория № 3 実験"
GUEST, GUEST_HOME = "guest", "/home/guest"
STICK = "/media/Stick Ж 実験 № 1"
CASE = "Мазки 7.allcase"
_PROGRAM = "/usr/lib/allstation"
_DESKTOP = ("shared-mime-info", "desktop-file-utils", "xdg-utils", "libglib2.0-bin")
"""What every desktop has and the program does not need: to open things by their types."""

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


class Steps:
    """Record of the checks passed so far, printed as they pass."""

    def __init__(self) -> None:
        self.passed: list[str] = []

    def say(self, text: str) -> None:
        """Tell which step was passed."""
        self.passed.append(text)
        print(f"  {text}", flush=True)


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


def try_commands(person: Person) -> str:
    """Every command answers ``--help``; the doctor finds nothing wrong."""
    version = person.cli("--version", expect=re.escape(f"ALL Station {parts.version()}"))
    seconds = min(person.cli("--help", expect=".*").seconds for _ in range(3))
    commands = parts.registry_of_commands()
    for name, (module, _, _) in commands.items():
        if module != "training":
            person.cli(name, "--help", expect=".*")
    doctor = person.cli("doctor", expect=r"ok +\S.*").out
    build = re.search(r"build: (.*)", doctor)
    return (
        f"{version.out.strip()} ({build.group(1) if build else 'no build named'}): {len(commands)} commands "
        f"answer, --help in {seconds:.2f} s; doctor finds nothing wrong"
    )


def try_classifying(person: Person, *, environment: Mapping[str, str] | None = None, name: str = "") -> str:
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
    return f"{FIELDS} fields as in the source tree, bit for bit; CSV, JSON, XLSX, PDF of {pages} pages"


def _option(kind: str) -> str:
    return "report" if kind == "pdf" else kind


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


def prepare(root: CleanRoot) -> tuple[Person, Person]:
    """Give the bare system two people and what breaks whoever loads it."""
    root.root("apt-get", "update", "-q")
    root.add_user(LAB, LAB_HOME)
    root.add_user(GUEST, GUEST_HOME)
    prepare_evil(root.inside("/opt/evil"))
    root.inside(HOSTILE["TMPDIR"]).mkdir(mode=0o777)
    root.inside(HOSTILE["TMPDIR"]).chmod(0o1777)
    return person_of(root, LAB, LAB_HOME), person_of(root, GUEST, GUEST_HOME)


def smoke_package(package: Path, keep: Path, steps: Steps, *, quick: bool, over: Path | None = None) -> None:
    """Install a package in a bare system, over an older one of itself or of another edition, and use it."""
    edition = parts.CLASSIFY_ONLY if "classify" in package.name else parts.FULL
    entry = "/usr/share/applications/allstation.desktop"
    with CleanRoot(WORK / "root", WORK / "base") as root, Screen(keep) as screen:
        lab, guest = prepare(root)
        try_upgrading(root, lab, screen, (over or package, package), steps)
        words = desktop_command(root.inside(entry))
        root.lock(_PROGRAM)
        steps.say(f"program folder mounted read-only from here on; {_size(root.inside(_PROGRAM))}")
        steps.say(try_commands(lab))
        steps.say("home with spaces and non-Latin letters: " + try_classifying(lab))
        hostile = try_classifying(lab, environment=HOSTILE, name="-hostile")
        steps.say("hostile PATH, PYTHONPATH, locale, library and plug-in paths: " + hostile)
        steps.say("second person on the same machine: " + try_classifying(guest))
        steps.say("from the desktop entry: " + try_window(lab, screen, words, keep))
        if not quick:
            here = {**HOSTILE, "PATH": f"{HOSTILE['PATH']}:/usr/bin"}
            second = try_window(guest, screen, words, keep, name="-second", environment=here)
            steps.say("second person, hostile environment: " + second)
            root.root("apt-get", "install", "-y", "-q", "--no-install-recommends", *_DESKTOP)
            model = f"{LAB_HOME}/модель 1.allmodel"
            shipped = f"{_PROGRAM}/_internal/resources/models/all-station.allmodel"
            shutil.copyfile(root.inside(shipped), root.inside(model))
            case = f"{LAB_HOME}/{CASE}"
            for text in try_opening(lab, screen, keep, words, case=case, model=model):
                steps.say(text)
            steps.say(try_newer(lab, screen, keep, words, case=case))
            for text in try_training(lab, edition):
                steps.say(text)
        root.unlock(_PROGRAM)
        steps.say(try_removing(root, package))


def try_upgrading(
    root: CleanRoot, lab: Person, screen: Screen, packages: tuple[Path, Path], steps: Steps
) -> None:
    """Install the first package as an older version, use it, install the second over it."""
    first, package = packages
    older = older_package(first, WORK)
    install(root, older)
    older.unlink()
    check_no_python(root)
    name = first.name.split("_", maxsplit=1)[0]
    steps.say(f"{name} installed as version 0.0.1 in a bare Debian without Python")
    profile = f"{LAB_HOME}/profile-kept"
    kept = f"{LAB_HOME}/{CASE}"
    lab.cli("demo", f"{LAB_HOME}/старые", "--fields", "2", "--seed", "1", expect=".*synthetic fields.*")
    lab.cli("classify", f"{LAB_HOME}/старые", "--case", kept, expect="done: 2")
    words = ["allstation", "--case", kept]
    Window(lab, screen, words, {"ALLSTATION_PROFILE": profile}).quit()
    before = {path: path.read_bytes() for path in lab.see(profile).rglob("*.json")}
    install(root, package)
    if root.inside(f"{_PROGRAM}/_internal/left-over.txt").exists():
        raise SystemExit("FAILED: a file of the older version is still there.")
    if not before or any(path.read_bytes() != content for path, content in before.items()):
        raise SystemExit("FAILED: installing over the older version changed the settings.")
    lab.cli("audit", kept, expect=".*")
    window = Window(lab, screen, ["allstation"], {"ALLSTATION_PROFILE": profile})
    screen.wait_for_window(f"{Path(CASE).stem} — ALL Station", seconds=20)
    window.quit()
    steps.say(
        f"{package.name} installed over it: settings untouched, the last case opens again, none of the older "
        "version's files left"
    )


def try_removing(root: CleanRoot, package: Path) -> str:
    """Remove the package: all that it brought is gone, what people made is not."""
    name = package.name.split("_", maxsplit=1)[0]
    brought = [root.inside(line) for line in root.root("dpkg", "-L", name).splitlines()]
    files = [path for path in brought if path.is_symlink() or path.is_file()]
    root.root("apt-get", "remove", "-y", "-q", name)
    left = [str(path) for path in files if path.is_symlink() or path.exists()]
    if left or root.inside(_PROGRAM).exists():
        raise SystemExit(f"FAILED: left after removing: {left[:5]}")
    cases = [f"{LAB_HOME}/{CASE}", f"{LAB_HOME}/profile/cases/Мазки.allcase", f"{GUEST_HOME}/case.allcase"]
    gone = [case for case in cases if not (root.inside(case) / "case.sqlite").is_file()]
    settings = root.inside(f"{LAB_HOME}/profile/config/settings.json")
    if gone or not settings.is_file():
        raise SystemExit(f"FAILED: removing took {gone or settings}.")
    return (
        f"removed: all {len(files)} files of the package are gone, cases and settings of both people are not"
    )


def _size(program: Path) -> str:
    """Say how much room a program folder takes; two names of one file count once."""
    files = (path.lstat() for path in program.rglob("*") if not path.is_dir())
    sizes = {one.st_ino: one.st_size for one in files}
    return f"{sum(sizes.values()) / 1e6:.0f} MB in {len(sizes)} files"


# The archive


def smoke_archive(archive: Path, keep: Path, steps: Steps) -> None:
    """Unpack an archive on a stick and run the program from there."""
    with CleanRoot(WORK / "root", WORK / "base") as root, Screen(keep) as screen:
        lab, _ = prepare(root)
        stick = root.inside(STICK)
        stick.mkdir(parents=True)
        subprocess.run(["tar", "-xJf", str(archive), "-C", str(stick)], check=True)
        folder = f"{STICK}/{next(stick.iterdir()).name}"
        needed = [re.sub(r" \(.*\)", "", name) for name in debian.dependencies(root.inside(folder))]
        root.root("apt-get", "install", "-y", "-q", "--no-install-recommends", *needed)
        check_no_python(root)
        root.lock(STICK)
        steps.say(f"unpacked on a read-only stick named {STICK!r}; {_size(root.inside(folder))}")
        starter = f"{folder}/start-portable.sh"
        stuck = lab.using(starter)
        steps.say(try_commands(stuck))
        steps.say("read-only stick: " + try_classifying(stuck))
        at = f"{LAB_HOME}/Documents/ALL Station"
        shown = try_window(stuck, screen, [starter], keep, name="-stick", cases=at)
        steps.say(f"read-only stick, settings and cases in the home folder: {shown}")
        root.unlock(STICK)
        root.root("chown", LAB, folder)
        at = f"{folder}/profile/cases"
        shown = try_window(stuck, screen, [starter], keep, name="-beside", cases=at)
        if not root.inside(f"{folder}/profile/config/settings.json").is_file():
            raise SystemExit("FAILED: the settings are not beside the program.")
        steps.say(f"stick that can be written, settings and cases beside the program: {shown}")
        full = root.inside(f"{folder}/_internal/tensorflow").exists()
        for text in try_training(stuck, parts.FULL if full else parts.CLASSIFY_ONLY):
            steps.say(text)


# How fast the window is up


def folder_person(home: Path, program: str) -> Person:
    """Return this user with another home folder."""

    def prefix(environment: Mapping[str, str], words: Sequence[str]) -> list[str]:
        wanted = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(home), **environment}
        inherited = {"PYTHONPATH": str(parts.ROOT)} if program == sys.executable else {}
        pairs = [f"{name}={value}" for name, value in {**inherited, **wanted}.items()]
        return ["/usr/bin/env", "-i", "-C", str(home), *pairs, *words]

    return Person(prefix, Path, home=str(home), program=program)


def measure_starts(package: Path, keep: Path, steps: Steps) -> None:
    """Measure the packed window's start and the source tree's by turns, on the same screen."""
    with tempfile.TemporaryDirectory(dir=WORK) as text, Screen(keep) as screen:
        home = Path(text)
        subprocess.run(["dpkg-deb", "--extract", str(package), text], check=True)
        packed = [str(home / _PROGRAM.lstrip("/") / "allstation")]
        source = [sys.executable, "-m", "allstation"]
        one, other = folder_person(home, packed[0]), folder_person(home, sys.executable)

        def profile(name: str, number: int) -> dict[str, str]:
            return {"ALLSTATION_PROFILE": f"{home}/{name}-{number}"}

        found = compare_starts(
            {
                "installed": lambda number: Window(one, screen, packed, profile("packed", number)),
                "source": lambda number: Window(other, screen, source, profile("source", number)),
            }
        )
    installed, tree = found["installed"], found["source"]
    steps.say(
        f"window up in {installed:.2f} s installed, {tree:.2f} s from the source tree: ratio "
        f"{installed / tree:.2f} (medians of 7 starts each, by turns, empty profiles)"
    )
    if installed > 2 * tree:
        raise SystemExit("FAILED: the installed window takes more than twice as long as the source tree's.")


def write_results(target: Path, tested: Path, steps: Steps) -> None:
    """Add what was passed to a file of results."""
    size = f"{tested.stat().st_size / 1e6:.1f} MB to download"
    system = Path("/etc/debian_version").read_text("utf-8").strip()
    date = subprocess.run(["date", "+%F"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        f"## {tested.name}",
        "",
        f"{size}; tested {date} in a bare Debian {system} by commit {sbom.commit()}.",
        "",
    ]
    lines += [f"- {text}" for text in steps.passed]
    before = target.read_text("utf-8") + "\n" if target.exists() else ""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(before + "\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Smoke-test what the arguments name; raise SystemExit with the reason when it fails."""
    parser = argparse.ArgumentParser(description="Install the program somewhere clean and use it.")
    parser.add_argument("target", type=Path, help="a .deb or a .tar.xz")
    kept = WORK / "kept"
    parser.add_argument("--keep", type=Path, default=kept, help="folder for screenshots and the report")
    parser.add_argument("--results", type=Path, help="add what was passed to this file")
    parser.add_argument("--quick", action="store_true", help="one window, no file types, no training")
    parser.add_argument("--starts", action="store_true", help="only measure the start of a .deb's window")
    parser.add_argument("--over", type=Path, help="a .deb of the other edition, to install over")
    options = parser.parse_args(arguments)
    in_own_namespace()
    options.keep.mkdir(parents=True, exist_ok=True)
    (options.keep / "failed.png").unlink(missing_ok=True)
    WORK.mkdir(parents=True, exist_ok=True)
    steps, target = Steps(), options.target.resolve()
    if options.starts:
        measure_starts(target, options.keep, steps)
    elif target.suffix == ".deb":
        smoke_package(target, options.keep, steps, quick=options.quick, over=options.over)
    else:
        smoke_archive(target, options.keep, steps)
    if options.results:
        write_results(options.results, target, steps)
    print("smoke test passed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
