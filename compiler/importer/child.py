"""The process in which files from elsewhere are read: `sandbox.run` starts it and says what it may use.

It reads a request from standard input and answers on standard output: `{"given": ...}`, or code, message and hint
of what is wrong with the file.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import sys
from typing import Any

from compiler.importer.refused import Refused

OUT_OF_MEMORY, OUT_OF_DISK, OUT_OF_ANSWER = 9, 10, 11
"""Exit statuses of a child that ran into a limit."""


def main() -> None:
    """Answer one request."""
    asked: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _limit(asked["limits"])  # the task's imports come under them too
    module, _, function = asked["task"].partition(":")
    try:
        answer = {"given": getattr(importlib.import_module(module), function)(asked)}
    except Refused as refused:
        answer = {"code": refused.code, "message": str(refused), "hint": refused.hint}
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except OSError as error:
        if error.errno == errno.EFBIG:
            os._exit(OUT_OF_DISK)
        answer = _damaged(error)
    except Exception as error:  # zipfile, json and h5py raise a dozen kinds on damaged bytes
        answer = _damaged(error)
    try:
        text = json.dumps(answer).encode("ascii")
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    if len(text) > asked["limits"]["answer"]:
        os._exit(OUT_OF_ANSWER)
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing of a library's own end of life


def _damaged(error: Exception) -> dict[str, Any]:
    reason = (str(error).splitlines() or [""])[0][:160]
    message = f"is damaged, or no file of this kind ({type(error).__name__}: {reason})"
    return {"code": "E901", "message": message, "hint": None}


def _limit(limits: dict[str, int]) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["seconds"]),
        (resource.RLIMIT_FSIZE, limits["written"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS has no limit on address space
            continue
