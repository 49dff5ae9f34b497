"""On how many devices a model is trained."""

import json
import os
from typing import Annotated, ClassVar

from compiler.runtime.training.named import Named
from compiler.settings import is_list_of, is_str, rule

_Devices = Annotated[
    tuple[str, ...],
    rule(
        "a list of TensorFlow's device names",
        is_list_of(is_str),
        schema={"type": "array", "items": {"type": "string"}},
        convert=tuple,
    ),
]


class Strategy(Named, family="strategy"):
    """Abstract: a way to share out the work.

    Class attributes:
        steps: of one call of TensorFlow, where all processes must agree on it; None where it may be measured.
    """

    steps: ClassVar[int | None] = None


class Single(Strategy, aliases=("none",)):
    """One device."""


class Mirrored(Strategy):
    """Several devices of this machine, each with a copy of the weights; a batch is shared out among them.

    Fields:
        devices: TensorFlow's names, as in `[GPU:0, GPU:1]`; none means all GPUs, or the CPU.
    """

    devices: _Devices = ()


class MultiWorker(Strategy):
    """One process on each of several machines; the environment variable TF_CONFIG says which they are."""

    steps: ClassVar[int | None] = 16

    @property
    def follows(self) -> bool:
        """Whether this process is not the first of all, which alone writes the run.

        Raises:
            ValueError: TF_CONFIG is no JSON of TensorFlow's form.
        """
        try:
            return int(json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {}).get("index", 0)) > 0
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"TF_CONFIG does not say which worker this is (got {os.environ['TF_CONFIG']!r})") from None
