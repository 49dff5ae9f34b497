"""The plugins of the user's own configuration, for commands that compose no model of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.errors import Diagnostics


def add_config(command: argparse.ArgumentParser) -> None:
    """Give a command the options that name the user's configuration."""
    command.add_argument("--config-name", help="your own top config, whose plugins the model needs")
    command.add_argument("--config-dir", type=Path, help="a folder of your own configuration")


def plugins_of(args: argparse.Namespace) -> None:
    """Import the plugins of the user's own configuration, if the command line names one."""
    if args.config_dir or args.config_name:
        from compiler.spec.compose import CONFIG_NAME, compose, load_plugins

        diagnostics = Diagnostics()
        load_plugins(compose((), args.config_dir, args.config_name or CONFIG_NAME), diagnostics)
        diagnostics.raise_errors()
