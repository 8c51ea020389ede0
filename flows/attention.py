"""Attend: where a point of a drawn picture looked, as a map that is kept with the picture."""

import io

from prefect import flow

from flows.execution.attention_map import AttentionMap, attention_map
from flows.image_io import PNG
from flows.resources import Resources
from storage.catalog import views, writes
from storage.ingest import storing


@flow(name="attention", flow_run_name="attention of {cell} at {point}")
def attention(cell: str, point: str = "0.5,0.5") -> str:
    """Map which patches of the reference a point of a picture looked at; returns the SHA-256 of the map that is kept.

    Args:
        cell: The picture's cell, by all 64 digits of its digest.
        point: Where, as x,y from the upper left corner of the picture, each 0..1.
    """
    resources = Resources.open()
    patience = resources.patience()
    made = patience.retry(lambda: attention_map(cell, point, resources))
    return patience.retry(lambda: store_map(made, resources))


def store_map(made: AttentionMap, resources: Resources) -> str:
    """Put the map into the store and name it in the catalog, with the picture that it is of; returns its SHA-256."""
    buffer = io.BytesIO()
    made.image.save(buffer, "PNG")
    with storing(resources.catalog, resources.store, (buffer.getvalue(), PNG)) as (s, [sha256]):
        output_id = views.cell(s, made.digest).output_id
        if output_id is not None:  # else the picture was lost meanwhile, and nobody would look for its map
            writes.add_attention_map(
                s,
                output_id=output_id,
                image_sha256=made.image_sha256,
                map_sha256=sha256,
                point=made.point,
                said=made.redrawn,
            )
    return sha256
