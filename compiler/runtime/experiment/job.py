"""An experiment from its configuration to the result of its last step."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from compiler.errors import ConfigError, Diagnostics, Fault
from compiler.runtime.cli import Arguments
from compiler.runtime.experiment.settings import ExperimentSettings, Step, read_experiment
from compiler.runtime.experiment.words import words_of
from compiler.runtime.kinds import planned
from compiler.runtime.run.files import json_text, refused, reported, save
from compiler.runtime.run.reader import read_record
from compiler.spec.compose import CONFIG_NAME, compose
from compiler.spec.overrides import for_hydra

RECORD = "experiment.json"
"""In an experiment's folder: the commands of the steps that were begun."""


@dataclass(frozen=True)
class Command:
    """A step that is to be carried out.

    Attributes:
        words: of its command line.
        folder: its run's or sweep's.
    """

    name: str
    step: Step
    words: tuple[str, ...]
    folder: Path

    @property
    def done(self) -> bool:
        """Whether its result is there; a sweep looks at that itself, and then has little to do."""
        if self.step.sweep is not None or not (self.folder / "run.json").exists():
            return False
        return read_record(self.folder)["status"] == "complete"


def commands(arguments: Arguments) -> tuple[Path, list[Command]]:
    """The folder and the commands of an experiment, all of them checked as far as can be before the first has run.

    Args:
        arguments: the command line; what it says besides the experiment lies over each step, of `ensemble` over those
            that pool.

    Raises:
        ConfigError: faults of the experiment, and of each step, which names the step.
    """
    own = [text for text in arguments.overrides if _of(text, "experiment")]
    composed = compose(own, arguments.config_dir, arguments.config_name)
    if unfit := (*composed.faults, *composed.unresolved):
        raise ConfigError(unfit)
    diagnostics = Diagnostics()
    settings = read_experiment(composed.section("experiment"), diagnostics)
    diagnostics.raise_errors()
    assert settings is not None, "what has no settings has faults"
    further = [text for text in arguments.overrides if text not in own]
    made = [_command(settings, name, further) for name in settings.steps]
    faults = [fault for command in made for fault in _faults(command, arguments)]
    if any(fault.is_error for fault in faults):
        raise ConfigError(faults)
    return Path(settings.dir), made


def _command(settings: ExperimentSettings, name: str, further: Sequence[str]) -> Command:
    folder, step = Path(settings.dir) / name, settings.steps[name]
    fitting = [text for text in further if "ensemble" in step.overrides or not _of(text, "ensemble")]
    return Command(name, step, tuple(words_of(step, folder, fitting)), folder)


def _of(override: str, section: str) -> bool:
    return re.match(rf"[+~]*{section}[.=@]", override) is not None


def _faults(command: Command, arguments: Arguments) -> list[Fault]:
    """What is wrong with a step, whatever those before it come to."""
    try:
        if command.step.sweep is not None:
            from compiler.runtime.sweep.begin import apart, wanted

            overrides = for_hydra(command.words[1:])
            wanted(*apart(overrides), arguments.config_dir, arguments.config_name)
        else:
            composed = compose(for_hydra(command.words), arguments.config_dir, arguments.config_name)
            planned(composed)  # an ensemble's members are still to come; they are not looked at
    except ConfigError as error:
        return [replace(fault, trail=(f"step {command.name!r}", *fault.trail)) for fault in error.faults]
    return []


def carry_out(arguments: Arguments) -> int:
    """Carry out the steps that are not done, each as a process of its own; gives the status of the last one begun.

    The same command goes on after whatever ended it: a finished run is kept, an unfinished run or sweep goes on.

    Raises:
        ConfigError: as `commands` does; E810, a step was begun with another command.
    """
    folder, steps = commands(arguments)
    begun = _begun(folder)
    for command in steps:
        if begun.get(command.name, list(command.words)) != list(command.words):
            message = f"step {command.name!r} in '{folder}' was begun with another command"
            raise refused(message, "experiment.dir=DIR for another experiment", "E810")
    for i, command in enumerate(steps, 1):
        print(f"step {i} of {len(steps)}, {command.name}: train.py {shlex.join(command.words)}", flush=True)
        if command.done:
            print(f"{command.folder} is complete", flush=True)
            continue
        begun[command.name] = list(command.words)
        with reported(f"write '{folder / RECORD}'"):
            text = json_text({"steps": begun})
            save(folder, RECORD, lambda path, text=text: path.write_text(text, encoding="utf-8"))
        status = _run(command.words, arguments)
        if status:
            print(f"step {command.name!r} ended with status {status}; the same command goes on", file=sys.stderr)
            return status
    return 0


def _begun(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    if not path.exists():
        return {}
    with reported(f"read '{path}'"):
        text = path.read_text(encoding="utf-8")
    try:
        steps: Any = json.loads(text)["steps"]
    except (ValueError, KeyError, TypeError):
        steps = None
    if not isinstance(steps, Mapping):
        raise refused(f"'{path}' is not the record of an experiment", "experiment.dir=DIR for another one")
    return dict(cast("Mapping[str, Any]", steps))


def _run(words: Sequence[str], arguments: Arguments) -> int:
    own = [] if arguments.config_dir is None else ["--config-dir", str(arguments.config_dir)]
    own += [] if arguments.config_name == CONFIG_NAME else ["--config-name", arguments.config_name]
    with _passed_on() as children:
        child = subprocess.Popen([sys.executable, "-m", "train", *own, *words])
        children.append(child)
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the terminal has told the child as well: it says how to go on
                continue


@contextmanager
def _passed_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """SIGTERM is the child's, who keeps a checkpoint; gives the list that the child belongs into."""
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, frame: object) -> None:
        for child in children:
            child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield children
    finally:
        signal.signal(signal.SIGTERM, before)
