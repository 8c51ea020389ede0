"""Reviews a queue in Chromium, and measures in the page how long after a key the next picture is on the screen."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

# Notes when each key was pressed and when the picture after it had been painted: after the frame after the one in
# which it is decoded.
WATCH = """() => {
  window.measured = [];
  const [picture, place, end] = ["picture", "place", "end"].map((id) => document.getElementById(id));
  addEventListener("keydown", (event) => {
    const pressed = event.timeStamp, said = place.textContent, shown = picture.src;
    const there = () => place.textContent !== said && picture.src !== shown && picture.complete && picture.naturalWidth;
    const painted = () => setTimeout(() => measured.push(performance.now() - pressed));
    const look = () => requestAnimationFrame(!end.hidden || there() ? painted : look);
    look();
  }, { capture: true });
}"""
SENT = "() => !Object.keys(localStorage).some((key) => key.startsWith('outbox:'))"


class NoBrowserError(RuntimeError):
    """Playwright or Chromium is missing."""


@dataclass(frozen=True)
class Line:
    """A network line. `megabits`: Mbit/s down and up, 0 as fast as this machine; `latency`: ms to the first byte."""

    megabits: float
    latency: float


def chromium() -> str:
    """Return the program to review in. Raises NoBrowserError, which says what to install."""
    if find_spec("playwright") is None:
        raise NoBrowserError("playwright is not installed: pip install playwright")
    named = os.environ.get("DREAMTUNER_TEST_CHROMIUM")
    program = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise NoBrowserError("no Chromium is installed: apt-get install chromium")
    return program


def review(
    base: str,
    cookies: Mapping[str, str],
    queue: str,
    pictures: int,
    line: Line,
    pace: float,
    told: Callable[[int], None],
) -> list[float]:
    """Approve and reject the pictures of a queue in turn; return the ms from each key to the next picture.

    `pace`: seconds from key to key at least. Returns when every decision was stored. Raises NoBrowserError.
    """
    # of no extra: it is among what developers install
    with import_module("playwright.sync_api").sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        try:
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
            page = context.new_page()
            if line.megabits:
                chrome, bytes_per_second = context.new_cdp_session(page), line.megabits * 1e6 / 8
                chrome.send("Network.enable")
                speed = {"downloadThroughput": bytes_per_second, "uploadThroughput": bytes_per_second}
                chrome.send("Network.emulateNetworkConditions", {"offline": False, "latency": line.latency, **speed})
            page.goto(f"{base}/review/{queue}")
            page.wait_for_function(
                "() => { const p = document.getElementById('picture'); return p.complete && p.naturalWidth; }"
            )
            page.evaluate(WATCH)
            time.sleep(max(pace, 1.0))  # somebody looks at the first picture too
            for number in range(pictures):
                began = time.monotonic()
                page.keyboard.press("x" if number % 3 else "p")
                page.wait_for_function(f"() => measured.length > {number}", polling=20 if pace else "raf")
                told(number + 1)
                time.sleep(max(0.0, pace - (time.monotonic() - began)))
            page.wait_for_function(SENT, timeout=600_000)
            found: list[float] = page.evaluate("() => measured")
        finally:
            browser.close()
    return found
