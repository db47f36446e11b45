"""Image files to read, written with Pillow so that reader and writer are two different programs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Rgb = NDArray[np.uint8]
Write = Callable[..., Path]


def draw_smooth(height: int = 60, width: int = 80, seed: int = 0) -> Rgb:
    """Return a picture with colours, gradients and edges, different in every corner."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.int16)
    return np.clip((soft - 127) * 6 + 127, 0, 255).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def field() -> Rgb:
    """Return (60, 80, 3) uint8 RGB."""
    return draw_smooth()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes an array or image to a file and returns its path."""

    def save(picture: Rgb | Image.Image, name: str, kind: str, **options: Any) -> Path:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        path = tmp_path / name
        path.write_bytes(encode(image, kind, **options))
        return path

    return save


@pytest.fixture
def smooth_field() -> Callable[..., Rgb]:
    """Return the function that draws pictures of any size and seed."""
    return draw_smooth


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Return the function that turns an image into a file's bytes."""
    return encode
