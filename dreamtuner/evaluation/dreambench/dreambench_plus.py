"""Reads DreamBench++: 150 images, each with its subject and nine prompts of its own.

Peng et al., "DreamBench++", ICLR 2025; https://github.com/yuangpeng/dreambench_plus. The published folder `data` holds
images/CATEGORY/.../NN.jpg and captions/CATEGORY/.../NN.txt: the subject in the first line, then a prompt a line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
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

LIVE = frozenset({"animal", "human"})
CLASS_WORD = re.compile(r"[^{}\s]+( [^{}\s]+)*")


def read_dreambench_plus(folder: Path) -> SubjectSet:
    """Read the set from the folder that holds `images` and `captions`, or from the one above. Raises SetError."""
    root = folder / "data" if (folder / "data" / "captions").is_dir() else folder
    if not (root / "images").is_dir() or not (root / "captions").is_dir():
        raise SetError(
            f"{folder} has no folders images and captions; give the folder data of the release that "
            "https://github.com/yuangpeng/dreambench_plus links"
        )
    images, captions = _by_key(root / "images", IMAGES), _by_key(root / "captions", (".txt",))
    if single := sorted(images.keys() ^ captions.keys()):
        kind = "a caption, but no image" if single[0] in captions else "an image, but no caption"
        raise SetError(f"{root}: {single[0]} has {kind}; take the whole published set")
    subjects = sorted((_subject(images[key], captions[key]) for key in images), key=lambda one: one.name)
    if not subjects:
        raise SetError(f"{root} holds no image; take the whole published set")
    for one, other in pairwise(subjects):
        if one.name == other.name:
            raise SetError(f"{root} holds two subjects {one.name!r}: {one.reference}, {other.reference}; remove one")
    return SubjectSet("dreambench++", tuple(subjects))


def _by_key(root: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the files by their path without suffix."""
    found: dict[str, Path] = {}
    for file in files_of(root, suffixes):
        key = file.relative_to(root).with_suffix("").as_posix()
        if key in found:
            raise SetError(f"{root}: {key} is there twice, as {found[key].name} and {file.name}; remove one")
        found[key] = file
    return found


def _subject(image: Path, caption: Path) -> BenchSubject:
    """Read one subject; its name is the one that the authors' evaluation gives it."""
    lines = [line for line in read_lines(caption) if line]
    if len(lines) < 2:
        raise SetError(f"{caption} needs the subject in its first line and prompts below; take the published file")
    word = " ".join(lines[0].split()).lower()
    if not CLASS_WORD.fullmatch(word) or any("{" in line or "}" in line for line in lines):
        raise SetError(f"{caption} holds a brace; take the published file")
    folder = caption.parent.name
    category = f"live_subject_{folder}" if folder in LIVE else folder
    prompts = [with_placeholder(line, word) for line in lines[1:]]
    return BenchSubject(
        name="_".join([category, caption.stem.split(".")[0], word.replace(" ", "_")]),
        class_word=word,
        category=folder,
        reference=image,
        prompts=tuple(text for text, _ in prompts),
        restated=sum(restated for _, restated in prompts),
    )


def with_placeholder(prompt: str, word: str) -> tuple[str, bool]:
    """Put the placeholder where a prompt first names the subject; else before it, and return True.

    >>> with_placeholder("A Kitten on a sofa", "kitten")
    ('A {subject} on a sofa', False)
    >>> with_placeholder("Two cats asleep", "kitten")
    ('{subject}: Two cats asleep', True)
    """
    found = re.search(rf"\b{re.escape(word)}\b", prompt, re.IGNORECASE)
    if found is None:
        return f"{PLACEHOLDER}: {prompt}", True
    return prompt[: found.start()] + PLACEHOLDER + prompt[found.end() :], False
