"""Kill a run at random moments, and look at what it leaves.

    python -m tests.campaigns.kill --kills 50 --seed 0                      # a small training run
    python -m tests.campaigns.kill --kills 50 -- python train.py ... hydra.run.dir={dir}
    python -m tests.campaigns.kill --stand-in --kills 200                   # a writer without a model

Half of the moments are drawn over the whole life of an uninterrupted run; the other half fall just after one of its
files, drawn too, begins to be written. After each kill no file under a real name may be half-written, `run.json`
may say `complete` only where all stands, readers must refuse the run unless it is complete, and a new
writer must be able to take the directory over. The draws follow from the seed; the machine's own timing does not.
Hydra's record (`.hydra/`, `*.log`) is Hydra's to write, and is left out.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError
from compiler.runtime.run import TEMPORARY, RunWriter, read_record, read_run

TRAINING = "{python} train.py model=mlp data=digits train.epochs=2 hydra.run.dir={dir}"
STAND_IN = "{python} -m tests.campaigns.stand_in {dir}"
LONGEST = 600.0  # seconds that a run may take
OVERWRITE_WINDOW = 0.05  # seconds after a file's first sign of being written in which it is killed


@dataclass(frozen=True)
class Whole:
    """What an uninterrupted run did: its seconds, and the names of its files."""

    seconds: float
    names: frozenset[str]


@dataclass(frozen=True)
class Kill:
    """One kill: at how many seconds, or on which file, and what was found."""

    moment: str
    status: str  # of run.json after it; `none` without one
    files: int
    temporaries: int
    ended: bool  # the run had ended before the kill
    violations: tuple[str, ...]


# --- the state of a directory ------------------------------------------------------------------


def violations(root: Path, whole: frozenset[str]) -> list[str]:
    """Everything that a killed run must not leave in `root`; `whole` are the files of a complete one."""
    found = [f"{path.relative_to(root)}: {fault}" for path in files(root) if (fault := half_written(path))]
    status = status_of(root)
    if status == "complete":
        try:
            missing = whole - {*read_run(root).artefacts, "run.json"}
            found += [f"complete without {name}" for name in sorted(missing)]
        except ConfigError as error:
            found.append(f"complete, but {error}")
    else:
        try:
            read_run(root)
            found.append(f"a reader takes a run whose status is {status}")
        except ConfigError:
            pass  # refused, as it must be
    return found


def files(root: Path) -> Iterator[Path]:
    """The files under real names, without Hydra's."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        ours = parts[0] != ".hydra" and path.suffix != ".log"
        if path.is_file() and ours and not any(part.startswith(TEMPORARY) for part in parts):
            yield path


def half_written(path: Path) -> str | None:
    """What is wrong with a file's content, by its suffix; None where it is whole."""
    content = path.read_bytes()
    if not content:
        return "empty"
    try:
        match path.suffix:
            case ".keras" | ".npz" | ".zip":
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    broken = archive.testzip()
                return f"{broken} has another checksum" if broken else None
            case ".json":
                json.loads(content)
            case ".csv":
                rows = list(csv.reader(io.StringIO(content.decode()), strict=True))
                if not content.endswith(b"\n") or len({len(row) for row in rows}) != 1:
                    return "its last line is cut"
            case ".yaml" | ".txt":
                if not content.endswith(b"\n"):
                    return "its last line is cut"
            case ".h5":
                if not content.startswith(b"\x89HDF"):
                    return "no HDF5"
            case suffix:
                return f"this campaign cannot tell whether a {suffix!r} is whole: teach it"
    except (ValueError, OSError, zipfile.BadZipFile, csv.Error) as error:
        return f"{type(error).__name__}: {error}"
    return None


def status_of(root: Path) -> str:
    if not (root / "run.json").exists():
        return "none"
    try:
        return read_record(root)["status"]
    except ConfigError as error:
        return f"unreadable: {error}"


def taken_over(root: Path) -> list[str]:
    """What is wrong when the next writer opens `root`: it must find the lock free, and clear the temporaries away."""
    if status_of(root) == "complete":
        return []
    try:
        RunWriter(root).fail("the campaign's own")
    except ConfigError as error:
        return [f"cannot be taken over: {error}"]
    return [f"{path.name} stays" for path in root.glob(f"{TEMPORARY}*")]


# --- killing -----------------------------------------------------------------------------------


def run_whole(command: str, root: Path) -> Whole:
    """Run `command` to its end.

    Raises:
        RuntimeError: it fails, or leaves no complete run.
    """
    start = time.monotonic()
    said = root.with_suffix(".said")
    with said.open("w") as log:
        code = subprocess.run(
            argv(command, root), stdout=log, stderr=subprocess.STDOUT, timeout=LONGEST, check=False
        ).returncode
    seconds = time.monotonic() - start
    if code or status_of(root) != "complete":
        tail = said.read_text()[-2000:]
        raise RuntimeError(f"the uninterrupted run ended with status {code}, {status_of(root)}:\n{tail}")
    faults = violations(root, frozenset())
    if faults:
        raise RuntimeError(f"the uninterrupted run itself: {faults}")
    return Whole(seconds, frozenset(path.relative_to(root).as_posix() for path in files(root)))


def kill_once(command: str, root: Path, whole: Whole, draw: random.Random) -> Kill:
    """Start `command`, kill it and its children at a drawn moment, and look at `root`."""
    said = root.with_suffix(".said")
    with said.open("w") as log:
        process = subprocess.Popen(argv(command, root), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        if draw.random() < 0.5:
            seconds = draw.uniform(0, whole.seconds)
            moment = f"{seconds:.3f} s"
            time.sleep(seconds)
        else:
            name, delay = draw.choice(sorted(whole.names)), OVERWRITE_WINDOW * draw.random() ** 2
            moment = f"{name} + {delay * 1000:.1f} ms"
            wait_for(root, name, process)
            time.sleep(delay)
        ended = process.poll() is not None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    root.mkdir(exist_ok=True)
    found = violations(root, whole.names)
    if ended and status_of(root) != "complete":
        why = said.read_text()[-500:]
        found.append(f"it ended by itself with status {process.returncode}, and is not complete: {why}")
    status, kept, left = status_of(root), len(list(files(root))), len(list(root.glob(f"{TEMPORARY}*")))
    return Kill(moment, status, kept, left, ended, (*found, *taken_over(root)))


def wait_for(root: Path, name: str, process: subprocess.Popen[bytes]) -> None:
    """Return when `name`, or its temporary file, is there; or when the process has ended."""
    last = Path(name).name
    deadline = time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < deadline:
        if (root / name).exists() or any(root.glob(f"{TEMPORARY}*/{last}")):
            return
        time.sleep(0.0005)


def argv(command: str, root: Path) -> list[str]:
    """The command's words, `{dir}` and `{python}` filled in."""
    return [word.replace("{dir}", str(root)).replace("{python}", sys.executable) for word in shlex.split(command)]


def campaign(command: str, kills: int, seed: int, folder: Path) -> tuple[Whole, list[Kill]]:
    """Kill `command` so many times, each in a new directory below `folder`."""
    first, again = (run_whole(command, folder / f"whole-{i}") for i in range(2))  # the first may find caches cold
    whole = Whole(min(first.seconds, again.seconds), again.names)
    draw = random.Random(seed)
    return whole, [kill_once(command, folder / f"killed-{i:03d}", whole, draw) for i in range(kills)]


# --- the command -------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its table; 1 where anything is violated."""
    parser = argparse.ArgumentParser(description="Kill a run at random moments, and look at what it leaves.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stand-in", action="store_true", help="kill a writer without a model")
    parser.add_argument("command", nargs="*", help="what to kill; {dir} stands for the run's directory")
    options = parser.parse_args(arguments)
    command = shlex.join(options.command) or (STAND_IN if options.stand_in else TRAINING)
    with tempfile.TemporaryDirectory() as folder:
        whole, kills = campaign(command, options.kills, options.seed, Path(folder))
    print(f"command {command}\nseed {options.seed}; uninterrupted {whole.seconds:.1f} s, {len(whole.names)} files\n")
    print(f"{'kill':>4}  {'moment':<36} {'status':<10} {'files':>5} {'temporary':>9}  violations")
    for i, kill in enumerate(kills):
        found = "; ".join(kill.violations) or ("- (had ended)" if kill.ended else "-")
        print(f"{i:>4}  {kill.moment:<36} {kill.status:<10} {kill.files:>5} {kill.temporaries:>9}  {found}")
    by_status = ", ".join(f"{count} {status}" for status, count in Counter(kill.status for kill in kills).items())
    amid = sum(kill.temporaries > 0 for kill in kills)
    violated = sum(bool(kill.violations) for kill in kills)
    print(f"\n{len(kills)} kills: {by_status}; {amid} amid the writing of a file; {violated} with violations")
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
