"""From field to network input: sizes, fits, scalings, masks, and the same bytes on every thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from allstation.imaging import stain_normalisation
from allstation.imaging.formats.decode import decode, decode_reduced
from allstation.imaging.inputs import INTERPOLATIONS, InputSpec, read_pixels, resize, to_tensor
from allstation.imaging.synthetic import draw_field


@pytest.fixture(scope="module")
def smear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic field of 240x320 as PNG."""
    path = tmp_path_factory.mktemp("inputs") / "field.png"
    cv2.imwrite(str(path), draw_field("Early", 4, size=(240, 320))[..., ::-1])
    return path


def test_the_stations_method_is_the_stations(smear: Path) -> None:
    np.testing.assert_array_equal(read_pixels(smear, InputSpec(100, 120)), decode_reduced(smear, (100, 120)))


@pytest.mark.parametrize("interpolation", sorted(INTERPOLATIONS))
def test_named_methods_are_opencvs(interpolation: str, smear: Path) -> None:
    spec = InputSpec(60, 80, interpolation=interpolation)  # type: ignore[arg-type]
    expected = cv2.resize(decode(smear), (80, 60), interpolation=INTERPOLATIONS[interpolation])
    np.testing.assert_array_equal(read_pixels(smear, spec), expected)


def test_gray_has_one_channel_and_the_published_weights(smear: Path) -> None:
    spec = InputSpec(100, 100, colour="gray", interpolation="area")
    gray = read_pixels(smear, spec)
    assert gray.shape == spec.shape == (100, 100, 1)
    rgb = read_pixels(smear, replace(spec, colour="rgb")).astype(float)
    np.testing.assert_allclose(gray[..., 0], rgb @ [0.299, 0.587, 0.114], atol=0.51)


def test_crop_and_pad_keep_the_proportions() -> None:
    frame = np.zeros((60, 80, 3), np.uint8)
    frame[:, :40] = 255
    crop = resize(frame, InputSpec(30, 30, fit="crop", interpolation="area"))
    pad = resize(frame, InputSpec(40, 40, fit="pad", interpolation="area"))
    assert crop.shape == (30, 30, 3)
    assert crop[:, :14].min() == 255
    assert crop[:, 16:].max() == 0
    assert (pad[:5] == 200).all()
    assert (pad[35:] == 200).all()
    assert (pad[5:35, :20] == 255).all()
    tall = resize(np.full((90, 30, 3), 9, np.uint8), InputSpec(40, 20, fit="pad", interpolation="nearest"))
    assert (tall[:, 4:16] == 9).all()
    assert (tall[:, :3] == 200).all()


def test_the_corner_is_hidden_and_nothing_else(smear: Path) -> None:
    plain, masked = (read_pixels(smear, InputSpec(100, 100, mask_corner=mask)) for mask in (False, True))
    assert (masked[84:, 84:] == 200).all()
    np.testing.assert_array_equal(masked[:84], plain[:84])
    np.testing.assert_array_equal(masked[:, :84], plain[:, :84])


def test_scalings_have_their_published_values() -> None:
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    spec = InputSpec(1, 1)
    np.testing.assert_allclose(to_tensor(pixels, spec), [[[0, 128 / 255, 1]]], rtol=1e-6)
    np.testing.assert_allclose(
        to_tensor(pixels, replace(spec, scaling="signed")), [[[-1, 128 / 127.5 - 1, 1]]], atol=1e-6
    )
    np.testing.assert_array_equal(to_tensor(pixels, replace(spec, scaling="bytes")), pixels)
    np.testing.assert_allclose(
        to_tensor(pixels, replace(spec, scaling="caffe")),
        [[[255 - 103.939, 128 - 116.779, -123.68]]],
        rtol=1e-5,
    )
    expected = (np.array([0, 128 / 255, 1]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(
        to_tensor(pixels, replace(spec, scaling="imagenet"))[0, 0], expected, rtol=1e-5
    )
    for scaling in ("unit", "signed", "imagenet", "caffe", "bytes"):
        tensor = to_tensor(np.zeros((2, 4, 4, 1), np.uint8), InputSpec(4, 4, colour="gray", scaling=scaling))  # type: ignore[arg-type]
        assert tensor.shape == (2, 4, 4, 1)
        assert tensor.dtype == np.float32


def test_a_batch_is_scaled_as_its_fields_are() -> None:
    fields = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), np.uint8)
    for scaling in ("unit", "signed", "imagenet", "caffe"):
        spec = InputSpec(8, 8, scaling=scaling)  # type: ignore[arg-type]
        batch = to_tensor(fields, spec)
        for row in range(5):
            np.testing.assert_array_equal(batch[row], to_tensor(fields[row], spec))


@pytest.mark.parametrize("method", ["none", "reinhard", "macenko"])
def test_every_thread_gives_the_same_bytes(method: str, smear: Path) -> None:
    spec = InputSpec(64, 64, stain=method, mask_corner=True)  # type: ignore[arg-type]
    alone = read_pixels(smear, spec)
    with ThreadPoolExecutor(4) as pool:
        for pixels in pool.map(lambda _: read_pixels(smear, spec), range(12)):
            np.testing.assert_array_equal(pixels, alone)


@pytest.mark.parametrize("normalise", [stain_normalisation.reinhard, stain_normalisation.macenko])
def test_stain_normalisation_brings_two_stainings_together(normalise: object) -> None:
    field = draw_field("Pre", 2, size=(160, 160))
    strong = np.rint(255 * (field / 255.0) ** [1.5, 1.3, 1.2]).astype(np.uint8)
    before = np.abs(field.astype(float) - strong).mean()
    one, two = normalise(field), normalise(strong)  # type: ignore[operator]
    assert one.shape == field.shape
    assert one.dtype == np.uint8
    assert np.abs(one.astype(float) - two).mean() < before / 2


@pytest.mark.parametrize("normalise", [stain_normalisation.reinhard, stain_normalisation.macenko])
def test_fields_without_stain_do_not_break_it(normalise: object) -> None:
    for field in (np.full((40, 40, 3), 250, np.uint8), np.zeros((40, 40, 3), np.uint8)):
        assert normalise(field).shape == field.shape  # type: ignore[operator]


def test_reinhard_reaches_its_reference() -> None:
    lab = cv2.cvtColor(
        stain_normalisation.reinhard(draw_field("Early", 1, size=(160, 160))), cv2.COLOR_RGB2LAB
    )
    np.testing.assert_allclose(lab.reshape(-1, 3).mean(axis=0), [196, 140, 122], atol=6)


def test_a_description_is_json() -> None:
    assert InputSpec(**InputSpec(32, 40, colour="gray").to_json()) == InputSpec(32, 40, colour="gray")
