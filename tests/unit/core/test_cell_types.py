"""The list of cell types: colours that can be told apart, codes that are codes, lists that hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from allstation.core.cell_types import (
    PANEL_LOINC,
    SHIPPED_TYPES,
    CellType,
    Counts,
    checked_types,
    type_of,
    types_from_json,
    types_json,
)
from allstation.core.errors import StationError

# Machado, Oliveira and Fernandes 2009, IEEE TVCG 15:1291, severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def cielab(colour: str, vision: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(VISIONS[vision]) @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.asarray(to_xyz) @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_are_told_apart_with_every_colour_vision(vision):
    for one, other in combinations(SHIPPED_TYPES, 2):
        distance = np.linalg.norm(cielab(one.colour, vision) - cielab(other.colour, vision))
        assert distance >= 15, (one.key, other.key)


def test_red_and_green_of_the_same_lightness_would_fail():
    assert np.linalg.norm(cielab("#c00000", "deutan") - cielab("#5f7000", "deutan")) < 15


def luhn(code: str) -> bool:
    number, check = code.split("-")
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(number))]
    return (10 - sum(value // 10 + value % 10 for value in doubled) % 10) % 10 == int(check)


def verhoeff(code: str) -> bool:
    inverted = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9]
    dihedral = [[(a + b) % 5 if a < 5 and b < 5 else 0 for b in range(10)] for a in range(10)]
    for a in range(10):
        for b in range(10):
            if a < 5:
                dihedral[a][b] = (a + b) % 5 if b < 5 else 5 + (a + b) % 5
            else:
                dihedral[a][b] = 5 + (a - b) % 5 if b < 5 else (a - b) % 5
    first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    permutations = [list(range(10)), first]
    for _ in range(6):
        permutations.append([permutations[-1][value] for value in first])
    state = 0
    for at, digit in enumerate(reversed(code)):
        state = dihedral[state][permutations[at % 8][int(digit)]]
    assert inverted[0] == 0
    return state == 0


def test_codes_carry_their_check_digits():
    assert luhn(PANEL_LOINC)
    assert not luhn("26446-6")
    assert verhoeff("56972008")
    assert not verhoeff("56972009")
    for one in SHIPPED_TYPES:
        assert not one.loinc or luhn(one.loinc), one.key
        assert not one.snomed or verhoeff(one.snomed), one.key
    for what in ("loinc", "snomed"):
        codes = [getattr(one, what) for one in SHIPPED_TYPES if getattr(one, what)]
        assert len(set(codes)) == len(codes)


def test_shipped_list_can_be_stored():
    assert types_from_json(types_json(SHIPPED_TYPES)) == SHIPPED_TYPES
    assert [one.key for one in SHIPPED_TYPES if one.counts is Counts.BESIDE] == [
        "nucleated-red-cell",
        "smudge-cell",
    ]


BLAST = SHIPPED_TYPES[0]


@pytest.mark.parametrize(
    ("types", "word"),
    [
        ([], "0 types"),
        ([replace(BLAST, key="Blast")], "key 'Blast'"),
        ([replace(BLAST, name=" ")], "name of 'blast'"),
        ([replace(BLAST, colour="red")], "colour 'red'"),
        ([replace(BLAST, shortcut="bb")], "more than one key"),
        ([BLAST, replace(BLAST, name="Other", shortcut="o")], "key 'blast' stands"),
        ([BLAST, replace(BLAST, key="other", shortcut="o")], "name 'Blast' stands"),
        ([BLAST, replace(BLAST, key="other", name="Other")], "shortcut 'b' stands"),
    ],
)
def test_wrong_lists_are_named(types, word):
    with pytest.raises(StationError, match="list of cell types") as caught:
        checked_types(types)
    assert word in caught.value.sentence


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"key": 1}]', '[{"key":"a","name":"A","colour":"#000000","counts":"x"}]']
)
def test_text_that_is_no_list(text):
    with pytest.raises(StationError) as caught:
        types_from_json(text)
    assert caught.value.code == "bad-cell-types"


def test_unknown_type_is_shown_under_its_key():
    assert type_of(SHIPPED_TYPES, "blast") is BLAST
    assert type_of(SHIPPED_TYPES, "mast-cell") == CellType(
        key="mast-cell", name="mast-cell", colour="#6e6e6e"
    )
