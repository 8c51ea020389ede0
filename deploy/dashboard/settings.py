"""The dashboard's settings, read from the environment once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from deploy.dashboard.security.address import Network, networks
from deploy.dashboard.security.oidc_settings import OidcSettings, SettingsError
from storage.rates import NONE, Rates, RatesError
from storage.redaction import HIDDEN, redact_url

__all__ = ["FLOWS", "Settings", "SettingsError"]


FLOWS = ("catalog/catalog", "ingest/ingest", "finetune/finetune", "attention/attention")
"""Default list of allowed deployments; those missing from the server are not shown."""


REASONS = ("wrong subject", "prompt not followed", "hands or limbs", "face", "artefacts", "duplicate")
"""Default reasons for a rejection."""
MOST_REASONS, LONGEST_REASON = 9, 60


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Fields and the environment variables they are read from.

    Attributes:
        catalog_url: DREAMTUNER_CATALOG_URL, default SQLite in DREAMTUNER_HOME.
        store_url: DREAMTUNER_STORE_URL, default ``objects/`` in DREAMTUNER_HOME.
        prefect_api: PREFECT_API_URL, Prefect's API; empty: flows cannot be started from here.
        prefect_ui: DREAMTUNER_DASHBOARD_PREFECT_UI, where people see Prefect's own pages; default beside its API.
        prefect_key: PREFECT_API_KEY or PREFECT_API_AUTH_STRING; stays on the server.
        flows: DREAMTUNER_DASHBOARD_FLOWS, deployments that may be started, as "flow/deployment", by commas.
        approvals: DREAMTUNER_DASHBOARD_APPROVALS, how many different people have to approve, 1 or 2.
        reasons: DREAMTUNER_DASHBOARD_REASONS, the team's own reasons for a rejection, at most 9, by commas; each has
            a key.
        origin: DREAMTUNER_DASHBOARD_ORIGIN, the address that browsers use when a proxy stands before the server,
            such as https://pictures.example.org; cookies are then sent over https alone.
        proxies: DREAMTUNER_DASHBOARD_PROXIES, addresses or networks of proxies whose X-Forwarded-For is believed, by
            commas; failed logins are then counted by the address of the client instead of the proxy's.
        webhook_networks: DREAMTUNER_DASHBOARD_WEBHOOK_NETWORKS, addresses or networks by commas that webhooks may reach
            though they are private, also by http.
        max_upload: DREAMTUNER_MAX_SOURCE_BYTES, bytes of an uploaded mask at the most.
        rates: DREAMTUNER_RATES, a YAML file with the prices of devices and people, for the cost of runs.
        order_quota: DREAMTUNER_DASHBOARD_ORDER_QUOTA, device-seconds of an order above which it has to be confirmed.
        log: DREAMTUNER_LOG, the format of log lines: text, or json, one object a line.
        masker: DREAMTUNER_MASKER, what finds the masks of references: a name of the installed maskers.
        home: DREAMTUNER_HOME, whose files of forgotten runs are removed; None: there are none here.
        oidc: DREAMTUNER_DASHBOARD_OIDC_*, an OpenID provider that people may come in by; None: by password alone.
    """

    catalog_url: str
    store_url: str
    prefect_api: str = ""
    prefect_ui: str = ""
    prefect_key: str = ""
    flows: tuple[str, ...] = FLOWS
    approvals: int = 1
    reasons: tuple[str, ...] = REASONS
    origin: str = ""
    proxies: tuple[Network, ...] = ()
    webhook_networks: tuple[Network, ...] = ()
    max_upload: int = 32 * 1024 * 1024
    oidc: OidcSettings | None = None
    home: Path | None = None
    masker: str = "auto"
    log: str = "text"
    rates: Rates = NONE
    order_quota: float | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the variables from `environ` (default: the process's). Raises SettingsError."""
        env = os.environ if environ is None else environ
        home = Path(env.get("DREAMTUNER_HOME") or ".dreamtuner").expanduser().absolute()
        approvals = env.get("DREAMTUNER_DASHBOARD_APPROVALS") or "1"
        if approvals not in ("1", "2"):
            raise SettingsError(f"DREAMTUNER_DASHBOARD_APPROVALS: {approvals!r} is neither 1 nor 2; correct it")
        origin = (env.get("DREAMTUNER_DASHBOARD_ORIGIN") or "").rstrip("/")
        parts = urlsplit(origin)
        if origin and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise SettingsError(
                f"DREAMTUNER_DASHBOARD_ORIGIN: {origin!r} is not an origin; use https://host or unset it"
            )
        api = (env.get("PREFECT_API_URL") or "").rstrip("/")
        ui = env.get("DREAMTUNER_DASHBOARD_PREFECT_UI") or api.removesuffix("/api")
        flows = env.get("DREAMTUNER_DASHBOARD_FLOWS") or ",".join(FLOWS)
        reasons = tuple(filter(None, map(str.strip, (env.get("DREAMTUNER_DASHBOARD_REASONS") or "").split(","))))
        if len(reasons) > MOST_REASONS or any(len(one) > LONGEST_REASON for one in reasons):
            most = f"at most {MOST_REASONS} reasons of {LONGEST_REASON} characters"
            raise SettingsError(f"DREAMTUNER_DASHBOARD_REASONS: give {most}, by commas")
        size = env.get("DREAMTUNER_MAX_SOURCE_BYTES") or str(cls.max_upload)
        if not size.isdecimal() or int(size) < 1:
            raise SettingsError(f"DREAMTUNER_MAX_SOURCE_BYTES: {size!r} is not a number of bytes; correct or unset it")
        try:
            rates = Rates.load(env.get("DREAMTUNER_RATES"))
        except RatesError as error:
            raise SettingsError(str(error)) from error
        log = env.get("DREAMTUNER_LOG") or cls.log
        if log not in ("text", "json"):
            raise SettingsError(f"DREAMTUNER_LOG: {log!r} is neither text nor json; correct it")
        return cls(
            catalog_url=env.get("DREAMTUNER_CATALOG_URL") or f"sqlite:///{home / 'catalog.db'}",
            store_url=env.get("DREAMTUNER_STORE_URL") or str(home / "objects"),
            prefect_api=api,
            prefect_ui=_linked(ui).rstrip("/"),
            prefect_key=env.get("PREFECT_API_KEY") or env.get("PREFECT_API_AUTH_STRING") or "",
            flows=tuple(one.strip() for one in flows.split(",") if one.strip()),
            approvals=int(approvals),
            reasons=reasons or REASONS,
            origin=origin,
            proxies=_networks(env, "DREAMTUNER_DASHBOARD_PROXIES"),
            webhook_networks=_networks(env, "DREAMTUNER_DASHBOARD_WEBHOOK_NETWORKS"),
            max_upload=int(size),
            oidc=OidcSettings.load(env),
            home=home,
            masker=env.get("DREAMTUNER_MASKER") or cls.masker,
            log=log,
            rates=rates,
            order_quota=_seconds("DREAMTUNER_DASHBOARD_ORDER_QUOTA", env),
        )

    @property
    def secure(self) -> bool:
        """Return whether cookies are sent over https only."""
        return self.origin.startswith("https://")


def _seconds(variable: str, env: Mapping[str, str]) -> float | None:
    given = env.get(variable)
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise SettingsError(f"{variable}: {given!r} is not a number of seconds, 0 or more; correct or unset it")
    return seconds


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return networks(env.get(name) or "")
    except ValueError as error:
        remedy = "give addresses or networks by commas, such as 10.0.0.5, 172.16.0.0/12, or unset it"
        raise SettingsError(f"{name}: {error}; {remedy}") from error


def _linked(url: str) -> str:
    """Strip user, password and query from a URL, so that pages may link to it."""
    return redact_url(url).replace(f"{HIDDEN}@", "").partition("?")[0]
