"""The seal of `run.json`: whatever is changed in it is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.errors import ConfigError
from compiler.runtime.run import read_run
from tests.runtime.test_run import METRICS, write_run


def test_a_record_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path) / "run.json"
    text = path.read_text()
    read_run(tmp_path)
    for changed in (
        text.replace("0.25", "0.24"),
        text.replace('"mlp"', '"knn"'),
        text.replace('"schema": 2', '"schema": 1'),
        text.replace("\n  ", "\n "),
        text.replace('"seal"', '"sea1"'),
        text + "\n",
        json.dumps({key: value for key, value in json.loads(text).items() if key != "seal"}),
    ):
        assert changed != text
        path.write_text(changed)
        with pytest.raises(ConfigError, match=r"run\.json' is not what the run wrote: it was changed or damaged since"):
            read_run(tmp_path)


def test_a_record_of_before_there_were_seals_is_read(tmp_path: Path) -> None:
    path = write_run(tmp_path) / "run.json"
    record = {key: value for key, value in json.loads(path.read_text()).items() if key != "seal"}
    path.write_text(json.dumps(record | {"schema": 1}))
    assert read_run(tmp_path).metrics == METRICS
