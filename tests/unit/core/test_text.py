"""Names sort as people count, survive storage, and cannot disguise themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allstation.core.text import (
    escape_name,
    fold,
    natural_key,
    plain_name,
    shown_name,
    storable,
    unescape_name,
)


def test_numbers_sort_by_value():
    names = ["f10", "f9", "F 1", "f2b", "f02a", "f1000000000000000000000", "f"]
    assert sorted(names, key=natural_key) == [
        "f",
        "F 1",
        "f02a",
        "f2b",
        "f9",
        "f10",
        "f1000000000000000000000",
    ]


def test_letters_sort_without_case_and_digits_of_other_scripts_count():
    assert natural_key("Ärzte") == natural_key("ärzte")
    assert natural_key("x٣") == natural_key("x3")


@given(st.lists(st.integers(0, 10**12), min_size=2))
def test_any_two_numbers(numbers):
    assert sorted((f"n{n}.jpg" for n in numbers), key=natural_key) == [f"n{n}.jpg" for n in sorted(numbers)]


@given(st.text())
def test_keys_can_always_be_stored(text):
    for made in (natural_key(text), fold(text), storable(text), escape_name(text)):
        made.encode("utf-8")
    assert "\0" not in storable(text)


@given(st.binary())
def test_any_file_name_of_this_system_comes_back(data):
    name = os.fsdecode(data)
    escape_name(name).encode("utf-8")
    assert unescape_name(escape_name(name)) == name


@given(st.text(alphabet=st.characters(blacklist_categories=())))
def test_any_string_comes_back(text):
    assert unescape_name(escape_name(text)) == text


def test_plain_names_are_stored_as_they_are():
    assert escape_name("Blut 12 – ß 白.jpg") == "Blut 12 – ß 白.jpg"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Station cells 2.0.0", "Station cells 2.0.0"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a:b*c?"d"', "a_b_c__d_"),
        ("  … Größe 白 ", "_ Größe 白"),
        (" . ", ""),
        ("x" * 79 + ". y", "x" * 79),
    ],
)
def test_plain_names_stay_on_one_level(text, name):
    assert plain_name(text) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.jpg", "a\ufffdb.jpg"),
        ("cod\u202egpj.exe", "cod\ufffdgpj.exe"),
        (os.fsdecode(b"f\xff.jpg"), "f\ufffd.jpg"),
        ("👩\u200d🔬.jpg", "👩\u200d🔬.jpg"),
        ("שלום.jpg", "שלום.jpg"),
        (Path("/secret/folder/x.jpg"), "x.jpg"),
    ],
)
def test_shown_names_are_one_honest_line(name, shown):
    assert shown_name(name) == shown
