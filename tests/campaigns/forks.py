"""Processes of `train.py`, forked from one that has imported TensorFlow and computed nothing yet: 5 s less for each.

What is forked is a process of its own in every other way: it is killed, limited and waited for like any other.

    with Forks() as forks:
        process = forks.start(["model=mlp", "hydra.run.dir=a"], Path("a.log"))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()  # -9
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Forked:
    """A process that was forked."""

    forks: Forks
    pid: int
    status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it is at work."""
        if self.status is None:
            self.status = self.forks.ask({"do": "poll", "pid": self.pid})
        return self.status

    def wait(self) -> int:
        """The exit status, once it has ended."""
        while (status := self.poll()) is None:
            time.sleep(0.002)
        return status


class Forks:
    """The process that they are forked from."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.forks"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip
        return self

    def start(
        self, arguments: Sequence[str], log: Path, *, folder: Path | None = None, file_size: int | None = None
    ) -> Forked:
        """Start `python train.py` with `arguments`; what it prints goes to the end of `log`.

        Args:
            folder: where it works; here by default.
            file_size: no file may become larger, in bytes.
        """
        work = {"arguments": list(arguments), "log": str(log), "folder": str(folder or Path.cwd()), "limit": file_size}
        return Forked(self, self.ask({"do": "start", **work}))

    def ask(self, what: dict[str, Any]) -> Any:
        assert self._server.stdin and self._server.stdout
        print(json.dumps(what), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()


def serve() -> None:
    """Fork, and answer on the state of what was forked, until nobody asks any more."""
    import sklearn.datasets  # noqa: F401  # imported before the forks, as the next

    import compiler.runtime.fitting.fit  # noqa: F401  # imported before the forks
    import train

    alive: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "start":
            pid = os.fork()
            if pid == 0:
                _work(asked, train.main)
            alive.add(pid)
            answer = pid
        else:
            pid, status = os.waitpid(asked["pid"], os.WNOHANG)
            alive.discard(pid)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _work(asked: dict[str, Any], main: Any) -> None:
    """In the child: be `python train.py`."""
    code = 99
    try:
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream, to in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(to, stream)
        os.chdir(asked["folder"])
        if asked["limit"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], resource.RLIM_INFINITY))
        sys.argv = ["train.py", *asked["arguments"]]
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # whatever it is, it is the child's own end, and belongs in its log
        sys.excepthook(*sys.exc_info())  # pyright: ignore[reportArgumentType]  # there is an error
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
