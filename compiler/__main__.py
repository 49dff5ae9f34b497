"""`python -m compiler ...` and the console script `lamina`."""

from __future__ import annotations

import gc
import os
import sys

# A command is over before either would pay; together they are a tenth of the time of `check`.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it reads every installed package's entry points

from compiler.commands import main  # noqa: E402  # after gc.disable(), since imports make most of the objects

__all__ = ["main", "run"]


def run() -> None:
    """Run the command of this process."""
    try:
        main()
    except BrokenPipeError:  # whoever reads has seen enough (`lamina show | head`); nothing more can be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    gc.freeze()  # nor does it pay at exit


if __name__ == "__main__":
    run()
