"""Lays out images like the paper's Fig. 7: one row per subject and prompt, one column per method."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

from PIL import Image

from dreamtuner.evaluation.held_out import held_out_contexts, reference_of
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.pocket.world import caption

SUBJECTS, PROMPTS = 4, 2


def picture_rows(table: Mapping[str, Sequence[EvaluationResult]], names: Mapping[str, str], prompts: int) -> str:
    """Return an HTML table of images, of the first prompts of the first subjects. `names`: the headings of columns."""
    heads = "".join(f"<th scope=col>{escape(names[name])}</th>" for name in table)
    lines = [f"<thead><tr><th scope=col>reference</th><th scope=col>prompt</th>{heads}</tr></thead><tbody>"]
    first = next(iter(table.values()))
    for i, result in enumerate(first[:SUBJECTS]):
        subject = result.drawn.subject
        requested = held_out_contexts(subject, prompts)[: min(PROMPTS, len(result.drawn.pictures))]
        for j, context in enumerate(requested):
            words = caption(subject.identity, context)
            cells = "".join(
                f"<td>{_img(results[i].drawn.pictures[j], f'{words}, by {names[name]}')}</td>"
                for name, results in table.items()
            )
            reference = reference_of(subject).image
            given = f"<td rowspan={len(requested)}>{_img(reference, 'the reference')}</td>" if j == 0 else ""
            opens = " class=first" if j == 0 else ""
            lines.append(f"<tr{opens}>{given}<th scope=row>{escape(words)}</th>{cells}</tr>")
    return f"<table class=pictures>{''.join(lines)}</tbody></table>"


def _img(picture: Image.Image, words: str) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=82, method=6)
    data = b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(words)}" width=88 height=88 src="data:image/webp;base64,{data}">'
