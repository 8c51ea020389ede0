"""`dreamtuner deploy`: make deployments known to a Prefect server."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.terminal import plain_terminal


def deploy(
    dead_after: Annotated[
        float, typer.Option(min=35, help="Seconds without a sign of life after which a flow run is taken for dead.")
    ] = 90.0,
) -> None:
    """Register work pools, deployments and the automation that ends dead flow runs with the server of PREFECT_API_URL.

    Say it again after an update. Then start workers: `prefect worker start --pool dreamtuner-gpu --limit 1`, one a GPU,
    and `prefect worker start --pool dreamtuner-cpu`.
    """
    from deploy.prefect.submit import deploy as register

    renewed, left = register(Path(__file__).resolve().parents[3], dead_after)
    told = [f"{one.name}: {one.problem}; it is registered anew" for one in renewed]
    told += [f"note: {one}" for one in left]
    for line in (*told, "registered; start workers: prefect worker start --pool dreamtuner-gpu --limit 1"):
        plain_terminal().out.print(line, soft_wrap=True, highlight=False, markup=False)
