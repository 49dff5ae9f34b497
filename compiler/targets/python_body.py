"""The statements of a function's body, and of the loops in it, for all instances of the code at once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.ir import Node
from compiler.ops import NamedOp
from compiler.ops.functions.base import Function
from compiler.targets.python_flow import STRUCTURE, Flow, Step, auto_named
from compiler.targets.python_functions import function_call, renderer
from compiler.targets.python_holes import Frame, identifier
from compiler.targets.python_items import Item, Leaf, Loop, Path, Slot
from compiler.targets.python_layout import WIDTH, text_of
from compiler.targets.python_steps import Module, Part, Steps
from compiler.targets.python_syntax import assign, call
from compiler.targets.python_turns import plural, turns
from compiler.targets.python_values import default, layer, op_class
from compiler.targets.python_variables import TRUNKS, Variables

Words = tuple["str | ast.expr", ...]
"""A layer's name as it is computed: texts and variables."""
_INDICES = "ijklmnpq"


@dataclass(frozen=True)
class Entry:
    """What enters a body: the variable that it is in, and whether that may be given another value."""

    variable: str
    free: bool = True


class Body:
    """Writes the statements of one body.

    Args:
        roots: the items that it stands for, one an instance.
        name, base: what all names inside begin with, as it is written and in the first instance.
        inputs: what enters, in the order of the roots' `reads`.
        results: what must be there in the end, by path, and the variable where that matters.
        lists: the variables that collect values of every turn, by path.
        taken: variables that keep their values meanwhile.
        depth: of loops around it.
    """

    def __init__(
        self,
        module: Module,
        roots: Sequence[Item],
        frame: Frame,
        name: Words,
        base: str,
        inputs: Sequence[Entry],
        results: Mapping[Path, str | None],
        lists: Mapping[Path, str] | None = None,
        taken: Iterable[str] = (),
        depth: int = 0,
    ) -> None:
        self.module, self.frame, self.name, self.base = module, frame, name, base
        self.results, self.lists, self.depth = results, lists or {}, depth
        self.where = Steps(module, roots, base, own=depth == 0)
        flow = Flow([part.step for part in self.where.parts], [*results])
        self.parts = [self.where.parts[at] for at in flow.order]
        self.variables = Variables(flow, results, {*taken, *self.lists.values()})
        for at, entry in enumerate(inputs):
            self.variables.hold(("in", at), entry.variable, not entry.free)

    def statements(self) -> list[ast.stmt]:
        """The body's statements; `variables` then say where each of its results is."""
        written: list[ast.stmt] = []
        for at, part in enumerate(self.parts):
            written += self.variables.keep(at)
            first = part.items[0]
            write = self._layer if isinstance(first, Leaf) else self._loop if isinstance(first, Loop) else self._call
            written += write(part, at)
        for value, wanted in self.results.items() if self.depth else ():  # a loop hands on what it began with
            if wanted and self.variables[value] != wanted:
                written.append(assign(wanted, ast.Name(self.variables[value])))
        return written

    def _read(self, value: str, at: int) -> ast.expr:
        path, index = self.where.place(value)
        variable = ast.Name(self.variables.entering(path, at))
        return variable if index is None else ast.Subscript(variable, ast.Constant(index))

    def _list(self, values: Sequence[str], at: int) -> ast.expr:
        """A list of values; a list that was collected stands for all of its items."""
        places = [self.where.place(value, listed=True) for value in values]
        items: list[ast.expr] = []
        while places:
            path, index = places[0]
            size = self.where.length(path) if index is not None else 1
            whole = index is not None and places[:size] == [(path, i) for i in (*range(size - 1), -1)]
            items.append(ast.Starred(ast.Name(self.variables[path])) if whole else self._read(values[0], at))
            values, places = values[size if whole else 1 :], places[size if whole else 1 :]
        return items[0].value if len(items) == 1 and isinstance(items[0], ast.Starred) else ast.List(items)

    def _name_of(self, item: Item) -> ast.expr:
        return _text((*self.name, item.name[len(self.base) :]))

    def _given(self, value: Path, at: int, made: ast.expr, more: Sequence[str] = ()) -> Iterator[ast.stmt]:
        """`made` put where step `at` wants its main value, or into the list that collects it."""
        if value in self.lists and not more and self.variables.flow.last[value] < 0:
            yield ast.Expr(call(f"{self.lists[value]}.append", made))
            return
        unused = self.variables.flow.last[value] < 0 and value not in self.lists
        variable = "_" if unused and more else self.variables.pick(value, at, more)
        self.variables.hold(value, variable)
        targets: list[ast.expr] = [ast.Name(variable), *(ast.Name(name) for name in more)]
        yield ast.Assign([targets[0] if len(targets) == 1 else ast.Tuple(targets)], made)
        yield from self._collected(value)

    def _collected(self, value: Path) -> Iterator[ast.stmt]:
        if value in self.lists:
            yield ast.Expr(call(f"{self.lists[value]}.append", ast.Name(self.variables[value])))

    # --- a layer ---

    def _layer(self, part: Part, at: int) -> Iterator[ast.stmt]:
        found = [item for item in part.items if isinstance(item, Leaf)]
        leaf, node, cls = found[0], found[0].node, op_class(found[0].node.op)
        arguments: dict[str, ast.expr] = {}
        for key in dict.fromkeys(key for item in found for key in item.node.args):
            fallback = default(node.op, key)
            values = [item.node.args.get(key, fallback) for item in found]
            arguments[key] = self.frame.value(values, key, fallback, renderer(cls, key), _owner(part.step))
        if node.op == "Input":
            variable = "inputs" if self._inputs == 1 else self.variables.unique(identifier(node.name) or "entry", at)
            yield assign(variable, layer(node.op, arguments, self._name_of(leaf)))
            self.variables.hold(part.at, variable, constant=True)
            return
        if issubclass(cls, Function):
            args, keywords = self._tensors(node, at)
            made = function_call(cls, arguments, args, keywords)
            named = call("named", made, self._name_of(leaf)) if self.module.names_functions else made
            yield from self._given(part.at, at, named)
            return
        shared = next((value for value in leaf.reads if value.startswith("@")), None)
        made = self._read(shared, at) if shared else layer(node.op, arguments, self._name_of(leaf))
        if leaf.lends:
            variable = self.variables.unique(self._layer_variable(at), at - 1)
            yield assign(variable, made)
            self.variables.hold((*part.at, "@"), variable, constant=True)
            yield from self._collected((*part.at, "@"))
            made = ast.Name(variable)
        args, keywords = self._tensors(node, at)
        keywords |= {key: arguments[key] for key in cls.call_arguments if key in arguments}
        yield from self._given(part.at, at, call(made, *args, **keywords))

    @property
    def _inputs(self) -> int:
        return sum(part.step.op == "Input" for part in self.parts)

    def _layer_variable(self, at: int) -> str:
        """What a layer that is called again is called itself."""
        step = self.variables.steps[at]
        *path, own = step.path.split(".")
        parts = [part for part in path if not part.isdecimal()] + ([] if own.isdecimal() else [own])
        name = identifier("_".join(parts)) or identifier(step.op)
        return name if path or auto_named(own, step.op) else f"{name}_layer"

    def _tensors(self, node: Node, at: int) -> tuple[list[ast.expr], dict[str, ast.expr]]:
        """What a layer's call takes: positional and keyword arguments."""
        cls = op_class(node.op)
        if not issubclass(cls, NamedOp):
            reads = [x.node for x in node.inputs]
            return ([self._list(reads, at)] if cls.arity == "many" else [self._read(reads[0], at)]), {}
        named = {str(x.argument): x.node for x in node.inputs}
        if cls.listed:
            return [self._list([named[key] for key in cls.operands if key in named], at)], {}
        return [], {key: self._read(value, at) for key, value in named.items()}

    # --- a call ---

    def _call(self, part: Part, at: int) -> Iterator[ast.stmt]:
        function = self.module.function(part.items[0])
        assert function is not None, "a group that is one step is a function's"
        args = [self._read(value, at) for value in part.items[0].reads]
        keywords: dict[str, ast.expr] = {}
        for key, value in function.arguments(part.items, self.frame, _owner(part.step)):
            if key is None:
                args.append(value)
            else:
                keywords[key] = value
        if function.named:
            keywords["name"] = self._name_of(part.items[0])
        made = call(function.name, *args, **keywords)
        main, *others = part.step.writes
        more: list[str] = []
        for value in others:
            used = self.variables.flow.last[value] >= 0 or value in self.lists
            more.append(self.variables.unique("skip", at, {*self.variables.promised(value), *more}) if used else "_")
            if used:
                self.variables.hold(value, more[-1])
        yield from self._given(main, at, made, more)
        for value in others:
            yield from self._collected(value)

    # --- a loop ---

    def _loop(self, part: Part, at: int) -> Iterator[ast.stmt]:
        loops = [item for item in part.items if isinstance(item, Loop)]
        first, index, variables = loops[0], _INDICES[self.depth % len(_INDICES)], self.variables
        reads = {variables.entering(value, at) for value in part.step.reads}
        lists: dict[Path, str] = {}
        for path in part.lists:
            lists[path] = variables.unique("skips" if first.carried else "branches", at, reads)
            yield assign(lists[path], ast.List([]))
            variables.hold((*part.at, "list", *path), lists[path])
        results: dict[Path, str | None] = dict.fromkeys(part.last)
        entries: list[Entry] = []
        overs: list[tuple[str, ast.expr]] = []
        for slot in first.slots:
            if slot.kind == "each":
                free = (name for name in TRUNKS if variables.is_free(name, at) and name not in reads)
                usual = "skip" if first.carried else next(free, "x")
                variable = variables.unique(usual, at, {*reads, *results.values()})
                overs.append((variable, self._over(slot, at)))
                entries.append(Entry(variable))
                continue
            read = self._read(slot.values[0], at)
            if slot.kind == "carried":
                value = (*part.at, -1, *slot.carried)
                variable = self._carrier(value, first, slot, at, {*results.values()})
                yield from [] if isinstance(read, ast.Name) and read.id == variable else [assign(variable, read)]
                variables.hold(value, variable)
                results[slot.carried] = variable
                entries.append(Entry(variable))
                continue
            if not isinstance(read, ast.Name):
                variable = variables.unique("skip", at, reads)
                yield assign(variable, read)
                read = ast.Name(variable)
            entries.append(Entry(read.id, free=False))
        still = variables.live(at) - {entry.variable for entry in entries if entry.free}
        still |= {index, *(entry.variable for entry in entries if not entry.free)}
        frame = Frame([owner for owner, loop in enumerate(loops) for _ in loop.copies], self.frame)
        base = first.base(0)
        name = (*self.name, base[len(self.base) : len(base) - len(str(first.start))], ast.Name(index))
        copies = [copy for loop in loops for copy in loop.copies]
        inner = Body(self.module, copies, frame, name, base, entries, results, lists, still, self.depth + 1)
        statements = inner.statements()
        for path in part.last:
            if path not in first.carried:
                variables.hold((*part.at, -1, *path), inner.variables[path])
        variables.used |= {*inner.variables.used, index}
        named = frame.settled({*inner.variables.used})
        variables.used |= {name for name, _ in named}
        target, over = turns(self.frame, loops, index, named, overs)
        long = 4 * (self.depth + 1) + len(f"for {text_of(target)} in {text_of(over)}:") - 2 > WIDTH
        if long and isinstance(over, ast.Call) and isinstance(over.args[0], ast.List):
            variable = variables.unique(plural(identifier(first.name.rpartition(".")[2]) or "copies"), at, reads)
            variables.used.add(variable)
            yield assign(variable, over.args[0])
            over = ast.Call(over.func, [ast.Name(variable)], over.keywords)
        yield ast.For(target, over, statements, [])
        for value in part.step.writes:
            yield from self._collected(value)

    def _carrier(self, value: Path, loop: Loop, slot: Slot, at: int, taken: set[str | None]) -> str:
        """The variable that a loop hands on from turn to turn."""
        init = self.where.place(slot.values[0])[0]
        again = sum(slot.values[0] in other.values for other in loop.slots) > 1
        others = {self.variables.entering(read, at) for read in self.variables.steps[at].reads if again or read != init}
        main = [self.variables.pick(value, at)] if value == self.variables.steps[at].writes[0] else []
        usual = [*main, self.variables.entering(init, at), *TRUNKS, *(f"state_{i}" for i in range(len(loop.slots)))]
        return next(name for name in usual if self.variables.is_free(name, at) and name not in {*others, *taken})

    def _over(self, slot: Slot, at: int) -> ast.expr:
        """What a loop goes over that takes another tensor each turn."""
        backwards = self._list(slot.values[::-1], at)
        forwards = self._list(slot.values, at)
        if isinstance(backwards, ast.Name) and not isinstance(forwards, ast.Name):
            return call("reversed", backwards)
        return forwards


def _owner(step: Step) -> str:
    """A step's own name in the group that it is in, where it says more than the op."""
    parts = [part for part in step.path.split(".") if not auto_named(part, step.op) and part not in STRUCTURE]
    return identifier(parts[-1]) if parts else ""


def _text(parts: Words) -> ast.expr:
    """A string of texts and variables: a constant, a variable or an f-string."""
    merged: list[str | ast.expr] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if len(merged) == 1:
        return ast.Constant(merged[0]) if isinstance(merged[0], str) else merged[0]
    return ast.JoinedStr([ast.Constant(x) if isinstance(x, str) else ast.FormattedValue(x, -1) for x in merged])
