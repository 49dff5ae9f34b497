"""What starts pools of workers elsewhere: SLURM, Ray. `engine.py` has what they share."""

from compiler.runtime.sweep.engines.engine import Engine, Job, Stage

__all__ = ["Engine", "Job", "Stage"]
