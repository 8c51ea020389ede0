"""The page that inspects a picture: what it says of ours, of another's, and of what is none."""

import io

from deploy.marks.marker import Marker
from deploy.marks.settings import MarkSettings
from tests.deploy.dashboard.conftest import Site, made, site, start
from tests.deploy.marks.conftest import FACTS, natural, png

__all__ = ["made", "site", "start"]


def test_a_picture_is_inspected_by_any_viewer(site: Site) -> None:
    ours = Marker(MarkSettings(keys=site.home / "keys")).mark(png(natural(64)), FACTS).data
    with site.client("viewer") as client:
        assert "Inspect a picture" in client.get("/inspect").text

        def told(data: bytes) -> str:
            return client.post("/inspect", files={"picture": ("<b>.png", io.BytesIO(data), "image/png")}).text

        page = told(ours)
        assert "<dd>trusted</dd>" in page
        assert "&lt;b&gt;.png" in page
        assert "weights of pocket" in page
        assert "a photo of a ☃ &lt;bear&gt;" in page
        assert "Below 512 pixels a watermark is weak or does not fit" in page
        assert "nothing in the file says so" in told(png(natural(64)))
        assert "neither PNG nor JPEG nor WebP" in told(b"GIF89a")
    with site.client("") as nobody:
        assert nobody.post("/inspect", files={"picture": ("a.png", io.BytesIO(ours), "image/png")}).status_code != 200
