"""A run without a model, for the kill campaign: it saves files like a training run's, quickly, again and again.

python -m tests.campaigns.stand_in DIR
"""

from __future__ import annotations

import sys
import time
import zipfile
from pathlib import Path

import numpy as np

from compiler.runtime.run import RunWriter, environment

EPOCHS = 6
WEIGHTS = 500_000


def main(root: Path) -> None:
    """Save for `EPOCHS` epochs, then complete the run."""
    random = np.random.default_rng(0)
    history = ["epoch,loss,val_loss"]
    with RunWriter(root, {"kind": "stand-in", "name": "stand-in"}) as run:
        run.save_text("model.yaml", "input: [8, 8, 1]\nlayers:\n- Flatten\n" * 50)
        for epoch in range(EPOCHS):
            weights = random.standard_normal(WEIGHTS, dtype=np.float32)
            run.save("model.keras", lambda path, weights=weights: write_archive(path, weights))
            history.append(f"{epoch},{1 / (epoch + 1)},{1 / (epoch + 1)}")
            run.save_text("history.csv", "\n".join(history) + "\n")
            time.sleep(0.02)
        for split in ("val", "test"):
            rows = np.arange(20_000)
            run.save_predictions(split, random.random((len(rows), 10)), rows, rows % 10)
        run.complete({"metrics": {"val": {"loss": 0.5}}, "environment": environment()})


def write_archive(path: Path, weights: np.ndarray) -> None:
    """Write a zip in pieces, as Keras does."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w") as file:
            for piece in np.array_split(weights, 50):
                file.write(piece.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
