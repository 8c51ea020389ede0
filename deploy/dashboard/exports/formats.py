"""Registry of export formats, which pack an export into one file: zip, and formats of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from dreamtuner.plugins import PluginError, Registry


class ExportFormat(Protocol):
    """Packs files into one."""

    @property
    def name(self) -> str:
        """Name that users choose, such as zip."""
        ...

    @property
    def suffix(self) -> str:
        """File name suffix, such as ".zip"."""
        ...

    @property
    def media_type(self) -> str:
        """MIME type, such as "application/zip"."""
        ...

    def pack(self, files: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
        """Return the packed file piece by piece, while `files` gives names with slashes and contents one at a time."""
        ...


def _checked(name: str, found: Any) -> ExportFormat:
    if not found.suffix.startswith(".") or "/" in found.suffix:
        raise PluginError(f"suffix: {found.suffix!r} is none; write one such as '.zip'")
    made: ExportFormat = found
    return made


EXPORT_FORMATS: Registry[ExportFormat] = Registry(
    "export format",
    "dreamtuner.export_formats",
    {"zip": "deploy.dashboard.exports.zip_file:ZipFormat"},
    needs=("name", "suffix", "media_type", "pack"),
    check=_checked,
)


def format_of(file_name: str) -> ExportFormat | None:
    """Return the format of a file by its name's ending; None where it is no format's, as a folder's name is."""
    fitting = [one for one in EXPORT_FORMATS.working().values() if file_name.lower().endswith(one.suffix.lower())]
    return max(fitting, key=lambda one: len(one.suffix), default=None)
