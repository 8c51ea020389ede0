"""`dreamtuner forget`: delete a subject, a run or an image for good."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import AsJson, actor
from deploy.cli.terminal import plain_terminal, print_result
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.catalog import Catalog
    from storage.catalog.writes import Erased

Run = Annotated[str | None, typer.Option("--run", metavar="RUN", help="A run, by the first characters of its ID.")]
Output = Annotated[
    str | None, typer.Option("--output", metavar="OUTPUT", help="An image, by its number or its cell's digest.")
]


def forget(
    subject: Annotated[str | None, typer.Argument(metavar="[SUBJECT]", help="A subject, by its name.")] = None,
    run: Run = None,
    output: Output = None,
    unwanted: Annotated[
        bool, typer.Option("--unwanted", help="Cells without an image that no run needs any more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be deleted; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a subject, a run or an image for good, with everything made from it; `gc` then frees the bytes.

    Deleting a subject also deletes its references, masks, fine-tunings, images, scores and reviews, and the contact
    sheets that show it. Images shared with another subject of the same reference stay with that subject. Backups are
    not touched: delete those that must not bring it back.
    """
    from flows.resources import Resources

    given = [one for one in (subject, run, output, unwanted or None) if one is not None]
    if len(given) != 1:
        message = "give exactly one of SUBJECT, --run, --output and --unwanted"
        raise InputError("forget", [Problem(path=(), message=message)])
    settings = Settings.load()
    catalog = Resources.open(settings).catalog_if_any
    if catalog is None:
        from storage.catalog.records import NotInCatalogError

        raise NotInCatalogError(
            f"there is no catalog at {settings.catalog_file}; set DREAMTUNER_HOME to the folder of one"
        )
    what, work = _work(catalog, settings, subject, run, output)
    would = _rehearsed(catalog, work)
    if not dry_run and not yes:
        _confirm(what, would)
    done = would if dry_run else catalog.transact(work)
    files = 0
    if not dry_run:
        from storage.run_files import remove_files

        files = remove_files(settings.home, [*done.runs, *done.runs_gone], done.trainings)
    if as_json:
        print_result(_json(done) | {"files": files, "dry_run": dry_run})
    else:
        _print(what, done, dry_run=dry_run)


def _work(
    catalog: "Catalog", settings: Settings, subject: str | None, run: str | None, output: str | None
) -> "tuple[str, Callable[[Session], Erased]]":
    """Return what is to be deleted, in words, and the function that deletes it."""
    from storage.catalog import writes
    from storage.catalog.views.find import find_output, find_run

    who: dict[str, Any] = {"actor": actor(), "silent_seconds": settings.lease_seconds}
    if subject is not None:
        return f"subject {subject!r}", lambda s: writes.forget_subject(s, subject, **who)
    if run is not None:
        with catalog.read() as s:
            run_id = find_run(s, run)
        return f"run {run_id}", lambda s: writes.forget_run(s, run_id, **who)
    if output is not None:
        with catalog.read() as s:
            output_id = find_output(s, output)
        return f"output {output_id}", lambda s: writes.forget_output(s, output_id, **who)
    return "cells that no run needs any more", lambda s: writes.forget_unwanted(s, **who)


def _rehearsed(catalog: "Catalog", work: "Callable[[Session], Erased]") -> "Erased":
    """Run the work and roll it back, to report what it would delete."""
    with catalog.write() as s:
        would = work(s)
        s.rollback()
    return would


def _confirm(what: str, would: "Erased") -> None:
    if not sys.stdin.isatty():
        message = "add --yes: there is no terminal to confirm on, and deletion cannot be undone"
        raise InputError("forget", [Problem(path=(), message=message)])
    console = plain_terminal().err
    console.print(f"{what}: {_counts(would)}", markup=False, highlight=False)
    if would.shared:
        console.print(_shared(would), markup=False, highlight=False)
    typer.confirm("Delete this for good?", abort=True, err=True)


def _counts(done: "Erased") -> str:
    parts = [
        (done.references, "reference"),
        (done.outputs, "image"),
        (done.cells - done.outputs, "cell without an image"),
        (done.reviews, "review"),
        (done.checkpoints, "checkpoint"),
        (len(done.runs_gone), "run"),
    ]
    words = [f"{count} {name if count == 1 else _plural(name)}" for count, name in parts if count > 0]
    return ", ".join(words) or "nothing"


def _plural(name: str) -> str:
    return name.replace("cell ", "cells ") if " " in name else f"{name}s"


def _shared(done: "Erased") -> str:
    names, several = " and ".join(done.shared_with), len(done.shared_with) > 1
    stay = "image stays" if done.shared == 1 else "images stay"
    whose = "have the same reference; forget them too" if several else "has the same reference; forget it too"
    return f"{done.shared} {stay}: {names} {whose}"


def _json(done: "Erased") -> dict[str, Any]:
    names = ("subjects", "references", "masks", "annotations", "checkpoints", "cells", "outputs", "reviews")
    return {name: getattr(done, name) for name in (*names, "shared", "shared_with")} | {
        "runs": len(done.runs_gone),
        "sheets": len(done.runs),
        "blobs": done.freed,
        "bytes": done.bytes,
    }


def _print(what: str, done: "Erased", *, dry_run: bool) -> None:
    console = plain_terminal().out
    lines = [f"{what}: {'would delete' if dry_run else 'deleted'} {_counts(done)}"]
    lines += [_shared(done)] if done.shared else []
    if done.freed and not dry_run:
        blobs = "blob" if done.freed == 1 else "blobs"
        freed = f"{done.freed} {blobs} ({done.bytes / 1e6:.1f} MB) can be freed"
        lines.append(f"{freed}: `dreamtuner gc --grace-hours 0` does so now, `dreamtuner gc` after a day")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
