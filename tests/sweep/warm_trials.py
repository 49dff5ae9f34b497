"""Trainings in processes of their own, and the same trainings one after the other in a warm one; a script.

    python -m tests.sweep.warm_trials FOLDER

Every process is a fork of this one, which has imported TensorFlow and computed nothing yet. `warm-*` leave their runs
in `FOLDER/warm/NAME`, the others in `FOLDER/fresh/NAME`; `FOLDER/warm/counts.json` says how often steps were made.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

from rich.console import Console

import compiler.runtime.fitting.fit  # noqa: F401  # imports TensorFlow, once for all processes
from compiler.errors import ConfigError
from compiler.runtime.fitting import kept
from compiler.runtime.fitting.progress import Pruned, Row, Silent
from compiler.runtime.job import run
from compiler.runtime.plan import plan
from compiler.runtime.training import Optimizer
from compiler.runtime.warm import OtherProcess, Warm
from compiler.spec.compose import compose
from compiler.spec.overrides import for_hydra

SMALL = """\
input: ${data.input_shape}
layers:
  - {op: RandomFlip, mode: horizontal}
  - {op: SeparableConv2D, filters: 8, kernel_size: 3, padding: same, use_bias: false}
  - BatchNormalization
  - {op: Activation, activation: relu}
  - {op: Dropout, rate: 0.3}
  - GlobalAveragePooling2D
  - {op: Dense, units: 10, activation: softmax, name: head}
"""
MLP = ("model=mlp", "data=digits_8x8", "train.batch_size=128")
CONV = ("model_file=small.yaml", "data=digits_8x8", "data.limit=600", "train.batch_size=128")
STREAMED = (*CONV, "train.feed=stream")

TRIALS: Mapping[str, tuple[str, ...]] = {
    "mlp": (*MLP, "train.epochs=2"),
    "conv": (*CONV, "train.epochs=2", "train.seed=1"),
    "mlp-again": (
        *MLP,
        "train.epochs=3",
        "train.seed=5",
        "train.optimizer.learning_rate=0.02",
        "train.schedule=constant",
    ),
    "conv-again": (*CONV, "train.epochs=3", "train.seed=8", "train.optimizer.learning_rate=0.01"),
    "diverged": (*MLP, "train.epochs=2", "train.seed=3", "train.optimizer.learning_rate=1e38"),
    "pruned": (*MLP, "train.epochs=3", "train.seed=6"),
    "rmsprop": (*MLP, "train.epochs=2", "train.seed=2", "train.optimizer=RMSprop"),
    "decayed": (*MLP, "train.epochs=2", "train.seed=2", "train.optimizer=AdamW"),
    "decayed-more": (*MLP, "train.epochs=2", "train.seed=5", "train.optimizer={op: AdamW, weight_decay: 0.0371}"),
    "raised": (*CONV, "train.epochs=3", "train.seed=9"),
    "conv-streamed": (*STREAMED, "train.epochs=2", "train.seed=2", "train.class_weight=balanced"),
    "resumed": (*STREAMED, "train.epochs=3", "train.seed=12", "train.class_weight={0: 2.0}"),
    "mlp-after-all": (*MLP, "train.epochs=2", "train.seed=7"),
}
"""Overrides by name, in the order in which the warm process does them."""

ONLY_WARM = {"conv", "decayed", "pruned", "raised", "exact", "other", "threads"}
"""Those whose runs are compared with none."""

DETERMINISTIC: Mapping[str, tuple[str, ...]] = {
    "exact": (*CONV, "train.epochs=1", "train.deterministic=true"),
    "exact-again": (*CONV, "train.epochs=2", "train.deterministic=true", "train.seed=3"),
    "other": (*CONV, "train.epochs=1"),
    "threads": (*CONV, "train.epochs=1", "train.deterministic=true", "train.threads.intra=2"),
}
"""In a warm process of their own: the last two need another one."""


class After(Silent):
    """Does something after the second epoch."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def epoch(self, row: Row) -> None:
        if row["epoch"] == 2:
            self._do()


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def prune() -> None:
    raise Pruned("worse than others")


def break_down() -> None:
    raise RuntimeError("in the middle")


MIDDLE: Mapping[str, Callable[[], None]] = {"pruned": prune, "raised": break_down, "resumed": stop}


def train(name: str, overrides: tuple[str, ...], folder: Path, warm: Warm | None) -> None:
    job = plan(compose(for_hydra(list(overrides))))
    watching = After(MIDDLE[name]) if warm is not None and name in MIDDLE else None
    try:
        run(job, folder / name, Console(file=StringIO()), observer=watching, warm=warm)
    except (ConfigError, Pruned, RuntimeError, OtherProcess) as error:
        (folder / f"{name}.txt").write_text(f"{type(error).__name__}: {error}", "utf-8")
    if name == "resumed" and watching is not None:
        run(job, folder / name, Console(file=StringIO()), warm=warm)


def warm_process(trials: Mapping[str, tuple[str, ...]], folder: Path) -> None:
    begun: list[str] = []
    begin = kept.Kept.begin

    def counted(self: kept.Kept, model: object, settings: Optimizer) -> None:
        begun.append(name)
        begin(self, model, settings)

    kept.Kept.begin = counted
    warm = Warm()
    for name, overrides in trials.items():
        train(name, overrides, folder, warm)
    (folder / f"reused-{name}.json").write_text(json.dumps(begun), "utf-8")


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # of whatever kind: this is a process of its own
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def main() -> None:
    root = Path(sys.argv[1])
    os.chdir(root)
    Path("small.yaml").write_text(SMALL, "utf-8")
    warm, fresh = root / "warm", root / "fresh"
    warm.mkdir()
    fresh.mkdir()
    both = [forked(lambda: warm_process(TRIALS, warm)), forked(lambda: warm_process(DETERMINISTIC, warm))]
    failed = 0
    for name, overrides in {**TRIALS, **DETERMINISTIC}.items():
        if name in ONLY_WARM:
            continue
        child = forked(lambda name=name, overrides=overrides: train(name, overrides, fresh, None))
        failed += os.waitpid(child, 0)[1] != 0
    failed += sum(os.waitpid(child, 0)[1] != 0 for child in both)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
