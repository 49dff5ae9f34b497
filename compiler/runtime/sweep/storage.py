"""Where Optuna keeps a sweep's study: a journal in its folder, a database, or a proxy before one."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit
from uuid import uuid4
from warnings import catch_warnings, simplefilter

from compiler.errors import ConfigError, Fault
from compiler.runtime.run.files import make_folder, place, reported
from compiler.runtime.sweep.definition import Definition
from compiler.runtime.sweep.folder import SweepFolder

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "sweep"
"""The name of the one study in a journal."""

PASSWORD = "LAMINA_STORAGE_PASSWORD"
"""The variable with the password of a database whose URL names a user; drivers look at others of their own."""

PORT = 13000
"""Where a proxy listens, unless its URL says otherwise."""

FORMS = "sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE, grpc://HOST:PORT"

_MOMENT = 10.0  # seconds that the beginning of a sweep waits for a server
_NAMES = "study.json"


@runtime_checkable
class Together(Protocol):
    """A storage that can keep all others out for a while, and may be made smaller from time to time: the journal."""

    def together(self) -> AbstractContextManager[None]: ...

    def compact(self) -> bool: ...


def open_storage(definition: Definition, folder: SweepFolder, *, create: bool = False) -> tuple[BaseStorage, str]:
    """Optuna's storage of the sweep in `folder`, and the name of its study there.

    Args:
        create: whether the study is to be made; then a server that is away is waited for but a moment.

    Raises:
        ConfigError: E803, there is no study, or the storage cannot be reached; E808, its driver is not installed.
    """
    url = definition.search.storage
    if url is not None:
        name = _name(folder, create)
        return connect(url, Path(definition.folder), _MOMENT if create else None), name
    if not create and not folder.journal.is_file():
        raise _refused(f"'{folder.root}' has no study: it has no {folder.journal.name}")
    make_folder(folder.root)
    return open_journal(folder.journal), JOURNAL


def open_journal(path: Path) -> BaseStorage:
    """Optuna's storage in a journal, which is made where it is missing."""
    from optuna.logging import WARNING, set_verbosity

    from compiler.runtime.sweep.journal import Journal

    set_verbosity(WARNING)  # what it says of each trial is ours to say
    return Journal(path)


def connect(url: str, base: Path, patience: float | None = None) -> BaseStorage:
    """Optuna's storage at a URL: `sqlite:///FILE`, `postgresql+psycopg://USER@HOST/DATABASE`, `grpc://HOST:PORT`.

    Args:
        base: the folder that a relative `FILE` is in.
        patience: seconds for which its server may be away now; later it may be for some minutes.

    Raises:
        ConfigError: E803, it cannot be reached; E808, its driver is not installed.
    """
    from optuna.logging import WARNING, set_verbosity

    from compiler.runtime.sweep.patient import PATIENCE, Patient, again

    set_verbosity(WARNING)
    make = partial(_proxy if urlsplit(url).scheme == "grpc" else _database, url, base)
    inner = again(url, PATIENCE if patience is None else patience, make)
    return Patient(inner, url)  # pyright: ignore[reportAbstractUsage]  # its methods are made in a loop


def _proxy(url: str, base: Path) -> BaseStorage:
    from optuna.storages import GrpcStorageProxy

    parts = urlsplit(url)
    with catch_warnings():
        simplefilter("ignore")  # Optuna calls it experimental
        proxy = GrpcStorageProxy(host=parts.hostname or "localhost", port=parts.port or PORT)
    proxy.get_all_studies()
    return proxy


def _database(url: str, base: Path) -> BaseStorage:
    from optuna.storages import RDBStorage, get_storage
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        parsed = make_url(url)
        waits: dict[str, Any] = {}
        if parsed.get_backend_name() == "sqlite":
            parsed = parsed.set(database=str(base / (parsed.database or "study.db")))
            waits = {"timeout": 60}
        elif parsed.username and parsed.password is None and PASSWORD in os.environ:
            parsed = parsed.set(password=os.environ[PASSWORD])
        engine = {"pool_pre_ping": True, "connect_args": waits}
        return get_storage(RDBStorage(parsed.render_as_string(hide_password=False), engine_kwargs=engine))
    except (ArgumentError, NoSuchModuleError) as error:
        raise _refused(f"search.storage={url} is no storage: {error}", f"one of {FORMS}") from None
    except ImportError:
        hint = "pip install 'lamina[postgresql]'" if "psycopg" in url else "install the driver that its URL names"
        raise _refused(f"the driver for {url} is not installed", hint, "E808") from None


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


def _refused(message: str, hint: str | None = None, code: str = "E803") -> ConfigError:
    return ConfigError([Fault(code, message, hint=hint)])
