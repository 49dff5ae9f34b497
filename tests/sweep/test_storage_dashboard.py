"""optuna-dashboard opens a sweep's journal."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from compiler.runtime.sweep.owners import Owner
from tests.sweep.postgres import free_port
from tests.sweep.studies import new_study


def test_the_dashboard_opens_the_journal(tmp_path: Path) -> None:
    study, owner = new_study(tmp_path, 3), Owner.here()
    for value in (0.5, 0.25):
        claim = study.claim(owner)
        assert claim
        claim.report(1, value)
        claim.complete([value])
    port = free_port()
    program = Path(sys.executable).with_name("optuna-dashboard")
    command = [str(program), str(study.folder.journal), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            (summary,) = _get(port, "studies")["study_summaries"]
            detail = _get(port, f"studies/{summary['study_id']}?after=0")
        finally:
            server.kill()
    states = [(trial["state"], trial.get("values")) for trial in detail["trials"]]
    assert summary["study_name"] == "sweep" and states[:2] == [("Complete", [0.5]), ("Complete", [0.25])]
    assert [trial["number"] for trial in detail["trials"]] == [0, 1, 2]


def _get(port: int, path: str) -> dict:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=30) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
