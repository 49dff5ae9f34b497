"""Where models come from: `model=NAME`, `--config-dir`, `model_file=PATH` with its caps, and a run's frozen copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from compiler.errors import ConfigError, Diagnostics, render
from compiler.ir import CheckedGraph
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.compose import compose
from compiler.spec.freeze import frozen_text
from compiler.spec.overrides import for_hydra
from compiler.spec.source import model_loader, model_name, model_tree
from tests.language.models import graph_of
from tests.networks import SHIPPED


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source(overrides: Sequence[str], conf: Path | None = None) -> tuple[CheckedGraph, str]:
    """The graph of what these overrides choose, and its frozen text."""
    composed = compose(for_hydra(overrides), conf)
    diagnostics = Diagnostics()
    tree = model_tree(composed, diagnostics)
    diagnostics.raise_errors()
    assert tree is not None
    load = model_loader(composed, diagnostics)
    graph = compile_model(ModelSource(tree, load), diagnostics)
    if diagnostics.faults:
        raise ConfigError(diagnostics.faults)
    text = frozen_text(tree, load)
    assert diagnostics.faults == []
    return graph, text


def refused(text: str, *overrides: str) -> list[tuple[str, str]]:
    """Code and message of each fault of a foreign file."""
    Path("foreign.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        source(["model_file=foreign.yaml", *overrides])
    assert render(caught.value.faults)
    return [(fault.code, fault.message) for fault in caught.value.faults]


SMALL = "input: ${data.input_shape}\nvars: {units: 8}\nlayers: [Flatten, {op: Dense, units: $units, name: d}]\n"


# --- the user's own --------------------------------------------------------------------------


def test_a_model_of_the_users_own_folder(here: Path) -> None:
    (here / "mine/model").mkdir(parents=True)
    (here / "mine/model/small.yaml").write_text(SMALL + "outputs: {y: d}\n", "utf-8")
    graph, _ = source(["model=small", "model.vars.units=3"], here / "mine")
    assert [str(node.type) for node in graph] == ["float32[32x32x1]", "float32[1024]", "float32[3]"]


def test_nested_models_of_both_folders(here: Path) -> None:
    (here / "mine/model").mkdir(parents=True)
    (here / "mine/model/stem.yaml").write_text(SMALL, "utf-8")
    (here / "mine/model/both.yaml").write_text("input: [3]\nlayers: [{op: model/stem, units: 5}, model/mlp]\n", "utf-8")
    graph, text = source(["model=both"], here / "mine")
    assert "stem.d" in [node.name for node in graph] and any(node.name.startswith("mlp.") for node in graph)
    assert graph_of(text).hash == graph.hash


# --- from someone else -----------------------------------------------------------------------


def test_a_foreign_file_and_overrides_over_it() -> None:
    Path("foreign.yaml").write_text(SMALL, "utf-8")
    graph, text = source(
        [
            "model_file=foreign.yaml",
            "model.vars.units=5",
            "model.layers.1.use_bias=false",
            "+model.patch={Flatten: remove}",
        ]
    )
    assert [str(node.type) for node in graph] == ["float32[32x32x1]", "float32[32x32x5]"]
    assert graph.params == 5
    assert graph_of(text).hash == graph.hash
    composed = compose(for_hydra(["model_file=foreign.yaml"]))
    assert model_name(composed) == "foreign"


def test_quoted_globs_on_the_command_line() -> None:
    Path("foreign.yaml").write_text(SMALL, "utf-8")
    assert source(["model_file=foreign.yaml", '+model.patch={"*d": {units: 2}}'])[0].params == 2050


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:HOME}", "${train.epochs}", "x${data.classes}", "${data.classes}x", "${data.${vars.a}}", "${data}",
        "${.classes}", "${vars.a}", "${now:%Y}", "${oc.decode:'1'}",
    ],
)  # fmt: skip
def test_other_interpolations_are_refused(value: str) -> None:
    assert refused(f'input: [4]\nvars: {{a: 1}}\nlayers: [{{op: Dense, units: "{value}"}}]')[0][0] == "E005"


def test_data_have_to_have_the_key() -> None:
    assert refused("input: ${data.nothing}\nlayers: [Flatten]")[0][0] == "E008"


CHAINED = "input: [4]\nvars:\n  a0: [1, 1]\n" + "".join(
    f"  a{i + 1}: ['${{vars.a{i}}}', '${{vars.a{i}}}']\n" for i in range(30)
)
ALIASES = "input: [4]\nvars:\n  a0: &a0 [1, 1]\n" + "".join(
    f"  a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)
)
DOUBLED = "input: [4]\nvars:\n  a0: [1, 1]\n" + "".join(f"  a{i + 1}: '$[a{i}, a{i}]'\n" for i in range(40))
LAYERS = "layers: [{op: Dense, units: 4}]\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(ALIASES + LAYERS, "E005", id="aliases"),
        pytest.param(CHAINED + LAYERS, "E005", id="interpolations"),
        pytest.param(DOUBLED + LAYERS, "E203", id="expressions"),
        pytest.param("input: [4]\nx: &a {op: Dense}\nlayers: [{<<: *a, units: 4}]", "E005", id="merge key"),
        pytest.param("input: [4]\nlayers: [!!python/object/apply:os.system ['true']]", "E005", id="tag"),
        pytest.param("input: [4]\nlayers: " + "[" * 5000 + "]" * 5000, "E004", id="nesting"),
        pytest.param("input: [4]\nlayers: [" + "a," * 100_000 + "]", "E004", id="nodes"),
        pytest.param("input: [4]\nlayers: ['" + "a" * 1_100_000 + "']", "E004", id="bytes"),
        pytest.param("input: [4]\nlayers: [{op: Flatten, repeat: 1000000000}]", "E209", id="repeat"),
        pytest.param(
            "input: [4]\nlayers: [{op: sequence, repeat: 99, layers: [{op: sequence, repeat: 99999999, layers: []}]}]",
            "E209",
            id="empty copies",
        ),
        pytest.param(
            "input: [4]\nlayers: [{op: Dense, units: $range(9000), repeat: 9999}]", "E209", id="long arguments"
        ),
        pytest.param("input: [4]\nlayers: [{op: Dense, units: $9**9**9**9}]", "E203", id="power"),
        pytest.param(
            "input: [4]\nlayers: [{op: Flatten, repeat: 900, name: a}, {op: Add, repeat: 9000, from: [a.*]}]",
            "E209",
            id="globs",
        ),
        pytest.param(
            "input: [4]\nblocks:\n"
            + "".join(f"  b{i}: {{layers: [b{i + 1}, b{i + 1}]}}\n" for i in range(40))
            + "  b40: {layers: [Flatten]}\nlayers: [b0]",
            "E209",
            id="blocks",
        ),
        pytest.param(
            "input: [4]\nlayers:\n  - {op: sequence, name: s0, layers: [Flatten, Flatten]}\n"
            + "".join(
                f"  - {{op: sequence, name: s{i + 1}, layers: [{{share: s{i}}}, {{share: s{i}}}]}}\n" for i in range(40)
            ),
            "E209",
            id="shares",
        ),
        pytest.param(
            "input: [4]\nvars: {" + "".join(f"v{i}: 1, " for i in range(1001)) + "}\n" + LAYERS, "E114", id="vars"
        ),
        pytest.param(f"input: [4]\nlayers: [{{op: Dense, units: 4, name: {'x' * 101}}}]", "E212", id="names"),
        pytest.param("- input", "E114", id="a list"),
        pytest.param("", "E002", id="empty"),
        pytest.param("input: [4]\nlayers: [\x00]", "E001", id="zero byte"),
    ],
)
def test_what_would_eat_the_machine_is_refused(text: str, code: str) -> None:
    assert code in [found for found, _ in refused(text)]


def test_files_that_cannot_be_read(here: Path) -> None:
    (here / "latin.yaml").write_bytes(b"input: [4]\nlayers: ['\xe9']")
    for name, code in (("nowhere.yaml", "E006"), (".", "E006"), ("latin.yaml", "E001")):
        with pytest.raises(ConfigError) as caught:
            source([f"model_file={name}"])
        assert [fault.code for fault in caught.value.faults] == [code]


def test_a_file_and_a_name_exclude_each_other() -> None:
    assert refused(SMALL, "model=mlp") == [("E007", "'model_file' and 'model' are both given")]


# --- frozen ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_frozen_model_compiles_alone_to_the_same(name: str) -> None:
    graph, text = source([f"model={name}"])
    assert "${" not in text
    assert graph_of(text).hash == graph.hash
    assert [node.name for node in graph_of(text)] == [node.name for node in graph]


def test_a_frozen_model_keeps_nested_models_and_patches(here: Path) -> None:
    files = {
        "inner": "input: [3]\nvars: {n: 1, kind: int, act: relu}\n"
        "blocks: {b: {layers: [{op: Dense, units: $n, activation: $act}]}}\n"
        "layers: [{op: b, name: one}, {op: Dense, units: 2, name: two}]\npatch: {two: {use_bias: false}}\n",
        "middle": "input: [3]\nvars: {wide: 2}\nlayers: [{op: model/inner, n: $wide}, model/inner]\n",
        "outer": "input: ${data.input_shape}\nvars: {n: 9, wide: 9, act: tanh}\nblocks: {b: {layers: [Flatten]}}\n"
        "layers: [b, {op: model/middle, wide: 7}, {op: residual, layers: [model/middle]}]\n"
        "patch: {middle: {insert_after: model/late}, '*.one.Dense': {kernel_initializer: zeros}}\n",
        "late": "input: [3]\nlayers: [{op: Dense, units: 2}]\n",
    }
    (here / "conf/model").mkdir(parents=True)
    for name, text in files.items():
        (here / f"conf/model/{name}.yaml").write_text(text, "utf-8")
    graph, frozen = source(["model=outer", "model.vars.n=4"], here / "conf")
    assert [node.node.args.get("units") for node in graph if "one" in node.name] == [7, 1, 2, 1]
    assert graph_of(frozen).hash == graph.hash
    assert [node.name for node in graph_of(frozen)] == [node.name for node in graph]
    Path("model.yaml").write_text(frozen, "utf-8")
    again, text = source(["model_file=model.yaml"])  # a run's model is fit for the strict loader
    assert (again.hash, text) == (graph.hash, frozen)
