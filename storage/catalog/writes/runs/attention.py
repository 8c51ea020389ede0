"""Attention maps of points of outputs."""

from sqlalchemy.orm import Session

from storage.catalog.schema import AttentionMap


def add_attention_map(
    s: Session, *, output_id: int, image_sha256: str, map_sha256: str, point: tuple[float, float], said: str
) -> int:
    """Add an attention map, a recorded blob, of the image `image_sha256`; return its id. `said` describes it."""
    x, y = point
    row = AttentionMap(output_id=output_id, image_sha256=image_sha256, map_sha256=map_sha256, x=x, y=y, said=said)
    s.add(row)
    s.flush()
    return row.id
