"""What an hour costs: of each class of devices, and of a person who reviews. Read from a YAML file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

EXAMPLE = "{currency: EUR, devices: {NVIDIA H200: 3.2, cpu: 0.1}, people: 40}"


class RatesError(ValueError):
    """The file of rates cannot be used; the message names the key and the remedy."""


@dataclass(frozen=True)
class Rates:
    """Prices of an hour, in `currency`: of a device by its class, and of a person (None: people are not priced)."""

    currency: str = ""
    devices: Mapping[str, float] = field(default_factory=dict)
    people: float | None = None

    @classmethod
    def load(cls, file: str | Path | None) -> Self:
        """Read the rates; none if there is no file. Raises RatesError."""
        if not file:
            return cls()
        try:
            given = yaml.safe_load(Path(file).expanduser().read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RatesError(
                f"DREAMTUNER_RATES: {file} cannot be read ({error}); write for example {EXAMPLE}"
            ) from error
        if not isinstance(given, dict) or not set(given) <= {"currency", "devices", "people"}:
            raise RatesError(f"DREAMTUNER_RATES: {file}: the keys are currency, devices and people, such as {EXAMPLE}")
        currency, devices = given.get("currency"), given.get("devices", {})
        if not isinstance(currency, str) or not 1 <= len(currency) <= 8:
            raise RatesError(f"DREAMTUNER_RATES: {file}: currency: give a name of 1 to 8 characters, such as EUR")
        if not isinstance(devices, dict):
            raise RatesError(f"DREAMTUNER_RATES: {file}: devices: give a price per hour for each class of devices")
        people = given.get("people")
        priced = {str(name): _price(f"devices: {name}", price, file) for name, price in devices.items()}
        return cls(currency, priced, None if people is None else _price("people", people, file))

    def of(self, device: str, seconds: float) -> float | None:
        """Return what so many seconds of a device of this class cost; None without a rate."""
        rate = self.devices.get(device)
        return None if rate is None else rate * seconds / 3600


NONE = Rates()
"""No prices: costs are device-seconds alone."""


def _price(key: str, given: Any, file: str | Path) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given) or given < 0:
        raise RatesError(
            f"DREAMTUNER_RATES: {file}: {key}: {given!r} is not a price per hour; give a number, 0 or more"
        )
    return float(given)
