"""One folder of drawn fields for all tests of the reports."""

from __future__ import annotations

import pytest

from .factory import CLOCK, Factory


@pytest.fixture(scope="session")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    return Factory(tmp_path_factory.mktemp("fields"))


@pytest.fixture
def clock():
    return CLOCK
