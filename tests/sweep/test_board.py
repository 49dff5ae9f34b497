"""The board of a sweep: what is printed where."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from compiler.runtime.sweep.board import Board, Pace, pace_of, table
from compiler.runtime.sweep.objectives import Objective
from compiler.runtime.sweep.owners import Owner
from compiler.runtime.sweep.results import recorded
from compiler.runtime.sweep.standing import Standing
from compiler.runtime.sweep.trials import TrialState
from tests.sweep.studies import new_study
from tests.sweep.sweeps import ACCURACY, PARAMS, RATE, study, tell, trial

Golden = Callable[[str, str], None]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def some_trials() -> list[TrialState]:
    """One in each state, and one that took over a result."""
    mlp, convnet = {"model": "mlp", RATE: 0.01}, {"model": "convnet", RATE: 0.002}
    diverged = "the training diverged: the loss is NaN in epoch 2\nat step 71"
    return [
        trial(0, "complete", 0.91234, params=mlp, steps={1: 0.8, 2: 0.91234}),
        trial(1, "pruned", params=convnet, steps={1: 0.55}, reason="no better than the others at that epoch (median)"),
        trial(2, "failed", params={"model": "mlp", RATE: 0.09}, code="E802", reason=diverged),
        trial(3, "complete", 0.95, params={"model": "convnet", RATE: 0.001}, steps={1: 0.9, 2: 0.95}),
        trial(4, "infeasible", params={"model": "convnet", RATE: 0.03}, code="E402", reason="the input is too small"),
        trial(5, "complete", 0.95, params={"model": "convnet", RATE: 0.001}, facts={"reused_from": 3}),
        trial(6, "running", params={"model": "mlp", RATE: 0.004}, steps={1: 0.61, 2: 0.7, 3: 0.77}),
        trial(7, "running", params={"model": "convnet", RATE: 0.02}),
        trial(8, "waiting"),
        trial(9, "waiting"),
    ]


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def lines_console() -> Console:
    return Console(file=StringIO(), width=60)


def test_off_a_terminal_each_finished_trial_is_a_line(tmp_path: Path, golden: Golden) -> None:
    console, clock, to = lines_console(), Clock(), study(tmp_path)
    board = Board(console, to, clock=clock)
    trials = some_trials()
    for count in range(1, len(trials) + 1):
        tell(to, *trials[:count])
        clock.now += 60
        board.update()
        board.update()
    board.close()
    golden("sweep/board_lines.txt", printed(console))


def test_a_sweep_that_goes_on_tells_what_was_there_in_one_line(tmp_path: Path, golden: Golden) -> None:
    console, clock, to = lines_console(), Clock(), study(tmp_path)
    trials = some_trials()
    tell(to, *trials[:3], *trials[6:])
    board = Board(console, to, clock=clock)
    tell(to, *trials)
    board.close()
    golden("sweep/board_goes_on.txt", printed(console))


def test_on_a_terminal_there_is_a_table(golden: Golden) -> None:
    standing = Standing((ACCURACY,), tuple(some_trials()))
    console = Console(file=StringIO(), width=100)
    console.print(table(standing, Pace(23.4, 754.0), lambda params: [f"{k}={v}" for k, v in params.items()]))
    text = "".join(f"{line.rstrip()}\n" for line in printed(console).splitlines())
    golden("sweep/board_table.txt", text)


def test_several_objectives_show_the_size_of_the_front(golden: Golden) -> None:
    trials = [trial(0, "complete", 0.9, 2000.0), trial(1, "complete", 0.8, 1000.0), trial(2, "complete", 0.7, 1500.0)]
    standing = Standing((ACCURACY, PARAMS), tuple(trials))
    console = Console(file=StringIO(), width=100)
    console.print(table(standing, Pace(None, None), lambda params: []))
    golden("sweep/board_front.txt", "".join(f"{line.rstrip()}\n" for line in printed(console).splitlines()))


def test_the_live_table_is_drawn_and_gone_at_the_end(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=100, height=30, force_terminal=True)
    clock, to = Clock(), study(tmp_path)
    board = Board(console, to, clock=clock)
    tell(to, *some_trials())
    clock.now += 5
    board.update()
    board.close()
    text = printed(console)
    assert "best: trial 3" in text and "E802" in text
    assert text.rstrip().endswith("\x1b[2K"), "the table is erased"


def test_a_terminal_of_few_lines_shows_few_running_trials() -> None:
    running = [trial(number, "running") for number in range(200)]
    console = Console(file=StringIO(), width=100)
    console.print(table(Standing((ACCURACY,), tuple(running)), Pace(None, None), lambda params: [], height=24))
    assert len(printed(console).splitlines()) < 24


def test_the_study_is_read_rarely_where_reading_takes_long(tmp_path: Path) -> None:
    clock, to, reads = Clock(), study(tmp_path), list[float]()
    told = to.trials

    def slow() -> list[TrialState]:
        reads.append(clock.now)
        clock.now += 2.0
        return told()

    to.trials = slow  # a study whose storage is slow
    board = Board(lines_console(), to, clock=clock)
    begun = clock.now
    while clock.now < begun + 600:
        board.update()
        clock.now += 0.1
    assert 2 <= len(reads) <= 11, "each read costs 2 s of 600: 3% are 9 of them"


def test_a_real_study_is_shown(tmp_path: Path) -> None:
    """Slots that are claimed and ended through Optuna's storage."""
    to = new_study(tmp_path, 3)
    console = lines_console()
    board = Board(console, to)
    for value in (0.5, 0.25):
        claim = to.claim(Owner.here())
        assert claim is not None
        claim.report(1, value * 2)
        claim.complete([value])
    board.close()
    first, second = printed(console).splitlines()
    assert first.startswith(
        "trial   0 complete  val.loss 0.5000  best 0.5000 (trial 0)  train.optimizer.learning_rate="
    )
    assert second.startswith("trial   1 complete  val.loss 0.2500  best 0.2500 (trial 1)  ")


def test_what_there_is_is_written_while_the_sweep_goes_on(tmp_path: Path) -> None:
    clock, to = Clock(), study(tmp_path)
    board = Board(lines_console(), to, clock=clock)
    for count in (3, 4):
        tell(to, *some_trials()[:count])
        clock.now += 20
        board.update()
        record = recorded(tmp_path)
        assert sum(record["counts"].values()) == count
    assert record["importances"]["reason"] == "the sweep goes on"


def test_the_time_left_follows_from_the_trials_and_the_workers() -> None:
    done = [trial(number, "complete", 0.5, seconds=100) for number in range(4)]
    reused = trial(4, "complete", 0.5, seconds=0.1, facts={"reused_from": 0})
    ahead = [trial(5, "running"), *(trial(number, "waiting") for number in range(6, 16))]
    standing = Standing((ACCURACY,), (*done, reused, *ahead))
    assert pace_of(standing, 0, 1000.0, 2) == Pace(18.0, 525.0)
    assert pace_of(standing, 5, 1000.0, 1) == Pace(None, 1050.0)
    assert pace_of(Standing((ACCURACY,), tuple(ahead)), 0, 1000.0, 2) == Pace(None, None)


def test_the_best_of_equals_is_the_one_that_was_trained() -> None:
    twins = (trial(3, "complete", 0.95, facts={"reused_from": 5}), trial(5, "complete", 0.95))
    best = Standing((ACCURACY,), twins).best
    assert best is not None and best.number == 5
    nan = replace(twins[0], values=(float("nan"),), facts={})
    assert Standing((Objective("val.accuracy", "maximize"),), (nan,)).best is None


def test_the_views_import_no_tensorflow_and_nothing_large() -> None:
    """Every module of the views, as the start of the command line would import it."""
    code = (
        "import sys\n"
        "import compiler.runtime.sweep.board, compiler.runtime.sweep.closing, compiler.runtime.sweep.final\n"
        "import compiler.runtime.sweep.report.page, compiler.runtime.sweep.report.figures, compiler.commands.sweeps\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'optuna', 'plotly', 'rich'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
