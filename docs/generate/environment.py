"""Describes the environment variables that the program reads, from the classes that read them."""

import inspect
import re
from pathlib import Path

from deploy.dashboard.security.oidc_settings import OidcSettings
from deploy.dashboard.settings import Settings as DashboardSettings
from docs.generate.markdown import code, escaped, table
from flows.settings import PREFIX, Settings, variable_of

_ATTRIBUTE = re.compile(r"^ +(\w+): (.+(?:\n {12,}.+)*)", re.MULTILINE)
_VARIABLE = re.compile(r"\b(?:DREAMTUNER|PREFECT)_[A-Z_]*[A-Z]\b")


def platform_table() -> str:
    """Returns the variables of the platform: one a field of `flows.settings.Settings`."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        words = (
            "" if default in ("", (), None) else code(str(default).lower() if isinstance(default, bool) else default)
        )
        rows.append([code(variable_of(name)), words, escaped(field.description or "")])
    return table(["Variable", "Default", "Meaning"], rows)


def dashboard_table() -> str:
    """Returns the variables of the dashboard alone, from the docstrings of its two settings classes."""
    shared = {variable_of(name) for name in Settings.model_fields}
    rows = []
    for settings in (DashboardSettings, OidcSettings):
        for _, text in _ATTRIBUTE.findall(settings.__doc__ or ""):
            names = _VARIABLE.findall(text)
            if names and not shared.intersection(names):
                rest = re.sub(r"^(?:[A-Z_]+(?: or )?)+[,;]?\s*", "", " ".join(text.split()))
                rows.append([" or ".join(code(name) for name in names), escaped(rest[:1].upper() + rest[1:])])
    return table(["Variable", "Meaning"], rows)


def variables_read() -> set[str]:
    """Returns every DREAMTUNER_* variable whose name stands in the source of the settings classes."""
    files = {Path(inspect.getfile(one)) for one in (DashboardSettings, OidcSettings)}
    named = {name for file in files for name in _VARIABLE.findall(file.read_text(encoding="utf-8"))}
    return {variable_of(name) for name in Settings.model_fields} | {n for n in named if n.startswith(PREFIX)}
