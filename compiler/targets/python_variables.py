"""Which variable holds what, step by step."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from compiler.targets.python_flow import Flow, Step
from compiler.targets.python_holes import RESERVED, free
from compiler.targets.python_items import Path
from compiler.targets.python_syntax import assign

TRUNKS = ("x", "y", "z")
"""What tensors are called that nothing better is known of."""


class Variables:
    """The variables of one body.

    Args:
        flow: its steps are counted in the order in which they are written.
        wanted: what results are to be called, where that matters.
        taken: variables around it that keep their values meanwhile.
    """

    def __init__(self, flow: Flow, wanted: Mapping[Path, str | None], taken: Iterable[str]) -> None:
        self.flow, self.wanted, self.taken = flow, wanted, set(taken)
        self.steps: list[Step] = [flow.steps[at] for at in flow.order]
        self.used: set[str] = set(self.taken)
        self._names: dict[Path, str] = {}
        self._trunk: dict[Path, str] = {}  # where a value stood first, before it was kept under another name
        self._owner: dict[str, Path] = {}
        self._constant: set[str] = set()

    def __getitem__(self, value: Path) -> str:
        return self._names[value]

    def hold(self, value: Path, variable: str, constant: bool = False) -> None:
        """Note that `variable` holds `value`; for good if it is `constant`."""
        self._names[value] = self._trunk[value] = variable
        self._owner[variable] = value
        self.used.add(variable)
        if constant:
            self._constant.add(variable)

    def is_free(self, variable: str, at: int) -> bool:
        """Whether the variable holds nothing that is used after step `at`."""
        if variable in self._constant or variable in self.taken:
            return False
        owner = self._owner.get(variable)
        return owner is None or self.flow.last.get(owner, -1) <= at

    def live(self, at: int) -> set[str]:
        """The variables that keep their values over step `at`."""
        return {variable for variable in (*self._owner, *self.taken) if not self.is_free(variable, at)}

    def unique(self, name: str, at: int, besides: Iterable[str | None] = ()) -> str:
        """`name`, with a number where it is needed otherwise or among `besides`."""
        return free(name, {*self.live(at), *(other for other in besides if other)})

    def pick(self, value: Path, at: int, besides: Iterable[str] = ()) -> str:
        """The variable for `value`, the main one that step `at` gives; none of `besides`."""
        wanted, others = self.wanted.get(value), self.promised(value) | {*besides}
        if wanted and self.is_free(wanted, at):
            return wanted
        if at in self.flow.names:
            name = self.flow.names[at]
            return self.unique(f"branch_{name}" if name in self.taken else name, at, others)
        forks = [fork for fork in self.flow.joins.get(at, ()) if fork in self._trunk]
        kept = [self.flow.kept[at][0]] if at in self.flow.kept else []
        dying = [self._names[read] for read in self.steps[at].reads if read in self._names and not _apart(read)]
        dying.sort(key=lambda variable: variable not in TRUNKS)
        for variable in (*(self._trunk[fork] for fork in (*forks, *kept)), *dying, *TRUNKS):
            if self.is_free(variable, at) and variable not in {*RESERVED, *others}:
                return variable
        return self.unique("branch", at, others)

    def promised(self, value: Path) -> set[str]:
        """The variables that other results are to be in at the end, where `value` must last until then too."""
        lasts = self.flow.last[value] >= len(self.steps)
        return {name for other, name in self.wanted.items() if name and other != value} if lasts else set()

    def keep(self, at: int) -> Iterator[ast.stmt]:
        """Save under another name what step `at` is about to overwrite."""
        if at not in self.flow.kept:
            return
        value, name = self.flow.kept[at]
        variable = self._names[value]
        if variable in self._constant or variable in self.taken or self.wanted.get(value) == variable:
            return
        name = self.unique(name, at - 1, self.promised(value))  # step `at` reads what it is the last to use
        self._names[value], self._owner[name] = name, value
        del self._owner[variable]
        self.used.add(name)
        yield assign(name, ast.Name(variable))

    def entering(self, value: Path, at: int) -> str:
        """The variable to read in step `at`: that of the path that goes on, where it was just kept under another."""
        if at in self.flow.kept and self.flow.kept[at][0] == value:
            return self._trunk[value]
        return self._names[value]


def _apart(value: Path) -> bool:
    """Whether a value is no tensor: a layer, or a list."""
    return "@" in value or "list" in value
