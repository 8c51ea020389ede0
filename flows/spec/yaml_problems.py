"""Describes problems of a YAML text with their lines, including values that YAML reads differently than people."""

import re
from collections.abc import Iterator, Sequence

import yaml

from flows.spec.problems import Problem
from storage.text import fault_of

INT, FLOAT, TEXT = (f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "str"))
"""YAML's tags of scalars."""
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_SIXTIES = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")
_PLACEHOLDER = re.compile(r"\{\s*(subject|style)\s*\}")


def misread(root: yaml.Node) -> Iterator[Problem]:
    """Find numbers that YAML reads in another base than people: 010 as 8, 1:30 as 90. Keys become text as written."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                    key.tag = TEXT
                waiting.append(((*path, str(key.value)), value))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*path, i), node.value[i]) for i in reversed(range(len(node.value)))]
        elif (message := _other_base(node)) is not None:
            yield Problem(path=path, message=message)


def _other_base(node: yaml.Node) -> str | None:
    raw = str(node.value)
    quoted = f'or "{raw}" in quotes if it is text'
    if node.tag == INT and _OCTAL.fullmatch(raw):
        plain = int(raw.replace("_", ""))
        return f"{raw} is an octal number in YAML, {int(raw.replace('_', ''), 8)}; write {plain}, {quoted}"
    if node.tag in (INT, FLOAT) and _SIXTIES.fullmatch(raw):
        return f"{raw} is a base-60 number in YAML; write the number in decimals, {quoted}"
    return None


def as_written(problem: Problem, root: yaml.Node | None) -> Problem:
    """Quote the value as written in the file, if YAML reads it as something else."""
    node = _node_at(root, problem.path)
    wanted, _, _ = problem.message.partition(", not ")
    if not isinstance(node, yaml.ScalarNode) or not wanted.startswith("must be "):
        return problem
    kind = node.tag.rpartition(":")[2]
    if kind in ("bool", "timestamp") and node.style is None and node.value not in ("true", "false"):
        known = yaml.SafeLoader.bool_values
        read_as = "a date" if kind == "timestamp" else str(known[node.value.lower()]).lower()
        remedy = f'; write "{node.value}" in quotes' if wanted == "must be text" else ""
        message = f"{wanted}, not {node.value}, which YAML reads as {read_as}{remedy}"
        return problem.model_copy(update={"message": message})
    if kind == "str" and node.style is None and re.fullmatch(r"0\d+", node.value):
        return problem.model_copy(update={"message": f"{problem.message}; write {int(node.value)}"})
    return problem


def yaml_problem(error: yaml.YAMLError, text: str) -> Problem:
    """Describe a YAML syntax error with its line and, for an unquoted placeholder, the remedy."""
    if isinstance(error, yaml.reader.ReaderError):
        before, found = text[: error.position], text[error.position : error.position + 1]
        message = f"column {len(before) - before.rfind(chr(10))}: {fault_of(found) or str(error)}"
        return Problem(path=(), message=message.partition(" (character")[0], line=before.count("\n") + 1)
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(path=(), message=str(error))
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return Problem(path=(), message=what)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if (bare := _PLACEHOLDER.search(line)) is not None:
        what += f'; put the prompt in quotes, as braces have a meaning in YAML: "a {bare.group()} on the beach"'
    return Problem(path=(), message=f"column {mark.column + 1}: {what}", line=mark.line + 1)


def line_of(root: yaml.Node | None, path: Sequence[str | int]) -> int | None:
    """Return the line (from 1) of the deepest part of `path` that is in the file."""
    line = None
    for length in range(1, len(path) + 1):
        key, node = _pair_at(root, path[:length])
        if node is None:
            break
        line = (key or node).start_mark.line + 1
    return line


def _node_at(root: yaml.Node | None, path: Sequence[str | int]) -> yaml.Node | None:
    return _pair_at(root, path)[1]


def _pair_at(root: yaml.Node | None, path: Sequence[str | int]) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the key (in a mapping) and the node at `path`; None, None if there is none."""
    key, node = None, root
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if getattr(pair[0], "value", None) == part]
            if not pairs:
                return None, None
            key, node = pairs[-1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            key, node = None, node.value[part]
        else:
            return None, None
    return key, node
