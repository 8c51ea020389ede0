"""The MP4 that a video's run writes, in the browser that shows it."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from dreamtuner.rendering.video_file import write_mp4

pytestmark = pytest.mark.slow
PLAY = """
async () => {
    const video = document.createElement("video");
    video.src = "clip.mp4";
    video.muted = true;
    document.body.append(video);
    const ended = new Promise((done) => {
        video.onended = () => done([video.videoWidth, video.videoHeight, video.duration]);
        video.onerror = () => done(video.error.message);
    });
    await video.play();
    return await ended;
}
"""


def test_a_browser_plays_the_mp4_to_its_end(browser: Browser, tmp_path: Path) -> None:
    write_mp4(tmp_path / "clip.mp4", [Image.new("RGB", (64, 64), (40 * i, 90, 90)) for i in range(5)], 10)
    (tmp_path / "page.html").write_text("<!doctype html><title>clip</title><body>")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate(PLAY) == [256, 256, 0.5]
    page.close()
