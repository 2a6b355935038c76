"""A real Chromium for tests, driven over its own debugging protocol; no package but aiohttp is needed.

As a script it takes a picture: `python tests/view/browser.py PAGE OUT.png [WIDTH] [HEIGHT] [dark] [SCRIPT]`.
"""

import asyncio
import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


def chromium() -> str | None:
    """The path of a Chromium, or None; TILTH_CHROMIUM names one that is not on the path."""
    named = os.environ.get("TILTH_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab. `events` is everything that the browser reported."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=30)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)
        until = time.monotonic() + 30
        while await self.run("document.readyState") != "complete" or await self.run("location.href") == "about:blank":
            assert time.monotonic() < until, "the page did not load"
            await asyncio.sleep(0.05)

    def of(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the events of one kind, so far."""
        return [event["params"] for event in self.events if event.get("method") == method]

    async def size(self, width: int, height: int, dark: bool = False) -> None:
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, path: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(binary: str) -> AsyncIterator[Page]:
    """A tab of a new browser with an empty profile; the browser ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [binary, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tabs = await answer.json()
                target = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(target, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            process.wait(20)


async def _port(path: Path, process: subprocess.Popen) -> int:
    until = time.monotonic() + 30
    while not path.exists() or not path.read_text().strip():
        assert process.poll() is None, "the browser ended at once"
        assert time.monotonic() < until, "the browser did not start"
        await asyncio.sleep(0.05)
    return int(path.read_text().split()[0])


async def _take(page: str, out: str, width: int, height: int, dark: bool, script: str) -> None:
    binary = chromium()
    assert binary, "no Chromium found"
    async with browser(binary) as tab:
        await tab.size(width, height, dark)
        await tab.open(page if "://" in page else Path(page).resolve().as_uri())
        if script:
            sys.stdout.write(f"{await tab.run(script)}\n")
        await asyncio.sleep(0.4)
        await tab.picture(Path(out))


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    wide, high = int(given.get(2, 1400)), int(given.get(3, 2200))
    asyncio.run(_take(given[0], given[1], wide, high, given.get(4) == "dark", given.get(5, "")))
