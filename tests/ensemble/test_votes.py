"""Reading members' predictions, against `Run.predictions` and NumPy's own reader, and what is refused."""

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.errors import ConfigError
from compiler.runtime.ensemble.stored import arrays
from compiler.runtime.ensemble.votes import read_all, read_votes
from compiler.runtime.run import RunWriter, read_run

N = 5000
_DRAWN = np.random.default_rng(0)
PROBABILITIES = _DRAWN.dirichlet(np.ones(60), N)  # more than a block, and a file that is mapped
LABELS = _DRAWN.integers(0, 60, N)


def saved(root: Path, said: Any = PROBABILITIES, labels: Any = LABELS, task: str = "multiclass") -> Path:
    with RunWriter(root, {"kind": "keras", "name": root.name, "task": task}) as run:
        run.save_predictions("val", np.asarray(said), np.arange(len(said)) * 2, np.asarray(labels))
        run.complete({"metrics": {}})
    return root


@pytest.mark.parametrize(
    ("task", "said", "labels"),
    [
        ("multiclass", PROBABILITIES, LABELS),
        ("multiclass", PROBABILITIES[:7], LABELS[:7].astype(np.uint8)),
        ("binary", _DRAWN.dirichlet(np.ones(2), 300), LABELS[:300] % 2),
        ("multilabel", _DRAWN.random((50, 3)), _DRAWN.integers(0, 2, (50, 3)).astype(np.float32)),
        ("regression", _DRAWN.normal(size=(50, 1)), _DRAWN.normal(size=50)),
        ("regression", np.full((50, 2), 3e38), _DRAWN.normal(size=(50, 2))),  # finite, though their sum is not
    ],
)
def test_as_the_run_itself_reads_them(tmp_path: Path, task: str, said: Any, labels: Any) -> None:
    run = read_run(saved(tmp_path / "a", said, labels, task))
    votes, known = read_votes(run, "val"), run.predictions("val")
    for ours, theirs in ((votes.said, known.predictions), (votes.rows, known.rows), (votes.labels, known.labels)):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    assert votes.sha256 == run.artefacts["predictions/val.npz"].sha256
    if task in ("multiclass", "binary"):
        assert votes.truth is not None
        np.testing.assert_array_equal(votes.truth, known.predictions[np.arange(len(said)), labels])
    else:
        assert votes.truth is None


def _with(rows: list[int], row: Any) -> Any:
    changed = PROBABILITIES.copy()
    changed[rows] = row
    return changed


@pytest.mark.parametrize(
    ("said", "labels", "task", "message"),
    [
        (_with([4990], np.nan), LABELS, "multiclass", r"has NaN or infinity in 1 of 5000 rows \(ids 9980\)"),
        (_with([3, 4], np.inf), LABELS, "multiclass", r"has NaN or infinity in 2 of 5000 rows \(ids 6, 8\)"),
        (np.log(PROBABILITIES), LABELS, "multiclass", r"outside 0 and 1 in 5000 .*8, \.\.\.\): logits, where"),
        (_with([70], 0.5 / 60), LABELS, "multiclass", r"do not sum to 1 in 1 of 5000 rows \(ids 140\)"),
        (PROBABILITIES, LABELS - 1, "multiclass", "has the label -1, and predicts 60 classes"),
        (PROBABILITIES, LABELS + 9, "multiclass", "has the label 6[0-8], and predicts 60 classes"),
        (PROBABILITIES, LABELS / 2, "multiclass", "holds 'labels' float64 .* and numbers of classes are due"),
        (PROBABILITIES, LABELS, "binary", "has 60 probabilities for a row of the task 'binary'"),
        (PROBABILITIES[:0], LABELS[:0], "multiclass", "has no rows"),
        ([[0.1, 1.1]], [[0, 1]], "multilabel", "outside 0 and 1 in 1 of 1"),
        ([[0.1, 0.1]], [[0, 2]], "multilabel", "labels other than 0 and 1"),
        ([[0.1, 0.1]], [0], "multilabel", r"predicts \(1, 2\) for labels \(1,\)"),
        ([[0.1, 0.1]], [[np.nan, 2]], "regression", "labels that are not finite"),
        ([[0.1, np.nan]], [[0, 2]], "regression", "has NaN"),
        (PROBABILITIES, LABELS, "ranking", "has the task 'ranking'"),
    ],
)
def test_what_is_no_prediction_is_refused(tmp_path: Path, said: Any, labels: Any, task: str, message: str) -> None:
    run = read_run(saved(tmp_path / "a", said, labels, task))
    with pytest.raises(ConfigError, match=message) as refused:
        read_votes(run, "val")
    assert str(tmp_path / "a") in refused.value.faults[0].message


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "is not what the run saved"),
        (_flip, "is not what the run saved"),
        (lambda path: path.write_bytes(b""), "is not what the run saved"),
        (Path.unlink, "lacks its file"),
    ],
)
def test_damage(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    whole, damaged = (read_run(saved(tmp_path / name)) for name in ("whole", "damaged"))
    damage(damaged.root / "predictions/val.npz")
    first, second = read_all([whole, damaged], "val")
    assert not isinstance(first, ConfigError) and isinstance(second, ConfigError)
    assert str(damaged.root) in str(second) and message in second.faults[0].message
    with pytest.raises(ConfigError, match=r"has no 'predictions/test.npz'"):
        read_votes(whole, "test")


def test_archives_that_are_none_of_ours() -> None:
    def made(save: Callable[..., object], **named: Any) -> memoryview:
        file = io.BytesIO()
        save(file, **named)
        return memoryview(file.getvalue())

    order = np.asfortranarray(PROBABILITIES[:5])
    found = arrays(made(np.savez, a=order, b=np.array(3), c=np.empty((0, 4), np.int8)))
    np.testing.assert_array_equal(found["a"], order)
    assert found["b"].shape == () and found["c"].shape == (0, 4) and not found["a"].flags.writeable
    for bad in (
        made(np.savez_compressed, a=order),
        made(np.savez, a=np.array([{}], dtype=object)),
        memoryview(b"no archive"),
        memoryview(b""),
        made(lambda file: np.save(file, order)),
    ):
        with pytest.raises(ValueError):
            arrays(bad)


def test_no_archive_with_a_flipped_byte_crashes() -> None:
    file = io.BytesIO()
    np.savez(file, predictions=PROBABILITIES[:3, :2].astype(np.float32), rows=np.arange(3), labels=np.arange(3))
    whole = file.getvalue()
    for at in range(len(whole)):
        for bit in (1, 16, 128):
            flipped = bytearray(whole)
            flipped[at] ^= bit
            with suppress(ValueError):  # all that it may raise
                arrays(memoryview(bytes(flipped)))
