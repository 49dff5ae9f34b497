"""The child's limits hold, and whatever becomes of it, this process has a fault and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.errors import ConfigError, Fault, render
from compiler.importer.sandbox import Limits, run
from tests.importer.foreign_files import small_children

SMALL = Limits(memory=128 << 20, seconds=1, answer=1 << 20, written=1 << 20)


@pytest.mark.parametrize(
    ("task", "code", "message"),
    [
        ("memory", "E903", "takes more than 128 MB of memory"),
        ("seconds", "E903", "takes more than 1 seconds"),
        ("sleep", "E903", "takes more than 1 seconds"),
        ("answer", "E903", "takes more than 1,048,576 bytes of content"),
        ("written", "E903", "takes more than 1,048,576 bytes of disk"),
        ("crash", "E901", "the process that read it died (SIGSEGV)"),
        ("noise", "E901", "is damaged, or no file of this kind"),
    ],
)
def test_a_child_that_goes_wrong(task: str, code: str, message: str, tmp_path: Path) -> None:
    with small_children():
        fault = refusal(task, tmp_path)
    assert fault.code == code
    assert message in fault.message
    assert "\x1b" not in render([fault])
    render([fault]).encode()


def refusal(task: str, folder: Path) -> Fault:
    (folder / "file").write_text("x")
    with pytest.raises(ConfigError) as refused:
        run(f"tests.importer.greedy:{task}", folder / "file", {"to": str(folder / "to")}, SMALL)
    (fault,) = refused.value.faults
    return fault
