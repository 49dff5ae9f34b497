"""`python -m compiler ...` and the console script `lamina`."""

from __future__ import annotations

import gc

gc.disable()  # a command is over before collecting would pay: a tenth of the time of `check`

from compiler.commands import main  # noqa: E402  # after gc.disable(), since imports make most of the objects

__all__ = ["main", "run"]


def run() -> None:
    """Run the command of this process."""
    main()
    gc.freeze()  # nor does it pay at exit


if __name__ == "__main__":
    run()
