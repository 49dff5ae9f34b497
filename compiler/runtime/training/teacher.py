"""What a network learns from besides the labels: what another model says of the training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compiler.runtime.data import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A model that another one is to say the same as. Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2.

    The loss is `hard` times that of the labels, and for the rest the divergence of what the student says from what the
    teacher says, both with their logits divided by `temperature`, times its square; for values, the loss with the
    teacher's in the place of the right ones.

    Attributes:
        says: about the training rows of a data set, in their order: probabilities (N, C), of labels (N, K), or values.
        about: what a run's record is to say of it.
    """

    says: Callable[[Dataset], NDArray[np.float32]]
    temperature: float
    hard: float
    about: Mapping[str, object]
