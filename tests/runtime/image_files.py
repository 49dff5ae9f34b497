"""Folders of images, written with Pillow, for the tests of image sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

IMAGES = {"source": "images", "path": "photos", "input_shape": "[8, 8, 1]", "classes": "10", "cache": "kept"}


def digits(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits as bytes (n, 8, 8), and their classes."""
    bunch: Any = load_digits()
    return (bunch["images"][:n] * 15).astype(np.uint8), bunch["target"][:n]


def write_digits(folder: str = "photos", n: int = 200, suffix: str = "png") -> list[str]:
    """Digits as files FOLDER/CLASS/0000.png; gives their paths below the folder, in the order of the digits."""
    paths = list[str]()
    for number, (pixels, label) in enumerate(zip(*digits(n), strict=True)):
        paths.append(f"{label}/{number:04}.{suffix}")
        path = Path(folder, paths[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return paths


def write(path: str, image: Image.Image | np.ndarray, **options: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    found = image if isinstance(image, Image.Image) else Image.fromarray(image)
    found.save(path, **options)
