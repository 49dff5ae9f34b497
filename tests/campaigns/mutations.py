"""Broken configurations by the thousand: mutations of the shipped models, which must give diagnostics and nothing else.

    python -m tests.campaigns.mutations [--cases 10000] [--seed 0] [--first 0]

Each case takes a shipped model, breaks its text or its tree at random, and sends it through one of the three ways in:
the compiler alone, `model_file=`, or Hydra and a folder of the user's. A case fails by any exception but `ConfigError`,
by 1 s, by 200 MB of memory above the start's, or by a fault that cannot be printed. Exit status 1 where one fails.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

from compiler.errors import CODES, ConfigError, Diagnostics, Source, as_json, render
from compiler.pipeline import ModelSource, compile_model
from compiler.runtime.plan import plan
from compiler.spec.compose import compose, config_folder
from compiler.spec.located import Map
from compiler.spec.reader import FOREIGN, read_tree

SECONDS, MEGABYTES = 1.0, 200.0

SHAPE = "[32, 32, 1]"  # what `${data.input_shape}` means where no data are composed

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**9, 10**30, 1.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "same",
    "relu", "prev", "input", "$", "$$", "$x", "$1/0", "$i", "$'a'*10**9", "$9**9**9", "$[1]*9999", "$" + "(" * 90,
    "${data.classes}", "${data.nothing}", "${a", "no", "010", "12:30", "é\u202e\U0001f600", "a.b", "x" * 5_000, [],
    {}, [None], [[]], [0, 0], [-1, 2, 3], {"op": None}, {"op": "L2"}, {"op": "Dense"}, {"op": "Dense", "units": 3},
    {"": ""}, ["Dense", "Dense"], "Lambda", "model/mlp", "model/../x", "residual", "BatchNormalization", "Input",
    [10**6] * 3,
)  # fmt: skip
KEYS = (
    "op", "name", "from", "when", "repeat", "each", "share", "layers", "shortcut", "paths", "merge", "units", "filters",
    "kernel_size", "strides", "padding", "dilation_rate", "groups", "activation", "rate", "axis", "vars", "blocks",
    "params", "inputs", "input", "outputs", "output", "patch", "dtype", "kernel_initializer", "kernel_regularizer",
    "trainable", "zzz",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One broken configuration and the way it goes in."""

    number: int
    way: str
    text: str


def shipped() -> list[tuple[str, str]]:
    """Name and text of every shipped model."""
    return [
        (path.stem, path.read_text(encoding="utf-8")) for path in sorted((config_folder() / "model").glob("*.yaml"))
    ]


def make(number: int, seed: int, models: list[tuple[str, str]]) -> Case:
    """Case `number` of the campaign with `seed`: always the same."""
    rng = random.Random(f"{seed}/{number}")
    _, text = rng.choice(models)
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, 4)):
            text = rng.choice(TEXT_MUTATIONS)(text, rng)
    else:
        tree = yaml.safe_load(text)
        for _ in range(rng.randint(1, 4)):
            tree = mutate_tree(tree, rng)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=200)
    way = rng.choices(("compiler", "model_file", "hydra"), (6, 3, 1))[0]
    return Case(number, way, text)


# --- mutations ---


def _cut_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        lines.pop(rng.randrange(len(lines)))
    return "".join(lines)


def _repeat_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line = rng.choice(lines)
    lines.insert(rng.randrange(len(lines) + 1), line)
    return "".join(lines)


def _indent(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = rng.randrange(len(lines))
    lines[at] = rng.choice((" ", "  ", "\t")) + lines[at] if rng.random() < 0.5 else lines[at].lstrip()
    return "".join(lines)


def _character(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    new = rng.choice("{}[]:,&*!|>%@`'\"#-?$ \t\n\x00\x07~<=éA0") if rng.random() < 0.7 else ""
    return text[:at] + new + text[at + rng.randint(0, 1) :]


def _cut_off(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _letter(text: str, rng: random.Random) -> str:
    letters = [i for i, char in enumerate(text) if char.isalnum()]
    if not letters:
        return text
    at = rng.choice(letters)
    return text[:at] + rng.choice("abcxyzABC0189_") + text[at + 1 :]


TEXT_MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    _cut_line, _repeat_line, _indent, _character, _cut_off, _letter, _letter,
)  # fmt: skip


def mutate_tree(tree: Any, rng: random.Random) -> Any:
    """`tree` with one thing in it changed."""
    spots: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            spots.append((value, key))
            if isinstance(value[key], (dict, list)):
                collect(value[key])

    if not isinstance(tree, (dict, list)) or not tree:
        return tree
    collect(tree)
    holder, key = rng.choice(spots)
    action = rng.randrange(6)
    if action == 0:
        del holder[key]
    elif action == 1:
        holder[key] = deepcopy(rng.choice(NASTY))
    elif action == 2 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = deepcopy(rng.choice(NASTY))
    elif action == 3 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = holder.pop(key)
    elif action == 4:
        other, at = rng.choice(spots)
        holder[key] = deepcopy(other[at])
    elif isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), deepcopy(holder[key]))
    return tree


# --- the three ways in ---


def run(case: Case, folder: Path) -> list[str]:
    """Send a case in; gives the codes of its faults.

    Raises:
        Exception: whatever is not a `ConfigError`: the case has failed.
    """
    try:
        if case.way == "compiler":
            diagnostics = Diagnostics()
            text = case.text.replace("${data.input_shape}", SHAPE).replace("${data.classes}", "10")
            tree = read_tree(Source("model.yaml", text), diagnostics, caps=FOREIGN, strict=True)
            if isinstance(tree, Map):
                compile_model(ModelSource(tree), diagnostics)
            diagnostics.raise_errors()
        else:
            file = folder / "model" / "broken.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(case.text.encode("utf-8", "surrogatepass"))
            by_file = case.way == "model_file"
            plan(
                compose([f"model_file={file}", "~model"] if by_file else ["model=broken"], None if by_file else folder)
            )
    except ConfigError as error:
        text = render(error.faults)
        assert text.strip(), "faults without a text"
        for fault in error.faults:
            assert fault.code in CODES, fault.code
            assert "Traceback" not in fault.message
            as_json(fault)
        return [fault.code for fault in error.faults if fault.is_error]
    return []


def campaign(cases: int, seed: int, first: int = 0) -> int:
    """Run the cases and print what came of them; the number that failed."""
    models = shipped()
    codes, ways, failures, slowest = Counter[str](), Counter[str](), 0, (0.0, -1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = make(0, seed, models)
        for way in ("compiler", "model_file", "hydra"):  # imports and validators are not the cases'
            run(Case(-1, way, warm.text), folder)
        start = _megabytes()
        for number in range(first, first + cases):
            case = make(number, seed, models)
            began, problem = perf_counter(), ""
            try:
                found = run(case, folder)
                codes.update(set(found) or {"(none)"})
            except Exception:  # exactly what this looks for
                problem = traceback.format_exc()
            seconds = perf_counter() - began
            if seconds > SECONDS and not problem:  # the machine may have been busy: slow is what is slow twice
                began = perf_counter()
                run(case, folder)
                seconds = min(seconds, perf_counter() - began)
            slowest = max(slowest, (seconds, number))
            ways[case.way] += 1
            if seconds > SECONDS:
                problem += f"took {seconds:.2f} s\n"
            if _megabytes() - start > MEGABYTES:
                problem += f"memory grew by {_megabytes() - start:.0f} MB\n"
                start = _megabytes()
            if problem:
                failures += 1
                print(f"case {number} (seed {seed}, {case.way}):\n{case.text[:3_000]}\n{problem}", file=sys.stderr)
    print(f"{cases} cases, seed {seed}, by way {dict(ways)}: {failures} failed")
    print(f"slowest {slowest[0]:.3f} s (case {slowest[1]}); memory {_megabytes() - start:+.0f} MB at its highest")
    print("cases by code: " + ", ".join(f"{code} {count}" for code, count in sorted(codes.items())))
    return failures


def _megabytes() -> float:
    """The highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    sys.exit(1 if campaign(args.cases, args.seed, args.first) else 0)
