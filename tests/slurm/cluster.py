"""A SLURM of one node with its accounting, from Debian's packages, in a folder of its own.

Root on Debian is all it needs: no systemd, no cgroups. The daemons listen on the loopback (slurmdbd on all addresses,
for it has no option; munge's key, made anew each time, keeps strangers out), at ports that were free, and on sockets in
the folder, so that several such clusters can stand beside one another.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurmdbd", "mariadb-server")
COMMANDS = ("munged", "slurmctld", "slurmd", "srun", "sacct", "slurmdbd", "mariadbd", "mariadb-install-db")
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks it whether the daemon of a package may start with its installation."""


def missing() -> str | None:
    """Why no cluster can stand here; None where one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return "the packages are Debian's"
    return None


def install() -> None:
    """Install what is missing of the packages, and let none of their daemons start.

    Raises:
        subprocess.CalledProcessError: apt-get could not.
    """
    if all(shutil.which(command, path=_path()) for command in COMMANDS):
        return
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=180"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    closed = not POLICY.exists()
    if closed:
        POLICY.write_text("#!/bin/sh\nexit 101\n", "utf-8")
        POLICY.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            subprocess.run([*apt, *command], env=environment, check=True, capture_output=True)
    finally:
        if closed:
            POLICY.unlink(missing_ok=True)


class Cluster:
    """While it is entered, SLURM runs; what it started ends with it, also after a failure.

    Attributes:
        environment: what SLURM's commands need, over the process's own.
    """

    def __init__(self, cpus: int = 4) -> None:
        self._cpus = cpus  # more than there are: trials wait for one another more than they compute
        self._started: list[subprocess.Popen[bytes]] = []
        self.environment: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: a socket's path has 107 characters
        self._folder.chmod(0o755)
        self.environment = {"SLURM_CONF": str(self._folder / "slurm.conf"), "PATH": _path()}
        try:
            self._start()
        except BaseException as error:  # whatever it is, the daemons must not stay
            logs = "".join(f"\n== {path.name}\n{_tail(path)}" for path in sorted(self._folder.glob("*.log")))
            self.__exit__(None, None, None)
            raise RuntimeError(f"SLURM did not start: {error}{logs}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(subprocess.SubprocessError, OSError):
            self.run("scancel", "--user=root")
            self._wait(lambda: not self.run("squeue", "-h", "-t", "running,completing"), 20, "jobs end")
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, *command: str) -> str:
        """What a command prints.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout

    def try_run(self, *command: str) -> None:
        """Run a command that may fail."""
        with suppress(subprocess.CalledProcessError):
            self.run(*command)

    def wait(self, met: Callable[[], bool], what: str, seconds: float = 180) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it never was.
        """
        self._wait(met, seconds, what)

    def states(self, job: str) -> dict[str, str]:
        """The states of a job's or an array's parts, by `sacct`."""
        lines = self.run("sacct", "-X", "-n", "-P", "-o", "JobID,State", "-j", job).splitlines()
        return dict(line.split("|", 1) for line in lines)

    def _start(self) -> None:
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(3)
        self._munge()
        self._database(host, ports[2])
        (self._folder / "state").mkdir()
        (self._folder / "spool").mkdir()
        text = _slurm_conf(self._folder, host, self._cpus, *ports)
        (self._folder / "slurm.conf").write_text(text, "utf-8")
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D", "-N", host)
        self._wait(lambda: self.run("sinfo", "-h", "-o", "%T").strip() == "idle", 30, "the node is idle")
        self._wait(lambda: "one" in self.run("sacctmgr", "-n", "-P", "list", "cluster"), 20, "accounting knows us")

    def _munge(self) -> None:
        folder = self._folder
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        at = {"key-file": "munge.key", "socket": "munge", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        options = [f"--{name}={folder / value}" for name, value in at.items()]
        self._daemon("munged", "--foreground", "--force", f"--log-file={folder / 'munged.log'}", *options)
        self._wait((folder / "munge").exists, 10, "munge answers")

    def _database(self, host: str, port: int) -> None:
        folder = self._folder
        data = ["--no-defaults", "--user=root", f"--datadir={folder / 'data'}"]
        install = ["mariadb-install-db", *data, "--skip-test-db", "--auth-root-authentication-method=socket"]
        self.run(*install)
        at = [f"--socket={folder / 'sql'}", f"--pid-file={folder / 'sql.pid'}", "--skip-networking"]
        small = ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--performance-schema=off"]
        self._daemon("mariadbd", *data, *at, *small)
        client = ["mariadb", "--no-defaults", f"--socket={folder / 'sql'}", "-e"]
        self._wait(lambda: bool(self.run(*client, "select 1")), 20, "the database answers")
        conf = folder / "slurmdbd.conf"
        conf.write_text(_slurmdbd_conf(folder, host, port), "utf-8")
        conf.chmod(0o600)
        self._daemon("slurmdbd", "-D", MYSQL_UNIX_PORT=str(folder / "sql"))
        self._wait(lambda: _listens(port), 20, "slurmdbd listens")

    def _daemon(self, *command: str, **environment: str) -> None:
        with (self._folder / f"{command[0]}.log").open("ab") as log:
            around = {**os.environ, **self.environment, **environment}
            process = subprocess.Popen(command, env=around, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._started.append(process)

    def _wait(self, met: Callable[[], bool], seconds: float, what: str) -> None:
        end = monotonic() + seconds
        while True:
            with suppress(subprocess.CalledProcessError):
                if met():
                    return
            for process in self._started:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
            if monotonic() > end:
                raise TimeoutError(f"not after {seconds} s: {what}")
            sleep(0.05)


def _slurm_conf(folder: Path, host: str, cpus: int, controller: int, node: int, accounting: int) -> str:
    """No cgroups, and a scheduler that looks every second. Jobs have ten seconds between SIGTERM and SIGKILL, and
    one in the partition `urgent` drives the others out, which are queued again."""
    return f"""\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder / "munge"}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder / "state"}
SlurmdSpoolDir={folder / "spool"}
SlurmctldPidFile={folder / "slurmctld.pid"}
SlurmdPidFile={folder / "slurmd.pid"}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting}
AccountingStoragePass={folder / "munge"}
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=10
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""


def _slurmdbd_conf(folder: Path, host: str, port: int) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={folder / "munge"}
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder / "slurmdbd.pid"}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


def _path() -> str:
    """Daemons lie where a user's PATH may not look."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _free_ports(count: int) -> list[int]:
    with suppress(OSError):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [server.getsockname()[1] for server in sockets]
        for server in sockets:
            server.close()
        return ports
    raise RuntimeError("no free ports")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _tail(path: Path) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-8:])
