"""A real PostgreSQL on loopback, from Debian's packages, for the tests; it may be installed, started, killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

PASSWORD = "not a secret"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Postgres:
    """A server of its own in `folder`. As root it runs as the user that the package made, since it refuses root."""

    def __init__(self, folder: Path) -> None:
        """`folder` is none of pytest's, which it shuts to other users."""
        self._programs = programs()
        self._data, self._sockets, self.port = folder / "data", folder / "sockets", free_port()
        self._sockets.mkdir()
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, self._sockets, secret):
                shutil.chown(path, "postgres")
        self._run("initdb", "--no-sync", "-U", "lamina", "--auth=scram-sha-256", f"--pwfile={secret}")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://lamina@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        # a crash of the server alone loses nothing without fsync either
        options = f"-p {self.port} -k {self._sockets} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-t", "60", "-o", options, "-l", str(self._sockets / "log"), "start")

    def stop(self) -> None:
        """As a crash: open transactions are lost, connections break."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(self._programs / program), "-D", str(self._data), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr + done.stdout


def programs() -> Path:
    """Where PostgreSQL's programs are; installed where that can be done, else the test is skipped."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, timeout=300)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed, and this is no Debian where root could install it")
    return found[-1].parent
