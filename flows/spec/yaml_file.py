"""Reads a spec's YAML file, with the line of every error and paths made absolute."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, problems_of
from flows.spec.yaml_problems import TEXT, as_written, line_of, misread, yaml_problem
from storage.text import paired

MAX_SPEC_BYTES = 1024 * 1024
MAX_NODES = 300_000  # a mebibyte of text has fewer unless aliases refer to aliases
PICTURED = {"prompts", "together", "video"}  # the keys of which one at least says what images show


class Loader(yaml.SafeLoader):
    """SafeLoader, but rejects duplicate keys and decodes JSON's surrogate pairs.

    YAML forbids duplicate keys, but PyYAML silently uses the last.
    """

    def construct_yaml_str(self, node: yaml.ScalarNode) -> str:
        """Return the text of a scalar."""
        return paired(str(self.construct_scalar(node)))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Reject duplicate keys with the position of the second."""
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                continue
            if key_node.value in seen:
                first = seen[key_node.value].line + 1
                problem = f"duplicate key {key_node.value!r} (first in line {first}); remove one"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen[key_node.value] = key_node.start_mark
        return super().construct_mapping(node, deep)


Loader.add_constructor(TEXT, Loader.construct_yaml_str)


def read_spec(path: Path, *, frames: bool = False) -> Spec:
    """Read a spec; its paths are relative to the file's folder. Raises InputError with all problems.

    `frames`: its poses are the frames of a video, which may repeat.
    """
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
    return parse_spec(text, source=str(path), base=path.parent, frames=frames)


def parse_spec(text: str, *, source: str, base: Path, frames: bool = False) -> Spec:
    """Parse a spec from text, like `read_spec`. `base`: the folder that paths are relative to."""
    try:
        loader = Loader(text)
        root = loader.get_single_node()
        if root is not None and expanded_size(root) > MAX_NODES:
            too_much = f"its aliases (*name) expand to more than {MAX_NODES:,} values; write them out"
            raise InputError(source, [Problem(path=(), message=too_much)])
        unclear = [] if root is None else list(misread(root))
        content = None if root is None else loader.construct_document(root)
    except InputError:
        raise
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise InputError(source, [yaml_problem(error, text)]) from error
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(source, [Problem(path=(), message=f"is not YAML ({error}); see examples/")]) from error
    if not isinstance(content, dict):
        kind = "empty" if content is None else f"a {type(content).__name__}, not a mapping"
        raise InputError(
            source, [Problem(path=(), message=f"the file is {kind}; begin with a line such as name: trip")]
        )
    feed = content.get("subjects")
    if isinstance(feed, dict) and isinstance(feed.get("from"), str):
        content = content | {"subjects": feed | {"from": _absolute(feed["from"], base)}}
    try:
        spec = Spec.model_validate(content)
        found = [] if frames else spec.repeated_poses()
    except ValidationError as error:
        found = [as_written(problem, root) for problem in problems_of(error, Spec)]
        if not PICTURED & content.keys() and not any(one.path[:1] == ("prompts",) for one in found):
            found.append(Problem(path=("prompts",), message="is missing; add it"))  # pydantic checks it last
        spec = None
    if spec is None or found or unclear:
        places = {problem.path for problem in unclear}
        every = unclear + [one for one in found if not any(one.path[: len(place)] == place for place in places)]
        placed = [problem.model_copy(update={"line": line_of(root, problem.path)}) for problem in every]
        raise InputError(source, sorted(placed, key=lambda problem: problem.line or 0))
    return spec.with_places(lambda place: _absolute(place, base))


def expanded_size(node: yaml.Node, known: dict[int, int] | None = None) -> int:
    """Count the values of a node with all aliases expanded. `known`: of nodes that were counted, by their id."""
    known = {} if known is None else known
    if id(node) not in known:
        known[id(node)] = 1  # while counting: a recursive alias is rejected later by its field
        inside = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = (
            1 if isinstance(node, yaml.ScalarNode) else 1 + sum(expanded_size(one, known) for one in inside)
        )
    return known[id(node)]


def _refused(path: Path, message: str) -> InputError:
    return InputError(str(path), [Problem(path=(), message=message)])


def _absolute(place: str, base: Path) -> str:
    if "://" in place:
        return place
    try:
        return str((base / Path(place).expanduser()).absolute())
    except RuntimeError:  # ~name of an unknown user: reading the file reports it
        return str((base / place).absolute())
