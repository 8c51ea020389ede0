"""`dreamtuner deploy` and `run --submit`: register deployments and submit runs to a Prefect server."""

import getpass
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.deployments import TAG, Outdated, declared, outdated
from flows.ingestion.sources import secret_sources
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted
from flows.spec.stored import FROM, as_parameter, keep_spec

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

DEPLOYMENT, GENERATE = "catalog/catalog", "generate/generate"


class SubmitError(RuntimeError):
    """No server, or it lacks our deployments; the message names the remedy."""


@dataclass(frozen=True)
class Submitted:
    """A submitted flow run of a work pool.

    `outdated`: why a worker of this version may not find its flow; `unattended`: pools that it needs and that have no
    worker online, each as a sentence; `stored`: where the object store has the spec if it is too large for Prefect.
    """

    flow_run_id: str
    name: str
    url: str | None
    pool: str
    outdated: tuple[Outdated, ...] = ()
    unattended: tuple[str, ...] = ()
    stored: str | None = None


def submit(spec: Spec, **how: int) -> Submitted:
    """Submit the spec to a worker, which reads its paths. Raises SubmitError.

    `how`: further parameters of the flow.
    """
    if secret := secret_sources(spec):
        remedy = (
            "it would be stored in Prefect's database: add the subject with `dreamtuner ingest`, or use an s3:// URL"
        )
        problems = [
            Problem(path=path, message=f"the URL contains a password or signature; {remedy}") for path in secret
        ]
        raise InputError("--submit", problems)
    with _server() as client:
        from prefect.exceptions import ObjectNotFound
        from prefect.utilities.urls import url_for

        try:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound as error:
            where = os.environ["PREFECT_API_URL"]
            raise SubmitError(
                f"--submit: {where} has no deployment {DEPLOYMENT}; create it with `dreamtuner deploy`"
            ) from error
        resources = Resources.open()

        def keep(data: bytes) -> str:
            return keep_spec(resources.catalog, resources.store, data, name=spec.name, person=getpass.getuser())

        given = as_parameter(spec.model_dump(mode="json"), keep)
        parameters = {"spec": given, **how}
        flow_run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
        pools = [deployment.work_pool_name or "", *_pool_of(client, GENERATE)]
        return Submitted(
            str(flow_run.id),
            flow_run.name,
            url_for(flow_run),
            pools[0],
            tuple(_outdated([deployment])),
            tuple(_unattended(client, dict.fromkeys(pools))),
            given.get(FROM),
        )


def _pool_of(client: "SyncPrefectClient", name: str) -> list[str]:
    from prefect.exceptions import ObjectNotFound

    try:
        return [client.read_deployment_by_name(name).work_pool_name or ""]
    except ObjectNotFound:
        return []


def _unattended(client: "SyncPrefectClient", pools: Iterable[str]) -> Iterator[str]:
    """Say which of these pools have no worker online, of those that need one."""
    from prefect.client.schemas.objects import WorkerStatus
    from prefect.exceptions import ObjectNotFound

    for pool in pools:
        try:
            workers = client.read_workers_for_work_pool(pool)
            pushed = client.read_work_pool(pool).is_push_pool
        except ObjectNotFound:
            continue
        if not pushed and not any(one.status == WorkerStatus.ONLINE for one in workers):
            yield f"no worker of the work pool {pool} is online; start one: prefect worker start --pool {pool}"


def local_paths(spec: Spec) -> list[str]:
    """List the paths of a spec that the worker will read, one sentence each; stored subjects need none."""
    return [
        f"{dotted(path)}: {place} is read on the worker's machine"
        + (
            "; to avoid that, add it with `dreamtuner ingest` and give only the subject's name"
            if path[-1] in ("reference", "image")
            else ""
        )
        for path, place in spec.places()
        if "://" not in place
    ]


def deploy(root: Path, dead_after: float) -> tuple[list[Outdated], list[Outdated]]:
    """Register everything with the server of PREFECT_API_URL; return what was outdated before, and what still is.

    Deployments no longer in prefect.yaml stay outdated until the user deletes them.
    """
    with _server() as client:
        from deploy.prefect.registration import NotDeployedError, register

        before = _outdated(_ours(client))
        try:
            register(client, root, dead_after=dead_after)
        except NotDeployedError as error:
            raise SubmitError(str(error)) from error
        after = _outdated(_ours(client))
    return [one for one in before if one.name not in {left.name for left in after}], after


def outdated_deployments() -> list[Outdated]:
    """Find the deployments on the server of PREFECT_API_URL that an earlier version registered. Raises SubmitError."""
    with _server() as client:
        return _outdated(_ours(client))


def _ours(client: "SyncPrefectClient") -> "list[DeploymentResponse]":
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    return client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))


def _outdated(deployments: "list[DeploymentResponse]") -> list[Outdated]:
    return outdated([one.model_dump() for one in deployments], declared())


@contextmanager
def _server() -> "Iterator[SyncPrefectClient]":
    """Open a client of the server at PREFECT_API_URL."""
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        example = "`python -m deploy.prefect.standing_server`, then PREFECT_API_URL=http://127.0.0.1:4200/api"
        raise SubmitError(
            f"PREFECT_API_URL is not set, so there is no server to submit to; set it, for example {example}"
        )
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        raise SubmitError(
            f"PREFECT_API_URL: the server at {api} rejected or did not answer the request ({error}); is it running?"
        ) from error
