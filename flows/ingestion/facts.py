"""What ingestion finds out about a subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dreamtuner.models.layouts import Kind
from dreamtuner.settings.sampling import Style


@dataclass(frozen=True)
class Facts:
    """The facts about one subject that plans need. Digests are the SHA-256 of the stored bytes.

    `layouts`: the reference's own control images, by kind; `weight`: how much the reference counts; `further`: the
    facts about the subject's other references, in order, each without further ones.
    """

    name: str
    class_word: str
    style: Style
    caption: str
    reference_sha256: str
    mask_sha256: str
    layouts: Mapping[Kind, str] = field(default_factory=dict)
    weight: float = 1.0
    further: tuple["Facts", ...] = ()
