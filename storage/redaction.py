"""Redacts passwords, keys and signatures in text for people and logs.

The only place that decides what is secret in a URL. Scheme, host and path are kept, so that the URL is recognizable.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>`]+")
_PARTS = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<rest>#.*)?",
    re.S,
)
_DATABASES = ("postgres", "sqlite", "mysql", "mariadb", "oracle", "mssql", "cockroachdb", "redis", "mongodb")
_NO_QUERY = ("s3", "file")  # their names may contain ? and #
_SECRET_NAME = re.compile(r"pass|secret|token|credential|signature|api_?key|access_?key|auth_string", re.I)
_SHORTEST = 6  # characters; shorter values would match ordinary words


def redact_url(url: str) -> str:
    """Redact the password of a database URL, or user, password and query of other URLs.

    Text that is not a URL, such as a path, is returned unchanged.
    """
    found = _PARTS.fullmatch(url)
    if found is None:
        return url
    scheme, authority, path = found["scheme"], found["authority"], found["path"]
    database = scheme.lower().startswith(_DATABASES)
    if "@" not in authority and "@" in url and (database or re.search(r":[^@/?#]*[^0-9\]]", authority)):
        # a password with an unencoded / ? or #
        head, _, tail = url.partition("://")[2].rpartition("@")
        return redact_url(f"{scheme}://{_user(head, database)}@{tail}") if tail else f"{scheme}://{HIDDEN}"
    if "@" in authority:
        user, _, host = authority.rpartition("@")
        authority = f"{_user(user, database)}@{host}"
    query, rest = found["query"] or "", found["rest"] or ""
    if scheme.lower() in _NO_QUERY:
        query = _named_query(query) + rest if query else rest
    elif query:
        query = _named_query(query) if database else f"?{HIDDEN}"
    return f"{scheme}://{authority}{path}{query}"


def contains_secret(value: Any) -> bool:
    """Return whether `value`, a path, a URL or JSON with such, contains something that `redact_url` hides."""
    if isinstance(value, Mapping):
        return any(contains_secret(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(contains_secret(inner) for inner in value)
    return isinstance(value, str) and redact_url(value) != value


def redact_text(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Redact every URL in `text`, and the secrets that the environment contains."""
    text = _URL.sub(lambda found: redact_url(found[0]), text)
    for secret in sorted(_secrets(os.environ if environ is None else environ), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _user(userinfo: str, database: bool) -> str:
    name, colon, _ = userinfo.partition(":")
    if database:
        return f"{name}:{HIDDEN}" if colon else name
    return HIDDEN


def _named_query(query: str) -> str:
    pairs = []
    for pair in query.removeprefix("?").split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={HIDDEN}" if equals and _SECRET_NAME.search(name) else pair)
    return f"?{'&'.join(pairs)}"


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield passwords in URLs of the environment, and values of variables with names of secrets."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST and "://" not in value and not value.startswith("/"):
            yield value
        head, separator, rest = value.partition("://")
        if separator and "@" in rest and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", head):
            password = rest.rpartition("@")[0].partition(":")[2]
            for one in {password, unquote(password)}:
                if len(one) >= _SHORTEST:
                    yield one


def redact_values(value: Any) -> Any:
    """Redact every URL in a JSON value; mappings and lists are copied."""
    if isinstance(value, str):
        return redact_url(value)
    if isinstance(value, Mapping):
        return {key: redact_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(inner) for inner in value]
    return value
