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


class StartError(ValueError):
    """There is no command, or a file of a secret cannot be read; the message names the variable and the remedy."""


def with_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the content of every NAME_FILE as NAME, without its last line break.

    Raises StartError.
    """
    found = dict(environ)
    for name in SECRETS:
        place = found.pop(f"{name}_FILE", "")
        if not place:
            continue
        if found.get(name):
            raise StartError(f"{name} and {name}_FILE are both set; unset one")
        try:
            found[name] = Path(place).read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(f"{name}_FILE: {place} cannot be read ({error}); mount it, or correct its path") from error
    return found


def start(command: list[str], environ: Mapping[str, str]) -> None:
    """Become `command`. Returns only by an exception: StartError, or OSError for a command that cannot start."""
    if not command:
        raise StartError("give the command to start: python3 -m deploy.images.start COMMAND ...")
    os.execvpe(command[0], command, with_secrets(environ))


if __name__ == "__main__":
    try:
        start(sys.argv[1:], os.environ)
    except (StartError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, StartError) else 127)
