"""TensorFlow's remarks on the machine and its own work, which no log level silences, kept off standard error."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_REMARKS = re.compile(
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IW]\d{4} .*(port|cudart_stub|cuda_dso_loader|cpu_feature_guard)\.cc"
)


@contextmanager
def quiet(*, all_of_it: bool = False) -> Iterator[None]:
    """Hold back what native code writes to standard error meanwhile; afterwards pass on all but the known remarks.

    Args:
        all_of_it: pass on nothing, where what counts is in an exception.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error to be quiet on
        yield
        return
    before, ours = sys.stderr, None
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        if _is_standard_error(before):  # what Python says meanwhile, in another thread, is not held back
            sys.stderr = ours = os.fdopen(os.dup(saved), "w", buffering=1, errors="backslashreplace")
        try:
            yield
        finally:
            if ours is not None:
                sys.stderr = before
                ours.close()
            before.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if not all_of_it and not _REMARKS.match(line):
                    print(line, file=sys.stderr)


def _is_standard_error(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, AttributeError):  # a test's or a notebook's own
        return False
