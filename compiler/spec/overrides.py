"""The command line's overrides: their form for Hydra, and the place of a value in one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from compiler.errors import Place, Source


def for_hydra(overrides: Sequence[str]) -> list[str]:
    """The command line's overrides in the form that Hydra understands.

    A mapping's keys may be quoted (`+model.patch={"*.conv": ...}`), which Hydra's grammar has not. Below `OPEN` every
    key is new. And where `model_file=PATH` is given no `model` is composed: the file is never handed to Hydra,
    `source.py` reads it and lays `model.*` over it.
    """
    unquoted = [_added(_unquoted_keys(text)) for text in overrides]
    given = [i for i, text in enumerate(unquoted) if re.fullmatch(r"\++model_file=.+|model_file=(?!null$).+", text)]
    if not given:
        return unquoted
    rewritten = ["++" + text.lstrip("+") if text.lstrip("+").startswith("model.") else text for text in unquoted]
    chosen = any(text.startswith(("model=", "~model")) for text in unquoted)
    # beside its reason: Hydra's own parser takes no override behind flags that stand behind overrides
    return rewritten if chosen else [*rewritten[: given[0]], "~model", *rewritten[given[0] :]]


def model_files(overrides: Sequence[str]) -> list[Override]:
    """The overrides that name a model file."""
    named = [text for text in overrides if re.match(r"\+{0,2}model_file=", text) and _parses(text)]
    parsed = OverridesParser.create().parse_overrides(named)
    return [override for override in parsed if isinstance(override.value(), str) and override.value()]


def parsed(overrides: Sequence[str]) -> list[Override]:
    """Each override as Hydra reads it; those that are none are left out."""
    return OverridesParser.create().parse_overrides([text for text in overrides if _parses(text)])


OPEN = ("data.columns.", "data.inputs.", "model.params.", "search.space", "search.conditions")
"""Mappings whose keys the user makes up, or that a file need not list: `data.columns.age=numeric` need not say that
`age` is new. An estimator's parameters are checked by their types."""


_NAMED = re.compile(r"(train|search)\.[\w.]+=.*\{\s*op\s*:")
"""A choice with its arguments, `train.schedule={op: exponential, decay_rate: 2}`, new to what it is laid over; or a
sweep over such."""


def _added(text: str) -> str:
    return f"++{text}" if text.startswith(OPEN) or _NAMED.match(text) else text


def _unquoted_keys(text: str) -> str:
    if not re.search(r"""[{,]\s*["']""", text) or _parses(text):
        return text
    unquoted = re.sub(r"""([{,]\s*)(["'])([\w.*?-]+)\2\s*:""", r"\1\3:", text)
    return unquoted if _parses(unquoted) else text


def _parses(text: str) -> bool:
    try:
        OverridesParser.create().parse_overrides([text])
    except HydraException:
        return False
    return True


def as_typed(text: str) -> str:
    """An override as the user wrote it, before `for_hydra`."""
    plain = text.removeprefix("++")
    return plain if plain.startswith(("model.", *OPEN)) or _NAMED.match(plain) else text


_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)$)[A-Za-z_][\w./-]*", re.IGNORECASE)


def in_grammar(value: object, *, spaced: bool = False) -> str:
    """A plain value in Hydra's grammar; a text that would be read as something else is quoted.

    >>> in_grammar([{"glob": "a/*", "k": 2}, True, "true", None], spaced=True)
    "[{glob: 'a/*', k: 2}, true, 'true', null]"
    """
    marked = cast("Any", _marked(value))
    return str(Override._get_value_element_as_str(marked, space_after_sep=spaced))  # pyright: ignore[reportPrivateUsage]  # Hydra has no public way to write a value


def _marked(value: object) -> object:
    """`value` with its texts as Hydra's writer takes them."""
    if isinstance(value, Mapping):
        return {str(key): _marked(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_marked(item) for item in cast("list[object] | tuple[object, ...]", value)]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return QuotedString(value, Quote.single)
    return value


def override_place(override: Override) -> Place:
    """The place of an override's value within its own text."""
    text = as_typed(override.input_line or "")
    start = text.find("=") + 1
    return Place(Source(text, text, "override"), 1, start + 1, max(1, len(text) - start))
