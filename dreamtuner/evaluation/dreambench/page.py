"""Writes the page of a bench, HTML or Markdown: our figures, published rows beside them, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from dreamtuner.evaluation.dreambench.figures import WHOLE, Figure
from dreamtuner.evaluation.dreambench.result import BenchResult
from dreamtuner.evaluation.table1.page import STYLE

COLUMNS = {"dino": "DINO", "clip_i": "CLIP-I", "clip_t": "CLIP-T"}
Row = Sequence[str]


def write_page(path: Path, result: BenchResult) -> Path:
    """Write the page; a name that ends in .md gives Markdown, any other HTML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_markdown(result) if path.suffix.lower() == ".md" else _html(result), encoding="utf-8")
    return path


def compared(result: BenchResult) -> list[Row]:
    """Return the rows of the table of papers' columns: ours, then the published ones.

    Method, model, references, the columns, source.
    """
    own = {one.metric: one for one in result.figures if one.category == WHOLE}
    columns = [result.protocol.metrics[name] for name in COLUMNS]
    ours = "DreamTuner, fine-tuned" if result.run.finetuned else "DreamTuner"
    rows: list[Row] = [
        [ours, result.run.profile, "1", *(with_interval(own[one]) if one in own else "" for one in columns), "this run"]
    ]
    for number, table in enumerate(result.published, 1):
        for row in table.rows:
            values = (row.dino, row.clip_i, row.clip_t)
            shown = ["" if value is None else f"{value:.3f}" for value in values]
            rows.append([row.method, row.base, row.references, *shown, f"[{number}]"])
    return rows


def with_interval(figure: Figure) -> str:
    """Format a figure with its interval, such as 0.713 (0.690 to 0.735)."""
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _parts(result: BenchResult) -> Iterable[tuple[str, str, list[Row], Sequence[str]]]:
    """Yield each section: heading, sentence, table with its heads, and list."""
    heads = ["method", "model", "references", *COLUMNS.values(), "source"]
    yield (
        "Ours and published rows",
        "Rows of papers are as they were published; they were not run here. They differ in protocol from this run and "
        "from each other, as said below, so differences in the second digit mean little.",
        [heads, *compared(result)],
        [],
    )
    differs = [
        f"[{number}] {table.source}, {table.url}: {'; '.join(table.differs)}."
        for number, table in enumerate(result.published, 1)
    ]
    yield "Sources, and how their protocols differ", "", [], differs
    found = result.figures
    categories = list(dict.fromkeys(one.category for one in found))
    table = [
        [
            name,
            *(
                next((with_interval(one) for one in found if (one.metric, one.category) == (name, each)), "")
                for each in categories
            ),
        ]
        for name in result.metrics
    ]
    counts = {one.category: one.subjects for one in found}
    yield (
        "All figures",
        "Mean over subjects, with the 95 % bootstrap interval over subjects.",
        [["metric", *(f"{each} ({_counted(counts[each])})" for each in categories)], *table],
        [],
    )
    restated = sum(one.restated for one in result.subjects.subjects)
    said = [f"{restated} prompts did not name their subject, and have its word before them."] if restated else []
    statements = [*result.protocol.statements, *said]
    yield f"Protocol {result.protocol.name}, version {result.protocol.version}", "", [], statements
    yield "What made the numbers", "", [], _made_by(result)


def _counted(subjects: int) -> str:
    return f"{subjects} {'subject' if subjects == 1 else 'subjects'}"


def _made_by(result: BenchResult) -> list[str]:
    run = result.run
    tuned = "fine-tuned on each subject's reference" if run.finetuned else "without fine-tuning"
    numbers = ", ".join(f"{name}: {value}" for name, value in run.sampling.items() if value not in (None, "", [], {}))
    return [
        f"Profile {run.profile} (weights {run.weights_digest[:12]}, licence {run.licence}), {tuned}.",
        f"Settings: {numbers}.",
        f"Set {result.protocol.set}, digest {result.set_digest[:12]}.",
        *(
            f"Metric {name}: version {version}; {', '.join(run.licences[name])}."
            for name, version in run.versions.items()
        ),
    ]


def _detail(result: BenchResult) -> tuple[str, str]:
    seeds = len(result.seeds)
    detail = (
        f"{len(result.subjects.subjects)} subjects, {result.subjects.images} prompts in all, "
        f"{seeds} {'image' if seeds == 1 else 'images'} each, one reference a subject."
    )
    apart = "; ".join(result.deviations)
    return detail, f"Not the whole protocol: {apart}." if apart else "The whole protocol was run."


def _html(result: BenchResult) -> str:
    title, (detail, whole) = f"{result.protocol.title}: one reference", _detail(result)
    parts = [f"<h1>{escape(title)}</h1><p class=detail>{escape(detail)} <b>{escape(whole)}</b></p>"]
    for heading, sentence, table, listed in _parts(result):
        parts.append(f"<h2>{escape(heading)}</h2>")
        if sentence:
            parts.append(f"<p class=note>{escape(sentence)}</p>")
        if table:
            parts.append(f"<div class=card>{_html_table(table)}</div>")
        if listed:
            parts.append(f"<ul class=note>{''.join(f'<li>{escape(one)}</li>' for one in listed)}</ul>")
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
        f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _html_table(table: Sequence[Row]) -> str:
    heads = "".join(f"<th scope=col>{escape(one)}</th>" for one in table[0])
    lines = []
    for row in table[1:]:
        cells = "".join(f"<td>{escape(one)}</td>" for one in row[1:])
        mark = " class=ours" if row[-1] == "this run" else ""
        lines.append(f"<tr{mark}><th scope=row>{escape(row[0])}</th>{cells}</tr>")
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _markdown(result: BenchResult) -> str:
    detail, whole = _detail(result)
    lines = [f"# {result.protocol.title}: one reference", "", f"{detail} **{whole}**", ""]
    for heading, sentence, table, listed in _parts(result):
        lines += [f"## {heading}", ""]
        lines += [sentence, ""] if sentence else []
        if table:
            rows = ["| " + " | ".join(one.replace("|", "\\|") for one in row) + " |" for row in table]
            lines += [rows[0], "|" + " --- |" * len(table[0]), *rows[1:], ""]
        lines += [*(f"- {one}" for one in listed), ""] if listed else []
    return "\n".join(lines).rstrip() + "\n"
