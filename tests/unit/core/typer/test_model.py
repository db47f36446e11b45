"""The cell typer against independent implementations, and what it must refuse."""

import io
import json
import zipfile

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from allstation.core.errors import StationError
from allstation.core.no_proposal import NoProposal
from allstation.core.typer.discriminant import best_temperature, discriminant, softmax
from allstation.core.typer.model import Typer, assembled, cross_validate, fit_typer, next_cells
from allstation.core.typer.statistics import gather_statistics
from allstation.core.typer.validation import fold_of


def drawn(*, cells=400, features=12, types=4, apart=1.2, groups=20, seed=0):
    """Draw cells of types whose means lie apart, with a covariance that is far from round."""
    random = np.random.default_rng(seed)
    codes = np.arange(cells) % types
    mixing = random.normal(size=(features, features))
    means = random.normal(0, apart, (types, features))
    values = (random.normal(size=(cells, features)) + means[codes]) @ mixing
    slides = [f"slide {number}" for number in random.integers(0, groups, cells)]
    return values, [f"type {code}" for code in codes], slides


def test_the_discriminant_is_that_of_scikit_learn():
    values, types, _ = drawn()
    statistics = gather_statistics(values, types)
    spread = np.sqrt(np.diag(statistics.covariance))
    solved = discriminant(statistics, 0.3)
    k = len(statistics.types)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3, priors=np.full(k, 1 / k))
    # scikit-learn draws towards a round covariance: the diagonal, if features are scaled by their spread.
    reference.fit(values / spread, types)
    biased = len(values) / (len(values) - k)  # it divides by n, the station by the degrees of freedom
    expected = (reference.decision_function(values / spread) + np.log(k)) / biased
    found = solved.logits(values)
    expected -= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found - found.mean(axis=1, keepdims=True), expected, rtol=1e-8, atol=1e-8)


def test_distances_are_mahalanobis_distances_to_the_nearest_mean():
    values, types, _ = drawn(cells=120, features=5)
    statistics = gather_statistics(values, types)
    found = discriminant(statistics, 1e-12).distances(values)
    inverse = np.linalg.inv(statistics.covariance)
    rest = values[:, None] - statistics.means
    expected = np.sqrt(np.einsum("nkf,fg,nkg->nk", rest, inverse, rest).min(axis=1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_merged_statistics_are_those_of_all_cells_and_a_part_can_be_taken_away():
    values, types, _ = drawn(cells=300, features=20)
    types[:90] = ["only here" if at % 3 else "type 1" for at in range(90)]
    parts = [gather_statistics(values[rows], [types[at] for at in rows])
             for rows in (range(90), range(90, 210), range(210, 300))]  # fmt: skip
    pooled = gather_statistics(values, types)
    merged = parts[2] + parts[0] + parts[1]
    assert merged.types == pooled.types
    assert merged.counts.tolist() == pooled.counts.tolist()
    np.testing.assert_allclose(merged.means, pooled.means, atol=1e-11)
    np.testing.assert_allclose(merged.scatter, pooled.scatter, rtol=1e-9, atol=1e-9)
    rest, expected = merged - parts[0], gather_statistics(values[90:], types[90:])
    assert rest.types == expected.types
    np.testing.assert_allclose(rest.means, expected.means, atol=1e-10)
    np.testing.assert_allclose(rest.scatter, expected.scatter, rtol=1e-9, atol=1e-9)
    settings = {"shrinkage": 0.3, "temperature": 2.0, "limit": 5.0}
    one, other = assembled(merged, **settings), assembled(pooled, **settings)
    np.testing.assert_allclose(one.probabilities(values), other.probabilities(values), atol=1e-9)


def test_more_cells_than_there_are_cannot_be_taken_away():
    values, types, _ = drawn(cells=60)
    part, whole = gather_statistics(values[:40], types[:40]), gather_statistics(values, types)
    with pytest.raises(StationError, match="more cells"):
        part - whole
    with pytest.raises(StationError, match="do not go together"):
        whole + gather_statistics(values[:, :5], types)


def test_the_temperature_has_the_smallest_log_loss():
    random = np.random.default_rng(3)
    codes = random.integers(0, 3, 500)
    logits = random.normal(0, 6, (500, 3))
    logits[np.arange(500), codes] += 4
    found = best_temperature(logits, codes)
    counts = np.bincount(codes)
    targets = np.eye(3)[codes]
    doubt = 1 / (counts[codes] + 2)
    targets = targets * (1 - doubt)[:, None] + (1 - targets) * doubt[:, None] / 2

    def loss(temperature):
        return -(targets * log_softmax(logits / temperature, axis=1)).sum(axis=1) @ (1 / counts[codes])

    reference = minimize_scalar(loss, bounds=(0.05, 200), method="bounded")
    assert found == pytest.approx(reference.x, rel=5e-3)


def test_a_few_cells_that_are_all_named_rightly_make_no_name_certain():
    codes = np.repeat([0, 1], 20)
    logits = np.eye(2)[codes] * 9.0
    certain = softmax(logits / best_temperature(logits, codes)).max(axis=1)
    assert 1 - certain == pytest.approx(1 / 22, rel=0.02)


def test_probabilities_are_calibrated_where_many_features_say_little():
    values, types, slides = drawn(cells=900, features=150, types=3, apart=0.16)
    typer = fit_typer(values[:450], types[:450], groups=slides[:450])
    shares = typer.probabilities(values[450:])
    named = np.array(typer.types)[shares.argmax(axis=1)]
    right = named == np.array(types[450:])
    assert 0.5 < right.mean() < 0.97
    assert abs(shares.max(axis=1).mean() - right.mean()) < 0.06


def test_groups_are_kept_apart():
    # Features tell the slide, and type is the slide's own: what is learned is worth nothing on another slide.
    random = np.random.default_rng(1)
    slide = np.repeat(np.arange(30), 12)
    values = np.eye(30)[slide] + random.normal(0, 0.01, (360, 30))
    types = [f"type {code}" for code in random.integers(0, 2, 30)[slide]]
    kept = cross_validate(values, types, slide.tolist(), resamples=200)
    divided = cross_validate(values, types, list(range(360)), resamples=200)
    assert kept.apart
    assert kept.groups == 30
    assert kept.balanced.value < 0.7
    assert divided.balanced.value > 0.99
    assert kept.balanced.interval.low < kept.balanced.value < kept.balanced.interval.high


def test_folds_keep_groups_whole_and_types_even():
    _, types, slides = drawn(cells=500, groups=40)
    codes = np.unique(types, return_inverse=True)[1]
    fold = fold_of(slides, codes)
    for slide in set(slides):
        assert len(set(fold[np.array(slides) == slide])) == 1
    table = np.zeros((5, 4))
    np.add.at(table, (fold, codes), 1)
    assert table.min() > 15


def test_figures_say_how_many_and_agree_with_scikit_learn():
    values, types, slides = drawn(apart=0.5)
    figures = cross_validate(values, types, slides, patients="20 patients", resamples=300)
    true = np.repeat(figures.names, figures.confusion.sum(axis=1))
    named = np.concatenate([np.repeat(figures.names, row) for row in figures.confusion])
    assert figures.cells == len(values) == figures.confusion.sum()
    assert figures.balanced.value == pytest.approx(balanced_accuracy_score(true, named))
    assert figures.accuracy.value == pytest.approx((true == named).mean())
    assert [kind.type for kind in figures.types] == list(figures.names)
    assert sum(kind.right for kind in figures.types) == np.trace(figures.confusion)
    assert all(kind.recall in kind.interval for kind in figures.types)
    text = str(figures.balanced)
    assert "n = 400" in text
    assert "20 groups of cells kept apart" in text
    assert "20 patients" in text


def test_a_type_of_one_slide_is_named_as_unmeasured():
    values, types, slides = drawn()
    types = ["rare" if slide == "slide 3" else name for name, slide in zip(types, slides, strict=True)]
    figures = cross_validate(values, types, slides, resamples=50)
    assert figures.left_out == ("rare",)
    assert figures.cells == len(values) - slides.count("slide 3")


def test_one_slide_is_measured_with_a_warning_in_its_words():
    values, types, _ = drawn(cells=100)
    figures = cross_validate(values, types, ["slide"] * 100, resamples=50)
    assert not figures.apart
    assert figures.balanced.interval is None
    assert "flatters" in figures.balanced.split


def test_cells_unlike_every_typed_one_and_unsure_ones_get_no_proposal():
    values, types, slides = drawn(apart=3.0)
    typer = fit_typer(values, types, groups=slides)
    names, _ = typer.propose(values)
    assert (names == np.array(types)).mean() > 0.95
    assert (typer.novelty(values) <= 1).mean() > 0.97
    far = values.mean(axis=0) + 40 * values.std(axis=0) * np.array([1, -1] * 6)
    assert typer.novelty(far[None])[0] > 1
    assert typer.propose(far[None])[0][0] == ""
    between = typer.statistics.means[:2].mean(axis=0)
    assert typer.probabilities(between[None]).max() == pytest.approx(0.5, abs=0.05)
    strict = assembled(typer.statistics, shrinkage=typer.shrinkage, temperature=typer.temperature,
                       limit=typer.limit, not_sure=0.8)  # fmt: skip
    assert strict.propose(between[None])[0][0] == ""


def test_a_cell_whose_features_are_not_finite_gets_no_proposal():
    values, types, slides = drawn(apart=3.0)
    typer = fit_typer(values, types, groups=slides)
    odd = values[:3].copy()
    odd[1, 4] = np.nan
    odd[2, 0] = np.inf
    names, shares = typer.propose(odd)
    assert names.tolist() == [types[0], "", ""]
    assert np.isnan(shares).tolist() == [False, True, True]
    with pytest.raises(StationError, match="not finite"):
        typer.probabilities(odd)
    with pytest.raises(StationError, match="5 features"):
        typer.propose(values[:, :5])


def test_too_few_cells_are_refused_in_numbers():
    values, types, slides = drawn(cells=40)
    with pytest.raises(StationError, match="28 typed cells of 4 types"):
        fit_typer(values[:28], types[:28], groups=slides[:28])
    with pytest.raises(StationError, match="of 1 types"):
        fit_typer(values, ["blast"] * 40, groups=slides)
    with pytest.raises(StationError, match="types of 39"):
        fit_typer(values, types[:-1], groups=slides)


def test_untyped_cells_and_types_of_two_cells_are_left_out():
    values, types, slides = drawn(cells=80)
    types[:2], types[2:10] = ["rare", "rare"], [""] * 8
    typer = fit_typer(values, types, groups=slides)
    assert typer.types == ("type 0", "type 1", "type 2", "type 3")
    assert typer.statistics.cells == 70


def test_a_feature_that_never_varies_does_no_harm():
    values, types, slides = drawn()
    typer = fit_typer(np.hstack([values, np.full((len(values), 2), 7.0)]), types, groups=slides)
    again = np.hstack([values, np.full((len(values), 2), 7.0)])
    assert np.isfinite(typer.probabilities(again)).all()


def test_a_saved_typer_gives_the_same_numbers():
    values, types, slides = drawn()
    typer = fit_typer(values, types, groups=slides, network_sha256="ab" * 32)
    data = typer.to_bytes()
    again = Typer.from_bytes(data)
    assert np.array_equal(again.probabilities(values), typer.probabilities(values))
    assert np.array_equal(again.novelty(values), typer.novelty(values))
    assert again.network_sha256 == "ab" * 32
    assert (
        again.to_bytes()
        == data
        == fit_typer(values, types, groups=slides, network_sha256="ab" * 32).to_bytes()
    )


def _changed(data, **changes):
    """Return the file with other arrays, or other entries of its header."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(arrays["header"].tobytes())
    for name, value in changes.items():
        if name in arrays:
            arrays[name] = value
        else:
            header[name] = value
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.fixture(scope="module")
def saved():
    values, types, slides = drawn(features=4)
    return fit_typer(values, types, groups=slides).to_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"schema": 2},
        {"types": ["b", "a", "c", "d"]},
        {"types": ["a", "b"]},
        {"types": "abcd"},
        {"types": ["", "b", "c", "d"]},
        {"temperature": 0},
        {"temperature": float("nan")},
        {"limit": -1.0},
        {"shrinkage": 0.0},
        {"not_sure": 1.5},
        {"not_sure": True},
        {"network_sha256": "ab"},
        {"counts": np.zeros(4)},
        {"counts": np.full(4, 0.5)},
        {"counts": np.array([1, 2, 3, 4])},
        {"means": np.full((4, 4), np.inf)},
        {"means": np.zeros((4, 9000))},
        {"triangle": np.zeros(3)},
        {"triangle": np.full(10, -1.0)},
        {"triangle": np.array([object()] * 10, dtype=object)},
    ],
    ids=lambda changes: f"{next(iter(changes))}-{str(next(iter(changes.values())))[:12]}",
)
def test_a_hostile_file_is_refused(saved, changes):
    with pytest.raises(StationError) as refused:
        Typer.from_bytes(_changed(saved, **changes))
    assert refused.value.code == "bad-typer"


def test_a_damaged_packed_or_foreign_file_is_refused(saved):
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved)) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in source.namelist():
            out.writestr(name, source.read(name))
    extra = io.BytesIO(saved)
    with zipfile.ZipFile(extra, "a") as archive:
        archive.writestr("more.npy", b"")
    for data in (b"", b"no zip", saved[:-200], saved[:300], packed.getvalue(), extra.getvalue()):
        with pytest.raises(StationError, match="not a typer that can be used"):
            Typer.from_bytes(data)


def test_different_cells_come_first_and_few_of_a_slide():
    random = np.random.default_rng(5)
    centres = random.normal(0, 10, (6, 8))
    clump = np.repeat(np.arange(6), [300, 40, 30, 20, 6, 4])
    values = centres[clump] + random.normal(0, 0.3, (400, 8))
    slides = [f"slide {number}" for number in random.integers(0, 8, 400)]
    chosen = next_cells(values, [""] * 400, slides, count=6)
    assert len(set(clump[chosen])) == 6
    more = next_cells(values, [""] * 400, ["one"] * 200 + slides[200:], count=12, a_group=2)
    assert sum(at < 200 for at in more) == 2
    assert len(next_cells(values, [""] * 400, ["one"] * 400, count=12, a_group=2)) == 12
    assert next_cells(values, ["blast"] * 400, slides).tolist() == []


def test_uncertain_cells_come_first_once_there_is_a_typer():
    values, types, slides = drawn(cells=600, apart=0.8)
    typer = fit_typer(values[:300], types[:300], groups=slides[:300])
    typed = types[:300] + [""] * 300
    chosen = next_cells(values, typed, slides, probabilities=typer.probabilities, count=9)
    assert (chosen >= 300).all()
    assert len(set(chosen.tolist())) == 9
    two = np.sort(typer.probabilities(values), axis=1)[:, -2:]
    lead = two[:, 1] - two[:, 0]
    unsure = np.delete(chosen, [2, 5, 8])
    assert lead[unsure].max() < np.quantile(lead[300:], 0.1)
    assert (
        chosen.tolist()
        == next_cells(values, typed, slides, probabilities=typer.probabilities, count=9).tolist()
    )


def test_cells_without_a_proposal_have_a_reason():
    random = np.random.default_rng(1)
    middles = np.array([[0.0, 0.0], [6.0, 0.0]])
    rows = np.concatenate([middle + random.normal(size=(40, 2)) for middle in middles])
    typer = fit_typer(rows, ["blast"] * 40 + ["lymphocyte"] * 40, groups=[n % 4 for n in range(80)])
    asked = np.array([[0.0, 0.0], [3.0, 0.0], [400.0, 400.0], [np.nan, 0.0]])
    names, _ = typer.propose(asked)
    reasons = typer.why_none(asked, names).tolist()
    assert reasons[0] == NoProposal.NONE
    assert reasons[2:] == [NoProposal.UNLIKE, NoProposal.UNMEASURED]
    assert [bool(reason) for reason in reasons] == [name == "" for name in names]
