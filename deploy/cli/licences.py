"""Lists the licence of every installed library from its metadata, and of what else its wheel contains."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

Kind = Literal["permissive", "weak copyleft", "copyleft"]
KINDS: tuple[Kind, ...] = ("copyleft", "weak copyleft", "permissive")

# Compiled into a wheel but not named in its metadata: the licence, and what it belongs to.
IN_WHEELS = {
    "av": ("GPL-2.0-or-later", "its wheel contains FFmpeg with the encoders x264 and x265"),
    "opencv-python-headless": ("LGPL-2.1-or-later", "its wheel contains FFmpeg"),
    "axe-playwright-python": ("MPL-2.0", "it contains axe-core"),
}
# Named in no metadata field, only in the licence text inside the wheel.
BY_TEXT = {"axe-playwright-python": "MIT"}
_SPDX = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "artistic license": "Artistic-1.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "gnu general public license (gpl)": "GPL",
}
_UNTOLD = ("", "unknown", "dual license")


@dataclass(frozen=True)
class Licence:
    """The licence of a distribution. `carries`: contents under a stricter licence. `licence` "": unknown."""

    name: str
    version: str
    licence: str
    carries: str | None
    kind: Kind


def licences(found: Iterable[Distribution] | None = None) -> list[Licence]:
    """Read the licences of `found` (default: everything installed except DreamTuner), sorted by name."""
    by_name: dict[str, Licence] = {}
    for one in distributions() if found is None else found:
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        if name != "dreamtuner" and name not in by_name:  # of two on the path the first is the one that is imported
            by_name[name] = _licence(one, name)
    return [by_name[name] for name in sorted(by_name)]


def _licence(one: Distribution, name: str) -> Licence:
    licence = BY_TEXT.get(name) or _of_metadata(one)
    stricter, what = IN_WHEELS.get(name, ("", ""))
    carries = f"{what}: {stricter}" if what else None
    return Licence(one.metadata["Name"], one.version, licence, carries, kind_of(licence, stricter))


def _of_metadata(one: Distribution) -> str:
    """Read the SPDX expression, else a licence field that holds a name, else the classifiers."""
    metadata = one.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = metadata.get_all("Classifier") or []
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    field = metadata["License"].strip() if "License" in metadata else ""
    if field.lower() in _UNTOLD or "\n" in field or len(field) > 60:
        return " OR ".join(dict.fromkeys(map(_spdx, named)))
    return _spdx(field)


def _spdx(name: str) -> str:
    return _SPDX.get(name.lower(), name)


def kind_of(*expressions: str) -> Kind:
    """Classify by the strictest licence: copyleft (GPL), weak copyleft (LGPL, MPL) or permissive.

    Of alternatives joined by OR the most permissive counts.
    """
    kinds = []
    for expression in expressions:
        choices = [_kind(choice) for choice in re.split(r"\s+OR\s+(?![^(]*\))", expression)]
        kinds.append(max(choices, key=KINDS.index))
    return min(kinds, key=KINDS.index)


def _kind(choice: str) -> Kind:
    # a runtime exception such as GCC's permits linked code under any licence
    words = re.sub(r"\S*GPL\S*\s+WITH\s+\S+|\S*GPL\S*-with-\S+", "", choice, flags=re.IGNORECASE)
    if re.search(r"\bA?GPL|General Public License", words) and not re.search(r"\bLGPL|Lesser", words):
        return "copyleft"
    return "weak copyleft" if re.search(r"\bLGPL|Lesser|\bMPL|Mozilla|\bEPL", words) else "permissive"


def as_json(found: list[Licence]) -> dict[str, Any]:
    """Return all licences as JSON values."""
    return {"licences": [asdict(one) for one in found]}


def as_table(found: list[Licence]) -> RenderableType:
    """Return a table for people, strictest licences first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("", "library", "version", "licence"):
        table.add_column(head, overflow="fold")
    styles = {"copyleft": "bold red", "weak copyleft": "yellow", "permissive": ""}
    for kind in KINDS:
        for one in (one for one in found if one.kind == kind):
            words = one.licence or "unknown"
            carries = f"; {one.carries}" if one.carries else ""
            table.add_row(Text(kind, style=styles[kind]), Text(one.name), Text(one.version), Text(words + carries))
    return table
