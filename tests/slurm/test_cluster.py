"""The cluster of the tests is a SLURM: an array runs, and sacct knows how its parts ended."""

from __future__ import annotations

from pathlib import Path

from tests.slurm.cluster import Cluster


def test_jobs_run_and_are_accounted_for(slurm: Cluster, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\necho $SLURM_ARRAY_TASK_ID\nexit $SLURM_ARRAY_TASK_ID\n", "utf-8")
    slurm.try_run("sbatch", "--wait", "--array=0-1", f"--output={tmp_path}/%a", str(script))
    job = (tmp_path / "0").read_text("utf-8"), (tmp_path / "1").read_text("utf-8")
    assert job == ("0\n", "1\n")
    known = ("sacct", "-X", "-n", "-P", "-o", "JobID", "--name", script.name)
    slurm.wait(lambda: bool(slurm.run(*known).split()), "the array is accounted for")
    number = slurm.run(*known).splitlines()[-1].split("_")[0]
    slurm.wait(lambda: set(slurm.states(number).values()) == {"COMPLETED", "FAILED"}, "both are accounted for")
