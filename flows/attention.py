"""Attention: map what a point of a generated image attends to, and store the map with the image."""

import io
from typing import TYPE_CHECKING

from prefect import flow

from flows.image_io import PNG
from flows.resources import Resources
from storage.catalog import views, writes
from storage.ingest import storing

if TYPE_CHECKING:
    from flows.execution.attention_map import AttentionMap


@flow(name="attention", flow_run_name="attention of {cell} at {point}")
def attention(cell: str, point: str = "0.5,0.5") -> str:
    """Map which patches of the reference a point of an image attends to; return the SHA-256 of the stored map.

    Args:
        cell: The digest of the image's cell, all 64 digits.
        point: The point, as x,y from the upper left corner of the image, each 0..1.
    """
    from flows.execution.attention_map import attention_map

    resources = Resources.open()
    patience = resources.patience()
    made = patience.retry(lambda: attention_map(cell, point, resources))
    return patience.retry(lambda: store_map(made, resources))


def store_map(made: "AttentionMap", resources: Resources) -> str:
    """Store the map and record it in the catalog with its image; return its SHA-256."""
    buffer = io.BytesIO()
    made.image.save(buffer, "PNG")
    with storing(resources.catalog, resources.store, (buffer.getvalue(), PNG)) as (s, [sha256]):
        output_id = views.cell(s, made.digest).output_id
        if output_id is not None:  # else the image was lost meanwhile: no page would show its map
            writes.add_attention_map(
                s,
                output_id=output_id,
                image_sha256=made.image_sha256,
                map_sha256=sha256,
                point=made.point,
                said=made.redrawn,
            )
    return sha256
