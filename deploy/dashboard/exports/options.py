"""What an export can be asked for: names by a template, a picture format, caption files."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from deploy.marks.encoding import Format
from storage.catalog.records import CatalogError
from storage.catalog.views import OutputDetail, OutputSubject
from storage.keys import MAX_KEY_LENGTH, InvalidKeyError, check_key

PictureFormat = Literal["original", "png", "jpeg", "webp"]
FORMATS: Sequence[PictureFormat] = get_args(PictureFormat)
PLACEHOLDERS: Mapping[str, str] = {
    "folder": "the subject's name and id",
    "subject": "the subject's name",
    "id": "the output's number, six digits",
    "n": "a running number in the export, from 1",
    "seed": "the seed",
    "prompt": "the prompt in short",
    "run": "the run's name",
    "profile": "the profile",
    "rating": "0 to 5",
    "date": "the day on which it was generated, such as 2026-11-29",
}
TELLING = ("seed", "prompt", "run", "profile")  # what an export without metadata does not say
PLAIN = frozenset(string.ascii_letters + string.digits + " _.-/")
LONGEST = 200  # characters of a template
MANIFESTS = ("manifest.jsonl", "manifest.csv", "notice.txt")
"""The files at the top of every export, beside the pictures."""
_WIDEST: Mapping[str, int] = {"folder": 60, "prompt": 60, "subject": 40, "run": 40, "profile": 40}
MOST_ALIKE = 9999  # pictures of an export with the same name, which are numbered
WIDE, LONGEST_PART = 20, 240
"""Characters of any other placeholder at the most; and of a file's or folder's name: file systems hold 255."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How the files of an export are named and written.

    Attributes:
        metadata: Keep the recipe in pictures and manifest; False leaves prompt, seed and reviewers out of everything.
        names: Template of the names, without ending: letters, digits, space, ``_ . - /`` and PLACEHOLDERS in braces;
            empty: {folder}/{id}-seed{seed}, and {folder}/{id} without metadata.
        pictures: "original" leaves each file as it is stored; else all are encoded in this format.
        quality: Quality of JPEG and WebP, 1 to 100.
        captions: Put a text file with the prompt beside each picture, as trainers read it.
    """

    metadata: bool = True
    names: str = ""
    pictures: PictureFormat = "original"
    quality: int = 92
    captions: bool = False

    def __post_init__(self) -> None:
        if self.pictures not in FORMATS:
            raise CatalogError(f"pictures: {self.pictures!r} is not known; use one of {', '.join(FORMATS)}")
        if not 1 <= self.quality <= 100:
            raise CatalogError(f"quality: {self.quality} is outside 1..100")
        if self.captions and not self.metadata:
            raise CatalogError("captions: they hold the prompts, which an export without metadata leaves out")
        used = fields_of(self.template)
        told = [name for name in TELLING if name in used]
        if told and not self.metadata:
            raise CatalogError(f"names: {{{told[0]}}} is left out without metadata; use {{id}} or {{n}}")
        if (folder := self.template.partition("/"))[1] and (taken := _manifest_like(folder[0])):
            raise CatalogError(
                f"names: the folder {folder[0]!r} may be called {taken}, a file of the export; rename it"
            )
        if not {"id", "n"} & set(used):
            raise CatalogError("names: use {id} or {n}, so that every picture has its own name")

    @property
    def template(self) -> str:
        """The template, or the default one."""
        return self.names.strip() or ("{folder}/{id}-seed{seed}" if self.metadata else "{folder}/{id}")

    @property
    def kind(self) -> Format | None:
        """The format to encode pictures in; None: as they are."""
        kinds: Mapping[str, Format] = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
        return kinds.get(self.pictures)

    def name_of(self, one: OutputDetail, subject: OutputSubject, number: int) -> str:
        """Return the path of a picture of a subject without its ending; `number` counts the pictures from 1."""
        values = {"folder": folder_name(subject), "subject": slug(subject.name) or "subject"}
        values |= {
            "id": f"{one.output_id:06d}",
            "n": f"{number:05d}",
            "seed": str(one.seed),
            "prompt": slug(one.prompt, 60) or "prompt",
        }
        values |= {"run": slug(one.run_name or "") or "run", "profile": slug(one.profile), "rating": str(one.rating)}
        values |= {"date": f"{one.created_at:%Y-%m-%d}"}
        return self.template.format(**values)


def check_keys(stems: Iterable[str]) -> None:
    """Check that the names of pictures can be keys in a bucket. Raises CatalogError naming the field and the name."""
    for stem in stems:
        try:
            check_key(f"{stem}-{MOST_ALIKE}.jsonl")
        except InvalidKeyError as error:
            raise CatalogError(
                f"names: {stem[:80]!r} cannot be a name in a bucket; write lower-case letters, digits and . _ - alone, "
                f"a letter or digit at both ends of every part, and {MAX_KEY_LENGTH} characters at most"
            ) from error


def folder_name(subject: OutputSubject) -> str:
    """Return the folder of a subject, such as pip-3: its name in portable characters and its unique id.

    The id is always included, so that a folder has the same name in every export.
    """
    return f"{slug(subject.name) or 'subject'}-{subject.subject_id}"


def slug(text: str, longest: int = 40) -> str:
    """Return `text` in lower case with hyphens for all but ASCII letters and digits; it may become empty."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(filter(None, plain.split("-")))[:longest].strip("-")


def fields_of(template: str) -> list[str]:
    """Check a template of names and list its placeholders. Raises CatalogError naming what is wrong."""
    known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
    try:
        parts = [*string.Formatter().parse(template)]
    except ValueError as error:
        raise CatalogError(f"names: {template[:60]!r} has a brace without its other one; known are {known}") from error
    used = [name for _, name, _, _ in parts if name is not None]
    for literal, name, spec, conversion in parts:
        odd = sorted(set(literal) - PLAIN)
        if odd:
            raise CatalogError(f"names: {odd[0]!r} is not portable; use letters, digits, space and _ . - /")
        if name is not None and (name not in PLACEHOLDERS or spec or conversion):
            raise CatalogError(f"names: {{{name}}} is not known; known are {known}")
    if len(template) > LONGEST:
        raise CatalogError(f"names: the template is longer than {LONGEST} characters; shorten it")
    filled = "".join(literal + ("x" if name is not None else "") for literal, name, _, _ in parts)
    for part in filled.split("/"):
        if not part or part != part.strip(" ") or part.startswith(".") or part.endswith("."):
            raise CatalogError(f"names: {part!r} is no name of a file or folder; write for example {{folder}}/{{id}}")
    widest = "".join(literal + "x" * (_WIDEST.get(name, WIDE) if name else 0) for literal, name, _, _ in parts)
    if max(map(len, widest.split("/"))) > LONGEST_PART:
        raise CatalogError(f"names: a name may become longer than {LONGEST_PART} characters; use fewer placeholders")
    return used


def _manifest_like(folder: str) -> str | None:
    """Return the file of the export whose name a folder by this template may have, in any case of letters."""
    parts = string.Formatter().parse(folder)
    like = "".join(re.escape(literal) + ("[a-z0-9-]*" if name else "") for literal, name, _, _ in parts)
    return next((one for one in MANIFESTS if re.fullmatch(like, one, re.IGNORECASE)), None)
