"""The files of an export: pictures in one folder per subject, and a manifest as JSON lines and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from deploy.marks.facts import facts_of
from deploy.marks.marker import Marker
from storage.catalog.views import OutputDetail, OutputSubject
from storage.metadata import UnknownFormatError
from storage.objects import ObjectStore, StoreError, get_blob

_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpg"), (b"RIFF", "webp"))
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Prefixes that make a spreadsheet interpret a cell as a formula."""
MANIFESTS = ("manifest.jsonl", "manifest.csv")
LONGEST = 40  # characters of a subject's name in that of its folder
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def folder_name(subject: OutputSubject) -> str:
    """Return the folder of a subject, such as pip-3: its name in portable characters and its unique id.

    The id is always included, so that a folder has the same name in every export.
    """
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in subject.name.lower())
    return f"{'-'.join(filter(None, plain.split('-')))[:LONGEST].strip('-') or 'subject'}-{subject.subject_id}"


def file_name(one: OutputDetail, subject: OutputSubject, data: bytes, *, metadata: bool) -> str:
    """Return a unique portable path such as pip-3/000012-seed7.png; without `metadata` it omits the seed."""
    ending = next((ending for start, ending in _KINDS if data.startswith(start)), "bin")
    seed = f"-seed{one.seed}" if metadata else ""
    return f"{folder_name(subject)}/{one.output_id:06d}{seed}.{ending}"


def entry(one: OutputDetail, subject: OutputSubject, name: str, *, metadata: bool) -> dict[str, Any]:
    """Build the manifest entry of a picture of a subject; without `metadata` it omits prompt and recipe."""
    said: dict[str, Any] = {"file": name, "output_id": one.output_id, "subject": subject.name}
    said |= {"prompt": one.prompt} if metadata else {}
    said |= {"subjects": [link.name for link in one.subjects]}
    said |= {"decision": one.decision, "rating": one.rating, "width": one.width, "height": one.height}
    if metadata:
        said |= {"digest": one.digest, "seed": one.seed, "pose": one.pose, "image_sha256": one.image_sha256}
        said |= {"profile": one.profile, "weights_digest": one.weights_digest, "licence": one.licence}
        said |= {"reference_sha256": subject.reference_sha256, "mask_sha256": subject.mask_sha256}
        said |= {"mask_method": subject.mask_method, "mask_licence": subject.mask_licence}
        said |= {"reference_controls": dict(one.reference_controls)}
        said |= {"checkpoint_sha256": one.checkpoint_sha256, "settings": dict(one.settings)}
        said |= {"scores": dict(one.scores), "created_at": one.created_at.isoformat()}
    return said


def files(
    store: ObjectStore,
    outputs: Iterable[OutputDetail],
    marker: Marker,
    *,
    metadata: bool,
    subject_ids: Collection[int] | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures, marked by `marker`, then manifest.jsonl and manifest.csv, as (name, bytes).

    A picture is placed in the folder of each subject that it shows; with `subject_ids` only of these. Pictures that are
    missing from the store, or cannot be marked, are listed in the manifest with the error.
    """
    lines: list[dict[str, Any]] = []
    for one in outputs:
        subjects = [link for link in one.subjects if subject_ids is None or link.subject_id in subject_ids]
        try:
            marked = marker.mark(get_blob(store, one.image_sha256), facts_of(one), stripped=not metadata)
        except (StoreError, UnknownFormatError) as error:
            lines += [entry(one, link, "", metadata=metadata) | {"error": str(error)} for link in subjects]
            continue
        for link in subjects:
            name = file_name(one, link, marked.data, metadata=metadata)
            lines.append(entry(one, link, name, metadata=metadata) | {"marks": marked.marks})
            yield name, marked.data
    yield MANIFESTS[0], "".join(json.dumps(line) + "\n" for line in lines).encode()
    yield MANIFESTS[1], _csv(lines)


def _csv(lines: Sequence[dict[str, Any]]) -> bytes:
    """Encode the entries as CSV in UTF-8 with a byte order mark, for Excel."""
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _cell(value) for name, value in line.items()})
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> object:
    """Escape a value so that no spreadsheet interprets it as a formula."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return f"'{text}" if isinstance(text, str) and text.lstrip(" ").startswith(_FORMULA) else text
