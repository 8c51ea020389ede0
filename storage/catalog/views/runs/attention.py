"""Attention maps of an output."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.schema import AttentionMap


@dataclass(frozen=True)
class AttentionView:
    """The attention map of the point (x, y), each 0..1 from the upper left corner; `said` describes how it was made."""

    map_sha256: str
    x: float
    y: float
    said: str
    created_at: datetime


def attention_maps(s: Session, output_id: int, image_sha256: str, limit: int = 6) -> list[AttentionView]:
    """List the attention maps of the output's current image, newest first."""
    rows = select(AttentionMap).where(AttentionMap.output_id == output_id, AttentionMap.image_sha256 == image_sha256)
    found = s.scalars(rows.order_by(AttentionMap.id.desc()).limit(limit))
    return [AttentionView(r.map_sha256, r.x, r.y, r.said, r.created_at) for r in found]
