"""Names of the house: no private word is the name of a module, class, public function or method."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RETIRED = frozenset(
    {
        "aside", "beside", "book", "care", "desk", "found", "front", "furnish", "furnishing", "letter",
        "link", "mailbox", "plans", "reporter", "said", "seals", "seen", "story", "strangers", "sweeping",
        "told", "trail", "turns", "wish",
    }
)  # fmt: skip
"""A standard technical word stands for each of them; see the glossary in CONTRIBUTING."""


def words_of(name: str) -> set[str]:
    """Words of a name in snake_case or CamelCase."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def names_in(text: str) -> set[str]:
    """Classes, functions and methods of a source text, private ones too."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}


def private_attributes(text: str) -> list[str]:
    """Private attributes of other objects than itself that a source text reads or sets."""
    if not re.search(r"\._[a-z]", text):
        return []  # without parsing it: nine files in ten
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    own = {"self", "cls", "os", "sys"}
    public = {"_replace", "_fields", "_asdict"}  # of named tuples
    return [
        ast.unparse(node)
        for node in nodes
        if re.match(r"_[a-z]", node.attr) and node.attr not in public and ast.unparse(node.value) not in own
    ]


@pytest.mark.parametrize("package", ["allstation", "training"])
def test_no_name_is_a_private_word(package):
    offenders = []
    for path in sorted((ROOT / package).rglob("*.py")):
        names = names_in(path.read_text("utf-8")) | {path.stem, *path.relative_to(ROOT).parent.parts}
        offenders += [
            f"{path.relative_to(ROOT)}: {name}" for name in sorted(names) if words_of(name) & RETIRED
        ]
    assert offenders == []


def test_a_private_word_is_found():
    text = "class CaseDesk:\n    def take_turns(self): ...\n    def _said(self): ...\ndef seen_before(): ..."
    assert {name for name in names_in(text) if words_of(name) & RETIRED} == {
        "CaseDesk", "take_turns", "seen_before", "_said",
    }  # fmt: skip


def test_the_window_has_at_most_three_files_of_its_own_beside_the_features():
    assert len(list((ROOT / "allstation" / "ui").glob("*.py"))) <= 3


def test_tests_reach_into_few_objects():
    """Widgets are found by accessible name, and news come by public signals."""
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")]
    assert sum(len(private_attributes(text)) for text in texts) < 60


def test_a_private_attribute_is_found():
    assert private_attributes("self._x = window._list.text()\nos._exit(0)") == ["window._list"]
