"""What `auto` means for a table: task, number of classes and width, from a look at its rows."""

from __future__ import annotations

from compiler.errors import Diagnostics
from compiler.runtime.data.divide import choose
from compiler.runtime.data.source import Blame
from compiler.runtime.data.tables.fit import fitted_columns, shapes_of, sizes_of
from compiler.runtime.data.tables.reading import TablePart, read_tables
from compiler.runtime.data.tables.settings import TableSettings
from compiler.runtime.data.tables.targets import task_of


def settled(settings: TableSettings, auto: frozenset[str], blame: Blame) -> dict[str, object] | None:
    """The values of the keys in `auto`; None, with errors reported, where the file does not tell.

    Warnings are left to the training, which finds them again.
    """
    silent = Diagnostics()
    found = _settled(settings, auto, Blame(blame.section, silent))
    for fault in silent.faults:
        if fault.code.startswith("E"):
            blame.diagnostics.add(fault)
    return None if silent.has_errors else found


def _settled(settings: TableSettings, auto: frozenset[str], blame: Blame) -> dict[str, object] | None:
    task = settings.task
    if "task" in auto:
        key, path = next(iter(settings.files.values()))
        table = settings.opened(path, blame, key)
        if table is not None and all(name in table.columns for name in settings.target):
            task = task_of(settings, table)
    rows = read_tables(settings, task, blame)
    if rows is None:
        return None
    first = next(iter(rows.parts.values()))
    names = rows.class_names or ()
    count = len(names) if names else 1 if first.y.ndim == 1 else first.y.shape[1]
    classes = count if "classes" in auto else settings.classes
    known = settings.model_copy(update={"task": task, "classes": classes})
    chosen = choose(rows, {part: each.y for part, each in rows.parts.items()}, known, blame, names)
    if "train" not in chosen:
        return None
    part, indices = chosen["train"]
    source = rows.parts[part]
    assert isinstance(source, TablePart), "a table has no other parts"
    fitted = fitted_columns(known, source, indices, blame)
    shapes = shapes_of(fitted)
    shape = list(shapes[""]) if "" in shapes else {name: list(found) for name, found in shapes.items()}
    values: dict[str, object] = {"task": task, "classes": classes, "input_shape": shape, "sizes": sizes_of(fitted)}
    return {key: value for key, value in values.items() if key in auto}
