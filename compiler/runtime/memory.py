"""Memory that runs out, told from its many errors. Nothing is imported for it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

from compiler.errors import ConfigError, Fault

_TENSOR = re.compile(r"tensor with shape\s?\[(?P<shape>[\d,]*)\] and type (?P<type>\w+)")
_TEXTS = ("oom when allocating", "bad_alloc", "out of memory", "cannot allocate memory")
_BYTES = {"bool": 1, "int8": 1, "uint8": 1, "half": 2, "bfloat16": 2, "float": 4, "int32": 4, "double": 8, "int64": 8}


def memory_fault(error: BaseException) -> Fault | None:
    """E804 for Python's and NumPy's MemoryError, TensorFlow's ResourceExhaustedError, and C++'s `std::bad_alloc` in
    any other error's text; None for an error of another kind."""
    text = str(error)
    named = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    if not named and not any(words in text.lower() for words in _TEXTS):
        return None
    tensor = _TENSOR.search(text)
    if tensor:
        shape = [int(size) for size in tensor["shape"].split(",") if size]
        size = math.prod(shape) * _BYTES.get(tensor["type"], 4)
        what = f"there is no room for a tensor {'x'.join(map(str, shape))} of {tensor['type']}, {_shown(size)}"
    else:
        what = f"memory ran out ({text.splitlines()[0][:120]})" if text else "memory ran out"
    return Fault("E804", what, hint="a smaller train.batch_size, or a smaller model; `show` lists all outputs")


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn what says that memory ran out into E804."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # TensorFlow's errors share no class that can be named without importing it
        fault = memory_fault(error)
        if fault is None:
            raise
        raise ConfigError([fault]) from error


def _shown(size: int) -> str:
    """
    >>> _shown(2**30), _shown(1_600_000_000_000)
    ('1.0 GiB', '1,490.1 GiB')
    """
    return f"{size / 2**30:,.1f} GiB"
