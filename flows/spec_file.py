"""A spec's YAML file: read with the line of every mistake, duplicate keys refused, paths made absolute."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.problems import InputError, Problem, problems_of
from flows.spec import Spec, SubjectSpec

MAX_SPEC_BYTES = 1024 * 1024
MAX_NODES = 300_000  # a mebibyte of text holds fewer without aliases that refer to aliases


def read_spec(path: Path) -> Spec:
    """The spec in the file at `path`; paths in it start at the file's folder. InputError says all that is wrong."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise _refused(path, "is not a regular file; give the path of a spec in YAML")
        with path.open("rb") as file:
            data = file.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror}); give the path of a spec in YAML") from error
    if len(data) > MAX_SPEC_BYTES:
        raise _refused(path, f"is larger than {MAX_SPEC_BYTES:,} bytes; a spec is a short YAML text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, f"is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from error
    return parse_spec(text, source=str(path), base=path.parent)


def parse_spec(text: str, *, source: str, base: Path) -> Spec:
    """As `read_spec`, from text. `base` is the folder that relative paths start from."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None and _expanded(root, {}) > MAX_NODES:
            too_much = f"its aliases (*name) unfold to more than {MAX_NODES:,} values; write them out"
            raise InputError(source, [Problem(path=(), message=too_much)])
        content = None if root is None else loader.construct_document(root)
    except InputError:
        raise
    except yaml.MarkedYAMLError as error:
        raise InputError(source, [_yaml_problem(error)]) from error
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(source, [Problem(path=(), message=f"is not YAML ({error}); see examples/")]) from error
    if not isinstance(content, dict):
        kind = "empty" if content is None else f"a {type(content).__name__}, not a mapping"
        raise InputError(
            source, [Problem(path=(), message=f"the file is {kind}; begin with a line such as name: trip")]
        )
    try:
        spec = Spec.model_validate(content)
    except ValidationError as error:
        found = problems_of(error, Spec)
        placed = [problem.model_copy(update={"line": _line(root, problem.path)}) for problem in found]
        raise InputError(source, sorted(placed, key=lambda problem: problem.line or 0)) from error
    return spec.model_copy(
        update={
            "subjects": tuple(_absolute_subject(subject, base) for subject in spec.subjects),
            "poses": tuple(_absolute(place, base) for place in spec.poses),
            "depth": tuple(_absolute(place, base) for place in spec.depth),
        }
    )


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values `node` stands for once every alias in it is written out."""
    if id(node) not in known:
        known[id(node)] = 1  # while it is counted: who comes here again is inside it, and is refused by its field
        inside = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 if isinstance(node, yaml.ScalarNode) else 1 + sum(_expanded(one, known) for one in inside)
    return known[id(node)]


def _refused(path: Path, message: str) -> InputError:
    return InputError(str(path), [Problem(path=(), message=message)])


def _absolute_subject(subject: SubjectSpec, base: Path) -> SubjectSpec:
    places = {name: getattr(subject, name) for name in ("reference", "mask", "pose", "depth")}
    return subject.model_copy(update={name: _absolute(place, base) for name, place in places.items()})


def _absolute(place: str | None, base: Path) -> str | None:
    if place is None or "://" in place:
        return place
    try:
        return str((base / Path(place).expanduser()).absolute())
    except RuntimeError:  # ~name of a user there is not: the file's own error says so
        return str((base / place).absolute())


class _Loader(yaml.SafeLoader):
    """SafeLoader, except that a key may not be written twice: YAML forbids it, and PyYAML keeps the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse duplicate keys with the place of the second."""
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            if key_node.value in seen:
                first = seen[key_node.value].line + 1
                problem = f"the key {key_node.value!r} is there twice (first in line {first}); remove one"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen[key_node.value] = key_node.start_mark
        return super().construct_mapping(node, deep)


def _yaml_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return Problem(path=(), message=what)
    return Problem(path=(), message=f"column {mark.column + 1}: {what}", line=mark.line + 1)


def _line(root: yaml.Node | None, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of the deepest part of `path` that the file holds."""
    node, line = root, None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if getattr(pair[0], "value", None) == part]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
