"""What a selector says besides where its runs are: `where`, and `best: {k, by, per, mode}`."""

from __future__ import annotations

from compiler.errors import Diagnostics, did_you_mean, shown
from compiler.runtime.runs.best import Mode
from compiler.runtime.runs.query import Query, Text
from compiler.spec.form import known_keys
from compiler.spec.located import Leaf, Map, Seq, Tree, plain

CHOICES = ("where", "best")
_BEST = ("by", "k", "per", "mode")


def read_query(selector: Map, diagnostics: Diagnostics) -> Query | None:
    """The question that a selector asks of its runs; None with the faults in `diagnostics`."""
    known = len(diagnostics.faults)
    where = _text(selector, "where", "an expression", diagnostics)
    best = selector.get("best")
    by, k, per, mode = None, None, (), None
    if isinstance(best, Map):
        known_keys(best, _BEST, "'best'", diagnostics)
        by = _text(best, "by", "a field of runs", diagnostics)
        if by is None and not any(key not in _BEST for key in best.entries):
            hint = "best: {k: 5, by: val.log_loss}"
            diagnostics.report("E105", "'best' needs 'by', the field that runs are compared by", best.place, hint=hint)
        k, per, mode = _k(best, diagnostics), _per(best, diagnostics), _mode(best, diagnostics)
    elif best is not None:
        message = f"'best' must be a mapping (got {shown(plain(best))})"
        diagnostics.report("E106", message, best.place, hint="best: {k: 5, by: val.log_loss}")
    if len(diagnostics.faults) > known:
        return None
    return Query(where, by, k, per, mode)


def _text(tree: Map, key: str, what: str, diagnostics: Diagnostics) -> Text | None:
    value = tree.get(key)
    if value is None:
        return None
    if isinstance(value, Leaf) and isinstance(value.value, str) and value.value:
        return value.value, value.place.within(value.value)
    diagnostics.report("E106", f"{key!r} must be {what} (got {shown(plain(value))})", value.place)
    return None


def _k(best: Map, diagnostics: Diagnostics) -> int:
    value = best.get("k")
    if value is None:
        return 1
    k = plain(value)
    if type(k) is int and k > 0:
        return k
    diagnostics.report("E107", f"'k' must be a positive integer (got {shown(k)})", value.place)
    return 1


def _per(best: Map, diagnostics: Diagnostics) -> tuple[Text, ...]:
    value = best.get("per")
    items: tuple[Tree, ...] = () if value is None else value.items if isinstance(value, Seq) else (value,)
    found: list[Text] = []
    for item in items:
        if isinstance(item, Leaf) and isinstance(item.value, str) and item.value:
            found.append((item.value, item.place.within(item.value)))
        else:
            message = f"'per' must be a field of runs, or a list of such (got {shown(plain(item))})"
            diagnostics.report("E106", message, item.place)
    return tuple(found)


def _mode(best: Map, diagnostics: Diagnostics) -> Mode | None:
    value = best.get("mode")
    if value is None:
        return None
    modes: dict[object, Mode] = {"min": "min", "max": "max"}
    mode = plain(value)
    if isinstance(mode, str) and mode in modes:
        return modes[mode]
    hint = did_you_mean(str(mode), ("min", "max")) or "one of min, max"
    diagnostics.report("E117", f"unknown mode {mode!r}", value.place, hint=hint)
    return None
