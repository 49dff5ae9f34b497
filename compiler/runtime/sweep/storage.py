"""Where Optuna keeps a sweep's study: a journal in its folder, a database, or a proxy before one."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit
from uuid import uuid4

from compiler.errors import ConfigError, Fault
from compiler.runtime.run.files import make_folder, place, reported
from compiler.runtime.sweep.folder import SweepFolder

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "sweep"
"""The name of the one study in a journal."""

_NAMES = "study.json"


@runtime_checkable
class Together(Protocol):
    """A storage that can keep all others out for a while."""

    def together(self) -> AbstractContextManager[None]: ...


def open_storage(url: str | None, folder: SweepFolder, *, create: bool = False) -> tuple[BaseStorage, str]:
    """Optuna's storage of the sweep in `folder`, and the name of its study there.

    Args:
        url: what `search.storage` says.
        create: whether the study is to be made.

    Raises:
        ConfigError: E803, there is no study, or the storage cannot be reached; E808, its driver is not installed.
    """
    from optuna.logging import WARNING, set_verbosity

    set_verbosity(WARNING)  # what it says of each trial is ours to say
    if url is None:
        if not create and not folder.journal.is_file():
            raise _refused(f"'{folder.root}' has no study: it has no {folder.journal.name}")
        from compiler.runtime.sweep.journal import Journal

        make_folder(folder.root)
        return Journal(folder.journal), JOURNAL
    return connect(url), _name(folder, create)


def connect(url: str) -> BaseStorage:
    """Optuna's storage at a URL: `sqlite:///FILE`, `postgresql+psycopg://HOST/DATABASE`, `grpc://HOST:PORT`.

    Raises:
        ConfigError: E803, it cannot be reached; E808, its driver is not installed.
    """
    from optuna.storages import GrpcStorageProxy, RDBStorage, get_storage

    parts = urlsplit(url)
    if parts.scheme == "grpc":
        return GrpcStorageProxy(host=parts.hostname or "localhost", port=parts.port or 13000)
    return get_storage(RDBStorage(url, engine_kwargs=_engine(parts.scheme)))


def _engine(scheme: str) -> dict[str, Any]:
    waits = {"sqlite": {"timeout": 60}}.get(scheme.partition("+")[0], {})
    return {"pool_pre_ping": True, "connect_args": waits}


def _name(folder: SweepFolder, create: bool) -> str:
    """The study's name in a storage that has others: that of the folder, made unique when it begins."""
    path = folder.root / _NAMES
    if create and not path.is_file():
        made = json.dumps({"name": f"{folder.root.resolve().name}-{uuid4().hex[:12]}"}) + "\n"
        with reported(f"write '{path}'"):
            place(folder.root, _NAMES, lambda file: file.write_text(made, encoding="utf-8"))
    try:
        return json.loads(path.read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _refused(f"'{folder.root}' has no study: it has no {_NAMES}") from None


def _refused(message: str, code: str = "E803") -> ConfigError:
    return ConfigError([Fault(code, message, hint=None)])
