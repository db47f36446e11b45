"""Session of commissioning, on features drawn from known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from allstation.commissioning.acceptance import Accepted, Refused, Wanted, acceptance_json
from allstation.commissioning.session import CommissioningSession
from allstation.core.errors import StationError

FEATURES = 12


def cells(*, apart=4.0, slides=15, a_slide=20, seed=3):
    """Return features, types and slides of two types whose means are so many standard deviations apart."""
    random = np.random.default_rng(seed)
    types = np.array(["blast", "lymphocyte"] * (slides * a_slide // 2))
    groups = np.repeat([f"slide {number}" for number in range(slides)], a_slide)
    features = random.normal(size=(len(types), FEATURES))
    features[types == "blast", 0] += apart
    return features, types.tolist(), groups.tolist()


def typed(session, types, *, rounds):
    for _ in range(rounds):
        for row in session.next_cells(10):
            session.set_type(row, types[row])


def test_forty_typed_cells_are_measured_and_the_test_is_opened_once():
    features, types, groups = cells()
    session = CommissioningSession(features, groups, network_sha256="", seed=1)
    assert "30 more cells" in session.standing().advice
    typed(session, types, rounds=6)
    standing = session.standing()
    assert standing.typed == 60
    assert standing.auroc.value > 0.95
    assert standing.balanced.interval.low < standing.balanced.value
    learned = {groups[row] for row in range(len(types)) if session._types[row]}

    test = session.begin_test(50)
    assert not {groups[row] for row in test} & learned
    assert session.begin_test(50) == test
    assert session.next_cells() == []
    for row in test:
        session.set_type(row, types[row])
    outcome = session.finish(Wanted(lowest_balanced=0.8))
    assert isinstance(outcome, Accepted)
    assert outcome.acceptance.tested == 50
    assert session.finish() is outcome
    assert acceptance_json(outcome)["accepted"] is True
    with pytest.raises(StationError, match="Learning is closed"):
        session.set_type(test[0], "blast")


def test_types_that_cannot_be_told_apart_are_refused_with_numbers():
    features, types, groups = cells(apart=0.2)
    session = CommissioningSession(features, groups, network_sha256="")
    typed(session, types, rounds=6)
    assert not session.standing().enough
    for row in session.begin_test(60):
        session.set_type(row, types[row])
    outcome = session.finish()
    assert isinstance(outcome, Refused)
    assert "below your 0.90" in outcome.reason
    assert "more cells from at least" in outcome.reason
    assert " as lymphocyte" in outcome.reason or " as blast" in outcome.reason
    assert acceptance_json(outcome)["accepted"] is False


def test_a_cell_without_features_is_never_asked_for():
    features, _types, groups = cells()
    features[::2] = np.nan
    session = CommissioningSession(features, groups, network_sha256="")
    assert all(row % 2 for row in session.next_cells(40))


def test_one_slide_leaves_nothing_for_the_test():
    features, _, _ = cells()
    with pytest.raises(StationError, match="at least 2"):
        CommissioningSession(features, ["the same"] * len(features), network_sha256="")
