"""The space of a sweep: the grammar against Hydra's own sweeper, draws against Optuna, conditions by brute force."""

from __future__ import annotations

import itertools

import optuna
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ConfigError
from tests.sweep.spaces import messages, read, space

optuna.logging.set_verbosity(optuna.logging.WARNING)

WORDS = st.sampled_from(["a", "relu", "16", "0.1", "1e-3", "true", "null", "'a b'", '"x,y"',
                         "[1,2]", "{op: SGD, lr: 0.1}", "a/b", "''"])  # fmt: skip
SIMPLE = st.lists(WORDS, min_size=2, max_size=4, unique=True).map(",".join)
CHOICES = st.lists(WORDS.filter(lambda word: word != "null"), min_size=1, max_size=4, unique=True).map(
    lambda words: f"choice({','.join(words)})"
)
STEPS = st.sampled_from(["1", "2", "-1", "-3", "0.5", "0.1", "0.7", "-0.25"])
RANGES = st.tuples(st.integers(-5, 5), st.integers(-5, 5), STEPS).map(lambda given: "range({},{},{})".format(*given))
ENUMERABLE = st.one_of(
    SIMPLE,
    CHOICES,
    RANGES,
    RANGES.map(lambda text: f"float({text})"),
    st.just("sort(3,1,2)"),
    st.just("sort(range(1,6),reverse=true)"),
    st.just("tag(big, choice(3,1))"),
    st.just("int(choice(1.5,2.5))"),
    st.just("str(choice(3,a))"),
    st.just("bool(choice(true,false))"),
)
FIXED = st.sampled_from(["3", "a", "[1,2]", "{op: SGD}"])
KEYS = ["model", "train.epochs", "+new.key", "++x.y", "model.layers.3.units", "db@other"]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
    return [f"{key}={draw(st.one_of(ENUMERABLE, FIXED))}" for key in keys]


def values(overrides: list[str]) -> set[tuple[str, str]]:
    read = OverridesParser.create().parse_overrides(overrides)
    return {(override.get_key_element(), repr(override.value())) for override in read}


@settings(max_examples=30)
@given(command_lines())
def test_a_grid_is_what_hydras_own_sweeper_runs(arguments: list[str]) -> None:
    ((*theirs,),) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(arguments), None)
    if not theirs:  # an empty range, with which Hydra runs nothing
        assert {code for code, *_ in messages(arguments)} == {"E651"}
        return
    fixed, ours = read(*arguments)
    assert [values([*fixed, *ours.overrides(point)]) for point in ours.grid()] == [values(batch) for batch in theirs]


@given(command_lines())
def test_what_is_drawn_is_a_point_of_the_grid(arguments: list[str]) -> None:
    if messages(arguments):
        return
    drawn_from = space(*arguments)
    grid = {tuple(drawn_from.overrides(point)) for point in drawn_from.grid()}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(5):
        trial = study.ask()
        point = drawn_from.draw(trial)
        assert tuple(drawn_from.overrides(point)) in grid
        assert tuple(drawn_from.overrides(trial.params)) in grid
        assert set(trial.distributions) == set(drawn_from.distributions()) == set(point)
        assert trial.distributions == drawn_from.distributions()


@st.composite
def conditions(draw: st.DrawFn) -> tuple[list[str], dict[str, dict[str, list[str]]]]:
    """Parameters p0, p1, ... with letters as values; each may depend on any others, in no circle."""
    count = draw(st.integers(2, 4))
    letters = [draw(st.lists(st.sampled_from("abc"), min_size=2, max_size=3, unique=True)) for _ in range(count)]
    order = draw(st.permutations(range(count)))
    found: dict[str, dict[str, list[str]]] = {}
    for place, child in enumerate(order):
        for parent in draw(st.lists(st.sampled_from(order[:place]), max_size=2, unique=True)) if place else []:
            some = st.lists(st.sampled_from(letters[parent]), min_size=1, unique=True)
            found.setdefault(f"p{child}", {})[f"p{parent}"] = draw(some)
    return [f"p{i}={','.join(values)}" for i, values in enumerate(letters)], found


def by_brute_force(arguments: list[str], rules: dict[str, dict[str, list[str]]]) -> set[frozenset[tuple[str, str]]]:
    """All combinations, without what does not exist in them."""
    parts = [argument.partition("=") for argument in arguments]
    found: set[frozenset[tuple[str, str]]] = set()
    for combination in itertools.product(*([(key, value) for value in text.split(",")] for key, _, text in parts)):
        point = dict(combination)
        while True:
            gone = [k for k in point if any(point.get(p) not in of for p, of in rules.get(k, {}).items())]
            if not gone:
                break
            for key in gone:
                del point[key]
        found.add(frozenset(point.items()))
    return found


@given(conditions())
def test_a_conditional_grid_has_each_point_that_can_be_once(
    drawn: tuple[list[str], dict[str, dict[str, list[str]]]],
) -> None:
    arguments, rules = drawn
    ours = [
        frozenset((key, str(value)) for key, value in point.items())
        for point in space(*arguments, conditions=rules).grid()
    ]
    assert len(set(ours)) == len(ours)
    assert set(ours) == by_brute_force(arguments, rules)


@given(conditions(), st.integers(0, 100))
def test_a_conditional_draw_asks_only_for_what_exists(
    drawn: tuple[list[str], dict[str, dict[str, list[str]]]], seed: int
) -> None:
    arguments, rules = drawn
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    space(*arguments, conditions=rules).draw(trial)
    assert frozenset(trial.params.items()) in by_brute_force(arguments, rules)


def test_intervals_are_drawn_by_optunas_distributions() -> None:
    from optuna.distributions import FloatDistribution, IntDistribution

    found = space(
        "a=interval(0,1)", "b=tag(log,interval(1e-4,1))", "c=int(interval(1,8))", "d=tag(log,int(interval(1,8)))"
    )
    assert found.distributions() == {
        "a": FloatDistribution(0, 1),
        "b": FloatDistribution(1e-4, 1, log=True),
        "c": IntDistribution(1, 8),
        "d": IntDistribution(1, 8, log=True),
    }


def test_an_interval_is_no_grid() -> None:
    with pytest.raises(ConfigError) as raised:
        space("a=1,2", "b=interval(0,1)").grid()
    (fault,) = raised.value.faults
    assert fault.code == "E654" and fault.place and fault.place.source.text == "b=interval(0,1)"


def test_the_command_line_lies_over_the_files() -> None:
    given_there = {"a": "1,2", "b": "interval(0,1)", "c": [3, 4], "deep": {"er": "choice(x,y)"}}
    fixed, found = read("a=5", "c=6,7", "hydra.sweep.dir=x", space=given_there)
    assert fixed == ["a=5"]
    assert {parameter.key: str(parameter.domain) for parameter in found} == {
        "b": "interval(0.0,1.0)", "c": "choice(6,7)", "deep.er": "choice(x,y)",
    }  # fmt: skip


def test_a_value_that_lies_over_a_swept_one_stays_behind_it() -> None:
    """As on Hydra's own command line, where the last one wins and mappings merge."""
    swept = "train.optimizer={op: SGD, learning_rate: 1},{op: Adam}"
    for typed, behind in {
        (swept, "train.optimizer.learning_rate=0.1"): True,
        ("train.optimizer.learning_rate=1,2", "train.optimizer={op: SGD}"): True,
        ("train.optimizer.learning_rate=0.1", swept): False,
        ("model=mlp,convnet", "model.vars.width=3"): False,
    }.items():
        fixed, found = read(*typed)
        ((*theirs,),) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(list(typed)), None)
        parse = OverridesParser.create().parse_overrides
        ours = [[*fixed, *found.overrides(point)] for point in found.grid()]
        keys = [[override.key_or_group for override in parse(batch)] for batch in (ours[0], theirs[0])]
        assert (fixed == []) is behind and [values(batch) for batch in ours] == [values(batch) for batch in theirs]
        assert keys[0] == keys[1] or not behind


def test_a_fixed_parent_decides_at_once() -> None:
    rules = {"m": {"op": "SGD"}, "n": {"op": ["Adam"]}, "o": {"n": 1}}
    _, found = read("op=SGD", "m=1,2", "n=1,2", "o=1,2", conditions=rules)
    assert list(found.by_key) == ["m"] and not found.by_key["m"].only


def test_a_parent_without_the_value_leaves_its_children_out() -> None:
    rules = {"m": {"op": "SGD"}}
    files = {"op": "SGD,Adam,RMSprop", "m": "1,2"}
    assert list(space("op=Adam,RMSprop", space=files, conditions=rules).by_key) == ["op"]


def test_a_shuffled_sweep_has_the_same_order_again() -> None:
    first, again = (list(space("a=shuffle(range(30))", "b=shuffle(1,2,3)", seed=3).grid()) for _ in range(2))
    assert first == again
    assert sorted({point["a"] for point in first}) == list(range(30)) != [point["a"] for point in first[::3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=range(5,5)", "range(5, 5, 1) is empty"),
        ("a=interval(2,1)", "an interval goes up (got 2.0 to 1.0)"),
        ("a=tag(log,interval(0,1))", "a logarithmic interval begins above 0 (got 0.0)"),
        ("a=interval(0,inf)", "an interval has finite ends (got 0.0 and inf)"),
        ("a=tag(log,range(1,9,2))", "a logarithmic range has positive integers and a step of 1"),
        ("a=range(0,1e9)", "a range has at most 100,000 values"),
        ("search.seed=1,2", "'search.seed' is of the sweep itself, which is one"),
        ("hydra.sweep.dir=a,b", "'hydra.sweep.dir' is of the sweep itself, which is one"),
    ],
)
def test_a_sweep_without_values_is_refused(text: str, message: str) -> None:
    assert [(code, said) for code, said, _ in messages([text])] == [("E651", message)]


@pytest.mark.parametrize(
    ("rules", "message", "hint"),
    [
        ({"m": {"opp": 1}}, "'m' depends on 'opp', which is no parameter of the sweep", "did you mean 'op'?"),
        ({"opp": {"m": 1}}, "a condition is on 'opp', which is no parameter of the sweep", "did you mean 'op'?"),
        ({"m": {"op": "SGDD"}}, "'op' is never 'SGDD', a str, on which 'm' depends", "did you mean 'SGD'?"),
        ({"m": {"x": 0.5}}, "'m' depends on a value of 'x', which is interval(0.0,1.0): no draw hits it", None),
        ({"m": {"op": "SGD"}, "op": {"m": 1}}, "conditions go in a circle: op -> m -> op", None),
        ({"m": "SGD"}, "the condition of 'm' must be a mapping of parents to values (got 'SGD', a str)", None),
    ],
)
def test_a_malformed_condition_is_refused(rules: dict[str, object], message: str, hint: str | None) -> None:
    found = messages(["op=SGD,Adam", "m=1,2", "x=interval(0,1)"], conditions=rules)
    assert [(code, said) for code, said, _ in found] == [("E652", message)]
    assert hint in (None, found[0][2])


def test_a_point_is_read_by_its_values_or_texts() -> None:
    found = space(
        "op={op: SGD},{op: Adam}",
        "m=1,true,null",
        "x=tag(log,interval(1e-4,1))",
        "r=range(0,1,0.1)",
        "+k=int(interval(1,9))",
    )
    point = found.parse({"op": {"op": "Adam"}, "m": None, "x": "1e-3", "r": 0.3, "+k": 4})
    assert found.overrides(point) == ["op={op:Adam}", "m=null", "x=0.001", "r=0.3", "+k=4"]
    assert found.parse({"m": True}) == {"m": "True"} and found.parse({"m": 1}) == {"m": "1"}


def test_a_point_outside_the_space_has_all_its_faults() -> None:
    found = space("op=SGD,Adam", "m=1,2", "x=interval(0,1)", "k=int(interval(1,9))", conditions={"m": {"op": "SGD"}})
    with pytest.raises(ConfigError) as raised:
        found.parse({"op": "Adam", "m": 1, "x": 2, "k": 1.5, "oq": 1})
    assert [fault.code for fault in raised.value.faults] == ["E653"] * 4
    assert [fault.message for fault in raised.value.faults] == [
        "'x' cannot be 2, an int here",
        "'k' cannot be 1.5, a float here",
        "'oq' is no parameter of the sweep",
        "'m' does not exist where op=Adam",
    ]
