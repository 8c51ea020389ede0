"""Formats the results of commands: tables for people, JSON values for machines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dreamtuner.models.layouts import OWN_FIELDS
from flows.spec.model import Spec
from storage.catalog.records import RunView, RunWarning, StatusView

if TYPE_CHECKING:
    from flows.planning.preview import Preview
    from flows.reporting.summary import RunSummary
    from storage.catalog.views import MissingCells, RunFigures
    from storage.rates import Rates

MAX_REASONS = 5
MAX_REASON = 300  # characters
MAX_WARNINGS = 12


def new_table(*columns: str) -> Table:
    """Return an empty table: first column left-aligned, the others right-aligned; long text folds."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def warnings_json(warnings: Sequence[RunWarning]) -> list[dict[str, Any]]:
    """Return the warnings as `--json` prints them."""
    return [vars(one) for one in warnings]


def warning_lines(warnings: Sequence[RunWarning], subjects: int) -> list[RenderableType]:
    """Return each warning once, as terminal lines; name the subjects unless it concerns all `subjects`."""
    from flows.planning.warnings import warning_sentences  # here: it needs a tokenizer, `status` does not

    found = warning_sentences(warnings)
    lines: list[RenderableType] = []
    for sentence, names in list(found.items())[:MAX_WARNINGS]:
        whom = f" ({', '.join(names)})" if 0 < len(names) < subjects else ""
        lines.append(Text(f"warning: {sentence}{whom}", style="yellow"))
    if len(found) > MAX_WARNINGS:
        lines.append(Text(f"and {len(found) - MAX_WARNINGS} more warnings; --json lists all", style="yellow"))
    return lines


def run_json(summary: "RunSummary") -> dict[str, Any]:
    """Return the last line of `run --json`."""
    return {
        "run": summary.run,
        "made": summary.made,
        "skipped": summary.skipped,
        "failed": summary.failed,
        "contact_sheet": str(summary.contact_sheet),
        "warnings": warnings_json(summary.warnings),
        "newer_defaults": summary.newer_defaults,
    }


def run_table(summary: "RunSummary") -> RenderableType:
    """Return the table that `run` prints: cells and mean scores per subject, and the reasons of failures."""
    from dreamtuner.rendering.contact_sheet import LABELS

    metrics = list(dict.fromkeys(metric for subject in summary.subjects for metric in subject.scores))
    table = new_table("subject", "made", "skipped", "failed", *(LABELS.get(metric, metric) for metric in metrics))
    for one in summary.subjects:
        name = Text(one.name) + Text("  doubtful mask", style="yellow") if one.doubtful else Text(one.name)
        failed = Text(str(one.failed), style="red" if one.failed else "")
        means = (f"{one.scores[metric]:.3f}" if metric in one.scores else "-" for metric in metrics)
        table.add_row(name, str(one.made), str(one.skipped), failed, *means)
    if len(summary.subjects) > 1:
        table.add_row(
            "total",
            str(summary.made),
            str(summary.skipped),
            str(summary.failed),
            *("" for _ in metrics),
            style="dim",
        )
    parts: list[RenderableType] = ["", table, ""]
    if summary.newer_defaults is not None:
        parts.append(Text(summary.newer_defaults))
    for one in summary.subjects:
        parts += [Text(f"{one.name}: {reason}", style="red") for reason in one.errors[:MAX_REASONS]]
        if len(one.errors) > MAX_REASONS:
            parts.append(Text(f"{one.name}: and {len(one.errors) - MAX_REASONS} more reasons", style="red"))
    if any(one.doubtful for one in summary.subjects):
        parts.append(Text("doubtful masks: check them in the contact sheet; set `mask:` to a file to correct one"))
    return Group(*parts, *warning_lines(summary.warnings, len(summary.subjects)))


def print_sheet(console: Console, summary: "RunSummary") -> None:
    """Print the path on a line of its own, never folded, so that it can be copied or clicked."""
    console.print(f"contact sheet: {summary.contact_sheet}", soft_wrap=True, highlight=False)


def plan_json(spec: Spec, found: "Preview") -> dict[str, Any]:
    """Return what `plan --json` prints."""
    subjects = [
        {
            "name": one.name,
            "cells": sum(one.name in cell.names for cell in found.cells),
            "missing": found.missing_of(one.name),
            "mask_confidence": one.confidence,
            "doubtful": one.doubtful,
            "references": one.references,
            "error": one.error,
        }
        for one in found.subjects
    ]
    cells = [
        {
            "digest": cell.digest,
            "subject": cell.subject,
            "subjects": list(cell.names),
            "prompt": cell.prompt,
            "pose": cell.layouts.get("pose"),
            "depth": cell.layouts.get("depth"),
            "controls": {kind: one for kind, one in cell.layouts.items() if kind not in OWN_FIELDS},
            "seed": cell.seed,
            "state": found.states.get(cell.digest),
        }
        for cell in found.cells
    ]
    counts = {"total": len(found.cells), "missing": found.missing(), "there": len(found.cells) - found.missing()}
    head = {"name": spec.name, "profile": spec.profile, "cells": counts, "warnings": warnings_json(found.warnings)}
    return {**head, "subjects": subjects, "grid": cells, **_changes(found)}


def _changes(found: "Preview") -> dict[str, str | None]:
    return {"newer_defaults": found.newer_defaults, "changed_weights": found.changed_weights}


def counted(count: int, what: str) -> str:
    """Return a count with its noun: 1 run, 2 runs."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _grid(spec: Spec) -> str:
    """Return how the cells of a spec come about: (3 subjects x 2 prompts + 1 scene) x 4 seeds."""
    prompts = [counted(len(spec.subjects), "subject"), counted(len(spec.prompts), "prompt")]
    scenes = counted(len(spec.scenes), "scene")
    heads = [f"({' x '.join(prompts)} + {scenes})"] if spec.prompts else [scenes]
    named = {"pose": "pose", "depth": "depth map"}
    layouts = [
        counted(len(places), named.get(kind, f"{kind} image"))
        for kind, (_, places) in spec.layout_fields.items()
        if spec.follows(kind)
    ]
    return " x ".join([*(heads if spec.scenes else prompts), *layouts, counted(len(spec.seeds), "seed")])


def plan_table(spec: Spec, found: "Preview") -> RenderableType:
    """Return the table that `plan` prints."""
    table = new_table("subject", "cells", "done", "to generate", "mask")
    for one in found.subjects:
        if one.error is not None:
            table.add_row(Text(one.name), "-", "-", "-", Text("rejected", style="red"))
            continue
        cells, missing = sum(cell.names == (one.name,) for cell in found.cells), found.missing((one.name,))
        mask = Text(
            f"{one.confidence:.2f}" + (" doubtful" if one.doubtful else ""), style="yellow" if one.doubtful else ""
        )
        name = Text(one.name).append(f"  {one.references} references" if one.references > 1 else "", "dim")
        table.add_row(name, str(cells), str(cells - missing), str(missing), mask)
    for names in dict.fromkeys(scene.names for scene in spec.scenes if len(scene.names) > 1):
        cells, missing = sum(cell.names == names for cell in found.cells), found.missing(names)
        table.add_row(Text(" + ".join(names)), str(cells), str(cells - missing), str(missing), "")
    total = f"{spec.name}: {_grid(spec)}; {counted(found.missing(), 'cell')} to generate"
    errors = [Text(f"{one.name}: {one.error}", style="red") for one in found.subjects if one.error is not None]
    warnings = warning_lines(found.warnings, len(found.subjects))
    newer = [part for one in _changes(found).values() if one is not None for part in ("", Text(one))]
    return Group(
        Text(total, style="bold"), "", table, *([""] if errors or warnings else []), *warnings, *errors, *newer
    )


def status_json(
    found: StatusView, runs: list[RunView], figures: "Mapping[str, RunFigures]", rates: "Rates"
) -> dict[str, Any]:
    """Return what `status --json` prints."""
    from storage.run_costs import run_cost_json

    counts = {"subjects": found.subjects, "cells": dict(found.cells), "scored": found.scored}
    counts |= {"references": found.references}
    return counts | {"runs": [_run_values(run) | run_cost_json(figures[run.id], rates) for run in runs]}


def _run_values(run: RunView) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "reason": run.reason,
        "refused": dict(run.refused),
        "spec_digest": run.spec_digest,
        "started_at": run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
        "flow_run": run.flow_run_id,
        "cells": dict(run.cells),
    }


def _shortened(reason: str) -> str:
    """Shorten a reason to one line; --json has it in full."""
    words = " ".join(reason.split())
    return words if len(words) <= MAX_REASON else f"{words[: MAX_REASON - 3]}..."


def where_table(read: Mapping[str, str]) -> RenderableType:
    """Return data folder, catalog and store, one line each; never folded, so that they can be copied."""
    names = {"home": "data folder"}
    lines = [f"{names.get(name, name)}:".ljust(13) + place for name, place in read.items()]
    return Text("\n".join(lines), style="dim", no_wrap=True, overflow="ignore")


def missing_lines(missing: "MissingCells") -> list[str]:
    """Who still wants the cells that have no picture."""
    lines = [
        (missing.running, "being generated by active runs"),
        (missing.resumable, "left over from ended runs; run their spec again to generate them"),
        (missing.unwanted, "no run needs any more; `dreamtuner forget --unwanted` deletes them"),
    ]
    return [f"{count} cell{'' if count == 1 else 's'} {words}" for count, words in lines if count]


def status_table(
    found: StatusView,
    runs: list[RunView],
    missing: "MissingCells",
    figures: "Mapping[str, RunFigures]",
    rates: "Rates",
) -> RenderableType:
    """Return what `status` prints: cell counts, what needs the missing cells, and the latest runs."""
    from storage.run_costs import duration, money, run_cost

    cells = new_table(*found.cells, "scored", "subjects")
    cells.columns[0].justify = "right"
    cells.add_row(*(str(count) for count in found.cells.values()), str(found.scored), str(found.subjects))
    wanted = [Text(line) for line in missing_lines(missing)]
    if not runs:
        return Group(cells, *wanted, "", "no runs yet; start one with: dreamtuner run examples/pocket.yaml")
    recent = new_table(
        "run", "name", "spec", "state", "started (UTC)", "generated", "failed", "device time", *_price_of(rates)
    )
    for run in runs:
        began = run.started_at.strftime("%Y-%m-%d %H:%M")
        counts = str(run.cells["generated"]), str(run.cells["failed"])
        cost = run_cost(figures[run.id], rates)
        spent = [duration(cost.device_seconds)]
        if rates.currency:
            spent.append(money(cost.device_money))
        recent.add_row(run.id[:8], Text(run.name), run.spec_digest[:8], run.state, began, *counts, *spent)
    for column in recent.columns[1:5]:
        column.justify = "left"
    why = [Text(f"{run.id[:8]} {run.state}: {_shortened(run.reason)}") for run in runs if run.reason is not None]
    return Group(cells, *wanted, "", recent, *([""] if why else []), *why)


def _price_of(rates: "Rates") -> list[str]:
    return [rates.currency] if rates.currency else []
