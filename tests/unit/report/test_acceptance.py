"""The acceptance PDF prints what the test said and nothing else, accepted or refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pypdf import PdfReader

from allstation.commissioning.acceptance import Wanted, acceptance_json, judged
from allstation.core.classes import RESEARCH_USE
from allstation.core.errors import StationError
from allstation.report.acceptance import AcceptanceOf, write_acceptance_pdf

from .factory import CLOCK

OF = AcceptanceOf("North 1", "a" * 64, {"blast": "Blast", "lymphocyte": "Lymphocyte"})


@pytest.fixture(scope="module")
def outcomes():
    """Return an accepted and a refused outcome of real fits, as JSON."""
    random = np.random.default_rng(3)
    types = ["blast", "lymphocyte"] * 30
    found = []
    for apart in (8.0, 0.5):
        features = random.normal(size=(60, 6))
        features[::2, 0] += apart
        groups = [f"slide {row // 6}" for row in range(60)]
        parts = [(features[part], types[part], groups[part]) for part in (slice(0, 36), slice(36, 60))]
        found.append(acceptance_json(judged(*parts, wanted=Wanted(lowest_balanced=0.7))))
    return found


def text_of(path):
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(path).pages))


def test_every_figure_stands_with_n_and_interval(outcomes, tmp_path):
    accepted = outcomes[0]
    assert accepted["accepted"], accepted["reason"]
    path = write_acceptance_pdf(OF, accepted, tmp_path / "a.pdf", clock=CLOCK)
    text = text_of(path)
    assert "Acceptance report: Accepted" in text
    assert OF.sha256 in text
    assert text.count(RESEARCH_USE) >= len(PdfReader(path).pages)
    for figure in accepted["figures"]:
        low, high = figure["interval"]
        interval = "no mistake" if low == high else f"{low:.3f} to {high:.3f}"
        assert f"{figure['name']} {figure['value']:.3f} {interval} {figure['n']}" in text
    assert f"Lower limit of balanced accuracy {accepted['lower_limit']:.3f}, wanted 0.700" in text
    for row in accepted["per_type"]:
        name = OF.types[row["class"]]
        assert f"{name} {accepted['learned']['by_type'][row['class']]} {row['support']}" in text
    assert "patients unknown" in text
    rule = accepted["rule"]
    assert f"It names {rule['named']} of {rule['of']} test cells" in text
    data = json.loads(PdfReader(path).attachments["report.json"][0])
    assert data["kind"] == "allstation-acceptance"
    assert data["content"]["acceptance"]["balanced_accuracy"] == accepted["balanced_accuracy"]


def test_a_refusal_prints_its_reason(outcomes, tmp_path):
    refused = outcomes[1]
    assert not refused["accepted"]
    text = text_of(write_acceptance_pdf(OF, refused, tmp_path / "r.pdf", clock=CLOCK))
    assert "Acceptance report: Refused" in text
    assert refused["reason"] in text


def test_the_bytes_repeat_and_a_report_without_its_parts_is_refused(outcomes, tmp_path):
    paths = [write_acceptance_pdf(OF, outcomes[0], tmp_path / f"{i}.pdf", clock=CLOCK) for i in (1, 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    broken = {key: value for key, value in outcomes[0].items() if key != "rule"}
    with pytest.raises(StationError, match="cannot be printed"):
        write_acceptance_pdf(OF, broken, tmp_path / "b.pdf", clock=CLOCK)
