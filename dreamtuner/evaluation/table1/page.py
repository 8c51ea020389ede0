"""Writes the page of Table 1: one self-contained HTML file with table, claims, scatter plot, Fig. 7 and Fig. 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.run import PRIOR_METRIC
from dreamtuner.evaluation.table1.differences import differences
from dreamtuner.evaluation.table1.plots import by_steps, scatter
from dreamtuner.evaluation.table1.rows import picture_rows
from dreamtuner.evaluation.table1.summary import SHARES, Claim, Table, summary

OURS = (
    *("dreamtuner", "dreamtuner-lora", "dreamtuner-no-se"),
    *("training-free", "training-free-inversion", "training-free-late"),
)
COLUMNS: Mapping[str, str] = {
    "clip_t": "CLIP-T",
    "clip_i": "CLIP-I",
    "clip_i_masked": "masked CLIP-I",
    "identity": "identity",
    "prompt": "prompt",
    "copying": "copying",
    "hat": "hat",
    "emblem": "emblem",
    PRIOR_METRIC: "class prompts",
    "prepare_s": "s / subject",
    "picture_s": "s / image",
}
COMPARED = ("identity", "prompt", "copying", "clip_t", "clip_i", "hat", "emblem")
"""The columns of the paired differences."""
STYLE = """
:root { color-scheme: light; --ink: #26241f; --grey: #69645b; --line: #e3dfd7; --ours: #fbeee8 }
body { margin: 0; background: #f4f2ee; color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1360px; margin: 0 auto; padding: 32px 24px 64px }
h1 { font-size: 27px; margin: 0 } h2 { font-size: 19px; margin: 36px 0 10px } p { margin: 6px 0; max-width: 86ch }
.detail, .note { color: var(--grey) }
.card { background: #fff; border: 1px solid var(--line); border-radius: 14px; padding: 16px 20px; overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 6px; text-align: right; border-top: 1px solid var(--line); white-space: nowrap }
thead th { border-top: 0; color: var(--grey); font-weight: 600; vertical-align: bottom }
th[scope=row], thead th:first-child { text-align: left; font-weight: 600 }
td small { color: var(--grey) } tr.ours > * { background: var(--ours) }
.claims td:first-child { text-align: left; white-space: normal }
.figures { display: flex; flex-wrap: wrap; gap: 8px 24px } svg { max-width: 100%; height: auto }
.pictures th, .pictures td { padding: 4px; text-align: center; border: 0; font-size: 12.5px }
.pictures thead th { white-space: normal; max-width: 88px }
.pictures th[scope=row] { white-space: normal; width: 130px; min-width: 120px; text-align: left; font-weight: 400 }
.pictures tr.first > * { border-top: 1px solid var(--line); padding-top: 10px }
.pictures img { display: block; border-radius: 4px }
"""
NOTES = """<p class=note>identity: the share of the reference's colours, pattern, emblem, hat, eyes and shape that the
oracle finds in the image; prompt: the share of the prompt's class, scene, pose, expression and style that it finds;
CLIP-T, CLIP-I and masked CLIP-I (the reference on white): cosines of the profile's CLIP model, which is independent of
the oracle and not comparable with OpenAI's CLIP; copying: the position of background and silhouette between the prompt
(0) and the reference (100), for which the plain model is the baseline; class prompts: the prompt score of fine-tuned
models without reference and learned token. DINO has no analogue here, as the CLIP model is trained with captions.
&plusmn; is half of a 95 % bootstrap interval over subjects. Times were measured on one machine.</p>"""
CHOICE = "The first seed of the first prompts, with the same noise in every column; not selected."


def write_page(
    path: Path,
    title: str,
    detail: str,
    table: Table,
    names: Mapping[str, str],
    claims: Sequence[Claim],
    sweep: Mapping[str, Mapping[int, str]],
    prompts: int,
    against: str | None = None,
) -> Path:
    """Write the page.

    `names`: the heading of each row; `sweep`: the row of each point, by curve and steps; `against`: the row that the
    others are compared with subject by subject, None: none.
    """
    rows = {name: summary(results) for name, results in table.items()}
    shown = {name: row for name, row in rows.items() if "@" not in name}  # NAME@STEPS is only a point of a curve
    curves = {
        head: {step: rows[name] for step, name in points.items() if name in rows} for head, points in sweep.items()
    }
    parts = [
        f"<h1>{escape(title)}</h1><p class=detail>{escape(detail)}</p>",
        f"<h2>Table</h2><div class=card>{_table(shown, names)}</div>{NOTES}",
        "" if against is None else _differences(differences(table, against), names, against),
        _claims(claims),
        "<h2>Identity and prompt</h2><div class=card>"
        + scatter({names[name]: row for name, row in shown.items()}, [names[n] for n in OURS if n in names])
        + "</div>",
        _curves({head: points for head, points in curves.items() if len(points) > 1}),
        "<h2>Images</h2><div class=card>"
        + picture_rows({name: table[name] for name in shown}, names, prompts)
        + f"</div><p class=note>{CHOICE}</p>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
        f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )
    return path


def words_of(name: str, mean: Mean) -> tuple[str, str]:
    """Format a mean and half of its interval: in percent for shares, unscaled for cosines and seconds."""
    half = (mean.high - mean.low) / 2
    if name in SHARES:
        return f"{100 * mean.value:.1f}", f"{100 * half:.1f}"
    digits = 3 if name.startswith("clip") else 2 if mean.value < 10 else 0
    return f"{mean.value:.{digits}f}", f"{half:.{digits}f}"


def _table(rows: Mapping[str, Mapping[str, Mean]], names: Mapping[str, str]) -> str:
    columns = [name for name in COLUMNS if any(name in row for row in rows.values())]
    heads = "".join(f"<th scope=col>{COLUMNS[name]}{', %' if name in SHARES else ''}</th>" for name in columns)
    lines = []
    for name, row in rows.items():
        cells = []
        for column in columns:
            value, half = words_of(column, row[column]) if column in row else ("", "")
            cells.append(f"<td>{value}{f' <small>&plusmn; {half}</small>' if value else ''}</td>")
        mark = " class=ours" if name in OURS else ""
        lines.append(f"<tr{mark}><th scope=row>{escape(names[name])}</th>{''.join(cells)}</tr>")
    return f"<table><thead><tr><th scope=col>method</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _differences(found: Mapping[str, Mapping[str, Mean]], names: Mapping[str, str], against: str) -> str:
    """Lay out paired differences in points; those whose interval excludes 0 are bold."""
    rows = {name: row for name, row in found.items() if "@" not in name}
    if not rows:
        return ""
    columns = [name for name in COMPARED if all(name in row for row in rows.values())]
    heads = "".join(f"<th scope=col>{COLUMNS[name]}</th>" for name in columns)
    lines = []
    for name, row in rows.items():
        cells = []
        for one in (row[column] for column in columns):
            value = f"{100 * one.value:+.1f}"
            shown = f"<b>{value}</b>" if one.low > 0 or one.high < 0 else value
            cells.append(f"<td>{shown} <small>({100 * one.low:+.1f} to {100 * one.high:+.1f})</small></td>")
        mark = " class=ours" if name in OURS else ""
        lines.append(f"<tr{mark}><th scope=row>{escape(names[name])}</th>{''.join(cells)}</tr>")
    return (
        f"<h2>Differences to {escape(names[against])}, subject by subject</h2><div class=card><table><thead><tr>"
        f"<th scope=col>method</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        "<p class=note>In points (0.01), with 95 % bootstrap intervals over subjects; bold where they exclude 0.</p>"
    )


def _claims(claims: Sequence[Claim]) -> str:
    if not claims:
        return ""
    lines = [
        f"<tr><td>{escape(claim.words)}</td><td>{100 * claim.difference.value:+.1f}</td>"
        f"<td>{100 * claim.difference.low:+.1f} to {100 * claim.difference.high:+.1f}</td>"
        f"<td>{'reached' if claim.met else 'missed'}</td></tr>"
        for claim in claims
    ]
    return (
        "<h2>Targets</h2><div class=card><table class=claims><thead><tr><th scope=col>comparison</th>"
        "<th scope=col>difference, points</th><th scope=col>95 %</th><th scope=col></th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        "<p class=note>Paired differences, bootstrapped over subjects.</p>"
    )


def _curves(curves: Mapping[str, Mapping[int, Mapping[str, Mean]]]) -> str:
    if not curves:
        return ""
    figures = by_steps(curves, "identity", "identity, %") + by_steps(curves, "prompt", "prompt, %")
    return f"<h2>Steps of fine-tuning</h2><div class='card figures'>{figures}</div>"
