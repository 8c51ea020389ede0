"""The loop that finds events and sends deliveries: in every dashboard, each delivery by one of them at a time."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from deploy.dashboard.prefect_api import PrefectUnavailableError
from deploy.dashboard.resources import Resources
from deploy.dashboard.webhooks.request import post
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.writes import DueDelivery

log = logging.getLogger(__name__)
EVERY = 2.0  # seconds between looks
SHARE = 20  # looking for events takes at most 1 / SHARE of the time
AT_ONCE = 8  # requests
ORDERS_EVERY, ORDER_AGE = 30.0, timedelta(minutes=1)
"""How often, in seconds, and from which age on, orders that have not begun are asked of Prefect."""


@asynccontextmanager
async def sending(known: Resources) -> AsyncIterator[None]:
    """Send what is due during the block. What is under way when it ends is due again once its lease is over."""
    if known.catalog.read_only:
        yield
        return
    task = asyncio.create_task(_loop(known))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _loop(known: Resources) -> None:
    looked = 0.0
    while True:
        began = time.monotonic()
        busy = False
        try:
            if began - looked >= ORDERS_EVERY:
                looked = began
                await asyncio.to_thread(look_at_orders, known)
            more = await asyncio.to_thread(known.catalog.transact, writes.enter_run_events)
            took = time.monotonic() - began
            busy = await send_due(known) or more
        except Exception:  # the catalog may be away; the loop goes on
            log.exception("webhooks: the catalog cannot be looked through; it is tried again")
            took = EVERY
        await asyncio.sleep(SHARE * took if busy else max(EVERY, SHARE * took))


async def send_due(known: Resources) -> bool:
    """Send the deliveries that are due, AT_ONCE at most; return whether there were any."""
    due = await asyncio.to_thread(known.catalog.transact, lambda s: writes.claim_deliveries(s, most=AT_ONCE))
    await asyncio.gather(*(_send(known, one) for one in due))
    return bool(due)


async def _send(known: Resources, due: DueDelivery) -> None:
    status, error = await post(due, known.settings.webhook_networks)
    chance = random.random()
    settle = partial(writes.settle_delivery, due=due, status=status, error=error, chance=chance)
    await asyncio.to_thread(known.catalog.transact, settle)


def look_at_orders(known: Resources) -> None:
    """Close orders whose run began, and tell of those that ended without one."""
    with known.catalog.read() as s:
        waiting = views.open_orders(s, before=now() - ORDER_AGE, limit=100)
        begun = [one for one in waiting if views.run_known_as(s, one) is not None]
    failed = []
    with suppress(PrefectUnavailableError):
        for one in waiting:
            state = None if one in begun else known.prefect.state(one)
            if one not in begun and state in (None, "COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                failed.append(one)
    if not begun and not failed:
        return
    with known.catalog.write() as s:
        for one in failed:
            if views.run_known_as(s, one) is None:
                writes.enter_failed_order(s, one)
        writes.close_orders(s, [*begun, *failed])
