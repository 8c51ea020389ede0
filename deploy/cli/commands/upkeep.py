"""`dreamtuner verify`, `gc`, `backup` and `restore`: maintain the catalog and the store."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, no_url
from flows.settings import Settings

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.objects import ObjectStore

WRONG = 1  # the exit code when an audit finds something


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only check existence and sizes; do not read the objects.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every row against its object and every object against the rows; report errors. Changes nothing."""
    from storage.maintenance.verify import Finding
    from storage.maintenance.verify import verify as audit

    wrong = 0

    def found(finding: Finding) -> None:
        nonlocal wrong
        wrong += 1
        if as_json:  # streamed: a lost bucket has as many findings as blobs
            typer.echo((", " if wrong > 1 else "") + json.dumps(asdict(finding)), nl=False)
        else:
            typer.echo(f"{finding.kind}: {finding.what}: {finding.detail}")

    with _home() as (catalog, store):
        lacks = list(store.check())
        if as_json:
            typer.echo('{"findings": [', nl=False)
        looked = audit(catalog, store, found, read_bytes=not quick, on_progress=_progress("verified"))
    if as_json:
        rest = {"ok": not wrong, "looked": asdict(looked), "store_lacks": lacks}
        typer.echo("], " + json.dumps(rest).removeprefix("{"))
    else:
        for words in lacks:
            typer.echo(f"note: {words}")
        counts = f"{looked.blobs} blobs and {looked.objects} objects, {looked.bytes / 1e6:.1f} MB read"
        typer.echo(f"{counts}: {wrong} problems found" if wrong else f"{counts}: no problems found")
    if wrong:
        raise typer.Exit(WRONG)


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be deleted; change nothing.")] = False,
    grace_hours: Annotated[
        float, typer.Option(min=0, help="Delete garbage that was marked at least this many hours ago.")
    ] = 24.0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the grace period, then delete what is due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mark unreferenced blobs, and delete those marked long enough ago. Safe while runs are writing."""
    from flows.reporting.run_folder import sweep_partial
    from storage.maintenance.gc import collect

    with _home() as (catalog, store):
        done = collect(catalog, store, grace_seconds=3600 * grace_hours, dry_run=dry_run, wait=wait)
    swept = 0 if dry_run else sweep_partial(Settings.load())
    if as_json:
        typer.echo(json.dumps(asdict(done) | {"swept": swept}))
        return
    would, size = "would be " if dry_run else "", f"{done.freed / 1e6:.1f} MB"
    typer.echo(f"{done.deleted} blobs {would}deleted ({size}), {done.marked} {would}marked, {done.waiting} waiting")
    if swept:
        typer.echo(f"removed {swept} partial files of killed runs")
    if done.adopted:
        typer.echo(f"{done.adopted} objects without a row {would}marked too")


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The archive to create; it must not exist yet.", callback=no_url)
    ],
    as_json: AsJson = False,
) -> None:
    """Write the catalog and all its blobs to one archive. Safe while runs are writing."""
    from storage.maintenance.backup import BackupError
    from storage.maintenance.backup import backup as make
    from storage.objects import DiskStore

    with _home() as (catalog, store), _refusals(BackupError):
        if not isinstance(store, DiskStore):
            raise BackupError("this store is a bucket: use the bucket's own backup, such as versioning")
        manifest = make(catalog, store, file.absolute(), on_progress=_progress("backed up"))
    if as_json:
        typer.echo(json.dumps({"file": str(file), **asdict(manifest)}))
    else:
        typer.echo(f"{file}: the catalog and {manifest.blobs} blobs, {manifest.bytes / 1e6:.1f} MB")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `dreamtuner backup` made.")],
    force: Annotated[bool, typer.Option("--force", help="Move existing data aside, into a folder next to it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into DREAMTUNER_HOME, after verifying every byte of it. No run may be in progress."""
    from storage.maintenance.backup import BackupError
    from storage.maintenance.restore import restore as restore_backup
    from storage.objects import DiskStore, open_store

    settings = Settings.load()
    with _refusals(BackupError):
        store = open_store(settings.store_url)
        if settings.catalog_file is None or not isinstance(store, DiskStore):
            raise BackupError("only a SQLite catalog and a folder of objects can be restored; unset the URLs of others")
        manifest, aside = restore_backup(
            file, settings.catalog_file, store.root, force=force, on_progress=_progress("restored")
        )
    if as_json:
        typer.echo(json.dumps(asdict(manifest) | {"moved_aside": None if aside is None else str(aside)}))
        return
    typer.echo(
        f"restored {manifest.blobs} blobs, {manifest.bytes / 1e6:.1f} MB, of {manifest.made_at} to {settings.home}"
    )
    if aside is not None:
        typer.echo(f"the previous data is in {aside}; delete it when you no longer need it")


@contextmanager
def _home() -> "Iterator[tuple[Catalog, ObjectStore]]":
    """Open the catalog and the store of the settings; never creates a missing home."""
    from storage.atomic_renames import catalog_exists
    from storage.catalog import Catalog
    from storage.catalog.records import CatalogError
    from storage.objects import open_store

    settings = Settings.load()
    if settings.catalog_file is not None and not catalog_exists(settings.catalog_file):
        raise CatalogError(f"there is no catalog at {settings.catalog_file}; set DREAMTUNER_HOME to the folder of one")
    with Catalog.open(settings.catalog_url) as catalog:
        yield catalog, open_store(settings.store_url)


@contextmanager
def _refusals(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        typer.echo(f"dreamtuner: {error}", err=True)
        raise typer.Exit(WRONG) from error


class _progress:
    """Reports progress on stderr if that is a terminal."""

    def __init__(self, done: str) -> None:
        self.done = done

    def __call__(self, count: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if count >= total else "\r"
            sys.stderr.write(f"{count}/{total} blobs {self.done}{end}")
            sys.stderr.flush()
