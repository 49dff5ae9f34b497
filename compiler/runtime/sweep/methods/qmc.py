"""Quasi-random search. Bergstra & Bengio 2012, JMLR 13; Owen 1998 for the scrambling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from compiler.runtime.sweep.methods.base import Draw, Method
from compiler.settings import choice

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class QMC(Method):
    """Points that fill the space more evenly than random ones; best with a power of two of them.

    Fields:
        sequence: sobol or halton, scrambled.
    """

    several: ClassVar[bool] = True

    sequence: Annotated[str, choice("sobol", "halton")] = "sobol"

    def sampler(self, draw: Draw) -> BaseSampler:
        from compiler.runtime.sweep.samplers.qmc import Sequence

        return Sequence(draw, self.sequence)
