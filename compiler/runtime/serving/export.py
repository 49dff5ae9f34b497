"""Export a saved run: its model after the passes, with its weights, as one file or folder. Keras is imported with this.

What was written is read again by what will read it (onnxruntime, LiteRT, TensorFlow, Keras), and must say what the
run's own model says about the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.check import check_again
from compiler.errors import ConfigError, Diagnostics, Fault
from compiler.ir import CheckedGraph
from compiler.passes import Pass, run_passes
from compiler.runtime.quiet import quiet
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused
from compiler.runtime.serving import keras_file, onnx, saved_model, tflite
from compiler.runtime.serving.ensemble import opened
from compiler.runtime.serving.forms import placed
from compiler.runtime.serving.fused import fuse
from compiler.runtime.serving.network import network_of
from compiler.runtime.serving.sample import BATCH, ROWS, Sample, sample
from compiler.runtime.serving.signature import Ask, Signature, asking, signature_of
from compiler.targets.keras import build, first_line
from compiler.targets.keras_arrays import set_weights, weights_of

TOLERANCE = 1e-4
"""How far two values of an output may be apart, as a share of its largest value, or of 1 where that is less."""

MODULES: Mapping[str, ModuleType] = {
    "keras": keras_file,
    "saved_model": saved_model,
    "onnx": onnx,
    "tflite": tflite,
}
"""By form, its `write(model, signature, path)` and `read(path, signature)`; `forms.py` says the rest of it."""

IN_FLOAT32 = ("onnx", "tflite")
"""The forms whose operators, or whose runtimes, know no other precision well: a model of another is exported in
float32, with the same weights, and compared with the run's in float32."""

Outputs = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        path: what was written.
        layers: how many the run's model has, and how many the exported one.
        difference: the largest one between two values of an output, of the run's model and of what was written and
            read again; of several outputs, that of the one that differs most for its size.
        largest: the largest value of that output.
        rows: how many rows both were asked about, and where these come from.
    """

    path: Path
    layers: tuple[int, int]
    difference: float
    largest: float
    rows: str


def export(
    run: Run, graph: CheckedGraph, passes: Mapping[str, Pass], form: str, path: Path, rows: int | None = None
) -> Exported:
    """Write the run's model as the passes leave it.

    Args:
        graph: the run's own, as `frozen_graph` gives it.
        form: a key of `MODULES`, which are `compiler.runtime.serving.forms.FORMS`.
        path: what to write; what stands there is replaced if it is a file.
        rows: how many to compare; `sample` says how many otherwise.

    Raises:
        ConfigError: E803, the run's weights do not fit its model, or what is to be written says something else than it
            by more than `TOLERANCE`; E809, the form cannot express the model; E006, the file system refuses. Nothing
            is written then.
    """
    if form in IN_FLOAT32 and graph.precision != "float32":
        graph = check_again(graph.graph, Diagnostics(), "float32")
    own = network_of(run, graph)
    found, arrays = run_passes(passes, graph, weights_of(own, graph))
    assert arrays is not None, "passes keep weights"
    model = build(found)
    set_weights(model, arrays)
    asked, signature = sample(run, graph, rows), signature_of(found)
    wanted = _outputs(asking(own, signature_of(graph)), own, asked)
    compared = _Compared(str(run.root), wanted, asked)
    compared.require(
        "the passes change what the model", _outputs(asking(model, signature), model, asked), "--passes none"
    )
    difference, largest = _written(form, model, signature, compared, path)
    return Exported(path, (graph.layers, found.layers), difference, largest, asked.origin)


def export_fused(run: Run, passes: Mapping[str, Pass], form: str, path: Path, rows: int | None = None) -> Exported:
    """Write an ensemble of networks as one model, held against what its members say when each is asked by itself.

    Args:
        run: of the kind `ensemble`.
        passes, form, path, rows: as `export` has them.

    Raises:
        ConfigError: as `export` does; E809 too where a member is no network, or takes other rows than the others.
    """
    fused = fuse(opened(run), passes, form, float32=form in IN_FLOAT32)
    found = fused.entering.rows(rows or ROWS)
    count = len(next(iter(found.values()))) if found else rows or BATCH
    given = found or fused.entering.random(count)
    origin = f"{count:,} rows of the run's data" if found else f"{count:,} random rows"
    asked = Sample(tuple(given.values()), origin, BATCH, fixed=False)
    wanted = [fused.separately(given).astype("float64")]
    compared = _Compared(str(run.root), wanted, asked)
    fused_says = _outputs(asking(fused.model, fused.signature), fused.model, asked)
    compared.require("being one model changes what the ensemble", fused_says, "--passes none")
    difference, largest = _written(form, fused.model, fused.signature, compared, path)
    return Exported(path, fused.layers, difference, largest, origin)


def _written(form: str, model: Any, signature: Signature, compared: _Compared, path: Path) -> tuple[float, float]:
    """Write a model; how much what was written differs, and the largest value of that output."""
    written = MODULES[form]
    with placed(path) as aside:
        with _expressed(form):
            written.write(model, signature, aside)
        with _expressed(form, reading=True):
            said = _outputs(written.read(aside, signature), model, compared.asked)
        return compared.require(f"to={form} changes what the model", said, None)


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the model of the run in `root` itself says, to hold another against."""

    root: str
    wanted: Outputs
    asked: Sample

    def require(self, what: str, said: Outputs, instead: str | None) -> tuple[float, float]:
        """The largest difference, and the largest value of that output; E803 where it is too large, or no number."""
        pairs = zip(self.wanted, said, strict=True)
        found = [(_difference(a, b), float(np.abs(a).max())) for a, b in pairs]
        difference, largest = max(found, key=lambda pair: pair[0] / max(1.0, pair[1]) if pair[0] < np.inf else np.inf)
        if difference <= TOLERANCE * max(1.0, largest):
            return difference, largest
        message = (
            f"{what} of '{self.root}' says: by up to {difference:.2g} on {self.asked.origin}, where the largest "
            f"output is {largest:.2g}"
        )
        raise refused(message, instead and f"{instead} exports it as it is")


def _difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")


def _outputs(ask: Ask, model: Any, asked: Sample) -> Outputs:
    """All outputs for all rows, as float64. A batch of one row and one of seven are among them unless one is fixed."""
    dtypes = [tensor.dtype for tensor in model.inputs]
    found: list[Sequence[NDArray[Any]]] = []
    for rows in _batches(len(asked.inputs[0]), asked):
        found.append(ask([x[rows].astype(dtype) for x, dtype in zip(asked.inputs, dtypes, strict=True)]))
    return [np.concatenate(parts).astype("float64") for parts in zip(*found, strict=True)]


def _batches(count: int, asked: Sample) -> Iterator[slice]:
    start = 0
    for size in () if asked.fixed else (1, 7):
        yield slice(start, min(start + size, count))
        start = min(start + size, count)
    for first in range(start, count, asked.batch_size):
        yield slice(first, min(first + asked.batch_size, count))


@contextmanager
def _expressed(form: str, *, reading: bool = False) -> Iterator[None]:
    """Turn what a converter or a runtime raises into E809."""
    try:
        with quiet(all_of_it=True):
            yield
    except (ConfigError, OSError):
        raise
    except Exception as error:  # converters raise what comes to hand
        what = "cannot run what was made of the model" if reading else "cannot express the model"
        raise ConfigError([Fault("E809", f"to={form} {what}: {_reason(error)}")]) from None


def _reason(error: Exception) -> str:
    """What a converter says: its first line with `error:`, or its first line."""
    told = next((line for line in str(error).splitlines() if "error: " in line), first_line(error))
    return told.rpartition("error: ")[2][:200]
