"""Journal of a labelling that somebody forged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allstation.core.errors import StationError
from allstation.imaging.synthetic import write_demo
from allstation.services.training.labelling import journal_of, open_labelling


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smears")
    write_demo(folder, fields=1)
    return folder


@pytest.mark.parametrize(
    "entry",
    [
        {"field": "a", "class": 5, "sha256": "", "at": ""},
        {"field": "a", "class": "=cmd|x", "sha256": "", "at": ""},
        {"field": "a", "class": "Pro\x1b[2J", "sha256": "", "at": ""},
        {"field": "a", "class": "Pro"},
        {"field": 5, "class": "Pro", "sha256": "", "at": ""},
        {"classes": ["only one"], "renamed": {}},
        {"classes": ["a", "needs review"], "renamed": {}},
        {"classes": 5, "renamed": {}},
    ],
)
def test_a_forged_entry_is_one_sentence(entry: dict[str, object], smears: Path, tmp_path: Path) -> None:
    journal_of(smears, tmp_path).write_text(json.dumps(entry) + "\n")
    with pytest.raises(StationError, match="before cannot be read") as refused:
        open_labelling(smears, tmp_path)
    assert refused.value.code == "bad-journal"


def test_an_entry_that_is_nested_without_end_was_never_done(smears: Path, tmp_path: Path) -> None:
    journal_of(smears, tmp_path).write_text("[" * 200_000)
    assert open_labelling(smears, tmp_path).labelled == 0
