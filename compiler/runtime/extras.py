"""Packages that not everyone installs: asked for by name, before anything is done that needs them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from compiler.errors import ConfigError, Fault, Place


def require(packages: Iterable[str], extra: str, what: str, place: Place | None = None) -> None:
    """Refuse to go on without `packages`, which `pip install 'lamina[extra]'` brings.

    Args:
        packages: as they are imported.
        what: needs them, as the user said it: ``to=onnx``.

    Raises:
        ConfigError: E808, one is not installed.
    """
    for package in packages:
        if find_spec(package) is None:
            message = f"{what} needs the package {package!r}, which is not installed"
            raise ConfigError([Fault("E808", message, place, hint=f"pip install 'lamina[{extra}]'")])
