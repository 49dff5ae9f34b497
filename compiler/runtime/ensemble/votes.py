"""What a saved run says about the rows of a split: read once, compared with the run's hash, and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError
from compiler.runtime.ensemble.stored import arrays, content, release
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused, reported
from compiler.runtime.training.losses import Task

Array = NDArray[Any]

ROUNDING = 1e-2
"""How far a row of probabilities may be from a sum of 1: what a softmax in bfloat16 comes to."""

_BLOCK = 2**20  # bytes that a processor's own cache holds from their hash to their checks
_SHOWN = 5  # rows of a fault
_NOTHING = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Votes:
    """A run's predictions of a split; the arrays may be views of its file, and are read-only.

    Attributes:
        said: float32 (N, C) probabilities, two columns for `binary`; (N, K) for `multilabel` and `regression`.
        labels: (N,) class numbers, or (N, K), as `Pool` has them.
        rows: (N,) ids of the rows.
        truth: (N,) the probability of the right class, for `multiclass` and `binary`.
        sha256: of the file, in hex.
    """

    said: NDArray[np.float32]
    labels: Array
    rows: NDArray[np.int64]
    truth: NDArray[np.float32] | None
    sha256: str


def read_all(runs: Sequence[Run], split: str) -> list[Votes | ConfigError]:
    """`read_votes` of each run, on all processors; in the place of a faulty one its error."""

    def one(run: Run) -> Votes | ConfigError:
        try:
            return read_votes(run, split)
        except ConfigError as error:
            return error

    with ThreadPoolExecutor(max(1, min(len(runs), len(os.sched_getaffinity(0))))) as threads:
        return list(threads.map(one, runs))


def read_votes(run: Run, split: str) -> Votes:
    """What `run` says about `split` (``val`` or ``test``).

    The file is read once, whether or not `run` was verified before: each block is hashed and checked while it is in
    the processor's cache. NumPy and hashlib let other threads work meanwhile.

    Raises:
        ConfigError: E803, the run saved none, they are not what it saved, or no predictions of its task: NaN, rows
            that do not sum to 1, values outside 0 and 1, labels that are no classes, arrays that do not fit together.
    """
    name = f"predictions/{split}.npz"
    what = f"{name!r} of the run '{run.root}'"
    artefact = run.artefacts.get(name)
    if artefact is None:
        raise refused(f"the run '{run.root}' has no {name!r}", f"it has {', '.join(run.artefacts) or 'no files'}")
    if not (run.root / name).is_file():
        raise refused(f"the run '{run.root}' lacks its file {name!r}")
    with reported(f"read '{run.root / name}'"):
        data = content(run.root / name)
    task: Any = run.record.get("task")
    if task not in get_args(Task):
        raise refused(f"the run '{run.root}' has the task {task!r}", f"one of {', '.join(get_args(Task))}")
    found: Mapping[str, Array] = {}
    broken = ""
    try:
        found = arrays(data)
    except ValueError as error:
        broken = str(error)
    said = found.get("predictions", _NOTHING)
    sha256, sound = hashlib.sha256(), True
    for block, start, stop in _blocks(data, said):
        sha256.update(block)
        sound = sound and (start == stop or _sound(said[start:stop], task))
    if len(data) != artefact.bytes or sha256.hexdigest() != artefact.sha256:
        raise refused(f"{what} is not what the run saved: it was changed or damaged since")
    if said.ndim == 2 and said.dtype == np.float32 and not said.flags.c_contiguous:  # as boosters give them
        said = np.ascontiguousarray(said)
        sound = bool(said.size) and _sound(said, task)
    if missing := [key for key in ("predictions", "rows", "labels") if key not in found]:
        raise refused(f"{what} cannot be read: {broken or f'it has no {missing[0]!r}'}")
    for fault in _faults(said, found["rows"], found["labels"], task, sound):
        raise refused(f"{what} {fault}")
    right = said[np.arange(len(said)), found["labels"]] if task in ("multiclass", "binary") else None
    release(data)
    return Votes(said, found["labels"], found["rows"], right, sha256.hexdigest())


def _blocks(data: memoryview, said: Array) -> Iterator[tuple[memoryview, int, int]]:
    """All of `data` in order, each piece with the rows of `said`, a view of it, that lie in it."""
    whole = said.flags.c_contiguous and said.dtype == np.float32 and said.ndim == 2 and said.size > 0
    if not whole:
        yield data, 0, 0
        return
    width = said.strides[0]
    at = said.__array_interface__["data"][0] - np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    yield data[:at], 0, 0
    step = max(1, _BLOCK // width)
    for start in range(0, len(said), step):
        stop = min(start + step, len(said))
        yield data[at + start * width : at + stop * width], start, stop
    yield data[at + said.nbytes :], 0, 0


def _sound(said: Array, task: Task) -> bool:
    """Whether rows are what the task's predictions can be; quick, and sure only where it says True."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.einsum("ij->i", said)
    if task == "regression":
        return bool(np.isfinite(sums).all())
    if task == "multilabel":
        return bool(said.min() >= 0 and said.max() <= 1)
    return bool(said.min() >= 0 and np.abs(sums - 1).max() <= ROUNDING)  # a NaN compares as False


def _faults(said: Array, rows: Array, labels: Array, task: Task, sound: bool) -> Iterator[str]:
    """What is wrong with the arrays, as the rest of a sentence."""
    if said.ndim != 2 or said.dtype != np.float32 or not said.flags.c_contiguous:
        yield f"holds 'predictions' {said.dtype} {said.shape}, and float32 (N, C) in rows is due"
    elif rows.dtype.kind not in "iu" or rows.ndim != 1 or not len(said) == len(rows) == len(labels):
        yield f"does not fit together: predictions {said.shape}, rows {rows.dtype} {rows.shape}, labels {labels.shape}"
    elif not said.size:
        yield "has no rows"
    elif task in ("multiclass", "binary"):
        width = said.shape[1]
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            yield f"holds 'labels' {labels.dtype} {labels.shape}, and numbers of classes are due"
        elif width < 2 or (task == "binary" and width != 2):
            yield f"has {width} probabilities for a row of the task {task!r}"
        elif labels.min() < 0 or labels.max() >= width:
            yield f"has the label {labels[(labels < 0) | (labels >= width)][0]}, and predicts {width} classes"
    elif labels.reshape(len(labels), -1).shape != said.shape:
        yield f"predicts {said.shape} for labels {labels.shape}"
    elif labels.dtype.kind not in "iufb" or not np.isfinite(labels).all():
        yield "has labels that are not finite numbers"
    elif task == "multilabel" and not np.isin(labels, (0, 1)).all():
        yield "has labels other than 0 and 1"
    if not sound:
        yield from _unsound(said, rows, task)


def _unsound(said: Array, rows: Array, task: Task) -> Iterator[str]:
    """Which rows `_sound` denied, and why."""
    outside = ((said < 0) | (said > 1)).any(axis=1) if task != "regression" else np.zeros(len(said), bool)
    sums = said.sum(axis=1, dtype=np.float64)
    apart = np.abs(sums - 1) > ROUNDING if task in ("multiclass", "binary") else np.zeros(len(said), bool)
    logits = ": logits, where probabilities are due?"
    for wrong, why, then in (
        (~np.isfinite(said).all(axis=1), "NaN or infinity", ""),
        (outside, "values outside 0 and 1", logits),
        (apart, "probabilities that do not sum to 1", ""),
    ):
        at = np.flatnonzero(wrong)
        if len(at):
            some = ", ".join(str(row) for row in rows[at[:_SHOWN]])
            more = ", ..." if len(at) > _SHOWN else ""
            yield f"has {why} in {len(at)} of {len(said)} rows (ids {some}{more}){then}"
