"""Isolates Prefect from all settings but ours.

Prefect looks for settings in PREFECT_* (in any case), in `.env`, `prefect.toml` and `pyproject.toml` of the working
folder and in the profiles of its home: each may point the server inside `dreamtuner run` at the database of a company,
or ask it for a password. So the variables that are not ours go, and of its sources only the environment stays.

`python -m deploy.prefect.isolation ...` is Prefect's own command line under the same rules.
"""

import importlib.abc
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from storage.proxies import spare_loopback, through_proxies

# How to reach the server at PREFECT_API_URL. Without that variable they belong to another server.
_OF_A_SERVER = frozenset(
    {
        *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_UI_URL"),
        *("PREFECT_API_SSL_CERT_FILE", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "PREFECT_API_ENABLE_HTTP2"),
        *("PREFECT_API_REQUEST_TIMEOUT", "PREFECT_CLOUD_API_URL", "PREFECT_CLOUD_UI_URL"),
        *("PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"),
    }
)


def isolate_environment(environ: MutableMapping[str, str]) -> None:
    """Remove Prefect's variables from `environ`, except those of the server at PREFECT_API_URL; no proxy for loopback.

    Call it before Prefect is imported; see `without_files`.
    """
    without_files()
    allowed: frozenset[str] = _OF_A_SERVER if environ.get("PREFECT_API_URL") else frozenset()
    for name in [name for name in environ if name.upper().startswith(("PREFECT_", "ORION_"))]:
        if name not in allowed:
            del environ[name]
    spare_loopback(environ)


def without_files() -> None:
    """Make later imports of Prefect ignore settings files."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _only_the_environment(base: ModuleType) -> None:
    """Patch prefect.settings.base to read nothing from files."""
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

    class Nothing(PydanticBaseSettingsSource):
        """A source without settings."""

        def __init__(self, settings_cls: type[BaseSettings], **unused: Any) -> None:
            super().__init__(settings_cls)

        def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
            return None, field_name, False

        def __call__(self) -> dict[str, Any]:
            return {}

    for name in (
        "FilteredDotEnvSettingsSource",
        "PrefectTomlConfigSettingsSource",
        "PyprojectTomlConfigSettingsSource",
        "ProfileSettingsTomlLoader",
    ):
        _replace(base, name, Nothing)


def _no_proxy_to_loopback(base: ModuleType) -> None:
    """Patch prefect.client.base to bypass proxies for servers on this machine."""
    for name in ("PrefectHttpxAsyncClient", "PrefectHttpxSyncClient"):

        class Direct(getattr(base, name)):  # type: ignore[misc]  # known at run time only
            """Prefect's client."""

            def __init__(self, *args: Any, **settings: Any) -> None:
                settings.setdefault("trust_env", through_proxies(str(settings.get("base_url", ""))))
                super().__init__(*args, **settings)

        Direct.__name__ = Direct.__qualname__ = name
        _replace(base, name, Direct)


def _replace(module: ModuleType, name: str, value: object) -> None:
    if not hasattr(module, name):
        raise ImportError(f"{module.__name__} has no {name}: this release of Prefect is not the pinned one; make setup")
    setattr(module, name, value)


_CHANGED: Mapping[str, Callable[[ModuleType], None]] = {
    "prefect.settings.base": _only_the_environment,
    "prefect.client.base": _no_proxy_to_loopback,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules like Python's own finder, and patches two of Prefect's after their execution."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        change = _CHANGED.get(name)
        spec = PathFinder.find_spec(name, path, target) if change is not None else None
        if spec is None or spec.loader is None or change is None:
            return None
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            change(module)

        setattr(spec.loader, "exec_module", executed)  # noqa: B010  # mypy refuses to assign to a method
        return spec


if __name__ == "__main__":
    isolate_environment(os.environ)
    from prefect.cli import app

    app()
