"""Read secrets from files into variables, then become the command: the entry point of every image.

NAME_FILE names the file that holds the value of NAME, as the images of database servers have it. The command replaces
this process, so that it is the one that receives the container's signals.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SECRETS = (
    "DREAMTUNER_CATALOG_URL",
    "DREAMTUNER_DASHBOARD_OIDC_CLIENT_SECRET",
    "PGPASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_PASSWORD",
)
"""The variables that may come from a file."""


class SecretFileError(ValueError):
    """A file of a secret cannot be read, or its variable is set as well; the message names both."""


def with_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the value of every NAME_FILE as NAME, without its last line break. Raises SecretFileError."""
    found = dict(environ)
    for name in SECRETS:
        place = found.pop(f"{name}_FILE", "")
        if not place:
            continue
        if found.get(name):
            raise SecretFileError(f"{name} and {name}_FILE are both set; unset one")
        try:
            found[name] = Path(place).read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretFileError(f"{name}_FILE: {place} cannot be read ({error}); mount it, or correct its path") from error
    return found


def start(command: list[str], environ: Mapping[str, str]) -> None:
    """Become `command`. Returns only by an exception: SecretFileError, or OSError for a command that cannot start."""
    variables = with_secrets(environ)
    os.environ.clear()
    os.environ.update(variables)
    os.execvpe(command[0], command, variables)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("give the command to start: python3 -m deploy.images.start COMMAND ...")
    try:
        start(sys.argv[1:], os.environ)
    except SecretFileError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror}")
