"""The files that Hydra composes: where they are, and their text as a source of places."""

from __future__ import annotations

from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl

from compiler.errors import Source


def find_file(loader: ConfigLoaderImpl, config_path: str) -> Path | None:
    """The file that Hydra reads for a config's path, or None where it is none of the file system's."""
    name = config_path if config_path.endswith((".yaml", ".yml")) else f"{config_path}.yaml"
    for source in loader.repository.get_sources():
        if source.scheme() == "file" and source.is_config(config_path):
            return Path(source.path) / name
    return None


def read_source(path: Path) -> Source:
    """A file as a source, named as the user would type it."""
    resolved = path.resolve()
    here = Path.cwd()
    name = str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)
    return Source(name, path.read_text(encoding="utf-8", errors="replace"))
