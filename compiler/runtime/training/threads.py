"""How many threads TensorFlow computes with."""

import os

from compiler.settings import MaybePositiveInt, Settings


class Threads(Settings):
    """TensorFlow's pools of threads; null leaves a pool to TensorFlow, which makes a thread for each core.

    Sums are taken in another order by another number of threads, so the bits of a training depend on it.

    Fields:
        intra: threads that share one operation.
        inter: operations at a time.
    """

    intra: MaybePositiveInt = None
    inter: MaybePositiveInt = None

    def settle(self) -> None:
        """Say it to TensorFlow, which reads its environment when it computes first; afterwards it is too late."""
        for name, count in (("TF_NUM_INTRAOP_THREADS", self.intra), ("TF_NUM_INTEROP_THREADS", self.inter)):
            if count is not None:
                os.environ[name] = str(count)
