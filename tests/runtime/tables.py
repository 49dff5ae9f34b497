"""Tables to write and read, for the tests of csv and parquet; files go to the working directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from compiler.errors import Diagnostics, Place, Source, render
from compiler.runtime.data import Dataset, read_data
from compiler.runtime.data.load import load
from compiler.runtime.data.settle import settled_section
from compiler.runtime.data.source import DataSettings
from compiler.spec.located import Map, located

CSV: dict[str, Any] = {
    "source": "csv",
    "path": "mine.csv",
    "target": "y",
    "split": {"val": 0.2, "test": 0.2, "seed": 0},
}


def wine() -> pd.DataFrame:
    """scikit-learn's wine with categories and holes made in it; `y` names the cultivar."""
    bunch: Any = load_wine(as_frame=True)
    frame, rng = bunch.frame.drop(columns="target"), np.random.default_rng(0)
    shades: Any = pd.cut(frame["hue"], 4, labels=["pale", "ruby", "brown", "black"])
    frame["hue"] = shades.astype("str")
    frame["region"] = rng.choice(["north", "south", "far isles"], len(frame), p=[0.5, 0.46, 0.04])
    frame.loc[rng.random(len(frame)) < 0.1, "ash"] = np.nan
    frame.loc[rng.random(len(frame)) < 0.1, "region"] = None
    frame["y"] = np.array(["Barolo", "Grignolino", "Barbera"])[bunch.target]
    return frame.sample(frac=1, random_state=1).reset_index(drop=True)


def write(frame: pd.DataFrame, path: str = "mine.csv", **options: Any) -> None:
    if path.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, **options)


def lines(text: str, path: str = "mine.csv", encoding: str = "utf-8") -> None:
    Path(path).write_text(text, encoding)


def section_of(keys: dict[str, Any]) -> tuple[Map, Diagnostics]:
    """The section with its `auto` settled, and what was reported."""
    tree, diagnostics = located(keys, Place(Source("conf", ""), 1, 1)), Diagnostics()
    assert isinstance(tree, Map)
    return settled_section(tree, diagnostics) or tree, diagnostics


def loaded(keys: dict[str, Any]) -> tuple[Dataset, DataSettings]:
    tree, diagnostics = section_of(keys)
    settings = read_data(tree, diagnostics)
    assert settings is not None and not diagnostics.faults, render(diagnostics.faults)
    return load(settings, tree), settings
