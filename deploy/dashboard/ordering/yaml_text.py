"""Changes single keys of a YAML text and leaves everything else as it was written, comments and unknown keys too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from flows.spec.yaml_file import Loader

REMOVED = object()
"""As a new value: the key is removed."""
_COMMENT = re.compile(r"""(?:^|\s)\#.*$""")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")


def parsed(text: str) -> Any:
    """Return what a YAML text holds. Raises yaml.YAMLError, and ValueError for values that YAML cannot have."""
    return yaml.load(text, Loader)


def dumped(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in the order of its keys, each text on one line."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=2**31) if content else ""


def changed(text: str, values: Mapping[str, Any]) -> str:
    """Return a mapping's YAML with new values of some keys at its top; new keys go to the end.

    Comments within a value that changes are kept above its key. `values`: REMOVED removes a key. Raises yaml.YAMLError
    if the text is not YAML, ValueError if it is no mapping.
    """
    content = parsed(text) or {}
    if not isinstance(content, dict):
        raise ValueError("the text is no mapping of keys to values")
    wanted = {key: value for key, value in {**content, **values}.items() if value is not REMOVED}
    edited = _edited(text, content, values)
    try:
        if edited is not None and (parsed(edited) or {}) == wanted:
            return edited
    except (yaml.YAMLError, ValueError):
        pass
    # anchors, merges or one line in braces: written anew, below all of its comments
    notes = [comment for line in text.splitlines() if (comment := _comment(line))]
    return "".join(f"{note}\n" for note in notes) + dumped(wanted)


def _edited(text: str, content: Mapping[str, Any], values: Mapping[str, Any]) -> str | None:
    """Return the text with the lines of the changed keys replaced; None if its keys do not begin lines."""
    root = yaml.compose(text, Loader)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    blocks: dict[Any, tuple[int, int]] = {}
    if root is not None:
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            return None
        starts = [(key.value, key.start_mark.line) for key, _ in root.value]
        if any(key.start_mark.column for key, _ in root.value):
            return None
        ends = [line for _, line in starts[1:]] + [len(lines)]
        for (key, start), end in zip(starts, ends, strict=True):
            while end > start + 1 and _belongs_below(lines[end - 1]):
                end -= 1
            blocks[key] = (start, end)
    for key in sorted(values, key=lambda key: -blocks.get(key, (len(lines), 0))[0]):
        new = "" if values[key] is REMOVED else dumped({key: values[key]})
        if key in blocks:
            start, end = blocks[key]
            notes = [f"{note}\n" for line in lines[start:end] if (note := _comment(line))]
            lines[start:end] = [*notes, new]
    added = [key for key in values if key not in blocks and values[key] is not REMOVED]
    return "".join(lines) + "".join(dumped({key: values[key]}) for key in added)


def _belongs_below(line: str) -> bool:
    """Return whether a line between two keys is about the lower one: it is empty, or a comment at the margin."""
    return not line.strip() or line.startswith(("#", "..."))


def _comment(line: str) -> str | None:
    """Return the comment of a line; None if it has none."""
    bare = _QUOTED.sub(lambda quoted: "x" * len(quoted.group()), line.rstrip("\n"))
    found = _COMMENT.search(bare)
    return None if found is None else line.rstrip("\n")[found.start() :].strip()
