"""A call of a block: its params, checked against their types, as the environment inside."""

from __future__ import annotations

from compiler.errors import Diagnostics, Note, closest, did_you_mean, shown
from compiler.spec.environment import Environment, Unevaluated, compute, in_order, names_in
from compiler.spec.expression import is_expression
from compiler.spec.located import Leaf, Map, plain, trap_hint
from compiler.spec.model import BlockSpec, LayerSpec, Param

_ARTICLES = {
    "int": "an integer", "float": "a number", "number": "a number", "str": "a string", "bool": "true or false",
    "list": "a list", "any": "anything",
}  # fmt: skip


def block_environment(
    spec: LayerSpec,
    block: BlockSpec,
    env: Environment,
    variables: Environment,
    diagnostics: Diagnostics,
    trail: tuple[str, ...],
) -> Environment:
    """The environment inside a block: the model's variables, then its params.

    Args:
        env: what the caller's expressions see.
        variables: the model's variables.

    Raises:
        Unevaluated: a param is missing or of the wrong type.
    """
    args = compute(spec.args, env, diagnostics, trail)
    assert isinstance(args, Map)
    inner = env.emptied() if block.isolated else variables
    failed = False
    for key in args.entries:
        if key not in block.params and is_expression(spec.op):
            hint = did_you_mean(key, block.params)
            diagnostics.report(
                "E204", f"block {block.name!r} has no param {key!r}", args.key_place(key), hint=hint, trail=trail
            )
    order, _ = in_order({name: names_in(p.default) if p.default else set() for name, p in block.params.items()})
    for param in map(block.params.__getitem__, order):  # a default may use other params
        given = args.get(param.name)
        if given is None and param.default is None:
            failed = True
            if not any(closest(key, block.params) == param.name for key in args.entries if key not in block.params):
                diagnostics.report(
                    "E205",
                    f"block {block.name!r} needs the param {param.name!r}",
                    spec.op_place,
                    trail=trail,
                    notes=(Note("declared here", param.place),),
                )
            continue
        tree = given if given is not None else compute(param.default or spec.args, inner, diagnostics, trail)
        if given is not None and not _fits(plain(given), param):
            notes = given.notes if isinstance(given, Leaf) else ()
            diagnostics.report(
                "E206",
                f"param {param.name!r} of block {block.name!r} must be {_ARTICLES[param.type]} "
                f"(got {shown(plain(given))})",
                given.place,
                hint=trap_hint(given),
                trail=trail,
                notes=notes,
            )
            failed = True
            continue
        inner = inner.with_value(param.name, plain(tree), tree.place)
    if failed:
        raise Unevaluated
    return inner


def _fits(value: object, param: Param) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,), "float": (int, float), "number": (int, float), "str": (str,), "bool": (bool,), "list": (list,),
    }  # fmt: skip
    return param.type == "any" or type(value) in kinds[param.type]
