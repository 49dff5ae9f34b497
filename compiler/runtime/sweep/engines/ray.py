"""Ray: pools as tasks of a cluster. A task that dies costs its trial one attempt; Ray itself begins nothing again."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

from compiler.errors import ConfigError, Fault
from compiler.runtime.sweep.engines.engine import Engine, Job, PoolCommand, Resources

if TYPE_CHECKING:
    from compiler.runtime.sweep.engines.settings import RaySettings
    from compiler.runtime.sweep.folder import SweepFolder
    from compiler.runtime.sweep.owners import Owner

FOLDER = "ray"
"""Below the sweep's: what the pools print."""

_STORE = 80 * 2**20  # bytes of Ray's object store, the least that it takes: nothing of ours goes through it
_LOOK = 0.5  # seconds
_GRACE = 60  # seconds in which a pool that is to stop gives its trial back


class RayCluster(Engine):
    """Tasks of this sweep in a Ray cluster, which end with this process. While it is entered, Ray is joined."""

    name: ClassVar[str] = "ray"
    lasting: ClassVar[bool] = False

    def __init__(self, folder: SweepFolder, settings: RaySettings) -> None:
        self._folder, self._settings = folder.root.absolute() / FOLDER, settings
        self._run = uuid4().hex[:8]  # jobs of one driver are not those of the next
        self._numbers = count()
        self._tasks: dict[str, Any] = {}
        self._known: dict[str, Job] = {}

    def __enter__(self) -> Self:
        import ray

        address = self._settings.address
        own = {"include_dashboard": False, "object_store_memory": _STORE, "_node_ip_address": "127.0.0.1"}
        here: dict[str, Any] = own if address == "local" else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **here)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            hint = "hydra.launcher.address: auto on a machine of the cluster, HOST:PORT, or local"
            raise ConfigError([Fault("E840", f"Ray cannot be joined at {address!r}: {said}", hint=hint)]) from None
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        import ray

        try:
            self._end()
        finally:
            ray.shutdown()

    @property
    def processors(self) -> int:
        """Pools that the cluster has room for by its processors."""
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1) // self._settings.num_cpus))

    def submit(self, commands: Sequence[PoolCommand], resources: Resources, trial: int | None = None) -> None:
        import ray

        self._folder.mkdir(parents=True, exist_ok=True)
        options = self._options(resources)
        for command in commands:
            id = f"{self._run}-{next(self._numbers)}"
            log = self._folder / f"{id}.log"
            around = command.environment(max(1, int(options["num_cpus"])))
            arguments = command.named(f"{self.name}:{id}/0"), command.directory, around, str(log)
            self._tasks[id] = ray.remote(**options)(run_pool).remote(*arguments)
            self._known[id] = Job(id, trial, log=log)

    def jobs(self) -> Sequence[Job]:
        import ray

        open_tasks = {task: id for id, task in self._tasks.items()}
        ended = ray.wait(list(open_tasks), num_returns=len(open_tasks), timeout=0)[0] if open_tasks else []
        for task in ended:
            id = open_tasks[task]
            self._known[id] = replace(self._known[id], stage="ended", word=_word(task))
            del self._tasks[id]
        for id in self._tasks:
            running = _begun(self._known[id])
            self._known[id] = replace(self._known[id], stage="running" if running else "queued")
        return list(self._known.values())

    def alive(self, owner: Owner) -> bool | None:
        engine, _, rest = (owner.job or "").partition(":")
        run = rest.partition("-")[0]
        if engine != self.name or run != self._run:
            return None
        job = self._known.get(rest.partition("/")[0])
        return None if job is None else not job.over

    def stop(self) -> None:
        self._end()

    def follow(self) -> str:
        return f"the workers print to {self._folder}"

    def _options(self, resources: Resources) -> dict[str, Any]:
        own = self._settings
        memory: Any = resources.get("memory_gb", own.memory_gb)
        return {
            "num_cpus": resources.get("num_cpus", own.num_cpus),
            "num_gpus": resources.get("num_gpus", own.num_gpus),
            "max_retries": 0,
            **({"memory": int(memory * 2**30)} if memory else {}),
        }

    def _end(self) -> None:
        """Have all tasks give back what they have, and wait for it."""
        import ray

        for task in self._tasks.values():
            ray.cancel(task)  # KeyboardInterrupt in those that run
        if self._tasks:
            ray.wait(list(self._tasks.values()), num_returns=len(self._tasks), timeout=_GRACE)
        self.jobs()


def run_pool(arguments: Sequence[str], directory: str, environment: Mapping[str, str], log: str) -> int:
    """The task: run the pool as a process of its own, which ends with the task.

    Args:
        environment: over that of the task, in which Ray says what GPUs are its own.

    Returns:
        The pool's exit status; below zero for the signal that killed it.
    """
    around = {**os.environ, **environment}
    with Path(log).open("ab") as file:
        process = subprocess.Popen(
            list(arguments), cwd=directory, env=around, stdin=subprocess.PIPE, stdout=file, stderr=file
        )
        try:
            while True:
                # Ray's cancelling sets Python's flag of Ctrl-C, and breaks off no system call
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=_LOOK)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)  # it gives its trial back
                process.wait()


def _word(task: Any) -> str:
    import ray
    from ray.exceptions import RayError

    try:
        status = ray.get(task)
    except (RayError, KeyboardInterrupt) as error:
        return type(error).__name__
    return "done" if status == 0 else f"ended with status {status}"


def _begun(job: Job) -> bool:
    """Whether its pool was started: the log is made then."""
    return job.log is not None and job.log.exists()
