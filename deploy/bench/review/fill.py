"""A catalog of one subject with pictures to review."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from deploy.bench.marks.pictures import picture
from storage.catalog import Catalog, writes
from storage.catalog.records import CellRecord
from storage.ingest import storing
from storage.objects import DiskStore
from storage.thumbnails import store_thumbnail

PNG = "image/png"
OWNER = "bench:1:review"
SMALL = 256
"""Smaller pictures are plain: those are there to be many."""


def fill(home: Path, catalog: Catalog, pictures: int, side: int) -> Iterator[int]:
    """Enter a subject and this many pictures of `side` x `side` pixels; yields the bytes of each PNG."""
    store = DiskStore(home / "objects")
    reference = _png(picture(0, 512)[0])
    with storing(catalog, store, (reference, PNG), (_png(_mask()), PNG)) as (s, [image_sha, mask_sha]):
        subject = writes.add_subject(s, name="bench", class_word="bear", style="natural")
        ref = writes.add_reference(
            s, subject_id=subject, image_sha256=image_sha, source="bench.png", caption=None, width=512, height=512
        )
        mask = writes.add_mask(
            s, reference_id=ref, mask_sha256=mask_sha, method="bench", confidence=1.0, doubtful=False
        )
        profile = writes.add_profile(s, name="bench", weights_digest="0" * 64, licence="Apache-2.0")
        run = writes.start_run(s, name="bench", spec={}, flow_run_id=None)
    cells = [
        CellRecord(
            digest=hashlib.sha256(f"review {number}".encode()).hexdigest(),
            subject_id=subject,
            reference_id=ref,
            mask_id=mask,
            profile_id=profile,
            prompt="a photo of a bear",
            pose=None,
            seed=number,
            settings={"steps": 20},
        )
        for number in range(pictures)
    ]
    with catalog.write() as s:
        writes.plan_cells(s, run, cells)
        writes.claim_cells(s, [cell.digest for cell in cells], OWNER, 86_400)
    for number, cell in enumerate(cells):
        data = _png(_plain(number, side) if side < SMALL else picture(number, side)[0])
        with storing(catalog, store, (data, PNG)) as (s, [sha256]):
            output = writes.finish_cell(
                s, cell.digest, owner=OWNER, image_sha256=sha256, run_id=run, width=side, height=side
            )
            writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
        store_thumbnail(store, sha256, data)
        yield len(data)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _mask() -> Image.Image:
    mask = Image.new("L", (512, 512), 0)
    ImageDraw.Draw(mask).ellipse((100, 60, 412, 480), fill=255)
    return mask


def _plain(number: int, side: int) -> Image.Image:
    return Image.new("RGB", (side, side), (number % 256, number // 256 % 256, number // 65_536 % 256))
