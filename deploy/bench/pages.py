"""Every page of the dashboard, for a catalog filled by storage.catalog.bench, and a user who may see them all."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from deploy.dashboard.access.rights import SESSION
from deploy.dashboard.security.secrets import digest
from storage.catalog import Catalog, views, writes
from storage.catalog.bench.fill import METRICS, RUNS
from storage.catalog.bench.people import REVIEWERS
from storage.catalog.database.base import now
from storage.catalog.records import WEBHOOK_EVENTS
from storage.catalog.schema import Run

QUEUE = 1000  # outputs of the review queue
WEBHOOK = "wh_bench"
MINE, THEIRS = ("bench-0",), tuple(f"bench-{i}" for i in range(2, RUNS))
"""Runs of a member's project and of another; one is nobody's."""
OF_ADMINS = {"audit", "audit of one", "audit by one", "audit of a deed", "users", "projects"}
OF_ADMINS |= {"webhooks", "webhook: deliveries", "webhook: given up"}
Draw = Callable[[Random], str]
"""Returns a random address of a page."""


@dataclass(frozen=True)
class Visitor:
    """A user with a session and a queue."""

    cookies: Mapping[str, str]
    queue_id: str


def visitor(catalog: Catalog, outputs: int = QUEUE, *, runs: Sequence[str] = ()) -> Visitor:
    """Add an admin with a session of one day, a frozen queue of the first outputs, this many, and a webhook.

    `runs`: it is an operator instead, of a project with these runs alone.
    """
    secret, name = secrets.token_urlsafe(), f"bench {secrets.token_hex(4)}"
    with catalog.write() as s:
        user = writes.add_user(s, name=name, role="operator" if runs else "admin", actor="bench")
        if runs:
            project = writes.add_project(s, name=name, quota=1e6, actor="bench")
            writes.set_member(s, project, user, "operator", actor="bench")
            for run in s.scalars(select(Run).where(Run.id.in_(runs))):
                run.project_id = project
        else:
            told: dict[str, Any] = {"user_id": user, "url": "https://hooks.example/runs", "actor": "bench"}
            writes.add_webhook(s, id=WEBHOOK, events=WEBHOOK_EVENTS, **told)
            writes.change_webhook(s, WEBHOOK, active=False, actor="bench")
        expires = now() + timedelta(days=1)
        writes.add_session(s, user_id=user, token_sha256=digest(secret), agent="bench", expires_at=expires)
        queue = writes.add_queue(s, user_id=user, title="bench", filter={}, output_ids=range(1, outputs + 1))
    return Visitor({SESSION: secret}, queue)


def gallery(outputs: int, per_subject: int) -> dict[str, Draw]:
    """Return the gallery's pages, at any depth, with every filter."""
    subjects = max(outputs // per_subject, 1)
    part, metric = "/fragments/outputs?", f"metric={METRICS[0]}"

    def newest(r: Random) -> str:
        return f"after={views.place([r.randrange(outputs) + 2])}"

    def best(r: Random) -> str:
        return f"after={views.place([r.random(), 1])}"

    return {
        "gallery: newest": lambda r: f"{part}{newest(r)}",
        "gallery: subject": lambda r: f"{part}subject_id={r.randrange(subjects) + 1}",
        "gallery: state": lambda r: f"{part}decision=flagged&{newest(r)}",
        "gallery: style": lambda r: f"{part}style=anime&{newest(r)}",
        "gallery: prompt": lambda r: f"{part}prompt=beach+{r.randrange(50)}&{newest(r)}",
        "gallery: prompt that is nowhere": lambda r: f"{part}prompt=nowhere&{newest(r)}",
        "gallery: run": lambda r: f"{part}run_id=bench-{r.randrange(RUNS)}&{newest(r)}",
        "gallery: reviewer": lambda r: f"{part}reviewer=reviewer+{r.randrange(REVIEWERS)}&{newest(r)}",
        "gallery: waits for": lambda r: f"{part}waits_for=reviewer+{r.randrange(REVIEWERS)}&{newest(r)}",
        "gallery: pose": lambda r: f"{part}pose={'0' * 64}&{newest(r)}",
        "gallery: checkpoint": lambda r: f"{part}checkpoint_id=1&{newest(r)}",
        "gallery: score": lambda r: f"{part}{metric}&{best(r)}",
        "gallery: score in subject": lambda r: f"{part}{metric}&subject_id={r.randrange(subjects) + 1}",
        "gallery: score by state": lambda r: f"{part}{metric}&decision=flagged&{best(r)}",
        "gallery: score within bounds": lambda r: f"{part}{metric}&lowest=0.4&highest={0.5 + r.random() / 2}",
        "gallery: score and all": lambda r: f"{part}{metric}&decision=none&style=anime&prompt=7&{best(r)}",
        "gallery: whole page": lambda r: f"/outputs?{newest(r)}",
    }


def others(who: Visitor, outputs: int, per_subject: int) -> dict[str, Draw]:
    """Return all other pages, and the fragments that pages load."""
    subjects = max(outputs // per_subject, 1)

    def one(r: Random) -> int:
        return r.randrange(outputs) + 1

    def subject(r: Random) -> int:
        return r.randrange(subjects) + 1

    return {
        "home": lambda r: "/",
        "home: live part": lambda r: "/fragments/runs",
        "outputs: count": lambda r: "/fragments/count?decision=none",
        "outputs: count of a filter": lambda r: f"/fragments/count?metric={METRICS[0]}&style=anime&prompt=7",
        "outputs: API": lambda r: f"/api/outputs?after={views.place([one(r) + 1])}",
        "output": lambda r: f"/outputs/{one(r)}",
        "review": lambda r: "/review",
        "review: queue": lambda r: f"/review/{who.queue_id}",
        "review: items": lambda r: f"/api/queues/{who.queue_id}/items?start={r.randrange(QUEUE)}&count=24",
        "review: progress": lambda r: f"/api/queues/{who.queue_id}/progress",
        "output: API": lambda r: f"/api/outputs/{one(r)}",
        "duel": lambda r: f"/compare/duel?ids={one(r)},{one(r) % outputs + 1},{one(r)}",
        "votes": lambda r: "/api/compare/tally?first=bench-0&second=bench-1",
        "compare": lambda r: f"/compare?ids={one(r)},{one(r)},{one(r)},{one(r)}",
        "grid": lambda r: f"/subjects/{subject(r)}/grid",
        "subjects": lambda r: f"/subjects?after={subject(r) + 1}",
        "subject": lambda r: f"/subjects/{subject(r)}",
        "subject: offer": lambda r: f"/subjects/{(one := subject(r))}/references/{one}/mask/offer",
        "run": lambda r: f"/runs/bench-{r.randrange(RUNS)}",
        "run: state": lambda r: f"/runs/bench-{r.randrange(RUNS)}/state",
        "metrics": lambda r: "/metrics",
        "forget a subject": lambda r: f"/subjects/{subject(r)}/forget",
        "forget a picture": lambda r: f"/outputs/{one(r)}/forget",
        "forget a run": lambda r: f"/runs/bench-{r.randrange(RUNS)}/forget",
        "decisions on many": lambda r: "/bulk",
        "export": lambda r: "/export",
        "flows": lambda r: "/flows",
        "order": lambda r: "/orders/new",
        "order: of a picture": lambda r: f"/orders/new?of={one(r)}",
        "order: of a run": lambda r: f"/orders/new?run=bench-{r.randrange(RUNS)}",
        "order: subjects": lambda r: "/fragments/order-subjects?find=7",
        "audit": lambda r: f"/audit?after={views.place([one(r)])}",
        "audit of one": lambda r: f"/audit?entity=output&entity_id={one(r)}",
        "audit by one": lambda r: f"/audit?actor=reviewer+{r.randrange(REVIEWERS)}",
        "audit of a deed": lambda r: "/audit?action=review",
        "users": lambda r: "/users",
        "projects": lambda r: "/projects",
        "links for clients": lambda r: "/links",
        "webhooks": lambda r: "/webhooks",
        "webhook: deliveries": lambda r: f"/webhooks/{WEBHOOK}",
        "webhook: given up": lambda r: f"/webhooks/{WEBHOOK}?state=given+up",
        "account": lambda r: "/account",
        "me": lambda r: "/api/me",
    }


def member(catalog: Catalog, outputs: int = QUEUE) -> Visitor:
    """Add two projects and return a visitor of the one that has MINE; see `visitor`."""
    visitor(catalog, outputs, runs=THEIRS)
    return visitor(catalog, outputs, runs=MINE)


def of_member(pages: Mapping[str, Draw]) -> dict[str, Draw]:
    """Return the pages that are no admin's, of what a member sees: runs 0 and 1, and every tenth output, run 0's."""

    def seen(page: Draw) -> Draw:
        def draw(r: Random) -> str:
            address = re.sub(r"bench-\d", "bench-0", page(r)).replace("second=bench-0", "second=bench-1")
            address = re.sub(r"(/outputs/|of=)(\d+)", lambda one: f"{one[1]}{int(one[2]) // 10 * 10 + 1}", address)
            return re.sub(r"ids=[\d,]+", "ids=1,11,21,31", address)

        return draw

    return {name: seen(page) for name, page in pages.items() if name not in OF_ADMINS}
