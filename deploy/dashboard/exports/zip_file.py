"""Exports as a zip that is streamed while it is created."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from deploy.dashboard.exports.manifest import FILE_MODE


class ZipFormat:
    """Packs files into a zip uncompressed, as pictures are already compressed, readable by everyone."""

    name = "zip"
    suffix = ".zip"
    media_type = "application/zip"

    def pack(self, files: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
        """Return the zip piece by piece: no more than one picture is held at a time."""
        pipe, at = _Pipe(), datetime.now(UTC).timetuple()[:6]
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
            for name, data in files:
                info = zipfile.ZipInfo(name, at)
                info.create_system, info.external_attr = 3, (stat.S_IFREG | FILE_MODE) << 16  # 3: Unix: modes count
                archive.writestr(info, data)
                yield pipe.take()
        yield pipe.take()


class _Pipe(io.RawIOBase):
    """A buffer that zipfile writes to and the response reads from."""

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
