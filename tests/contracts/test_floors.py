"""Rules of the floors that import-linter cannot say."""

from __future__ import annotations

import ast
import functools
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


class Facts(NamedTuple):
    """What a source file imports and calls.

    Attributes:
        imports: Its import statements.
        functions: Names that are called.
        methods: Attributes that are called.
    """

    imports: list[ast.Import | ast.ImportFrom]
    functions: set[str]
    methods: set[str]


@functools.cache
def facts_of(path: Path) -> Facts:
    """Parse a file, once for all rules."""
    found = Facts([], set(), set())
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.imports.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.functions.add(node.func.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.methods.add(node.func.attr)
    return found


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in facts_of(path).imports:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def calls_of(path: Path) -> set[str]:
    return facts_of(path).functions | facts_of(path).methods


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", sources("allstation/services"), ids=lambda path: path.stem)
def test_services_use_qts_core_only(path):
    assert not {name for name in imports_of(path) if name.startswith("PySide6.QtWidgets")}


@pytest.mark.parametrize("package", ["allstation/ui", "allstation/services"])
def test_nothing_spins_an_event_loop_of_its_own(package):
    offenders = {path.name: calls_of(path) & {"processEvents", "exec", "exec_"} for path in sources(package)}
    assert not {name: calls for name, calls in offenders.items() if calls}


@pytest.mark.parametrize("package", ["allstation", "training"])
def test_no_pickle_and_no_eval(package):
    for path in sources(package):
        assert not {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"} & {
            name.split(".")[0] for name in imports_of(path)
        }, path
        assert "eval" not in facts_of(path).functions, path


def test_no_image_of_a_real_smear_is_in_the_project(real_data):
    import hashlib
    import subprocess

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    suffixes = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
    pictures = [ROOT / name for name in tracked.stdout.splitlines() if Path(name).suffix.lower() in suffixes]
    real = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in real_data.rglob("*")
        if path.suffix.lower() in suffixes
    }
    assert not {path.name for path in pictures if hashlib.sha256(path.read_bytes()).hexdigest() in real}


def modules_imported(package: str) -> dict[str, set[str]]:
    """Modules of the package that each of its modules imports, in functions and under TYPE_CHECKING too."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources(package)}
    modules = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in facts_of(path).imports:
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & modules.keys()
            else:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                # "from package import module" needs the module; anything else what stands in the package.
                graph[name] |= parts & modules.keys()
                graph[name] |= {str(node.module)} & modules.keys() if parts - modules.keys() else set()
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize("package", ["allstation", "training"])
def test_no_modules_import_each_other_in_a_circle(package):
    assert not circle_in(modules_imported(package))


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set()}
    assert set(circle_in(graph)) == {"a", "b", "c"}


KNOWN_CIRCLES = {
    # Tiles of slides are decoded as fields are, a DICOM field as a slide's frames are.
    frozenset({"allstation.imaging.formats", "allstation.imaging.readers"}),
    # The log is verified with what each repository says of its rows; repositories append to the log.
    frozenset({f"allstation.store.{room}" for room in ("audit", "cells", "site", "slides")}),
    # A run is checked, fitted and measured by modules that each know a run's recipe and files.
    frozenset({"training.data", "training.evaluate", "training.fit", "training.models"}),
}


def rooms_imported(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Rooms beside it that each room imports: a room is a package that lies in a package."""
    rooms: dict[str, set[str]] = {}
    for name, imported in graph.items():
        for other in imported:
            own, its = name.split("."), other.split(".")
            same = next((at for at, (a, b) in enumerate(zip(own, its, strict=False)) if a != b), None)
            if same is not None and same > 0:
                rooms.setdefault(".".join(own[: same + 1]), set()).add(".".join(its[: same + 1]))
    return {room: others for room, others in rooms.items() if any(n.startswith(f"{room}.") for n in graph)}


def circles_in(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of nodes that reach each other."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    reach = {name: reached(name) for name in graph}
    groups = {frozenset({o for o in reach[name] if name in reach.get(o, ())}) for name in graph}
    return groups - {frozenset()}


def test_no_further_rooms_import_each_other_in_a_circle():
    graph = modules_imported("allstation") | modules_imported("training")
    assert circles_in(rooms_imported(graph)) == KNOWN_CIRCLES


def test_a_circle_of_rooms_is_found():
    graph = {
        "p.a.one": {"p.b.two"},
        "p.b.two": set(),
        "p.b.three": {"p.a.four", "p.c"},
        "p.a.four": set(),
        "p.c": {"p.a.one"},
    }
    assert circles_in(rooms_imported(graph)) == {frozenset({"p.a", "p.b"})}
