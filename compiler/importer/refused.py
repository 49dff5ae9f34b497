"""What a reader in the child says of a file that it does not take."""

from __future__ import annotations


class Refused(Exception):
    """A file from elsewhere is not taken. The message goes on from the file's name.

    Attributes:
        code: of the fault that the user sees.
        hint: what to try.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        self.code = code
        self.hint = hint
        super().__init__(message)
