"""Statistics of sites: exported without pixels, merged exactly, taken out exactly, refused if forged."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from allstation.commissioning.federation import exported, head_of, merged, removed, write_merged_bundle
from allstation.commissioning.noise import noised
from allstation.commissioning.statistics_file import SharedStatistics, read_statistics, write_statistics
from allstation.core.errors import StationError
from allstation.core.typer.file import Settings
from allstation.core.typer.model import assembled
from allstation.core.typer.statistics import gather_statistics
from allstation.inference.bundle import ModelBundle, default_bundle_path
from allstation.inference.site_bundle import learned_pictures
from allstation.keys.signing import SigningKey, new_secret
from allstation.keys.station import station_key

FEATURES = 9
NETWORK = "a" * 64


def drawn(seed: int, types=("blast", "lymphocyte"), cells=60):
    random = np.random.default_rng(seed)
    names = [types[at % len(types)] for at in range(cells)]
    values = random.normal(3, 2, (cells, FEATURES)) @ random.normal(size=(FEATURES, FEATURES))
    values[:, 0] += [4.0 * types.index(name) for name in names]
    return values, names


def settings(shrinkage=0.3, temperature=2.0) -> Settings:
    return Settings(
        shrinkage=shrinkage, temperature=temperature, limit=5.0, not_sure=0.5, network_sha256=NETWORK
    )


def share(tmp_path, name: str, data, **changes) -> SharedStatistics:
    found = SharedStatistics(
        name=name,
        statistics=gather_statistics(*data),
        settings=settings(),
        slides=changes.pop("slides", 6),
        scaled=changes.pop("scaled", True),
    )
    return write_statistics(tmp_path / f"{name}.allstats", found, key=changes.pop("key", station_key()))


def test_a_merged_head_is_that_of_all_cells_together(tmp_path):
    sets = [drawn(1), drawn(2, types=("blast", "lymphocyte", "monocyte"), cells=90), drawn(3)]
    shares = [share(tmp_path, f"site {at}", data) for at, data in enumerate(sets)]
    whole = merged(shares, name="all")
    assert whole.slides == 18
    together = gather_statistics(
        np.concatenate([v for v, _ in sets]), [n for _, names in sets for n in names]
    )
    expected = assembled(together, **whole.settings)
    unseen = drawn(9)[0]
    assert whole.statistics.types == together.types
    np.testing.assert_allclose(whole.statistics.means, together.means, rtol=1e-11)
    np.testing.assert_allclose(
        head_of(whole).probabilities(unseen), expected.probabilities(unseen), rtol=0, atol=1e-9
    )
    assert merged(shares[::-1], name="all").statistics.scatter.tobytes() == whole.statistics.scatter.tobytes()


def test_a_site_is_taken_out_as_if_it_had_never_been_in(tmp_path):
    shares = [share(tmp_path, f"site {at}", drawn(at)) for at in range(3)]
    whole = write_statistics(tmp_path / "m.allstats", merged(shares, name="m"), key=station_key())
    left = removed(whole, shares[1], name="left")
    expected = merged([shares[0], shares[2]], name="left")
    np.testing.assert_allclose(left.statistics.scatter, expected.statistics.scatter, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(left.statistics.means, expected.statistics.means, rtol=1e-11)
    assert [part.name for part in left.parts] == [part.name for part in expected.parts]
    with pytest.raises(StationError, match="is not one of them"):
        removed(left, shares[1], name="again")


def test_few_cells_or_slides_leave_no_laboratory(tmp_path):
    with pytest.raises(StationError, match=r"at least 5 slides and 20 cells"):
        share(tmp_path, "few slides", drawn(1), slides=4)
    with pytest.raises(StationError, match=r"Types with fewer: blast \(19\), lymphocyte \(19\)"):
        share(tmp_path, "few cells", drawn(1, cells=38))
    assert list(tmp_path.iterdir()) == []


def test_twice_the_same_or_different_networks_are_not_added(tmp_path):
    one, other = share(tmp_path, "one", drawn(1)), share(tmp_path, "other", drawn(2), scaled=False)
    with pytest.raises(StationError, match="came twice"):
        merged([one, one], name="x")
    with pytest.raises(StationError, match="scale was known"):
        merged([one, other], name="x")


def test_statistics_of_an_unknown_signer_wait_for_a_person(tmp_path):
    stranger = SigningKey(new_secret(), name="Elsewhere", role="station")
    shares = [share(tmp_path, "ours", drawn(1)), share(tmp_path, "theirs", drawn(2), key=stranger)]
    with pytest.raises(StationError) as refused:
        merged(shares, name="x")
    assert refused.value.code == "unknown-maker"


@pytest.mark.parametrize("member", ["statistics.json", "typer.npz", "statistics.sig"])
def test_a_changed_byte_is_found(tmp_path, member):
    path = share(tmp_path, "site", drawn(1)) and tmp_path / "site.allstats"
    with zipfile.ZipFile(path) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    middle = len(data[member]) // 2
    data[member] = data[member][:middle] + bytes([data[member][middle] ^ 1]) + data[member][middle + 1 :]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    path.write_bytes(stream.getvalue())
    with pytest.raises(StationError) as refused:
        read_statistics(path)
    assert refused.value.code == "bad-statistics"


def test_noise_says_what_it_promises_and_leaves_a_head_that_can_be_solved(tmp_path):
    plain = gather_statistics(*drawn(1))
    noisy, words = noised(plain, epsilon=50, seed=1)
    assert "epsilon 50" in words
    assert np.linalg.eigvalsh(noisy.scatter).min() > -1e-6
    assert np.abs(noisy.means - plain.means).min() > 0
    closer, _ = noised(plain, epsilon=5000, seed=1)
    assert np.abs(closer.means - plain.means).max() < np.abs(noisy.means - plain.means).max() / 50
    assembled(noisy, **settings())
    with pytest.raises(StationError, match="above 0"):
        noised(plain, epsilon=0)


def test_an_export_of_a_site_and_a_merged_model_that_names_nothing_by_itself(tmp_path, commissioned):
    from allstation.commissioning.commission import write_accepted

    base = ModelBundle.open(default_bundle_path())
    bundle = write_accepted(tmp_path / "s.allmodel", commissioned, name="S", base=base, key=station_key())
    with pytest.raises(StationError, match="18"):  # cells of a type
        exported(bundle, name="S")
    shares = [share(tmp_path, f"site {at}", drawn(at)) for at in range(2)]
    made = write_merged_bundle(
        tmp_path / "m.allmodel", merged(shares, name="M"), base=base, key=station_key()
    )
    assert made.rule.min_probability == 1.0
    assert learned_pictures(made) == frozenset()
    assert "nothing was measured" in made.info["limits"][0]
