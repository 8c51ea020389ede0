"""`dreamtuner bench ...`: benchmarks, one file each."""

import typer

from deploy.bench import catalog, dashboard, eyes, fidelity, negative, orchestration, pocket, speed, stage1, table1
from deploy.bench.culling.duplicates import duplicates
from deploy.bench.culling.triage import triage
from deploy.bench.dreambench.commands import dreambench, dreambench_plus
from deploy.bench.from_pictures.consistency import consistency
from deploy.bench.from_pictures.edits import edits
from deploy.bench.marks.command import marks
from deploy.bench.review.command import review
from deploy.bench.scale.command import scale
from deploy.bench.untrained import flicker, pairs, references, seeds

bench = typer.Typer(help="Run a benchmark and print its figures.", no_args_is_help=True)
for command in (
    fidelity.fidelity,
    table1.table1,
    references.references,
    pairs.pairs,
    seeds.seeds,
    flicker.flicker,
    edits,
    consistency,
    pocket.pocket,
    negative.negative,
    eyes.eyes,
    speed.speed,
    stage1.stage1,
    catalog.catalog,
    dashboard.dashboard,
    orchestration.orchestration,
    review,
    marks,
    duplicates,
    triage,
    scale,
):
    bench.command()(command)
bench.command("dreambench")(dreambench)
bench.command("dreambench++")(dreambench_plus)
