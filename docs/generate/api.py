"""Writes one page a room for the reference of the Python API; autodoc fills it from the docstrings."""

from docs.generate.markdown import escaped
from docs.generate.rooms import PACKAGES, Room, rooms_of

_ABOUT = {
    "dreamtuner": "the method: attention, sampling, fine-tuning, scores",
    "storage": "catalog and objects",
    "flows": "spec, planning, execution and the Prefect flows",
    "deploy": "command line, dashboard and Prefect deployments",
}


def api_pages() -> dict[str, str]:
    """Returns the text of each page by its file name: an index, one a package, one a room."""
    pages = {f"{package}.md": _package_page(package) for package in PACKAGES}
    for package in PACKAGES:
        pages |= {f"{room.full_name}.md": _room_page(room) for room in rooms_of(package)}
    entries = "".join(f"{package}\n" for package in PACKAGES)
    pages["index.md"] = (
        "# Python API\n\nGenerated from the docstrings, one page a room. The rooms of a package stand in the order in "
        "which they import one another; see [](/concepts/architecture.md).\n\n"
        "Most programs need one class, {py:class}`~dreamtuner.pipeline.dreamtuner_pipeline.DreamTunerPipeline`: see "
        f"[](/how-to/python.md).\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}```\n"
    )
    return pages


def _package_page(package: str) -> str:
    rooms = rooms_of(package)
    rows = "".join(f"- [`{room.name}`]({room.full_name}.md): {escaped(room.about)}\n" for room in rooms)
    entries = "".join(f"{room.full_name}\n" for room in rooms)
    title = f"# `{package}`: {_ABOUT[package]}\n\n"
    return f"{title}{rows}\n```{{toctree}}\n:hidden:\n\n{entries}```\n"


def _room_page(room: Room) -> str:
    text = f"# `{room.full_name}`\n\n"
    for module in room.modules:
        heading = "" if module == room.full_name else f"## `{module}`\n\n"
        text += f"{heading}```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :member-order: bysource\n```\n\n"
    return text
