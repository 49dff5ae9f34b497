"""The registry lists exactly what the families declare, and imports a family only when it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from compiler.ops import OPS
from compiler.ops.registry import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_declares_what_is_registered(family: str) -> None:
    module = import_module(f"compiler.ops.{family}")
    declared = {name for name, cls in OPS.items() if cls.__module__ == module.__name__}
    assert sorted(declared) == sorted(FAMILIES[family].split())


def test_an_op_that_is_not_used_is_not_imported() -> None:
    code = (
        "import sys, compiler.ops as o; o.OPS['Dense']; print('compiler.ops.recurrent' in sys.modules, 'LSTM' in o.OPS)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_an_unknown_op_is_no_key() -> None:
    assert OPS.get("Conv2") is None
    assert "Conv2" not in OPS
    assert len(OPS) == len(set(OPS))
