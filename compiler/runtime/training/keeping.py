"""How often a training makes a checkpoint."""

from typing import Annotated

from compiler.settings import NonNegativeNumber, Settings, is_number, rule


class Checkpointing(Settings):
    """A checkpoint once `seconds` have passed since the last one, or more, so that writing takes no greater `share`
    of the time. A kill costs no more than what was computed since the last."""

    seconds: NonNegativeNumber = 30.0
    share: Annotated[float, rule("a number in (0, 1]", is_number, lambda v: 0 < v <= 1, {"type": "number"})] = 0.02
