"""Members of an ensemble that are not what a training left: each is refused by name, and nothing crashes.

    python -m tests.campaigns.damaged_members --cases 2000 --seed 0

One of three members is damaged in a drawn way: bits flipped, files cut, emptied or removed, fields of `run.json`
changed as an editor leaves them, or sealed again as a program would that knows the form; files and folders swapped;
predictions rewritten with the right hashes, but with NaN, logits, other rows, labels or shapes. Whatever the damage,
`gather` must raise `ConfigError` with a fault that names a member whose files were touched.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import ConfigError, Diagnostics, Place, Source
from compiler.runtime.ensemble.job import gather
from compiler.runtime.ensemble.methods import Uniform
from compiler.runtime.ensemble.plan import EnsemblePlan
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.run.files import digest
from compiler.spec.located import Map, located
from tests.ensemble.saved import save_run
from tests.records import write_record

NAMES = ("a", "b", "c")
Damage = Callable[[Path, random.Random], str]
"""Does it to the member `b` beside the others, and says what was done."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was done, and what came of it: the codes of the faults, or what is wrong."""

    kind: str
    did: str
    codes: tuple[str, ...]
    wrong: str | None


def make(root: Path) -> Path:
    """Three members that fit together."""
    for seed, name in enumerate(NAMES):
        save_run(root / name, seed)
    return root


def examine(root: Path) -> tuple[str, ...]:
    """The messages of the faults that three members in `root` have; empty if they are taken."""
    place = Place(Source("conf/ensemble/mine.yaml", "members: [a, b, c]\n"), 1, 10, 9)
    paths = [str(root / name) for name in NAMES]
    section = Map({"members": located(paths, place)}, place)
    job = EnsemblePlan(EnsembleSettings(members=tuple(paths), method=Uniform()), section, ())
    try:
        gather(job, root / "ensemble", Diagnostics())
    except ConfigError as error:
        return tuple(f"{fault.code}: {fault.message}" for fault in error.faults)
    return ()


# --- damages ---


def _file(member: Path, draw: random.Random) -> Path:
    return draw.choice(sorted(path for path in member.rglob("*") if path.is_file()))


def flip(member: Path, draw: random.Random) -> str:
    path = _file(member, draw)
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 1, 8))):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    if bytes(content) == path.read_bytes():  # two flips of one bit
        content[0] ^= 1
    path.write_bytes(content)
    return path.name


def cut(member: Path, draw: random.Random) -> str:
    path = _file(member, draw)
    how = draw.choice(("cut", "emptied", "removed", "longer"))
    if how == "removed":
        path.unlink()
    elif how == "longer":
        path.write_bytes(path.read_bytes() + draw.randbytes(draw.randrange(1, 50)))
    else:
        path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size) if how == "cut" else 0])
    return f"{path.name} {how}"


def field(member: Path, draw: random.Random) -> str:
    """A field of the record becomes another, as a text editor leaves it."""
    path = member / "run.json"
    record = json.loads(path.read_text())
    leaves = [way for way in _ways(record) if way != ("seal",)]
    way = draw.choice(leaves)
    before = json.dumps(record)
    while json.dumps(record) == before:  # an empty list may become an empty list
        _set(record, way, draw.choice([None, True, -1, 2**70, 0.5, "", "x" * 50, [], {}, ["a"], {"a": 1}]))
    path.write_text(json.dumps(record, indent=2) + "\n")
    return ".".join(map(str, way))


def resealed(member: Path, draw: random.Random) -> str:
    """A field that an ensemble depends on becomes another, and the seal is right."""
    path = member / "run.json"
    record = json.loads(path.read_text())
    del record["seal"]
    other = "0123456789abcdef" * 4
    way, value = draw.choice(
        [
            (("task",), draw.choice(["binary", "multilabel", "regression", "other", None, 3, []])),
            (("status",), draw.choice(["running", "failed", "pruned", "interrupted", "done", None])),
            (("schema",), draw.choice([3, 99, 0, -1, "2", None, True, 2.0])),
            (("kind",), draw.choice([None, 3, []])),
            (("data",), draw.choice([None, [], {}, "digits"])),
            (("data", "classes"), draw.choice([["2", "1", "0"], ["0", "1"], [0, 1, 2], None, "012", []])),
            (("data", "rows"), draw.choice([None, [], {"val": "60"}])),
            (("data", "fingerprints"), draw.choice([None, [], {}, {"rows": {}}, {"rows": None}])),
            (("data", "fingerprints", "classes", "all"), draw.choice([other, None, 3])),
            (("data", "fingerprints", draw.choice(["rows", "labels"]), draw.choice(["val", "test"])), other),
            (("artefacts", "predictions/val.npz", "sha256"), draw.choice([other, None, ""])),
            (("artefacts", "predictions/test.npz", "bytes"), draw.choice([0, -1, None, 10**12])),
            (("artefacts",), draw.choice([None, {}, [], {"../../x": {"sha256": "", "bytes": 0}}])),
        ]
    )
    _set(record, way, value)
    write_record(path, record)
    return f"{'.'.join(way)} = {value!r}"


def swap(member: Path, draw: random.Random) -> str:
    """Files or folders in each other's places."""
    other = member.parent / draw.choice(("a", "c"))
    how = draw.choice(("splits", "files", "record", "copy", "empty"))
    name = f"predictions/{draw.choice(('val', 'test'))}.npz"
    if how == "splits":
        _exchange(member / "predictions/val.npz", member / "predictions/test.npz")
    elif how == "files":
        _exchange(member / name, other / name)
    elif how == "record":
        shutil.copy(other / "run.json", member / "run.json")
    else:
        shutil.rmtree(member)
        if how == "copy":
            shutil.copytree(other, member)
        else:
            member.mkdir()
    return how


def rewritten(member: Path, draw: random.Random) -> str:
    """Predictions that are none, with the hashes right."""
    split = draw.choice(("val", "test"))
    path = member / f"predictions/{split}.npz"
    with np.load(path) as file:
        said, rows, labels = file["predictions"].copy(), file["rows"].copy(), file["labels"].copy()
    at = draw.randrange(len(said))
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "nan": lambda: {"predictions": _with(said, at, draw.choice([np.nan, np.inf, -np.inf]))},
        "sum": lambda: {"predictions": _with(said, at, said[at] * draw.choice([0.5, 0.0, 1.2]))},
        "logits": lambda: {"predictions": np.log(said)},
        "negative": lambda: {"predictions": _with(said, at, np.array([-0.5, 1.0, 0.5], np.float32))},
        "integers": lambda: {"predictions": said.argmax(axis=1)},
        "doubles": lambda: {"predictions": said.astype(np.float64)},
        "column": lambda: {"predictions": said[:, :2] / said[:, :2].sum(axis=1, keepdims=True)},
        "shorter": lambda: {"predictions": said[:-1], "rows": rows[:-1], "labels": labels[:-1]},
        "ragged": lambda: {"labels": labels[:-1]},
        "order": lambda: {"predictions": said[::-1].copy(), "rows": rows[::-1].copy(), "labels": labels[::-1].copy()},
        "rows": lambda: {"rows": rows + draw.choice([1, 10**6])},
        "row": lambda: {"rows": _with(rows, at, rows[at - 1])},
        "label": lambda: {"labels": _with(labels, at, (labels[at] + 1) % 3)},
        "no label": lambda: {"labels": _with(labels, at, draw.choice([-1, 3, 10**9]))},
        "text": lambda: {"labels": labels.astype(str)},
        "objects": lambda: {"labels": labels.astype(object)},
        "empty": lambda: {"predictions": said[:0], "rows": rows[:0], "labels": labels[:0]},
        "one missing": lambda: {draw.choice(["predictions", "rows", "labels"]): None},
    }
    how = draw.choice(sorted(changes))
    arrays: dict[str, Any] = {"predictions": said, "rows": rows, "labels": labels} | changes[how]()
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    record = json.loads((member / "run.json").read_text())
    made = digest(path)
    record["artefacts"][f"predictions/{split}.npz"] = {"sha256": made.sha256, "bytes": made.bytes}
    write_record(member / "run.json", record)
    return f"{split} {how}"


DAMAGES: tuple[Damage, ...] = (flip, flip, cut, field, resealed, resealed, swap, rewritten, rewritten)


def _ways(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all that is in a record."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*way, key)
        if isinstance(item, (dict, list)):
            yield from _ways(item, (*way, key))


def _set(record: Any, way: tuple[Any, ...], value: Any) -> None:
    for key in way[:-1]:
        record = record[key]
    record[way[-1]] = value


def _with(array: np.ndarray, at: int, value: Any) -> np.ndarray:
    changed = array.copy()
    changed[at] = value
    return changed


def _exchange(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


# --- the campaign ---


def campaign(cases: int, seed: int, root: Path) -> Iterator[Case]:
    """Damage a member so many times; each case begins with whole ones."""
    whole = make(root / "whole")
    assert examine(whole) == (), "the members are whole"
    here = root / "damaged"
    draw = random.Random(seed)
    for _ in range(cases):
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(whole, here)
        damage = draw.choice(DAMAGES)
        did = damage(here / "b", draw)
        kind = damage.__name__
        try:
            messages = examine(here)
        except Exception as error:  # a crash is what the campaign looks for
            yield Case(kind, did, (), f"crashed: {type(error).__name__}: {error}")
            continue
        touched = [str(here / name) for name in (NAMES if damage is swap else "b")]
        wrong = None
        if not messages:
            wrong = "accepted"
        elif not any(path in message for path in touched for message in messages):
            wrong = f"refused without its name: {messages}"
        yield Case(kind, did, tuple(message[:4] for message in messages), wrong)


def main() -> None:
    """Run the campaign, and print what was refused and how."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    refused, wrong = Counter[tuple[str, str]](), list[Case]()
    with tempfile.TemporaryDirectory() as root:
        for case in campaign(args.cases, args.seed, Path(root)):
            refused.update((case.kind, code) for code in set(case.codes))
            wrong += [case] if case.wrong else []
    for (kind, code), count in sorted(refused.items()):
        print(f"{kind:10} {code} {count:5}")
    for case in wrong[:50]:
        print(f"WRONG {case.kind} ({case.did}): {case.wrong}")
    print(f"{args.cases} damaged members, {len(wrong)} not refused by name")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
