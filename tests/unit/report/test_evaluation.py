"""The evaluation PDF prints the evaluation's figures and nothing else."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pypdf import PdfReader

from allstation.core.classes import CLASS_NAMES, RESEARCH_USE
from allstation.core.evaluation import evaluate
from allstation.report.evaluation import write_evaluation_pdf

from .factory import CLOCK


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.default_rng(3)
    true = rng.integers(0, 4, 60)
    probabilities = rng.dirichlet(np.full(4, 0.4), 60)
    probabilities[np.arange(60), true] += rng.choice([0.1, 1.2], 60)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    groups = [f"g{i // 3}" for i in range(60)]
    return evaluate(probabilities, true, classes=CLASS_NAMES, split="groups kept apart", groups=groups)


DECISIONS = {"decided": 150, "decided right": 140, "needs review": 45, "unreadable": 5}


def test_every_figure_stands_with_n_interval_split_and_patients(factory, evaluation, tmp_path):
    model = factory.snapshot(1).models[0]
    path = write_evaluation_pdf(model, evaluation, DECISIONS, tmp_path / "e.pdf", clock=CLOCK)
    reader = PdfReader(path)
    texts = [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]
    for index, text in enumerate(texts, start=1):
        assert RESEARCH_USE in text
        assert f"Page {index} of {len(texts)}" in text
    text = " ".join(texts)
    for figure in evaluation.figures:
        assert f"{figure.name} {figure.value:.3f} {figure.interval.low:.3f} to" in text
    assert text.count("patients unknown") >= len(evaluation.figures)
    for row in evaluation.matrix.tolist():
        for count in row:
            assert str(count) in text
    assert model.sha256 in text
    for name, count in DECISIONS.items():
        assert f"{name} {count}" in text


def test_the_data_are_embedded_and_the_bytes_repeat(factory, evaluation, tmp_path):
    model = factory.snapshot(1).models[0]
    paths = [
        write_evaluation_pdf(model, evaluation, DECISIONS, tmp_path / f"{i}.pdf", clock=CLOCK) for i in (1, 2)
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    data = json.loads(PdfReader(paths[0]).attachments["report.json"][0])
    assert data["content"]["evaluation"]["confusion"]["counts"] == evaluation.matrix.tolist()
    assert data["content"]["decisions"] == DECISIONS
