"""`dreamtuner deploy`: register the deployments with a Prefect server."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.terminal import plain_terminal


def deploy(
    dead_after: Annotated[
        float, typer.Option(min=35, help="Seconds without a heartbeat after which a flow run is considered dead.")
    ] = 90.0,
) -> None:
    """Register work pools, deployments and automations for dead flow runs with the server at PREFECT_API_URL.

    Run it again after every update. Then start workers: `prefect worker start --pool dreamtuner-gpu --limit 1` for each
    GPU, and `prefect worker start --pool dreamtuner-cpu`.
    """
    from deploy.prefect.submit import deploy as register

    renewed, left = register(Path(__file__).resolve().parents[3], dead_after)
    lines = [f"{one.name}: {one.problem}; registered again" for one in renewed]
    lines += [f"note: {one}" for one in left]
    start = "prefect worker start --pool"
    lines.append(f"registered; start workers: {start} dreamtuner-cpu, for each GPU {start} dreamtuner-gpu --limit 1")
    for line in lines:
        plain_terminal().out.print(line, soft_wrap=True, highlight=False, markup=False)
