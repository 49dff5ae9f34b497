"""The composer of trials against Hydra's own composition; no trial has another configuration, place or fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.errors import ConfigError, Fault, Place, render
from compiler.runtime.plan import Plan, plan
from compiler.runtime.sweep.composer import Composer
from compiler.spec.compose import Composed, compose, make_loader
from compiler.spec.located import Leaf, Seq, Tree

TOP = "top"
CONF = {
    "top.yaml": """
defaults: [{model: small}, {data: digits}, {train: default}, {search: grid}, {extra: one}, _self_]
model_file: null
plugins: []
resume: null
limits: {layers: 100, params: "${extra.most}"}
seed: ${train.seed}
""",
    "extra/one.yaml": "most: 100000\nwidth: ${model.vars.width}\nlist: [1, {a: 2}, 3]\n",
    "extra/two.yaml": "most: null\nwidth: ${train.epochs}\nlist: [1]\nunderhand: ${..seed}\n",
    "model/small.yaml": """
input: ${data.input_shape}
vars: {width: 8, classes: "${data.classes}", rate: 0.1}
layers:
  - Flatten
  - {op: Dense, units: $width, activation: relu, name: hidden}
  - {op: Dropout, rate: $rate}
  - {op: Dense, units: $classes, activation: softmax}
""",
    "model/nesting.yaml": """
input: ${data.input_shape}
vars: {width: 4}
layers:
  - {op: model/inner, width: $width, name: inner}
  - {op: Dense, units: "${data.classes}", activation: softmax}
""",
    "model/inner.yaml": """
input: [64]
vars: {width: 2}
layers: [Flatten, {op: Dense, units: $width, kernel_initializer: "${extra.init}"}]
""",
}  # fmt: skip

GROUP = st.sampled_from(["model=small", "model=nesting", "model=nowhere", "extra=two", "data=digits_8x8", "~extra"])
VALUE = st.sampled_from([
    "+extra.init=zeros", "++extra.init=ones", "+extra.init=[1]", "extra.most=5", "~extra.most", "~extra.most=100000",
    "~model.vars.rate", "model.vars.width=0", "model.vars.width=3", "model.vars.width=${train.epochs}",
    "model.vars.wdth=3", "+model.vars.new=1", "model.layers.1.units=5", "model.layers.9.units=5",
    "model.layers.0={op: Flatten, name: x}", "model.layers.0.name=x", "model.layers=[Flatten]", "model.input=[64]",
    "model={vars: {width: 2}}", "+model.patch={hidden: {units: 5}}", "train.epochs=2", "train.epochs=two",
    "train.optimizer={op: SGD}", "++train.optimizer={op: SGD, momentum: 0.9}", "train.optimizer.learning_rate=0.01",
    "+train.optimizer.op=SGD", "train.optimizer.lerning_rate=1", "train.seed=${extra.list.1.a}",
    "train.seed=${nothing.there}", "extra.list.1.a=7", "extra.list.0=5", "extra.list=[4,5]", "limits.params=3",
    "data.classes=5", "data.input_shape=[8,8,1]", "seed=3", "train.seed=${oc.env:LAMINA_TEST_SEED}",
    "train.seed='${oc.decode:${oc.env:LAMINA_TEST_SEED}}'", "data=none", "train.batch_size=${hydra.job.num}",
    "search.seed=4", "train.seed=null", "not an override", "x", "+x={a: 1}", "+x.b=2",
])  # fmt: skip


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    for name, text in CONF.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def variable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_TEST_SEED", "11")
        yield


@cache
def composer(conf: Path, fixed: tuple[str, ...]) -> Composer:
    return Composer(make_loader(conf), TOP, fixed)


def spot(place: Place | None) -> tuple[object, ...]:
    return (place.source.name, place.source.text, place.line, place.column, place.width) if place else ()


def flat(tree: Tree) -> object:
    """A tree with its places, to be compared."""
    if isinstance(tree, Leaf):
        return (type(tree.value), tree.value, tree.raw, spot(tree.place))
    if isinstance(tree, Seq):
        return ([flat(item) for item in tree.items], spot(tree.place))
    entries = {key: (flat(value), spot(tree.key_place(key))) for key, value in tree.entries.items()}
    return (list(entries), entries, spot(tree.place))


def shown(faults: tuple[Fault, ...]) -> str:
    return render(list(faults)) if faults else ""


def flat_composed(composed: Composed) -> object:
    return flat(composed.config), composed.choices, shown(composed.faults), shown(composed.unresolved)


def flat_plan(found: Plan) -> object:
    """What a plan comes to."""
    sections = flat(found.train_section), flat(found.data_section)
    return (found.name, found.spec_hash, found.model_yaml, found.train, found.data, sections, found.others,
            shown(found.warnings))  # fmt: skip


def attempt(compose: Callable[[], Composed]) -> tuple[object, object]:
    """What is composed, and the plan of it; the text of the faults in the place of what fails."""
    try:
        composed = compose()
        found = flat_composed(composed)
    except ConfigError as error:
        return shown(error.faults), None
    try:
        return found, flat_plan(plan(composed))
    except ConfigError as error:
        return found, shown(error.faults)


@settings(max_examples=25)
@given(st.lists(GROUP, max_size=2), st.lists(VALUE, max_size=1), st.lists(VALUE, max_size=3))
@example(["extra=two"], ["data.classes=5"], ["model=nesting", "+extra.init=zeros", "train.epochs=2"])
@example([], [], ["model.vars.width=3", "data.classes=5", "model.vars.width=${train.epochs}"])
def test_a_trial_is_composed_as_hydra_would(
    conf: Path, groups: list[str], fixed: list[str], overrides: list[str]
) -> None:
    ours = composer(conf, tuple(fixed))
    drawn = [*groups, *overrides]
    assert attempt(lambda: ours.compose(drawn)) == attempt(lambda: compose([*fixed, *drawn], conf, TOP))


def test_hydra_composes_once_for_each_choice_of_groups(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler.runtime.sweep import composer as module

    ours, calls = Composer(make_loader(conf), TOP), list[int]()
    monkeypatch.setattr(ours, "_load", lambda *args, load=ours._load: (calls.append(1), load(*args))[1])
    monkeypatch.setattr(module, "composed_by", lambda *args: pytest.fail("Hydra composed a trial"))
    for width in range(3):
        for group in ("one", "two"):
            ours.plan(
                [
                    f"model.vars.width={width + 1}",
                    f"extra={group}",
                    "train.optimizer={op: SGD}",
                    "~model.vars.rate",
                    "model.layers.2.rate=0.5",
                ]
            )
    assert len(calls) == 2


def test_what_depends_on_the_time_is_refused(conf: Path) -> None:
    for place, overrides in {
        "train.seed=${now:%S}": ["train.seed=${now:%S}"],
        "extra/now.yaml": ["extra=now"],
    }.items():
        (conf / "extra/now.yaml").write_text("x: ${now:%S}\n", "utf-8")
        with pytest.raises(ConfigError) as raised:
            Composer(make_loader(conf), TOP).compose(overrides)
        (fault,) = raised.value.faults
        assert fault.code == "E008" and fault.place and fault.place.source.name.endswith(place)
