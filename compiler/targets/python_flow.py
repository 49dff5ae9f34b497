"""How values run through a piece of code: where paths part and meet, and so which variable a reader expects for each.

A value that several steps use is a fork; the step that all of its paths lead to is their join. A path beside one
that goes straight to the join is a residual; equals are branches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from compiler.targets.python_holes import identifier
from compiler.targets.python_items import Path

SHORTCUTS = {"shortcut", "skip", "identity", "proj", "projection", "downsample"}


STRUCTURE = {"body", "branches", "first", "last", "main", "middle", "paths", "residual", "rest", "sequence"}
"""Parts of names that say where something is, not what."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement or loop.

    Attributes:
        path: its dotted name inside the piece of code.
        op: the layer's op; empty for calls and loops.
        reads: the values that enter, in the order of operands.
        writes: what it gives, the main value first.
        weight: how many layers it stands for.
        fixed: whether it must keep its place, since it calls shared weights.
    """

    path: str
    op: str
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]
    weight: int
    fixed: bool


@dataclass
class Flow:
    """The order of steps, and what is to be said of variables.

    Attributes:
        order: the steps' indices as they are to be written; all other attributes count positions in it.
        last: the position of each value's last use; the number of steps for results, -1 where there is none.
        names: what the first value of a step is called, where a path begins.
        kept: values to be kept under another name before a step, since a path goes on in the old one.
        joins: the forks that meet in a step, outermost first.
    """

    steps: Sequence[Step]
    results: Sequence[Path]
    order: list[int] = field(init=False)
    last: dict[Path, int] = field(init=False)
    names: dict[int, str] = field(init=False)
    kept: dict[int, tuple[Path, str]] = field(init=False)
    joins: dict[int, list[Path]] = field(init=False)

    def __post_init__(self) -> None:
        self.order = list(range(len(self.steps)))
        self._moves: list[tuple[set[int], int]] = []
        self._analyse()
        moves = self._moves
        for moved, before in moves:
            rest = [at for at in self.order if at not in moved]
            to = rest.index(before) if before in rest else 0
            order = [*rest[:to], *(at for at in self.order if at in moved), *rest[to:]]
            self.order = order if self._is_possible(order) else self.order
        if moves:
            self._analyse()

    def _analyse(self) -> None:
        self._steps = [self.steps[at] for at in self.order]
        self.names, self.kept, self.joins, self._moves = {}, {}, {}, []
        users: dict[Path, list[int]] = {value: [] for step in self._steps for value in step.writes}
        for at, step in enumerate(self._steps):
            for value in dict.fromkeys(step.reads):
                users.setdefault(value, []).append(at)
        for value in self.results:
            users.setdefault(value, []).append(len(self._steps))
        self.last = {value: found[-1] if found else -1 for value, found in users.items()}
        self._next = [sorted({at for value in step.writes for at in users[value]}) for step in self._steps]
        self._set_joins()
        for value, found in sorted(users.items(), key=lambda pair: pair[1][:1]):
            if len(found) > 1:
                self._fork(value, found)

    def _is_possible(self, order: Sequence[int]) -> bool:
        """Whether every value is made before it is used, and shared weights are called in their order."""
        fixed = [at for at in order if self.steps[at].fixed]
        made: set[Path] = set()
        later = {value for step in self.steps for value in step.writes}
        for at in order:
            if any(value in later and value not in made for value in self.steps[at].reads):
                return False
            made |= {*self.steps[at].writes}
        return fixed == sorted(fixed)

    def _set_joins(self) -> None:
        """For each step the next that everything from it leads to (its immediate postdominator)."""
        end = len(self._steps)
        self._post, self._depth = [end] * end + [end], [0] * (end + 1)
        for at in reversed(range(end)):
            found = self._next[at] or [end]
            join = found[0]
            for other in found[1:]:
                join = self._meet(join, other)
            self._post[at], self._depth[at] = join, self._depth[join] + 1

    def _meet(self, a: int, b: int) -> int:
        while a != b:
            if self._depth[a] < self._depth[b]:
                a, b = b, a
            a = self._post[a]
        return a

    def _between(self, start: int, join: int) -> set[int]:
        """The steps from `start` on that lead to `join`."""
        found, queue = {start}, [start]
        while queue:
            new = [at for at in self._next[queue.pop()] if at < join and at not in found]
            found.update(new)
            queue += new
        return found

    def _fork(self, value: Path, users: list[int]) -> None:
        join = users[0]
        for other in users[1:]:
            join = self._meet(join, other)
        starts = [at for at in users if at != join]
        paths = {at: self._between(at, join) for at in starts}
        own = [at for at in starts if not any(at in paths[other] for other in starts if other != at)]
        ended = join == len(self._steps)
        if not ended:
            self.joins.setdefault(join, []).append(value)
        if len(own) == 1:
            self._beside(value, own[0], paths[own[0]], join)
            return
        hints = [self._hint(paths[at], join) for at in own]
        short = self._shortcut(own, paths, hints, join) if len(users) == 2 and not ended else None
        if short is not None:
            main = next(at for at in own if at != short)
            self.names.setdefault(short, "shortcut")
            if short > main:
                self._moves.append((paths[short], main))
                self.kept.setdefault(main, (value, "shortcut"))
            return
        for number, (at, hint) in enumerate(zip(own, hints, strict=True)):
            self.names.setdefault(at, self._branch(hint, paths[at], number))

    def _beside(self, value: Path, start: int, path: set[int], join: int) -> None:
        """One path beside a value that is used again where it ends, or on the way."""
        if join < len(self._steps) and self._steps[join].reads[0] == value:  # Add()([x, y]): the path gets a name
            hint = self._hint(path, join)
            named = "" if not hint or hint.isdecimal() else identifier(hint)
            self.names.setdefault(start, named or ("gate" if self._steps[join].op == "Multiply" else "y"))
            return
        ops = {self._steps[at].op for at in (join,) if join < len(self._steps)}
        self.kept.setdefault(start, (value, "skip" if not ops or "Concatenate" in ops else "shortcut"))

    def _shortcut(self, own: list[int], paths: dict[int, set[int]], hints: list[str], join: int) -> int | None:
        """Which of two paths is a residual's shortcut."""
        named = [at for at, hint in zip(own, hints, strict=True) if hint in SHORTCUTS]
        if named:
            return named[0] if len(named) == 1 else None
        if all(hint and not hint.isdecimal() for hint in hints) or self._steps[join].op != "Add":
            return None
        short, long = sorted(own, key=lambda at: self._weight(paths[at]))
        return short if 2 * self._weight(paths[short]) <= self._weight(paths[long]) else None

    def _weight(self, path: set[int]) -> int:
        return sum(self._steps[at].weight for at in path)

    def _hint(self, path: set[int], join: int) -> str:
        """What the names say a path to `join` is called: `deep` for `logits.deep.Dense`; empty if nothing."""
        end = self._steps[join].path.split(".")[:-1] if join < len(self._steps) else []
        parts = [self._steps[at].path.split(".") for at in sorted(path)]
        within = all(part[: len(end)] == end and len(part) > len(end) + 1 for part in parts)
        heads = {part[len(end)] for part in parts} if within else set[str]()
        return heads.pop() if len(heads) == 1 else ""

    def _branch(self, hint: str, path: set[int], number: int) -> str:
        if hint.isdecimal():
            return f"branch_{hint}"
        if not hint:
            last = self._steps[max(path)]
            hint = last.path.rpartition(".")[2]
            hint = "" if auto_named(hint, last.op) else hint
        return identifier(hint) or (identifier(f"branch_{hint}") if hint else f"branch_{number}")


def auto_named(name: str, op: str) -> bool:
    """Whether the last part of a name says no more than the op: `Dense_1`, a number, the `merge` of a residual."""
    op = op.removeprefix("ops.")
    plain = re.sub(r"_?\d*$", "", name.lower())
    return (
        name.isdecimal() or name == "merge" or re.sub(r"\d+$", "", op.lower()).startswith(plain) or plain == op.lower()
    )
