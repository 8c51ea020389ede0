"""Prefect with the settings that we give it and no others.

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

# How to reach a server that PREFECT_API_URL names. Without that variable they mean some other server.
_OF_A_SERVER = frozenset(
    {
        *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_UI_URL"),
        *("PREFECT_API_SSL_CERT_FILE", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "PREFECT_API_ENABLE_HTTP2"),
        *("PREFECT_API_REQUEST_TIMEOUT", "PREFECT_CLOUD_API_URL", "PREFECT_CLOUD_UI_URL"),
        *("PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"),
    }
)


def isolate_environment(environ: MutableMapping[str, str]) -> None:
    """Take Prefect's variables out of `environ`, but for those of a server in PREFECT_API_URL; loopback needs no proxy.

    Call it before Prefect is imported, as `without_files` says.
    """
    without_files()
    kept: frozenset[str] = _OF_A_SERVER if environ.get("PREFECT_API_URL") else frozenset()
    for name in [name for name in environ if name.upper().startswith(("PREFECT_", "ORION_"))]:
        if name not in kept:
            del environ[name]
    spare_loopback(environ)


def without_files() -> None:
    """From now on an import of Prefect leaves out the sources of settings that are files."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _only_the_environment(base: ModuleType) -> None:
    """In prefect.settings.base: nothing is read from files."""
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
    """In prefect.client.base: clients of a server on this machine do not look at the environment's proxies."""
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
    """Finds what Python finds, and changes two modules of Prefect's right after they are executed."""

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
