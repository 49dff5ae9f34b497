"""Files from elsewhere that do harm or are damaged: refused or noticed, and this process lives on in little memory.

    python -m tests.campaigns.foreign [--flips 300] [--seed 0]

Models that Keras saved are attacked in their archive, their config and their weights (`foreign_cases.py`), cut off, and
get one bit flipped at random places; then the command `import FILE -o MODEL -w WEIGHTS` reads them in this process,
and some in processes of their own. A case fails by any exception but an exit with status 2 and a located fault, by a
model or weights that are not the original's, by code of the file that ran, by a minute, or by 1 GB of memory, here or
in a child. Exit status 1 where one fails.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np

from compiler import commands
from compiler.errors import ConfigError
from compiler.importer import sandbox
from compiler.importer.members import WEIGHTS
from compiler.importer.saved_weights import arrays, inventory
from tests.campaigns.foreign_cases import Case, attacks, content, flips, mutants, truncations
from tests.campaigns.foreign_models import save

SECONDS, MEGABYTES, MORE_MEGABYTES = 60.0, 1000.0, 400.0
LOCATED = re.compile(r"^\S.*: error\[E\d{3}\]: \S", re.MULTILINE)
IN_PROCESSES = ("archive: ../", "archive: bomb in the weights", "config: Lambda", "config: units", "weights: bomb")


@dataclass
class Result:
    """What came of all cases so far."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    slowest: tuple[float, str] = (0.0, "")


@dataclass(frozen=True)
class Bench:
    """A folder in which one original is attacked.

    Attributes:
        original: the file as Keras saved it.
        gives: what the command gives for it (see `imported`).
        bare: the weights that it has, as a file of their own.
        weights: their arrays: dtype, shape and bytes.
        memory: what this process had taken at its highest before the attacks, in MB.
    """

    original: Path
    gives: str
    bare: Path
    weights: Mapping[str, tuple[object, ...]]
    memory: float

    @property
    def folder(self) -> Path:
        return self.original.parent


def imported(path: Path, *, weights: bool = True) -> str:
    """What `import` makes of a file: a digest of the model file and, where they are asked for, the weights.

    Raises:
        SystemExit: as the command exits.
    """
    model, file = path.with_name("out.yaml"), path.with_name("out.weights.h5")
    model.unlink(missing_ok=True)
    file.unlink(missing_ok=True)
    commands.main(["import", str(path), "-o", str(model), *(["-w", str(file)] if weights else [])])
    return digest(model, file) if weights else model.read_text("utf-8")


def digest(model: Path, weights: Path) -> str:
    """The content of a model file and of a file of weights."""
    whole = hashlib.sha256(model.read_bytes())
    with h5py.File(weights) as h5:
        for name, item in _datasets(h5).items():
            whole.update(f"{name} {item.dtype} {item.shape}".encode() + np.asarray(item).tobytes())
    return whole.hexdigest()


def bench(original: Path) -> Bench:
    """The original in its folder, imported as a file of the same name as all cases."""
    path, bare = original.with_name("model.keras"), original.with_suffix(".weights.h5")
    path.write_bytes(original.read_bytes())
    bare.write_bytes(content(original)[WEIGHTS])
    with h5py.File(bare) as h5:
        weights = {name: (item.dtype, item.shape, np.asarray(item).tobytes()) for name, item in _datasets(h5).items()}
    with contextlib.redirect_stdout(io.StringIO()):
        return Bench(original, imported(path), bare, weights, memory())


def _datasets(h5: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    h5.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def run(case: Case, at: Bench, result: Result) -> None:
    """Send one case through the command, and judge what comes of it."""
    path = at.folder / "model.keras"
    case.make(path)
    began, problem, outcome = perf_counter(), "", "refused"
    streams = io.StringIO()
    try:
        with contextlib.redirect_stdout(streams), contextlib.redirect_stderr(streams):
            given = imported(path, weights=case.weights)
        outcome = "same" if given == at.gives else "read"
        if case.may == "refused" or (case.may == "same" and outcome == "read"):
            problem = f"is taken ({outcome})"
    except SystemExit as stop:
        text = streams.getvalue()
        outcome = ", ".join(sorted(set(re.findall(r"error\[(E\d+)\]", text))))
        if stop.code != 2 or not LOCATED.search(text) or "Traceback" in text or "\x1b" in text:
            problem = f"exits with {stop.code}: {text[:1000]}"
    except Exception:  # exactly what this looks for
        problem = traceback.format_exc()
    seconds = perf_counter() - began
    if (at.folder / "canary").exists():
        (at.folder / "canary").unlink()
        problem += " ran code of the file"
    if seconds > SECONDS:
        problem += f" took {seconds:.0f} s"
    if memory() - at.memory > MORE_MEGABYTES:
        problem += f" took {memory() - at.memory:.0f} MB more than its original"
    result.outcomes[f"{case.title.partition(':')[0].partition(' ')[0]} {outcome}"] += 1
    result.slowest = max(result.slowest, (seconds, case.title))
    if problem:
        result.failures.append(f"{at.original.name}, {case.title}: {problem}")


def run_bare(case: Case, at: Bench, result: Result) -> None:
    """Read damaged weights that are in no archive: numbers may differ unnoticed, since HDF5 has no checksum of them."""
    path = at.folder / "model.weights.h5"
    case.make(path)
    try:
        held = inventory(path)
        with arrays(path, {key: one.shape for key, one in held.items()}) as found:
            read = {key: (value.dtype, value.shape, value.tobytes()) for key, value in found.items()}
        outcome = "same" if read == at.weights else "other numbers"
    except ConfigError as error:
        outcome = error.faults[0].code
    except Exception:  # exactly what this looks for
        outcome = "failed"
        result.failures.append(f"{at.original.name}, bare weights, {case.title}: {traceback.format_exc()}")
    result.outcomes[f"bare {outcome}"] += 1


def run_in_process(case: Case, at: Bench, result: Result) -> None:
    """The same by a command of its own: exit status 2, a located fault, no traceback."""
    path = at.folder / "model.keras"
    case.make(path)
    command = [sys.executable, "-m", "compiler", "import", str(path), "-w", str(at.folder / "out.weights.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * SECONDS)
    if done.returncode != 2 or not LOCATED.search(done.stderr) or "Traceback" in done.stderr:
        result.failures.append(f"{case.title}, in a process: exits with {done.returncode}: {done.stderr[:1000]}")
    result.outcomes["in a process refused"] += 1


def memory() -> float:
    """The highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextlib.contextmanager
def watched(log: Path) -> Iterator[None]:
    """Have every child that reads a file write its highest resident memory to `log` before it ends.

    What the system says of a child counts what this process had when it began it, so the child must say it. One that
    is killed does not; it is killed by its limits.
    """
    start, log_text = sandbox._START, repr(str(log))
    sandbox._START = f"""
import os, re
def ends(status, exit=os._exit):
    with open("/proc/self/status") as own, open({log_text}, "a") as log:
        log.write(re.search("VmHWM:\\s*(.*) kB", own.read())[1] + "\\n")
    exit(status)
os._exit = ends
{start}"""
    try:
        yield
    finally:
        sandbox._START = start


def children(log: Path) -> float:
    """The highest resident memory that a child wrote down, in MB."""
    return max(int(line) for line in log.read_text().splitlines()) / 1024


def cases(at: Bench, number: int, seed: int) -> Iterable[Case]:
    """All cases for one original."""
    if at.original.stem == "plain":
        yield from attacks(at.original, at.folder)
        yield from truncations(at.original, 40)
    yield from flips(at.original, number, seed)
    yield from mutants(at.original, number, seed)


def campaign(number: int, seed: int) -> int:
    """Run all cases and print what came of them; the number that failed."""
    result = Result()
    with tempfile.TemporaryDirectory() as name, watched(Path(name) / "children"):
        save(Path(name))
        plain, nested = bench(Path(name) / "plain.keras"), bench(Path(name) / "nested.keras")
        for at, share in ((plain, number - number // 3), (nested, number // 3)):
            for case in cases(at, share, seed):
                run(case, at, result)
        for case in (*flips(plain.bare, number // 3, seed), *truncations(plain.bare, 20)):
            run_bare(case, plain, result)
        for case in attacks(plain.original, plain.folder):
            if case.title in IN_PROCESSES:
                run_in_process(case, plain, result)
        most = children(plain.folder / "children")
    if max(memory(), most) > MEGABYTES:
        result.failures.append(f"more than {MEGABYTES:.0f} MB of memory")
    for failure in result.failures:
        print(failure, file=sys.stderr)
    print(f"{result.outcomes.total()} files, seed {seed}: {len(result.failures)} failed")
    print(f"slowest {result.slowest[0]:.1f} s ({result.slowest[1]})")
    print(f"at most {memory():.0f} MB here, Keras included, and {most:.0f} MB in a child")
    print("outcomes: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(result.outcomes.items())))
    return len(result.failures)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sys.exit(1 if campaign(args.flips, args.seed) else 0)
