"""Typed cells on disk, measured once, and a site's model of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from allstation.commissioning.acceptance import Accepted, Wanted
from allstation.commissioning.commission import Commissioned, Plan, commission
from allstation.commissioning.typed_cells import TypedCells, read_typed_cells
from tests.unit.commissioning.pictures import PIXEL_SIZE, write_table


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    return write_table(tmp_path_factory.mktemp("cells"), patients=8)


@pytest.fixture(scope="session")
def cells(table) -> TypedCells:
    return read_typed_cells(table, pixel_size=PIXEL_SIZE)


@pytest.fixture(scope="session")
def commissioned(cells) -> Commissioned:
    found = commission(cells, Plan(slides=6, budget=40, wanted=Wanted(lowest_balanced=0.7)))
    assert isinstance(found.outcome, Accepted)
    return found
