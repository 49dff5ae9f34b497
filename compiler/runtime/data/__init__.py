"""Data: a section of the configuration becomes three splits of arrays, checked and fingerprinted.

A source is one file here: a class below `source.DataSettings` that says its keys and reads its rows. The rest
(`load`: checks, splits, preparation, fingerprints) is common to all. TensorFlow is imported only where
`keras.datasets` has to download, and NumPy only by what loads: `check` needs `read_data` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.runtime.data import cifar10, digits, fashion_mnist, image_folder, npy, npz, tables, tfds, tfrecord
from compiler.runtime.data.source import SOURCES, DataSettings, read_data

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Dataset, Inputs, Split

__all__ = [
    "SOURCES",
    "DataSettings",
    "Dataset",
    "Inputs",
    "Split",
    "cifar10",
    "digits",
    "fashion_mnist",
    "image_folder",
    "npy",
    "npz",
    "read_data",
    "tables",
    "tfds",
    "tfrecord",
]


def __getattr__(name: str) -> object:
    if name in ("Dataset", "Inputs", "Split"):
        from compiler.runtime.data import dataset  # imports NumPy

        return getattr(dataset, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
