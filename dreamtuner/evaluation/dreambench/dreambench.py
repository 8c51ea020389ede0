"""Reads DreamBench, the dataset of DreamBooth: 30 subjects, 25 prompts for objects and 25 for cats and dogs.

Ruiz et al., "DreamBooth", CVPR 2023, section 4.1; https://github.com/google/dreambooth, folder dataset.
"""

from __future__ import annotations

import re
from pathlib import Path

from dreamtuner.evaluation.dreambench.subject_set import (
    IMAGES,
    PLACEHOLDER,
    BenchSubject,
    SetError,
    SubjectSet,
    files_of,
    read_lines,
)

LISTING = "prompts_and_classes.txt"
LIVE = frozenset({"cat", "dog"})
"""The classes of live subjects, as the set's own page says; the listing does not mark them."""

_PROMPT = re.compile(r"""^(['"])(?P<text>.*)\1\s*\.format\(""")
_HEADS = {"object prompts": "object", "live subject prompts": "live"}


def read_dreambench(folder: Path) -> SubjectSet:
    """Read the set from its folder, or from that of its repository.

    A subject's reference is its first photograph by file name. Raises SetError.
    """
    root = folder / "dataset" if (folder / "dataset" / LISTING).is_file() else folder
    if not (root / LISTING).is_file():
        raise SetError(f"{folder} has no {LISTING}; give the folder of https://github.com/google/dreambooth")
    lines = read_lines(root / LISTING)
    classes, prompts = _classes(lines), _prompts(lines)
    for what, found in (("classes", classes), *((f"{head} prompts", prompts[head]) for head in ("object", "live"))):
        if not found:
            raise SetError(f"{root / LISTING} lists no {what}; take the published file")
    subjects = []
    for name, class_word in classes.items():
        category = "live" if class_word in LIVE else "object"
        subjects.append(BenchSubject(name, class_word, category, _first(root / name), tuple(prompts[category])))
    return SubjectSet("dreambench", tuple(subjects))


def _classes(lines: list[str]) -> dict[str, str]:
    """Return the class of each subject: the lines of two values after the heading subject_name,class."""
    pairs = [one.split(",") for one in lines if one.count(",") == 1 and not one.startswith(("'", '"', "prompt_list"))]
    return {name.strip(): word.strip() for name, word in pairs if name.strip() != "subject_name"}


def _prompts(lines: list[str]) -> dict[str, list[str]]:
    """Return the prompts under each heading, without the learned token: '{0} {1}' stands for it and the class."""
    found: dict[str, list[str]] = {"object": [], "live": []}
    section = ""
    for line in lines:
        section = _HEADS.get(line.lower(), section)
        if section and (read := _PROMPT.match(line)) is not None:
            text = read["text"].replace("{0} {1}", PLACEHOLDER)
            if text.count(PLACEHOLDER) != 1 or "{" in text.replace(PLACEHOLDER, ""):
                raise SetError(f"{LISTING}: {read['text']!r} does not hold '{{0}} {{1}}' once; take the published file")
            found[section].append(text)
    return found


def _first(folder: Path) -> Path:
    images = [one for one in files_of(folder, IMAGES) if one.parent == folder]
    if not images:
        raise SetError(f"{folder} holds no image, and {LISTING} names it; take the whole published set")
    return images[0]
