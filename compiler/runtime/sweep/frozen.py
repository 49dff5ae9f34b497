"""The configuration of a sweep, frozen when it starts: what is edited afterwards changes nothing that is queued.

    conf/                one folder with all files of the search path; of two with one name the first is in it
    conf/.model_files/   what `model_file` names
    conf/frozen.json     environment variables that the configuration reads, and where plugins are imported from

The code of plugins and the files of data stay where they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode

from compiler.errors import ConfigError, Fault
from compiler.runtime.run.files import TEMPORARY, make_folder
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.domains import read_text
from compiler.spec.complaints import COMPLAINTS
from compiler.spec.compose import loader_of, loader_over
from compiler.spec.files import find_file
from compiler.spec.model import NESTED
from compiler.spec.overrides import model_files

RECORD = "frozen.json"
MOST_FILES, MOST_BYTES = 5_000, 64 * 2**20

_MODEL_FILES = ".model_files"
_VARIABLE = re.compile(r"\boc\.env:\s*([A-Za-z_][A-Za-z0-9_]*)")
_NESTED = re.compile(rf"\b{NESTED}([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Frozen:
    """What was recorded beside the files.

    Attributes:
        conf: the folder; None where nothing is frozen.
        variables: of the environment, that the configuration reads; None for those that were not set.
        model_files: the copies, within `conf`, by the paths that `model_file` has.
        import_path: the folders, besides the installed packages, from which modules were imported.
    """

    conf: Path | None = None
    variables: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    model_files: Mapping[str, str] = field(default_factory=dict[str, str])
    import_path: tuple[str, ...] = ()

    @classmethod
    def load(cls, conf: Path) -> Frozen:
        """Read what `freeze` left.

        Raises:
            ConfigError: E803, it is not there.
        """
        try:
            record: dict[str, Any] = json.loads((conf / RECORD).read_text(encoding="utf-8"))
            return cls(conf, record["variables"], record["model_files"], tuple(record["import_path"]))
        except (OSError, ValueError, KeyError) as error:
            message = f"the sweep's configuration '{conf}' cannot be read: {error}"
            raise ConfigError([Fault("E803", message, hint="start the sweep anew")]) from None

    def loader(self) -> ConfigLoaderImpl:
        """Hydra's loader over the frozen files alone."""
        assert self.conf is not None, "nothing is frozen"
        return loader_of(self.conf)

    def model_file(self, path: str) -> Path:
        """The copy of a model file; the file itself where there is none."""
        copy = self.model_files.get(path)
        return Path(path) if copy is None or self.conf is None else self.conf / copy

    def extend_path(self) -> None:
        """Let plugins be imported from where they were."""
        sys.path += [folder for folder in self.import_path if folder not in sys.path]

    @contextmanager
    def environment(self) -> Iterator[None]:
        """The recorded environment variables, for as long as it lasts."""
        before = {name: os.environ.get(name) for name in self.variables}
        _set(self.variables)
        try:
            yield
        finally:
            _set(before)


def with_files(definition: Definition, loader: ConfigLoaderImpl) -> Definition:
    """The definition with the hash of the files that its trials can be composed of, as they are now."""
    digest = hashlib.sha256()
    files = reachable(definition, loader)
    for name, path in sorted(files.items()):
        if name.partition("/")[0] not in ("hydra", "search"):  # of the sweep itself, which the definition has
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    for given in _given_files(definition):
        if Path(given).is_file():
            digest.update(f"{given}\0{hashlib.sha256(Path(given).read_bytes()).hexdigest()}\0".encode())
    for name, value in sorted(_variables(definition, files.values()).items()):
        digest.update(f"{name}\0{value}\0".encode())
    return replace(definition, files=digest.hexdigest())


def freeze(definition: Definition, loader: ConfigLoaderImpl, conf: Path) -> Frozen:
    """Copy the configuration to `conf`, which appears whole or not at all; one that is there stays.

    Raises:
        ConfigError: E004, there are too many files.
        OSError: they cannot be written.
    """
    if conf.is_dir():
        return Frozen.load(conf)
    make_folder(conf.parent)
    aside = conf.with_name(f"{TEMPORARY}{conf.name}-{os.getpid()}")
    for name, path in _all_files(_sources(definition, loader)).items():
        _copy(path, aside / name)
    copies: dict[str, str] = {}
    for i, given in enumerate(_given_files(definition)):
        if Path(given).is_file():
            copies[given] = f"{_MODEL_FILES}/{i}/{Path(given).name}"
            _copy(Path(given), aside / copies[given])
    variables = _variables(definition, reachable(definition, loader).values())
    record = {"variables": variables, "model_files": copies, "import_path": _import_path()}
    (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (aside / RECORD).chmod(0o600)  # a variable may be a secret
    aside.rename(conf)
    return Frozen.load(conf)


def reachable(definition: Definition, loader: ConfigLoaderImpl) -> dict[str, Path]:
    """The files that the definition's trials can be composed of, by their names for Hydra.

    Each option of a swept group is looked at beside the first of all others.
    """
    loader = loader_over(loader.config_search_path)
    found: dict[str, Path] = {}
    for chosen in ([], *([text] for text in _options(definition, loader))):
        try:
            defaults = loader.compute_defaults_list(definition.config_name, [*definition.fixed, *chosen], RunMode.RUN)
        except COMPLAINTS:
            continue  # its trials have the fault
        for name in (definition.config_name, *(str(default.config_path) for default in defaults.defaults)):
            path = find_file(loader, name)
            if path is not None:
                found.setdefault(name, path)
    texts = [*definition.fixed, *_space_texts(definition)]
    _add_nested(found, loader, texts)
    return found


def _add_nested(found: dict[str, Path], loader: ConfigLoaderImpl, texts: Sequence[str]) -> None:
    left = [*texts, *(path.read_text("utf-8", "replace") for name, path in found.items() if name.startswith(NESTED))]
    while left:
        for name in _NESTED.findall(left.pop()):
            path = find_file(loader, f"{NESTED}{name}")
            if path is not None and f"{NESTED}{name}" not in found:
                found[f"{NESTED}{name}"] = path
                left.append(path.read_text("utf-8", "replace"))


def _options(definition: Definition, loader: ConfigLoaderImpl) -> list[str]:
    swept = (parameter for parameter in definition.space if loader.repository.group_exists(parameter.key))
    return [f"{parameter.prefix}{parameter.key}={text}" for parameter in swept for text in parameter.texts]


def _space_texts(definition: Definition) -> list[str]:
    return [f"{parameter.key}={text}" for parameter in definition.space for text in parameter.texts]


def _given_files(definition: Definition) -> list[str]:
    """The paths of model files, as they are typed."""
    fixed = [str(override.value()) for override in model_files(definition.fixed)]
    swept = definition.space.by_key.get("model_file")
    read = [read_text(text) for text in swept.texts] if swept else []
    return list(dict.fromkeys([*fixed, *(value for value in read if isinstance(value, str) and value)]))


def _variables(definition: Definition, files: Iterable[Path]) -> dict[str, str | None]:
    texts = [*definition.fixed, *_space_texts(definition), *(path.read_text("utf-8", "replace") for path in files)]
    names = dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text))
    return {name: os.environ.get(name) for name in names}


def _sources(definition: Definition, loader: ConfigLoaderImpl) -> list[Path]:
    """The folders of the search path, those first that Hydra asks first."""
    loader = loader_over(loader.config_search_path)
    try:
        cfg = loader.load_configuration(definition.config_name, list(definition.fixed), RunMode.RUN)
        sources = [(str(info.schema), str(info.path)) for info in cfg.hydra.runtime.config_sources]
    except COMPLAINTS:  # what is at fault is said when it is composed; `hydra.searchpath` is in none of these
        sources = [(source.scheme(), str(source.path)) for source in loader.repository.get_sources()]
    return [Path(path) for schema, path in sources if schema == "file" and Path(path).is_dir()]


def _all_files(folders: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    size = 0
    for folder in folders:
        for root, names, files in os.walk(folder, followlinks=False):
            names[:] = sorted(name for name in names if not name.startswith((".", "__")))
            for file in sorted(files):
                path = Path(root) / file
                name = path.relative_to(folder).as_posix()
                if path.suffix in (".yaml", ".yml") and not file.startswith(".") and name not in found:
                    found[name], size = path, size + path.stat().st_size
            if len(found) > MOST_FILES or size > MOST_BYTES:
                message = (
                    f"the configuration in {str(folder)!r} has more than {MOST_FILES:,} files, or {MOST_BYTES:,} bytes"
                )
                hint = "a sweep keeps a copy of it: give --config-dir a folder of its own"
                raise ConfigError([Fault("E004", message, hint=hint)])
    return found


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _import_path() -> list[str]:
    """Where modules are imported from besides the interpreter's own folders."""
    own = tuple(str(Path(prefix).resolve()) for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix})
    folders = [str(Path(folder or ".").resolve()) for folder in sys.path]
    return [folder for folder in dict.fromkeys(folders) if Path(folder).is_dir() and not folder.startswith(own)]


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
