"""`dreamtuner bench orchestration`: measure the overhead around generation."""

import json
from typing import Annotated

import typer


def orchestration(
    cells: Annotated[int, typer.Option(min=1, help="Cells of the grid.")] = 10_000,
    milliseconds: Annotated[float, typer.Option(min=0, help="Time per cell of the fake generator.")] = 10.0,
    chunk: Annotated[int, typer.Option(min=1, max=4096, help="Cells in one task.")] = 256,
    subjects: Annotated[int, typer.Option(min=1, max=100, help="Subjects that the grid's cells are of.")] = 1,
    reruns: Annotated[
        int, typer.Option(min=0, help="Cells of a grid that is planned and run again when all exist; 0: none.")
    ] = 20_000,
    catalog: Annotated[
        str, typer.Option(metavar="URL", help="An empty catalog for the reruns; by default a temporary SQLite file.")
    ] = "",
    workers: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Only compare numbers of worker processes, such as 1,2,4, of which each generates the whole grid.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure the overhead and the memory of a grid, with a fake generator that only waits.

    Then measure reruns without missing cells: time and SQL statements of `plan` and `run`, for grids of --reruns cells
    and of twice as many. Or, with --workers, measure how much faster several processes generate the grid than one, from
    the moment that all are ready.

    Uses a temporary data folder with SQLite and files on disk; Prefect, claims, leases, PNGs and uploads are real. Run
    it on an idle machine.
    """
    import os
    import tempfile
    from dataclasses import asdict
    from pathlib import Path

    from deploy.bench.fleet.measure import measure_fleets
    from deploy.bench.reruns import measure_reruns
    from deploy.bench.waiting import Waiting
    from deploy.cli.terminal import new_log, take_over

    with tempfile.TemporaryDirectory(prefix="dreamtuner-bench-") as folder:
        terminal = take_over(new_log(Path(folder), "bench"))
        if workers:
            fleets = measure_fleets(Path(folder), _sizes(workers), cells, milliseconds / 1000, chunk, subjects)
            lines = [
                f"{fleet.workers} workers: {fleet.cells} cells in {fleet.seconds:.1f} s, {fleet.speedup:.2f} times; "
                f"{fleet.reference_passes} reference passes of at most {fleet.most_passes}; "
                f"{1000 * fleet.cpu_seconds / fleet.cells:.1f} ms of CPU per cell"
                for fleet in fleets
            ]
            for line in [json.dumps({"fleets": [asdict(fleet) for fleet in fleets]})] if as_json else lines:
                terminal.out.print(line, soft_wrap=True, highlight=False, markup=False)
            terminal.flush()
            return
        measured = Waiting(cells, milliseconds / 1000, chunk, subjects).measure(Path(folder))
        (Path(folder) / "reruns").mkdir()
        again = measure_reruns(Path(folder) / "reruns", (reruns, 2 * reruns), catalog) if reruns else []
        if as_json:
            machine = {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}
            rows = [asdict(one) for one in again]
            whole = json.dumps({"machine": machine, **asdict(measured), "overhead": measured.overhead, "reruns": rows})
            terminal.out.print(whole, soft_wrap=True, highlight=False, markup=False)
        else:
            drawn = f"{measured.cells} cells of {milliseconds:g} ms in chunks of {chunk}"
            memory = f"{measured.rss_early_mb:.0f} MB after a tenth, {measured.rss_late_mb:.0f} MB at the end"
            for line in (
                f"{drawn}: {measured.generate_seconds:.2f} s for {measured.ideal_seconds:.2f} s of generation",
                f"overhead {100 * measured.overhead:.2f} %; {measured.cpu_seconds:.1f} s of CPU besides generation",
                f"planning {measured.plan_seconds:.2f} s; memory {memory}",
                f"reference passes: {measured.reference_passes}, for {measured.subjects} subjects",
            ):
                terminal.out.print(line, highlight=False)
            for one in again:
                terminal.out.print(
                    f"{one.cells} made cells in {one.database}: plan {one.plan_seconds:.2f} s "
                    f"({one.plan_cpu_seconds:.2f} s of CPU, {one.plan_statements} statements), "
                    f"run {one.rerun_seconds:.2f} s ({one.rerun_cpu_seconds:.2f} s of CPU, "
                    f"{one.rerun_statements} statements)",
                    soft_wrap=True,
                    highlight=False,
                )
        terminal.flush()


def _sizes(workers: str) -> list[int]:
    found = [int(one) if one.strip().isdecimal() else 0 for one in workers.split(",")]
    if not all(1 <= one <= 64 for one in found):
        message = f"{workers!r}: give numbers of workers from 1 to 64, such as 1,2,4"
        raise typer.BadParameter(message, param_hint="--workers")
    return found
