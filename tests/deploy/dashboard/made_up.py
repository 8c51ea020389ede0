"""A catalog to look at: subjects of the pocket world with hundreds of pictures, scores and reviews, made in a minute.

PYTHONPATH=. python -m tests.deploy.dashboard.made_up FOLDER   then   DREAMTUNER_HOME=FOLDER dreamtuner dashboard
"""

import hashlib
import io
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from storage.catalog import Catalog, writes
from storage.catalog.records import CellRecord
from storage.ingest import storing
from storage.objects import DiskStore
from storage.thumbnails import store_thumbnail
from tests.storage.blobs import put_blob

Draw = Callable[[int, int, int], Image.Image]
"""(subject, prompt, seed) -> a picture; prompt -1 is the reference, -2 its mask."""
PNG = "image/png"


def png(image: Image.Image, recipe: str = "") -> bytes:
    from PIL.PngImagePlugin import PngInfo

    text, buffer = PngInfo(), io.BytesIO()
    if recipe:
        text.add_text("dreamtuner", recipe)
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def fill_up(
    home: Path,
    draw: Draw,
    subjects: Sequence[tuple[str, str, str]],
    prompts: Sequence[str],
    seeds: int,
    *,
    url: str = "",
) -> list[int]:
    """Enter everything; the ids of the outputs, in the order in which they were made."""
    store, chance, ids = DiskStore(home / "objects"), random.Random(3), []
    with Catalog.open(url or f"sqlite:///{home}/catalog.db") as catalog:
        with catalog.write() as s:
            profile = writes.add_profile(s, name="pocket", weights_digest="5" * 64, licence="Apache-2.0")
            spec = {"prompts": list(prompts)}
            run = writes.start_run(s, name="field-trip", spec=spec, flow_run_id=None)
        for number, (name, word, style) in enumerate(subjects):
            reference, mask = draw(number, -1, 0), draw(number, -2, 0)
            with storing(catalog, store, (png(reference), PNG), (png(mask), PNG)) as (s, [image_sha, mask_sha]):
                subject = writes.add_subject(s, name=name, class_word=word, style=style)
                size = {"width": reference.width, "height": reference.height}
                ref = writes.add_reference(
                    s, subject_id=subject, image_sha256=image_sha, source=f"references/{name}.png", caption=None, **size
                )
                sure = round(0.55 + 0.44 * chance.random(), 2)
                mask_id = writes.add_mask(
                    s, reference_id=ref, mask_sha256=mask_sha, method="grabcut", confidence=sure, doubtful=sure < 0.7
                )
            cells = [
                CellRecord(
                    digest=hashlib.sha256(f"{name} {prompt} {seed}".encode()).hexdigest(),
                    subject_id=subject,
                    reference_id=ref,
                    mask_id=mask_id,
                    profile_id=profile,
                    prompt=f"a {'photo' if style == 'natural' else 'drawing'} of a {word} {prompt}",
                    pose=None,
                    seed=seed,
                    settings={"steps": 20, "w_ref": 3.0 if style == "natural" else 2.5, "w_r": 2.0, "w_c": 7.5},
                )
                for prompt in prompts
                for seed in range(1, seeds + 1)
            ]
            drawn = [png(draw(number, i // seeds, cell.seed), '{"made": "up"}') for i, cell in enumerate(cells)]
            digests = [put_blob(store, data, PNG) for data in drawn]
            for sha, data in dict(zip(digests, drawn, strict=True)).items():
                store_thumbnail(store, sha, data)
            with catalog.write() as s:
                writes.plan_cells(s, run, cells)
                writes.claim_cells(s, [cell.digest for cell in cells], "worker:1:x", 3600)
                for cell, sha, data in zip(cells, digests, drawn, strict=True):
                    writes.record_blob(s, sha256=sha, size=len(data), content_type=PNG)
                    fields = {"owner": "worker:1:x", "image_sha256": sha, "run_id": run}
                    output = writes.finish_cell(s, cell.digest, **fields, **size)
                    for metric, low, span in (("clip_i", 0.62, 0.3), ("clip_t", 0.2, 0.12)):
                        value = low + span * chance.random()
                        writes.add_scores(s, metric=metric, version="1", values={output: value})
                    ids.append(output)
    return ids


def plain(subject: int, prompt: int, seed: int) -> Image.Image:
    """A disc on a ground, in a moment; of one prompt every twelve differ."""
    if prompt == -2:
        image = Image.new("L", (64, 64), 0)
        ImageDraw.Draw(image).ellipse((14, 10, 50, 58), fill=255)
        return image
    seed %= 12  # a test's disk is slow: the bytes of a seed twelve further on are the same
    hue = random.Random(subject * 1009 + prompt * 101 + seed)
    ground = tuple(hue.randrange(90, 230) for _ in range(3))
    image = Image.new("RGB", (64, 64), ground)
    ImageDraw.Draw(image).ellipse((14, 10 + seed % 8, 50, 58), fill=(40 + subject * 50 % 200, 90, 160))
    return image


def decide_some(home: Path, ids: Sequence[int]) -> None:
    """Ann and Bob were here before."""
    chance = random.Random(5)
    with Catalog.open(f"sqlite:///{home}/catalog.db") as catalog, catalog.write() as s:
        for output in ids:
            decision: Any = chance.choices(("approved", "rejected", "flagged", None), (30, 14, 4, 52))[0]
            if decision:
                fields = {"reviewer": chance.choice(("ann", "bob")), "rating": chance.choice((0, 0, 3, 4, 5))}
                writes.add_review(
                    s, uuid=f"made-up-{output}", output_id=output, revision=1, decision=decision, **fields
                )


def world(size: int) -> tuple[Draw, list[tuple[str, str, str]], list[str]]:
    """The pocket world's own renderer as what draws; some subjects and prompts of it."""
    from dreamtuner.pocket.world import Context, Identity, render

    scenes = ("on the beach", "in the snow", "in the forest", "in the city", "at night", "in a room")
    poses = ("waving", "sitting", "jumping")
    prompts = [f"{scene}, {poses[i % 3]}" for i, scene in enumerate(scenes)]
    numbers = (1_000_003, 1_010_011, 1_020_017, 1_030_029, 1_040_101, 1_050_203, 1_060_301, 1_070_009)
    who = [Identity.from_seed(seed) for seed in numbers]
    names = ("pip", "momo", "juno", "bolt", "kiwi", "otto", "luna", "fern")
    subjects = [(names[i], one.class_word, "anime" if i % 3 == 1 else "natural") for i, one in enumerate(who)]

    def draw(subject: int, prompt: int, seed: int) -> Image.Image:
        style: Any = subjects[subject][2]
        chance = random.Random(subject * 1009 + prompt * 101 + seed)
        context = Context(
            scene=scenes[max(prompt, 0)],
            pose="standing" if prompt < 0 else poses[prompt % 3],
            style=style,
            expression=chance.choice(("neutral", "smiling")),
            x=chance.uniform(-0.12, 0.12),
            size=chance.uniform(0.78, 0.9),
            mirrored=chance.random() < 0.5,
            seed=chance.getrandbits(31),
        )
        if prompt < 0:
            context = Context(scene="in a room", pose="standing", style=style, seed=subject)
        drawn = render([who[subject]], [context], size)
        shown = drawn.mask[0, 0] if prompt == -2 else drawn.image[0].permute(1, 2, 0)
        return Image.fromarray((shown * 255).round().byte().numpy())

    return draw, subjects, prompts


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    renderer, cast, scenes_asked = world(192)
    decide_some(folder, fill_up(folder, renderer, cast, scenes_asked, 8))
