"""The exit statuses: what `docs/watching.md` says, and what the command line gives. Those of trainings are in
`tests/language/test_errors_page_keras.py` and `test_fit_watched.py`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compiler.errors import CODES, ConfigError, Fault
from compiler.runtime.cli import INTERRUPTED, STATUSES, USER_ERROR, reporting_faults, status_of
from compiler.runtime.memory import enough_memory, memory_fault

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_table_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (E\d+|all others|) ?\|$", (ROOT / "docs/watching.md").read_text("utf-8"), re.M)
    others = [("0", ""), (str(USER_ERROR), "all others"), (str(INTERRUPTED), "")]
    assert sorted(rows) == sorted([*((str(status), code) for code, status in STATUSES.items()), *others])
    assert set(STATUSES) <= set(CODES)


def test_faults_of_one_kind_have_its_status_and_mixed_ones_the_users() -> None:
    full, warning, mistake = Fault("E805", "full"), Fault("W607", "idle"), Fault("E104", "unknown")
    assert (status_of([full, warning]), status_of([full, mistake]), status_of([mistake])) == (5, 2, 2)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ConfigError([Fault("E805", "no room")]), 5, "error[E805]: no room"),
        (MemoryError(), 4, "error[E804]: memory ran out"),
        (RuntimeError("std::bad_alloc"), 4, "error[E804]: memory ran out (std::bad_alloc)"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_ends_the_process_with_its_status(
    error: BaseException, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop, reporting_faults():
        raise error
    assert stop.value.code == status and capsys.readouterr().err.startswith(text)


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    assert memory_fault(ValueError("bad value")) is None
    with pytest.raises(ZeroDivisionError), reporting_faults():
        _ = 1 / 0


def test_numpys_own_error_is_out_of_memory() -> None:
    import numpy as np

    with pytest.raises(ConfigError) as refused, enough_memory():
        np.empty(2**55, np.uint8)
    assert refused.value.faults[0].code == "E804" and "32.0 PiB" in refused.value.faults[0].message
