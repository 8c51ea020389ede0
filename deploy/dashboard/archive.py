"""An export: pictures with a manifest, as a zip that is made while it is sent, or into another store."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from storage.catalog.views import OutputDetail
from storage.objects import ObjectStore, StoreError, get_blob

TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpg"), (b"RIFF", "webp"))


def stripped(png: bytes) -> bytes:
    """The PNG without the chunks that say how it was made; its pixels are not touched. Other files stay as they are."""
    if not png.startswith(_SIGNATURE):
        return png
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 12 + length
        if png[at + 4 : at + 8] not in TEXT_CHUNKS:
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def file_name(one: OutputDetail, data: bytes) -> str:
    """subject/000012-seed3.png: in any file system, and no two the same."""
    ending = next((ending for start, ending in _KINDS if data.startswith(start)), "bin")
    subject = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in one.subject).strip("-").lower()
    return f"{subject or 'subject'}/{one.output_id:06d}-seed{one.seed}.{ending}"


def entry(one: OutputDetail, name: str, *, metadata: bool) -> dict[str, Any]:
    """The manifest's line of one picture; without `metadata` it says what it shows and not how it was made."""
    said: dict[str, Any] = {"file": name, "output_id": one.output_id, "subject": one.subject, "prompt": one.prompt}
    said |= {"subjects": [link.name for link in one.subjects]}
    said |= {"decision": one.decision, "rating": one.rating, "width": one.width, "height": one.height}
    if metadata:
        said |= {"digest": one.digest, "seed": one.seed, "pose": one.pose, "image_sha256": one.image_sha256}
        said |= {"profile": one.profile, "weights_digest": one.weights_digest, "licence": one.licence}
        said |= {"reference_sha256": one.reference_sha256, "mask_sha256": one.mask_sha256}
        said |= {"checkpoint_sha256": one.checkpoint_sha256, "settings": dict(one.settings)}
        said |= {"scores": dict(one.scores), "created_at": one.created_at.isoformat()}
    return said


def files(store: ObjectStore, outputs: Sequence[OutputDetail], *, metadata: bool) -> Iterator[tuple[str, bytes]]:
    """The pictures, then manifest.jsonl and manifest.csv. One that the store lost is named in the manifest with why."""
    lines: list[dict[str, Any]] = []
    for one in outputs:
        try:
            data = get_blob(store, one.image_sha256)
        except StoreError as error:
            lines.append(entry(one, "", metadata=metadata) | {"error": str(error)})
            continue
        name = file_name(one, data)
        lines.append(entry(one, name, metadata=metadata))
        yield name, data if metadata else stripped(data)
    yield "manifest.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode()
    yield "manifest.csv", _csv(lines)


def _csv(lines: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _cell(value) for name, value in line.items()})
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, dict) else value
    text = ", ".join(map(str, value)) if isinstance(value, list) else text
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t") else text


class _Pipe(io.RawIOBase):
    """What zipfile writes into, and the answer takes out of."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def zipped(parts: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
    """The parts as a zip, piece by piece: no more than one picture is held at a time."""
    pipe, at = _Pipe(), datetime.now(UTC).timetuple()[:6]
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts:
            archive.writestr(zipfile.ZipInfo(name, at), data)
            yield pipe.take()
    yield pipe.take()
