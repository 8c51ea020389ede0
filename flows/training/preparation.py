"""Prepares raw images into a set of shards in a store: chunk by chunk, skipping what is there already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from dreamtuner.train.data.manifest import INDEX, MANIFEST, PLAN, Index, Manifest, Plan, Shard
from dreamtuner.train.data.raw import Raw
from flows.spec.problems import InputError, Problem
from flows.training.sources import Chunk
from storage.objects import ObjectStore
from storage.objects.store import ObjectMissingError

if TYPE_CHECKING:
    from dreamtuner.train.data.prepare import Preparer

FAULTY = "faulty.json"
"""Key of the images that cannot be used, and why."""
JSON, TAR = "application/json", "application/x-tar"


@dataclass(frozen=True)
class PreparedSet:
    """A set in a store, complete or not."""

    store: ObjectStore

    def begin(self, plan: Plan) -> None:
        """Record the plan. Raises InputError if the store holds images that were prepared by another one."""
        if self.store.put(PLAN, plan.model_dump_json(indent=2).encode(), content_type=JSON):
            return
        before = Plan.model_validate_json(self.store.get(PLAN))
        if other := before.differences(plan):
            what = ", ".join(f"{name} {getattr(before, name)!r}" for name in other)
            message = f"it holds images that were prepared with {what}; give another place, or the same options"
            raise InputError("train", [Problem(path=("--out",), message=message[:600])])

    def finished(self) -> Manifest | None:
        """Return the manifest of a complete set; None if it is not complete."""
        try:
            return Manifest.model_validate_json(self.store.get(MANIFEST))
        except ObjectMissingError:
            return None

    def prepare(self, number: int, chunk: Chunk, preparer: Preparer, per_shard: int) -> Iterator[Shard]:
        """Prepare what is missing of a chunk; yields its shards in order, those that were there before included.

        A chunk's shards are named by its number and theirs; its last one is marked when the chunk is complete.
        """
        done = self._chunk(number)
        if done is not None:
            yield from (self._shard(key) for key in done)
            return
        images, keys = chunk.images(), list[str]()
        while True:
            key = f"shards/{number:05d}-{len(keys):04d}.tar"
            shard = self._known(key)
            if shard is not None:
                for _ in islice(images, shard.raw):  # read over them: what was prepared stays
                    pass
            else:
                part = list(islice(images, per_shard))
                if not part:
                    break
                shard = self._make(key, part, preparer)
            keys.append(key)
            yield shard
        self.store.put(f"chunks/{number:05d}.json", json.dumps(keys).encode(), content_type=JSON)

    def finish(self, chunks: int, plan: Plan) -> Manifest:
        """Write index and manifest of a set whose chunks are all complete. Raises InputError if it has no image."""
        shards = [self._shard(key) for number in range(chunks) for key in self._chunk(number) or ()]
        faulty = {key: why for one in shards for key, why in one.faulty.items()}
        shards = [one for one in shards if one.images]
        if not shards:
            message = "none of its images can be used; see the faults above"
            raise InputError("train", [Problem(path=("--data",), message=message)])
        sizes: dict[str, int] = {}
        for width, height in (size for one in shards for size in one.sizes):
            sizes[f"{width}x{height}"] = sizes.get(f"{width}x{height}", 0) + 1
        manifest = Manifest(
            plan=plan,
            images=sum(len(one.images) for one in shards),
            shards=tuple(one.key for one in shards),
            sizes=sizes,
            faulty=len(faulty),
            doubtful=sum(one.doubtful for one in shards),
            own_captions=sum(one.own_captions for one in shards),
            bytes=sum(one.bytes for one in shards),
            digest=sha256("".join(one.sha256 for one in shards).encode()).hexdigest(),
        )
        self.store.put(FAULTY, json.dumps(faulty, indent=2, ensure_ascii=False).encode(), content_type=JSON)
        self.store.put(INDEX, Index.of(shards).to_bytes(), content_type="application/octet-stream")
        self.store.put(MANIFEST, manifest.model_dump_json(indent=2).encode(), content_type=JSON)
        return manifest

    def _make(self, key: str, part: list[Raw], preparer: Preparer) -> Shard:
        from dreamtuner.train.data.shard import make_shard

        data, shard = make_shard(key, part, preparer)
        if not self.store.put(key, data, content_type=TAR, sha256=shard.sha256):
            # a record comes after its shard: this shard is of a killed run, perhaps on a machine that rounds otherwise
            self.store.delete(key)
            self.store.put(key, data, content_type=TAR, sha256=shard.sha256)
        self.store.put(_record(key), shard.model_dump_json().encode(), content_type=JSON)
        return shard

    def _known(self, key: str) -> Shard | None:
        return self._shard(key) if self.store.exists(_record(key)) else None

    def _shard(self, key: str) -> Shard:
        return Shard.model_validate_json(self.store.get(_record(key)))

    def _chunk(self, number: int) -> list[str] | None:
        try:
            found: list[str] = json.loads(self.store.get(f"chunks/{number:05d}.json"))
        except ObjectMissingError:
            return None
        return found


def _record(key: str) -> str:
    return key.replace("shards/", "records/").replace(".tar", ".json")
