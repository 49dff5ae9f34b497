"""CheckedGraph as Python: one file that builds the same model with Keras alone, written as a person would.

Groups of layers that occur more than once become functions, copies one after another become loops, and what
differs between them parameters and loop variables; see `python_tree.py`. The file imports only keras.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from compiler.ir import CheckedGraph
from compiler.targets.python_body import Body, Entry
from compiler.targets.python_classes import inlined
from compiler.targets.python_flow import SHORTCUTS, STRUCTURE
from compiler.targets.python_functions import NAMED, may_clash
from compiler.targets.python_holes import Column, Frame, free, identifier
from compiler.targets.python_items import Group, Item, Leaf, Loop, Path, children, in_a_list, leaves, locate, walk
from compiler.targets.python_layout import source
from compiler.targets.python_steps import Steps
from compiler.targets.python_syntax import assign, call, name
from compiler.targets.python_tree import Tree
from compiler.targets.python_variables import TRUNKS
from compiler.targets.table import totals_line


def to_python(graph: CheckedGraph, title: str = "model") -> str:
    """The source of a module whose `build_model()` gives the model that `graph` describes.

    Args:
        title: what the module's docstring calls the model; the model itself is named as the Keras target names it.
    """
    tree, refused, names_functions = Tree(graph), set[int](), may_clash(graph)
    while True:
        module = _Module(tree, refused, names_functions)
        built = module.build(graph)
        clumsy = {shape for shape, function in module.functions.items() if function.clumsy}
        if not clumsy:
            break
        refused |= clumsy
    renaming = ast.parse(NAMED).body if names_functions else []
    code = [*inlined(graph), *renaming, *module.definitions, *built]
    used = {found.id for statement in code for found in ast.walk(statement) if isinstance(found, ast.Name)}
    modules = [ast.alias(module) for module in ("layers", "ops") if module in used]
    imports = [ast.Import([ast.alias("keras")]), *([ast.ImportFrom("keras", modules, 0)] if modules else [])]
    run = ast.Expr(call(ast.Attribute(call("build_model"), "summary")))
    is_main = ast.Compare(name("__name__"), [ast.Eq()], [ast.Constant("__main__")])
    words = ast.Expr(ast.Constant(totals_line(graph, title) + "."))
    return source([words, *imports, *code, ast.If(is_main, [run], [])])


class _Module:
    """The functions of the written module, made when they are first called.

    Args:
        refused: shapes that make no good functions.
        names_functions: whether calls of functions of `keras.ops` get names.
    """

    def __init__(self, tree: Tree, refused: Collection[int], names_functions: bool) -> None:
        self.tree, self.names_functions = tree, names_functions
        self.definitions: list[ast.stmt] = []
        self.functions: dict[int, _Function] = {}
        self.groups: dict[int, list[Group]] = {}
        for item in walk(tree.root):
            if isinstance(item, Group) and item is not tree.root:
                self.groups.setdefault(item.shape, []).append(item)
        sites = _sites(tree.root)
        self.names: dict[int, str] = {}
        for shape, found in self.groups.items():
            listed = any(in_a_list(item, value) for item in found for value in tree.outs(item))
            if sites[shape] > 1 and leaves(found[0]) > 1 and shape not in refused and not listed:
                self.names[shape] = free(_title(found), self.names.values())

    def outs(self, item: Item) -> Sequence[str]:
        return self.tree.outs(item)

    def function(self, item: Item) -> _Function | None:
        if item.shape not in self.names:
            return None
        if item.shape not in self.functions:
            made = _Function(self, self.names[item.shape], self.groups[item.shape])
            self.functions[item.shape] = made
            self.definitions.append(made.definition)
        return self.functions[item.shape]

    def build(self, graph: CheckedGraph) -> list[ast.stmt]:
        """The function that builds the model, and one around it where it needs a dtype policy."""
        root = self.tree.root
        where = Steps(self, [root], "", own=True)
        places = [where.place(output.node) for output in graph.outputs]
        paths = [path for path, _ in places]
        several = len(set(paths)) > 1
        looped = {value for part in where.parts if isinstance(part.items[0], Loop) for value in part.step.writes}
        titles = [identifier(output.key or output.node) or None for output in graph.outputs]
        wanted = {
            path: None if index is not None or path in looped else title if several else "outputs"
            for (path, index), title in zip(places, titles, strict=True)
        }
        body = Body(self, [root], Frame([0]), (), "", [], wanted, taken=self.names.values())
        statements = body.statements()
        inputs = [ast.Name(body.variables[locate(root, node.name)]) for node in graph.inputs]
        held = [(ast.Name(body.variables[path]), index) for path, index in places]
        outputs: list[ast.expr] = [made if at is None else ast.Subscript(made, ast.Constant(at)) for made, at in held]
        keys: list[ast.expr | None] = [ast.Constant(output.key or output.node) for output in graph.outputs]
        keyed = any(output.key is not None for output in graph.outputs)
        made = call(
            "keras.Model",
            inputs[0] if len(inputs) == 1 else ast.List(list(inputs)),
            ast.Dict(keys, outputs) if keyed else outputs[0] if len(outputs) == 1 else ast.List(outputs),
            name=ast.Constant("model"),
        )
        statements += _returned(made, [node.name for node in graph if node.node.frozen], body.variables.used)
        if graph.precision == "float32":
            return [_without_arguments("build_model", statements)]
        return [_without_arguments("assemble", statements), _under_policy(graph.precision)]


class _Function:
    """A function for all groups of one shape."""

    def __init__(self, module: _Module, title: str, groups: Sequence[Group]) -> None:
        self.name = title
        found: dict[Path, None] = {}
        for group in groups:
            found |= dict.fromkeys(locate(group, value) for value in module.outs(group))
        self.results = sorted(found, key=_place, reverse=True)
        entries = _entries(groups[0])
        frame = Frame([0] * len(groups))
        results = dict.fromkeys(self.results)
        taken = module.names.values()
        body = Body(module, groups, frame, (ast.Name("name"),), groups[0].name, entries, results, taken=taken)
        statements = body.statements()
        returned = [ast.Name(body.variables[path]) for path in self.results]
        named = frame.settled(body.variables.used)
        self._index = {id(group): at for at, group in enumerate(groups)}
        self.columns = sorted(named, key=lambda pair: pair[1].fallback in pair[1].values)
        written = sum(isinstance(inner, ast.stmt) for made in statements for inner in ast.walk(made))
        names = (found for made in statements for found in ast.walk(made) if isinstance(found, ast.Name))
        self.named = any(found.id == "name" for found in names)
        self.clumsy = len(named) > 1 + written  # more to pass than to read
        self.definition = self._definition([entry.variable for entry in entries], statements, returned)

    def _definition(self, tensors: Sequence[str], statements: list[ast.stmt], returned: Sequence[ast.Name]) -> ast.stmt:
        last = statements[-1]
        result: ast.expr = returned[0] if len(returned) == 1 else ast.Tuple(list(returned))
        match last:
            case ast.Assign([ast.Name(variable)], value) if len(returned) == 1 and variable == returned[0].id:
                statements, result = statements[:-1], value
            case _:
                pass
        defaults = [column.render(column.fallback, column.hint) for _, column in self.columns if _has_default(column)]
        own = [ast.arg("name")] if self.named else []
        plain = [ast.arg(variable) for variable in (*tensors, *(name for name, _ in self.columns))]
        only = own if defaults else []
        arguments = ast.arguments([], plain if only else [*plain, *own], None, only, [None] * len(only), None, defaults)
        return ast.FunctionDef(self.name, arguments, [*statements, ast.Return(result)], [])

    def arguments(self, calls: Sequence[Item], frame: Frame, owner: str) -> Iterator[tuple[str | None, ast.expr]]:
        indices = [self._index[id(item)] for item in calls]
        for at, (parameter, column) in enumerate(self.columns):
            values = [column.values[index] for index in indices]
            made = frame.value(values, column.hint, column.fallback, column.render, owner)
            if _has_default(column):
                if any(repr(value) != repr(column.fallback) for value in values):
                    yield parameter, made
            else:
                yield (None if at < 2 else parameter), made


def _place(path: Path) -> list[int]:
    """Paths in the order in which their values are made; -1, a loop's last copy, comes after all others."""
    return [at if isinstance(at, int) and at >= 0 else sys.maxsize for at in path]


def _without_arguments(title: str, statements: list[ast.stmt]) -> ast.FunctionDef:
    return ast.FunctionDef(title, ast.arguments([], [], None, [], [], None, []), statements, [], name("keras.Model"))


def _returned(model: ast.expr, frozen: list[str], taken: Collection[str]) -> Iterator[ast.stmt]:
    """The end of `build_model`: the layers are frozen into which the argument `trainable` does not reach."""
    if not frozen:
        yield ast.Return(model)
        return
    variable, each = free("model", taken), free("frozen", taken)
    yield assign(variable, model)
    freeze = ast.Assign(
        [ast.Attribute(call(f"{variable}.get_layer", ast.Name(each)), "trainable")], ast.Constant(False)
    )
    yield ast.For(ast.Name(each), ast.List([ast.Constant(title) for title in frozen]), [freeze], [])
    yield ast.Return(ast.Name(variable))


def _under_policy(precision: str) -> ast.stmt:
    """`build_model` with a dtype policy that holds for the model alone."""
    policy = assign("policy", call("keras.config.dtype_policy"))
    change = ast.Expr(call("keras.config.set_dtype_policy", ast.Constant(precision)))
    restore = ast.Expr(call("keras.config.set_dtype_policy", name("policy")))
    made = ast.Return(call("assemble"))
    return _without_arguments("build_model", [policy, change, ast.Try([made], [], [], [restore])])


def _has_default(column: Column) -> bool:
    return any(repr(value) == repr(column.fallback) for value in column.values)


def _title(groups: Sequence[Group]) -> str:
    """What a function for these groups is called: by their common name, or by the block that they were written as."""
    found = (leaf.node.trail for group in groups for leaf in walk(group) if isinstance(leaf, Leaf))
    trails = [trail for trail in found if trail]
    blocks = [entry[len("block '") : -1] for entry in (trails[0] if trails else ()) if entry.startswith("block '")]
    common = [block for block in reversed(blocks) if all(f"block '{block}'" in trail for trail in trails)]
    ends = Counter(next(part for part in group.name.split(".")[::-1] if not part.isdecimal()) for group in groups)
    last = ends.most_common(1)[0][0]
    title = identifier(last) or "block"
    if common and (len(ends) > 1 or last in STRUCTURE) and last not in common:
        title = identifier(common[0])
    return f"{title}_block" if title in {*STRUCTURE, *SHORTCUTS, *TRUNKS, "gate"} else title


def _entries(group: Group) -> list[Entry]:
    """The parameters for what enters a group, by what it is for."""
    entries: list[Entry] = []
    for at, value in enumerate(group.reads):
        readers = [leaf.node for leaf in walk(group) if isinstance(leaf, Leaf) and value in leaf.reads]
        arguments = {x.argument for node in readers for x in node.inputs if x.node == value and x.argument}
        usual = "layer" if value.startswith("@") else "skip" if readers[0].op == "Concatenate" else "y"
        hint = "x" if at == 0 and usual != "layer" else identifier(min(arguments)) if len(arguments) == 1 else usual
        entries.append(Entry(free(hint, {entry.variable for entry in entries}), not value.startswith("@")))
    return entries


def _sites(root: Group) -> Counter[int]:
    """How many calls a function for each shape of groups would have."""
    sites: Counter[int] = Counter()
    seen: set[int] = set()
    queue: list[Item] = [root]
    while queue:
        item = queue.pop()
        if isinstance(item, Group):
            sites[item.shape] += 1
            if item.shape in seen:
                continue
            seen.add(item.shape)
        queue += item.copies[:1] if isinstance(item, Loop) else children(item)
    return sites
