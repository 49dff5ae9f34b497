"""The JSON Schema of model files against the compiler: what it takes and refuses, and the file that is committed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from compiler.commands import main
from compiler.errors import CODES, Diagnostics, Fault, Source
from compiler.estimators import SECTIONS as ESTIMATOR
from compiler.ops import OPS
from compiler.spec.layers import STRUCTURAL
from compiler.spec.located import plain
from compiler.spec.model import BLOCK_KEYS, RESERVED, SECTIONS
from compiler.spec.parse import PATCH_ACTIONS
from compiler.spec.reader import FOREIGN, OWN, read_tree
from compiler.targets.schema import model_schema, schema_text
from tests.language.faulty_objects import CASES
from tests.language.test_adding_a_layer_page import MODEL as SWISH
from tests.language.test_diagnostics import faults_of
from tests.language.test_errors_page import EXAMPLES
from tests.language.test_language_page import MODELS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "conf/model/schema.json"
SHIPPED = sorted((ROOT / "conf/model").glob("*.yaml"))
SCHEMA = model_schema()

SEES = {
    "E101", "E102", "E103", "E104", "E105", "E106", "E107", "E108", "E109", "E110", "E111", "E112", "E113", "E114",
    "E116", "E117", "E208", "E212", "E215", "E305", "E306",
}  # fmt: skip
"""Codes of faults that show in one place of a file. Of others a schema sees at most some."""

UNSEEN = {
    "E208": "through an expression",
    "expression_of_the_wrong_type": "through an expression",
    "cell_by_an_expression": "through an expression",
    "in_every_copy": "through an expression",
    "in_one_copy_of_each": "through an expression",
    "units_float": "64.0 is an integer in JSON Schema",
    "momentum_nan": "JSON has no such number",
    "infinity": "JSON has no such number",
    "patch_argument": "which op a glob matches is not in sight",
    "functions_and_the_batch": "what stands first in a list is not in sight",
    "block_inputs": "how much the block takes that is called is not in sight",
}
SEEN = {
    "layers_null": "E308: no layers at all",
    "each_scalar": "E210: not a list",
    "each_list": "E210: not a mapping",
    "reference_by_index": "E301: a number, where names stand",
    "block_called_as_an_op": "E211: a block that begins with a capital letter",
}


def loaded(text: str, *, strict: bool = False) -> Any:
    """A text as plain values; None where it cannot be read, `strict` as for a file from elsewhere."""
    diagnostics = Diagnostics()
    tree = read_tree(Source("model.yaml", text), diagnostics, caps=FOREIGN if strict else OWN, strict=strict)
    return None if tree is None or diagnostics.has_errors else plain(tree)


def accepts(value: Any) -> bool:
    """Whether the schema takes a whole model file."""
    return Draft7Validator(SCHEMA).is_valid(value)


# --- the file --------------------------------------------------------------------------------------------------------


def test_the_committed_file_is_what_the_command_writes() -> None:
    assert FILE.read_text("utf-8") == schema_text(), "python -m compiler schema -o conf/model/schema.json"


def test_it_is_a_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == Draft7Validator.META_SCHEMA["$id"]
    Draft7Validator.check_schema(SCHEMA)
    assert json.loads(schema_text()) == SCHEMA


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    references = set(re.findall(r'"\$ref": "#/definitions/([^"]+)"', schema_text()))
    assert references == set(SCHEMA["definitions"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_model_names_the_schema_and_follows_it(path: Path) -> None:
    text = path.read_text("utf-8")
    modeline = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert modeline is not None and (path.parent / modeline[1]) == FILE
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(loaded(text))] == []


def test_hydra_does_not_take_it_for_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "model=schema"])
    assert "error[E006]: no model 'schema'" in capsys.readouterr().err


# --- the command -----------------------------------------------------------------------------------------------------

WITHOUT_KERAS = """
import sys
from compiler.commands import main
main(sys.argv[1:])
heavy = {"tensorflow", "keras", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_command_needs_no_model_and_no_keras(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_KERAS, "schema", "-o", "schema.json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=_environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "schema.json").read_text("utf-8") == FILE.read_text("utf-8")


def test_the_command_takes_no_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["schema", "model=mlp"])
    assert stop.value.code == 2
    assert "no overrides" in capsys.readouterr().err


def test_layers_of_the_users_own_are_in_the_schema_of_their_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not accepts(loaded(SWISH.body))
    SWISH.make_files(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        main(["schema", "--config-dir", str(tmp_path / "conf"), "--config-name", "mine"])
    finally:
        OPS.pop("Swish", None)
        sys.modules.pop("swish_op", None)
    theirs = json.loads(capsys.readouterr().out)
    assert Draft7Validator(theirs).is_valid(loaded(SWISH.body))
    assert not Draft7Validator(theirs).is_valid(loaded(SWISH.body.replace("beta", "bata")))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


# --- whole files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", MODELS, ids=str)
def test_a_model_of_the_language_page_passes(example: Any) -> None:
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(loaded(example.body))] == []


def golden_faults() -> Iterator[tuple[str, set[str], str]]:
    """Every file with a fault that the tests have: name, codes, text."""
    for example in EXAMPLES:
        code, text = example.title.split(" ")[0], example.files.get("model.yaml")
        if text is not None and code in CODES and loaded(text, strict=True) is not None:
            yield code, {code}, text
    for name, (codes, text) in CASES.items():
        if loaded(text, strict=True) is not None:
            yield name, set(codes.split()), text


GOLDENS = {name: (codes, text) for name, codes, text in golden_faults()}


@pytest.mark.parametrize("name", GOLDENS)
def test_a_golden_fault_that_a_schema_can_see_fails_and_others_pass(name: str) -> None:
    codes, text = GOLDENS[name]
    visible = (bool(codes & SEES) and name not in UNSEEN) or name in SEEN
    assert accepts(loaded(text)) is not visible


def test_the_exceptions_are_still_exceptions() -> None:
    assert {name for name in UNSEEN if not GOLDENS[name][0] & SEES} == set()
    assert {name for name in SEEN if GOLDENS[name][0] & SEES} == set()


@pytest.mark.parametrize("name", GOLDENS)
def test_what_a_hint_mends_passes(name: str) -> None:
    codes, text = GOLDENS[name]
    faults = faults_of(text)
    hints = [re.search(r"did you mean '(\S+)'\?", fault.hint or "") for fault in faults]
    if not codes <= SEES or not all(hints):
        return
    for fault, hint in reversed(list(zip(faults, hints, strict=True))):
        assert hint is not None
        text = _replaced(text, fault, hint[1])
    assert faults_of(text) == []
    assert accepts(loaded(text))


def test_some_goldens_are_mended_by_their_hints() -> None:
    mended = [name for name, (codes, text) in GOLDENS.items() if codes <= SEES and _all_hints(faults_of(text))]
    assert {"E101", "E102", "E104", "E108", "E111", "E112", "E117"} <= set(mended)


def _all_hints(faults: list[Fault]) -> bool:
    return all("did you mean" in (fault.hint or "") for fault in faults)


def _replaced(text: str, fault: Fault, word: str) -> str:
    assert fault.place is not None
    lines = text.splitlines(keepends=True)
    line, start = lines[fault.place.line - 1], fault.place.column - 1
    lines[fault.place.line - 1] = line[:start] + word + line[start + fault.place.width :]
    return "".join(lines)


def test_the_schema_has_every_key_of_the_language() -> None:
    definitions = SCHEMA["definitions"]
    assert set(SCHEMA["properties"]) == {*SECTIONS, *ESTIMATOR, "defaults"}
    assert set(definitions["blocks"]["anyOf"][0]["additionalProperties"]["properties"]) == set(BLOCK_KEYS)
    assert set(definitions["patch"]["anyOf"][1]["properties"]) == set(PATCH_ACTIONS)
    assert set(definitions["entry"]["properties"]) == set(RESERVED)
    for op, keys in STRUCTURAL.items():
        assert set(definitions[op]["properties"]) == {"op", *keys}
