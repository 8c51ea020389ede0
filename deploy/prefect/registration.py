"""Registers work pools, the deployments of prefect.yaml and three automations for dead flow runs with a Prefect server.

A flow run whose heartbeats (PREFECT_FLOWS_HEARTBEAT_FREQUENCY, set in prefect.yaml) stop has lost its process, and also
its worker, which would have reported it: an automation sets it to Crashed, which frees its slot. Another schedules
crashed flow runs with the tag `resumes` again, up to RESTARTS times: they continue where their process died. A flow run
that never began, because its flow cannot be loaded, is not among them. The third schedules flow runs again that a
worker took and that were not heard of since: the worker died, or the server was away when their process started.
"""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from deploy.deployments import TAG

POOLS = {
    "dreamtuner-gpu": "generates and fine-tunes: start one worker per GPU, each with --limit 1",
    "dreamtuner-cpu": "conducts runs, ingests references and scores images",
}
RESUME = "dreamtuner: start crashed flow runs again"
RESUMES, RESTARTS = "resumes", 3
"""The tag of deployments whose crashed flow runs are started again, and how often."""
RESTART_SECONDS = 30.0
"""How long after the crash, at the least."""
ZOMBIES = "dreamtuner: crash flow runs that are heard of no more"
DEAD_AFTER_SECONDS = 90.0
"""Three heartbeats of 30 s, Prefect's shortest interval."""
LOST = "dreamtuner: schedule flow runs again that a worker took and that did not begin"
LOST_AFTER = 10
"""How many times as long: a container's image may have to be fetched first."""
OURS = (RESUME, ZOMBIES, LOST)
OVER, WAITING = (
    ("Completed", "Failed", "Crashed", "Cancelled"),
    ("Scheduled", "AwaitingRetry", "AwaitingConcurrencySlot"),
)
"""States of flow runs that have ended, and of those that wait for a worker."""


class NotDeployedError(RuntimeError):
    """prefect.yaml is missing, or Prefect rejected it; the message names the remedy."""


def register(client: SyncPrefectClient, root: Path, *, dead_after: float = DEAD_AFTER_SECONDS) -> None:
    """Create or update everything; idempotent. `root`: the folder of prefect.yaml."""
    for name, description in POOLS.items():
        _ensure_pool(client, name, description)
    _deploy_all(root)
    for automation in (zombie_automation(dead_after), resume_automation(), lost_automation(LOST_AFTER * dead_after)):
        _ensure_automation(client, automation)


def _ensure_pool(client: SyncPrefectClient, name: str, description: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(
            WorkPoolCreate(name=name, type="process", description=description, base_job_template=template)
        )


def _deploy_all(root: Path) -> None:
    if not (root / "prefect.yaml").is_file():
        raise NotDeployedError(f"{root} contains no prefect.yaml; run this in a checkout of the project")
    command = [sys.executable, "-m", "deploy.prefect.isolation", "--no-prompt", "deploy", "--all"]
    environment = os.environ | {"PWD": str(root), "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotDeployedError(f"`prefect deploy --all` ended with code {done.returncode}:\n{done.stdout}{done.stderr}")


def _ensure_automation(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    there = client.read_automations_by_name(wanted.name)
    for more in there[1:]:
        client.delete_automation(more.id)
    if there:
        client.update_automation(there[0].id, wanted)
    else:
        client.create_automation(wanted)


def zombie_automation(dead_after: float) -> AutomationCore:
    """Crash a flow run `dead_after` seconds after its last heartbeat, unless it has ended or waits for a worker."""
    over = {f"prefect.flow-run.{name}" for name in (*OVER, *WAITING)}
    trigger: dict[str, Any] = {
        "after": {"prefect.flow-run.heartbeat"},
        "expect": {"prefect.flow-run.heartbeat"} | over,
        "match": ResourceSpecification(root={"prefect.resource.id": ["prefect.flow-run.*"]}),
        "for_each": {"prefect.resource.id"},
        "posture": Posture.Proactive,
        "threshold": 1,
        "within": timedelta(seconds=dead_after),
    }
    message = f"no heartbeat of this flow run for {dead_after:.0f} s: its process died"
    action = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message, force=False)
    return AutomationCore(name=ZOMBIES, description=message, trigger=EventTrigger(**trigger), actions=[action])


def resume_automation() -> AutomationCore:
    """Schedule a flow run with the tag RESUMES again when it crashed, RESTARTS times.

    Not at once: a worker of Prefect that fetches a flow run while its last process still ends would crash itself.
    """
    trigger: dict[str, Any] = {
        "after": {"prefect.flow-run.Crashed"},
        "expect": {"prefect.flow-run.Running"},
        "match": ResourceSpecification(
            root={
                "prefect.resource.id": ["prefect.flow-run.*"],
                "prefect.run-count": [str(count) for count in range(1, RESTARTS + 1)],
            }
        ),
        "match_related": ResourceSpecification(
            root={"prefect.resource.id": [f"prefect.tag.{RESUMES}"], "prefect.resource.role": ["tag"]}
        ),
        "posture": Posture.Proactive,
        "for_each": {"prefect.resource.id"},
        "threshold": 1,
        "within": timedelta(seconds=RESTART_SECONDS),
    }
    message = "its process died: a worker of its pool continues it"
    action = ChangeFlowRunState(state=StateType.SCHEDULED, name="AwaitingRetry", message=message, force=False)
    return AutomationCore(name=RESUME, description=message, trigger=EventTrigger(**trigger), actions=[action])


def lost_automation(lost_after: float) -> AutomationCore:
    """Schedule a flow run of ours again that is not heard of for `lost_after` seconds after a worker took it.

    Its process may begin nevertheless: then the server rejects it, or the second one.
    """
    trigger: dict[str, Any] = {
        "after": {"prefect.flow-run.Pending"},
        "expect": {f"prefect.flow-run.{name}" for name in ("Running", "heartbeat", "Cancelling", *OVER, *WAITING)},
        "match": ResourceSpecification(root={"prefect.resource.id": ["prefect.flow-run.*"]}),
        "match_related": ResourceSpecification(
            root={"prefect.resource.id": [f"prefect.tag.{TAG}"], "prefect.resource.role": ["tag"]}
        ),
        "posture": Posture.Proactive,
        "for_each": {"prefect.resource.id"},
        "threshold": 1,
        "within": timedelta(seconds=lost_after),
    }
    message = f"a worker took this flow run, and it did not begin for {lost_after:.0f} s"
    action = ChangeFlowRunState(state=StateType.SCHEDULED, name="AwaitingRetry", message=message, force=False)
    return AutomationCore(name=LOST, description=message, trigger=EventTrigger(**trigger), actions=[action])
