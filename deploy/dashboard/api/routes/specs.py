"""Specs: checked and priced; nothing is made."""

from __future__ import annotations

from starlette.requests import Request

from deploy.dashboard.api import orders
from deploy.dashboard.api.models.runs import OrderRequest, Plan
from deploy.dashboard.api.rights import Reader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import resources

router = routes("specs")


@router.post("/specs")
def check(sent: OrderRequest, request: Request, person: Reader) -> Plan:
    """Check a spec and say what a run of it would make, how long devices need for it, and what that costs."""
    checked, _ = orders.check(resources(request), sent)
    return orders.plan(checked)
