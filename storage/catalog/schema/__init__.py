"""The catalog's tables. Changing one means a new file in migrations/versions; a test holds the two equal.

The tables `reviews` and `lineage` are append-only: triggers that the migrations make refuse every change and deletion.
"""

from storage.catalog.schema.origins import Blob, Checkpoint, Mask, Profile, Reference, Subject
from storage.catalog.schema.results import LineageEvent, Output, Review, Score
from storage.catalog.schema.work import Cell, Run, RunCell

__all__ = [
    "Blob",
    "Cell",
    "Checkpoint",
    "LineageEvent",
    "Mask",
    "Output",
    "Profile",
    "Reference",
    "Review",
    "Run",
    "RunCell",
    "Score",
    "Subject",
]
