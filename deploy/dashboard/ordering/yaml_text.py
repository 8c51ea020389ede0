"""Changes single keys of a YAML text and leaves everything else as it was written, comments and unknown keys too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from flows.spec.yaml_file import MAX_NODES, Loader, expanded_size

REMOVED = object()
"""As a new value: the key is removed."""
_COMMENT = re.compile(r"""(?:^|\s)\#.*$""")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")


def parsed(text: str) -> Any:
    """Return what a YAML text holds.

    Raises yaml.YAMLError, and ValueError for a text that contains itself or too much by its aliases.
    """
    loader = Loader(text)
    root = loader.get_single_node()
    if root is None:
        return None
    if expanded_size(root) > MAX_NODES:
        raise ValueError(f"its aliases (*name) expand to more than {MAX_NODES:,} values; write them out")
    content = loader.construct_document(root)
    json.dumps(content, default=str, skipkeys=True)  # raises ValueError if it contains itself
    return content


def dumped(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in the order of its keys, each text on one line."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=2**31) if content else ""


def changed(text: str, values: Mapping[str, Any], order: Sequence[str] = ()) -> str:
    """Return a mapping's YAML with new values of some keys at its top.

    Comments within a value that changes are kept above its key. `values`: REMOVED removes a key; `order`: where new
    keys go among those that are there, as far as no comment stands between; all others go to the end. Raises
    yaml.YAMLError if the text is not YAML, ValueError if it is no mapping.
    """
    content = parsed(text) or {}
    if not isinstance(content, dict):
        raise ValueError("the text is no mapping of keys to values")
    wanted = {key: value for key, value in {**content, **values}.items() if value is not REMOVED}
    edited = _edited(text, values, order)
    try:
        if edited is not None and (parsed(edited) or {}) == wanted:
            return edited
    except (yaml.YAMLError, ValueError):
        pass
    # anchors, merges or one line in braces: written anew, below all of its comments
    notes = [comment for line in text.splitlines() if (comment := _comment(line))]
    return "".join(f"{note}\n" for note in notes) + dumped(wanted)


def _edited(text: str, values: Mapping[str, Any], order: Sequence[str]) -> str | None:
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
    text, added = "".join(lines), [key for key in values if key not in blocks and values[key] is not REMOVED]
    for key in sorted(added, key=lambda key: order.index(key) if key in order else len(order)):
        text = _inserted(text, key, dumped({key: values[key]}), order)
    return text


def _inserted(text: str, key: str, new: str, order: Sequence[str]) -> str:
    """Put a new key before the first one that follows it in the order, if no comment stands there; else at the end."""
    later = order[order.index(key) + 1 :] if key in order else ()
    lines = text.splitlines(keepends=True)
    for i, line in enumerate(lines):
        if line.partition(":")[0] in later and (i == 0 or not lines[i - 1].startswith("#")):
            return "".join((*lines[:i], new, *lines[i:]))
    return text + new


def _belongs_below(line: str) -> bool:
    """Return whether a line between two keys is about the lower one: it is empty, or a comment at the margin."""
    return not line.strip() or line.startswith(("#", "..."))


def _comment(line: str) -> str | None:
    """Return the comment of a line; None if it has none."""
    bare = _QUOTED.sub(lambda quoted: "x" * len(quoted.group()), line.rstrip("\n"))
    found = _COMMENT.search(bare)
    return None if found is None else line.rstrip("\n")[found.start() :].strip()
