"""The seal of `run.json`: its last field is the sha256 of all that stands before it, so that a record that was changed
is told from one that a run wrote. It is no signature: whoever means to can seal again."""

from __future__ import annotations

import hashlib
import re

_SEAL = re.compile(rb',\n  "seal": "([0-9a-f]{64})"\n\}\n\Z')
_LENGTH = 86  # bytes of the seal's line and of what closes the object


def sealed(text: str) -> str:
    """The text of a JSON object that has a field, with its seal.

    >>> text = sealed('{"a": 1}')
    >>> is_sealed(text.encode()), is_sealed(text.replace("1", "2").encode())
    (True, False)
    """
    body = text.rstrip().removesuffix("}").rstrip()
    return f'{body},\n  "seal": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'


def is_sealed(content: bytes) -> bool:
    """Whether a text ends with the seal of what stands before it."""
    found = _SEAL.search(content, max(0, len(content) - _LENGTH))
    return found is not None and hashlib.sha256(content[: found.start()]).hexdigest() == found[1].decode()
