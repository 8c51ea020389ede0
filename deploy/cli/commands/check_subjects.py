"""`dreamtuner check-subjects`: check a table of subjects as a whole, before a run reads it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.exit import BAD_INPUT
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

SHOWN = 40


def check_subjects(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, or JSON lines, a subject a row.")],
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="Write all faults to this CSV file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a table of subjects as a whole: its columns, every row, and the names in the catalog. Reads no reference.

    A spec uses a table by `subjects: {from: FILE}`. The columns are name, class_word, style, reference, mask, caption
    and project; subjects of the catalog need only a name.
    """
    from flows.planning.feed_check import checked_with
    from flows.resources import Resources
    from flows.spec.feed import MAX_BYTES, faults_csv, read_feed
    from flows.spec.problems import InputError, Problem

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"cannot be read ({error.strerror}); give the path of a CSV file"
        raise InputError(str(file), [Problem(path=(), message=what)]) from error
    found = read_feed(data, base=file.absolute().parent)
    catalog = Resources.open().catalog_if_any
    if catalog is None:
        found = checked_with(found, None)
    else:
        with catalog.read() as s:
            found = checked_with(found, s)
    if faults is not None:
        faults.write_text(faults_csv(found.faults), encoding="utf-8", newline="")
    print_result(_json(found) if as_json else _table(found))
    if found.faults:
        raise typer.Exit(BAD_INPUT)


def _json(found: Any) -> dict[str, Any]:
    return {
        "ok": not found.faults,
        "subjects": len(found.rows),
        "faults": [vars(one) for one in found.faults],
    }


def _table(found: Any) -> Any:
    from rich.console import Group
    from rich.text import Text

    from deploy.cli.tables import new_table

    sound = f"{len(found.rows):,} {'subject is' if len(found.rows) == 1 else 'subjects are'} sound"
    if not found.faults:
        return Text(f"{sound}; no faults", style="green")
    table = new_table("row", "column")
    table.add_column("what to correct", overflow="fold")
    for one in found.faults[:SHOWN]:
        table.add_row(f"{one.row:,}", Text(one.field), Text(one.message))
    count = len(found.faults)
    rest = f"; {count - SHOWN:,} more, all of them with --faults FILE" if count > SHOWN else ""
    return Group(table, Text(f"{count:,} {'fault' if count == 1 else 'faults'}{rest}; {sound}", style="red"))
