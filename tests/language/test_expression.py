"""`$` expressions: Python's own `eval` is the oracle of what they give; what they refuse is listed."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.spec.expression import MAX_ITEMS, Budget, ExpressionError, evaluate, is_expression, parse

VARIABLES: dict[str, object] = {
    "a": 3,
    "b": -2,
    "x": 0.5,
    "flag": True,
    "word": "relu",
    "sizes": [1, 2, 4],
    "none": None,
}
ORACLE = {
    "min": min, "max": max, "round": round, "int": int, "float": float, "len": len, "abs": abs, "sum": sum, "str": str,
    "range": lambda *bounds: list(range(*bounds)), "__builtins__": {},
}  # fmt: skip


def value(text: str, **variables: object) -> object:
    return evaluate(parse(text), variables or VARIABLES)


atoms = st.one_of(
    st.integers(-9, 99).map(str),
    st.sampled_from(["0.5", "1e-3", "'same'", '"x"', "True", "False", "None", *VARIABLES]),
    st.lists(st.integers(0, 9), max_size=3).map(str),
)


SIGNS = "+ - * / // % == != < <= > >= in and or"
CALLS = "len abs sum round int float str"
FORMS = (
    *(f"({{0}} {sign} {{1}})" for sign in SIGNS.split()),
    *(f"{name}({{0}})" for name in CALLS.split()),
    *("({0} not in {1})", "({0} < {1} <= {2})", "({0} if {1} else {2})", "(-{0})", "(+{0})", "(not {0})"),
    *("{0}[{n}]", "{0}[{n}:]", "{0}[:{n}]", "({0}) ** {n}", "max({0}, {1})", "min({0}, {1})", "[{0}, {1}]"),
)


@st.composite
def larger(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    form = draw(st.sampled_from(FORMS))
    parts = [draw(inner) if f"{{{number}}}" in form else "" for number in range(3)]
    return form.format(*parts, n=draw(st.integers(0, 3)) if "**" in form else draw(st.integers(-3, 3)))


@given(st.recursive(atoms, larger, max_leaves=8))
def test_an_expression_is_what_python_says(text: str) -> None:
    try:
        with warnings.catch_warnings(action="ignore"):  # of `3[0]`, as it is meant
            expected = eval(text, dict(ORACLE), dict(VARIABLES))
    except (TypeError, ValueError, ZeroDivisionError, IndexError, OverflowError):
        expected = ExpressionError
    try:
        found = value(f"${text}")
    except ExpressionError as error:
        ours_alone = ("at most", "complex", "only lists and strings can be indexed", "strings have no", "a list cannot")
        assert expected is ExpressionError or any(reason in error.message for reason in ours_alone), error.message
        assert error.code == "E203" and 0 <= error.offset <= len(text)
    else:
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a * 2", 6),
        ("$a + $b", 1),  # a second dollar sign is a matter of taste
        ("$ a", 3),
        ("$sizes[-1]", 4),
        ("$word == 'relu'", True),
        ("$true and not false", True),
        ("$null", None),
        ("$range(3)", [0, 1, 2]),
        ("$[a, [b]]", [3, [-2]]),
        ("$(1, 2)", [1, 2]),
        ("$round(x * 3)", 2),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("text", ["$$a", "${data.classes}", "a$b", "", "10"])
def test_other_texts_are_none(text: str) -> None:
    assert not is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "$", "$a +", "$a b", "$(", "$a.real", "$__import__('os')", "$().__class__", "$lambda: 1", "$[i for i in a]",
        "$ {1: 2}", "$f'{a}'", "$a := 1", "$sorted(sizes)", "$len(obj=sizes)", "$*a", "$1j", "$b'x'", "$a @ b",
        "$a << 60", "$~a", "$a is b", "$" + "(" * 300 + ")" * 300, "$" + "a+" * 600 + "a", "$sizes.append(1)",
    ],
)  # fmt: skip
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.code == "E201"


@pytest.mark.parametrize(
    "text",
    [
        "$1 // 0",
        "$1 % 0",
        "$sizes[3]",
        "$sizes['a']",
        "$sizes[0:1:0]",
        "$word + 1",
        "$a < word",
        "$int(word)",
        "$(-8) ** 0.5",
    ],
)
def test_what_cannot_be_computed(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.code == "E203"


@pytest.mark.parametrize(
    "text",
    [
        "$9 ** 9 ** 9", "$10 ** 64", "$2 ** 65", "$[0] * 99999", "$99999 * 'x'", "$range(10 ** 9)",
        "$'x' * 9999 + 'x' * 9999",
        "$[range(9000), range(9000)]", "$10**18 * 10**18", "$sizes * 10**12",
    ],
)  # fmt: skip
def test_results_have_caps(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.code == "E203" and "at most" in caught.value.message


def test_an_unknown_variable_is_named_with_its_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        value("$a + widht", a=1, width=2)
    error = caught.value
    assert (error.code, error.offset, error.width, error.hint) == ("E202", 5, 5, "did you mean 'width'?")


def test_a_budget_is_spent_by_what_lists_hold() -> None:
    budget = Budget(2 * MAX_ITEMS)
    evaluate(parse("$sum(range(5000))"), {}, budget)
    assert 0 < budget.left <= 2 * MAX_ITEMS - 5000
    evaluate(parse("$sum(range(9999)) + sum(range(9999))"), {}, budget)
    assert not budget.spend(1)
