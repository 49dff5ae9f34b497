"""Chromium without a window, from Debian's packages, told what to do through its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

COMMAND = "chromium"
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip


def missing() -> str | None:
    """Why there is no Chromium, and none can be installed; None where there is one, or could be."""
    if shutil.which(COMMAND):
        return None
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return "no Chromium here, and only root on Debian can install it"
    return None


def install() -> None:
    """Install Chromium where it is missing.

    Raises:
        subprocess.CalledProcessError: apt-get could not.
    """
    if shutil.which(COMMAND):
        return
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=180"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", COMMAND]):
        subprocess.run([*apt, *command], env=environment, check=True, capture_output=True)


class Browser:
    """While it is entered, Chromium runs, and can be asked about a page.

    Args:
        folder: for its profile.

    Attributes:
        complaints: what the page's scripts threw or wrote as warnings and errors, and what its policy forbade.
        requests: the addresses that were asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._number, self._events = folder, 0, list[dict[str, Any]]()
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        profile = f"--user-data-dir={self._folder}"
        # the protocol's pipes are 3 and 4, which a shell can make of any others
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "-", COMMAND, *_FLAGS, profile, "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._to, self._from, self._rest = os.fdopen(ours_out, "wb"), ours_in, b""
        target = self._ask("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)
        self._session = attached["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self._ask(f"{domain}.enable", {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()  # it ends when nobody talks to it
        os.close(self._from)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(self, page: Path, width: int = 1300, height: int = 6000, scheme: str = "light") -> None:
        """Load a page from disk, in a window so high that all of it is seen."""
        self.complaints.clear()
        self.requests.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", size)
        self.scheme(scheme)
        self._ask("Page.navigate", {"url": page.resolve().as_uri()})
        self.wait("document.readyState === 'complete'")

    def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self._ask("Emulation.setEmulatedMedia", {"features": features})

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON has it."""
        answer = self._ask("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 120) -> None:
        """Until a JavaScript expression is true."""
        end = monotonic() + seconds
        while not self.evaluate(condition):
            assert monotonic() < end, f"still not: {condition}; {self.complaints}"
            sleep(0.1)

    def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self._ask("Page.captureScreenshot", {"format": "png"})["data"])

    def _ask(self, method: str, params: dict[str, Any], session: str | None = "") -> dict[str, Any]:
        self._number += 1
        about = {"sessionId": self._session} if session is not None else {}
        self._to.write(json.dumps({"id": self._number, "method": method, "params": params, **about}).encode() + b"\0")
        self._to.flush()
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._notice(message)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._from, 1 << 20)
            assert more, "Chromium is gone"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def _notice(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                # the software that stands in for a GPU remarks on its own speed
                if "GL Driver Message" not in params["entry"]["text"]:
                    self.complaints.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case _:
                pass
