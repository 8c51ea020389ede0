"""What a run cost: device-seconds and money, for each image and for each approved one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from storage.rates import Rates

if TYPE_CHECKING:  # prices are formatted where there is no database, too
    from storage.catalog.views import RunFigures


@dataclass(frozen=True)
class RunCost:
    """What a run cost. Seconds are None if unknown, money if there is no rate for a device that it used.

    `device_money` is the devices', `people_money` the reviewers'. The figures for an image divide what the run itself
    spent by the images that it made itself; those for an approved one by those of them that are approved, with the
    reviewers' time. `unpriced`: classes of devices without a rate.
    """

    device_seconds: float | None
    review_seconds: float
    seconds_per_image: float | None
    seconds_per_approved: float | None
    currency: str | None
    device_money: float | None
    people_money: float | None
    money_per_image: float | None
    money_per_approved: float | None
    unpriced: tuple[str, ...]


def run_cost(figures: RunFigures, rates: Rates) -> RunCost:
    """Compute what a run cost at these rates."""
    seconds = figures.device_seconds if figures.known else None
    prices = {(one.kind, one.device): rates.of(one.device, one.device_seconds) for one in figures.spent}
    unpriced = tuple(sorted({device for (_, device), price in prices.items() if price is None}))
    device = None
    if figures.known and rates.currency and not unpriced:
        device = sum(price for price in prices.values() if price is not None)
    people = None if rates.people is None else rates.people * figures.review_seconds / 3600
    made, approved = figures.all.made, figures.all.made_approved
    return RunCost(
        device_seconds=seconds,
        review_seconds=figures.review_seconds,
        seconds_per_image=_each(seconds, made),
        seconds_per_approved=_each(seconds, approved),
        currency=rates.currency or None,
        device_money=device,
        people_money=people,
        money_per_image=_each(device, made),
        money_per_approved=_each(None if device is None else device + (people or 0.0), approved),
        unpriced=unpriced if rates.currency else (),
    )


def run_cost_json(figures: RunFigures, rates: Rates) -> dict[str, Any]:
    """Return a run's figures as `--json` prints them."""
    images = asdict(figures.all) | {"approval": figures.all.approval}
    return {"images": images, "cost": asdict(run_cost(figures, rates)), "spent": [asdict(one) for one in figures.spent]}


def _each(whole: float | None, count: int) -> float | None:
    return whole / count if whole is not None and count else None


def duration(seconds: float | None) -> str:
    """Format a duration in its two largest units; unknown ones as "unknown".

    >>> duration(7384), duration(83), duration(4.25), duration(None)
    ('2 h 3 min', '1 min 23 s', '4.2 s', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def money(amount: float | None) -> str:
    """Format an amount with two digits after the point, a small one with two that say something."""
    if amount is None:
        return "unknown"
    return f"{amount:,.2f}" if amount >= 0.1 or amount == 0 else f"{Decimal(f'{amount:.2g}'):f}"
