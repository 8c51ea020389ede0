"""Collects samples into a shard, a tar archive in memory with the place of each of its images."""

from __future__ import annotations

import io
from collections.abc import Iterable
from hashlib import sha256

from dreamtuner.train.data.manifest import Shard
from dreamtuner.train.data.prepare import FaultyError, Preparer
from dreamtuner.train.data.raw import Raw
from dreamtuner.train.data.sample import end_of_archive, pack


def make_shard(key: str, images: Iterable[Raw], preparer: Preparer) -> tuple[bytes, Shard]:
    """Prepare images into one shard. Returns the archive and its record, in which faulty images are named."""
    out = io.BytesIO()
    offsets, keys, sizes = [0], list[str](), list[tuple[int, int]]()
    faulty: dict[str, str] = {}
    doubtful = own = 0
    for raw in images:
        try:
            done = preparer.prepare(raw)
        except FaultyError as error:
            faulty[raw.key] = str(error)
            continue
        out.write(pack(done.sample, f"{len(keys):08d}"))
        offsets.append(out.tell())
        keys.append(raw.key)
        sizes.append(done.sample.size)
        doubtful += done.doubtful
        own += raw.caption is not None
    out.write(end_of_archive(out.tell()))
    data = out.getvalue()
    record = Shard(
        key=key,
        sha256=sha256(data).hexdigest(),
        bytes=len(data),
        images=tuple(keys),
        offsets=tuple(offsets),
        sizes=tuple(sizes),
        faulty=faulty,
        doubtful=doubtful,
        own_captions=own,
    )
    return data, record
