"""Stops a run in its middle: because a person cancelled it, its budget is spent, or its project's month used up."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.orm import Session

from flows.faults import RunStoppedError
from flows.resources import Resources
from flows.settings import SettingsError
from flows.spec.model import Budget, Spec
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.views import Spent
from storage.rates import Rates, RatesError


def rates_of(resources: Resources) -> Rates:
    """Return the prices of devices. Raises SettingsError."""
    try:
        return Rates.load(resources.settings.rates)
    except RatesError as error:
        raise SettingsError(str(error)) from error


def demand_priced(spec: Spec, resources: Resources, *, here: bool = True) -> None:
    """Raise InputError if the spec limits money and there is no rate for this machine's device.

    Without `here` other machines generate, of devices that each of their workers asks for: then any rate will do.
    """
    if spec.budget is None or spec.budget.money is None:
        return
    if not here and rates_of(resources).devices:
        return
    _demand_rate(f"spec {spec.name!r}", resources, resources.device_class if here else "any device")


def demand_priced_worker(resources: Resources, run_id: str) -> None:
    """Raise InputError if the run limits money and there is no rate for this worker's device."""
    with resources.catalog.read() as s:
        limited = _limits_money(s, run_id)
    if limited:
        _demand_rate("generate", resources, resources.device_class)


def _limits_money(s: Session, run_id: str) -> bool:
    budget = views.run_limits(s, run_id).budget
    return budget is not None and budget.get("money") is not None


def _demand_rate(source: str, resources: Resources, device: str) -> None:
    if rates_of(resources).of(device, 1.0) is None:
        raise InputError(source, [Problem(path=("budget", "money"), message=_no_price(device))])


def _no_price(device: str) -> str:
    return f"there is no price of an hour of {device}; add it to the file of DREAMTUNER_RATES, or limit device_seconds"


class Unpriced:
    """Says which runs in progress this worker has to leave to others: those that limit money, without a rate for its
    device."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._limited: dict[str, bool] = {}  # a run's spec may be large, and is asked for with every claim
        self._here: bool | None = None

    def __call__(self, s: Session, run_id: str) -> bool:
        """Return whether to leave the run to others."""
        if self._here is None:
            try:
                self._here = rates_of(self._resources).of(self._resources.device_class, 1.0) is None
            except SettingsError:
                self._here = True
        if not self._here:
            return False
        if run_id not in self._limited:
            self._limited[run_id] = _limits_money(s, run_id)
        return self._limited[run_id]


def stop_if_asked(
    resources: Resources, run_id: str, account: Heartbeat | None = None, flush: Callable[[], None] = lambda: None
) -> None:
    """Raise RunStoppedError if somebody cancelled the run, its workers have spent its budget, or its project's month is
    used up.

    `account`: that of this process, brought up to date before it is read; `flush`: called before a stop, stores what
    was generated. Each worker asks before each chunk of
    cells, so all of them together spend at most a chunk each, and what they spend within a beat, beyond the budget.
    """
    with resources.catalog.read() as s:
        limits, quota = views.run_limits(s, run_id), views.quota_of_run(s, run_id)
    _stop_if_cancelled(resources, run_id, limits.cancelled_by, flush)
    limited = quota is not None and quota.left is not None
    if limits.budget is None and not limited:
        return
    if account is not None:
        account.renew()
    if limits.budget is not None:
        _stop_at_budget(resources, run_id, limits.budget, flush)
    if limited:
        _stop_at_quota(resources, run_id, flush)


def stop_if_cancelled(resources: Resources, run_id: str | None, flush: Callable[[], None] = lambda: None) -> None:
    """Raise RunStoppedError if somebody cancelled the run: for a process that waits, which spends nothing."""
    if run_id is None:
        return
    with resources.catalog.read() as s:
        cancelled_by = views.run_limits(s, run_id).cancelled_by
    _stop_if_cancelled(resources, run_id, cancelled_by, flush)


def _stop_if_cancelled(resources: Resources, run_id: str, cancelled_by: str | None, flush: Callable[[], None]) -> None:
    if cancelled_by is not None:
        flush()
        raise RunStoppedError("cancelled", f"cancelled by {cancelled_by}; {_where(resources, run_id)}")


def _stop_at_budget(
    resources: Resources, run_id: str, stated: Mapping[str, float | None], flush: Callable[[], None]
) -> None:
    budget = Budget.model_validate(dict(stated))
    with resources.catalog.read() as s:
        spent = views.spending(s, run_id)
    seconds = sum(one.device_seconds for one in spent)
    if budget.device_seconds is not None and seconds >= budget.device_seconds:
        limit, used = f"{budget.device_seconds:,g} device-seconds", f"{seconds:,.0f}"
    elif budget.money is not None:
        rates = rates_of(resources)
        money = sum(rates.of(one.device, one.device_seconds) or 0.0 for one in spent)
        if money < budget.money:
            _demand_all_priced(resources, run_id, rates, spent, flush)
            return
        limit, used = f"{budget.money:,g} {rates.currency}", f"{money:,.2f}"
    else:
        return
    flush()
    remedy = "raise `budget` and run the spec again for the rest"
    raise RunStoppedError("failed", f"its budget of {limit} is spent ({used}); {_where(resources, run_id)}; {remedy}")


def _demand_all_priced(
    resources: Resources, run_id: str, rates: Rates, spent: Sequence[Spent], flush: Callable[[], None]
) -> None:
    """Raise RunStoppedError if a device without a rate generated or trained. Scores may be made on any."""
    used = {one.device for one in spent if one.kind != "score" and one.device_seconds > 0}
    for device in sorted(used):
        if rates.of(device, 1.0) is None:
            flush()
            raise RunStoppedError("failed", f"budget.money: {_no_price(device)}; {_where(resources, run_id)}")


def _stop_at_quota(resources: Resources, run_id: str, flush: Callable[[], None]) -> None:
    with resources.catalog.read() as s:
        quota = views.quota_of_run(s, run_id)
    if quota is None or not quota.used_up:
        return
    flush()
    said = f"the {quota.quota:,.0f} device-seconds of project {quota.project!r} in {quota.month} are used up"
    remedy = "ask an admin to raise the quota, or run the spec again next month, for the rest"
    raise RunStoppedError("failed", f"{said}; {_where(resources, run_id)}; {remedy}")


def _where(resources: Resources, run_id: str) -> str:
    with resources.catalog.read() as s:
        cells = views.run(s, run_id).cells
    total = sum(cells.values())
    return f"{cells['generated']:,} of {total:,} images are generated" if total else "no image was planned yet"
