"""What a published set of subjects holds once it is read: subjects, each with one reference and its prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

PLACEHOLDER = "{subject}"
IMAGES = (".jpg", ".jpeg", ".png", ".webp")


class SetError(ValueError):
    """A folder that is not the published set; the message names the file and the remedy."""


@dataclass(frozen=True)
class BenchSubject:
    """One subject. `prompts`: with the placeholder {subject}, which the class word replaces.

    `restated`: how many of them did not contain the class word, so that it was put before them.
    """

    name: str
    class_word: str
    category: str
    reference: Path
    prompts: tuple[str, ...]
    restated: int = 0


@dataclass(frozen=True)
class SubjectSet:
    """The subjects of a set, in its order. `name`: of the protocol that it is for."""

    name: str
    subjects: tuple[BenchSubject, ...]

    @property
    def images(self) -> int:
        """Return the number of images per seed."""
        return sum(len(one.prompts) for one in self.subjects)

    def digest(self) -> str:
        """Return the SHA-256 of names, class words, prompts and references; it does not depend on the folder."""
        found = hashes(self.subjects)
        facts = [(one.name, one.class_word, one.category, one.prompts, found[one.name]) for one in self.subjects]
        return sha256(json.dumps(facts).encode()).hexdigest()

    def limited(self, subjects: int | None, prompts: int | None) -> SubjectSet:
        """Return the set with its first subjects and the first prompts of each; None: all."""
        chosen = [replace(one, prompts=one.prompts[:prompts]) for one in self.subjects[:subjects]]
        return replace(self, subjects=tuple(chosen))


def hashes(subjects: Sequence[BenchSubject]) -> dict[str, str]:
    """Return the SHA-256 of each subject's reference by its name."""
    return {one.name: sha256(one.reference.read_bytes()).hexdigest() for one in subjects}


def files_of(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files in a folder and below with these suffixes, sorted; without those that systems hide beside them.

    macOS unpacks a ._00.jpg for each 00.jpg, which holds no image.
    """
    found = (one for one in folder.rglob("*") if one.suffix.lower() in suffixes and not one.name.startswith("."))
    return sorted(one for one in found if one.is_file())


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file without surrounding space. Raises SetError."""
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SetError(f"{file} cannot be read ({why}); give the folder of the published set") from error
