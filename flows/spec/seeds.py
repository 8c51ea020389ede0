"""Expands the seeds of a spec: numbers, and ranges such as "1-100" or {from: 1, to: 100, step: 2}."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flows.spec.problems import PlacedError, PlacedErrors, problems_of

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
_SEED: TypeAdapter[int] = TypeAdapter(Seed, config=ConfigDict(strict=True))
_RANGE = re.compile(r"\s*(\d{1,12})\s*[-–]\s*(\d{1,12})\s*", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


class SeedRange(BaseModel):
    """Seeds from one to another, both included, every `step`-th of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: Seed = Field(alias="from")
    to: Seed
    step: int = Field(default=1, ge=1)


def expanded(given: Any, *, most: int) -> Any:
    """Expand a number, a range, "1-4, 9", or a list of these to single seeds; return anything else unchanged.

    Raises PlacedErrors with the place of each error in `given`: not a seed, a descending range, a duplicate seed, more
    than `most` seeds.
    """
    parts: list[tuple[tuple[int, ...], Any]]
    if isinstance(given, list | tuple):
        parts = [((i,), part) for i, one in enumerate(given) for part in _split(one)]
    elif isinstance(given, int | str | dict) and not isinstance(given, bool):
        parts = [((), part) for part in _split(given)]
    else:
        return given
    seeds: dict[int, None] = {}
    errors: list[PlacedError] = []
    for place, part in parts:
        try:
            found = _seeds(part)
        except ValidationError as error:
            errors += [PlacedError((*place, *one.path), one.message) for one in problems_of(error, SeedRange)]
            continue
        except ValueError as error:
            errors.append(PlacedError(place, str(error)))
            continue
        if len(seeds) + len(found) > most:
            errors.append(PlacedError(place, f"these are more than {most:,} seeds; use fewer"))
            break
        if (twice := next((seed for seed in found if seed in seeds), None)) is not None:
            errors.append(PlacedError(place, f"duplicate seed {twice}; remove one"))
        seeds.update(dict.fromkeys(found))
    if errors:
        raise PlacedErrors(errors)
    return tuple(seeds)


def _split(one: Any) -> Sequence[Any]:
    """Split a text with commas, such as "1-4, 9"; convert its numbers."""
    if not isinstance(one, str) or "," not in one:
        return [one]
    parts = [part.strip() for part in one.split(",")]
    return [int(part) if _NUMBER.fullmatch(part) else part for part in parts]


def _seeds(part: Any) -> Sequence[int]:
    if isinstance(part, str) and (found := _RANGE.fullmatch(part)) is not None:
        low, high = (int(one) for one in found.groups())
        if [str(low), str(high)] != [*found.groups()]:
            raise ValueError(f"{part!r} has a leading zero; write {low}-{high}")
        part = {"from": low, "to": high}
    if not isinstance(part, dict):
        return (_SEED.validate_python(part),)
    one = SeedRange.model_validate(part)
    if one.to < one.first:
        raise ValueError(f"the range {one.first}-{one.to} is descending; write {one.to}-{one.first}")
    return range(one.first, one.to + 1, one.step)
