"""Handwritten digits, installed with scikit-learn: 1,797 grey images of 8x8, values 0 to 16, 10 classes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

from typing import Any

from compiler.runtime.data.source import Blame, DataSettings, Part, Rows


class Digits(DataSettings, source="digits"):
    """The embedded default: nothing is downloaded."""

    def read(self, blame: Blame) -> Rows | None:
        import numpy as np
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        images, labels = np.asarray(bunch["images"]), np.asarray(bunch["target"])
        names = tuple(str(digit) for digit in range(10))
        return Rows(names, {"all": Part({"": images[..., np.newaxis]}, labels)})
