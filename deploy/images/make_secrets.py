"""Write the random passwords of a stack into files, each once: `python3 -m deploy.images.make_secrets FOLDER`.

A file that is there stays as it is: a password of one's own is put there beforehand, and a restart changes none.
"""

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

BYTES = 32


def make_secrets(folder: Path) -> list[Path]:
    """Write what is missing below `folder`, readable to whoever sees it; return the new files.

    postgres/password, prefect/auth-string, grafana/password, s3/access-key, s3/secret-key, and the same pair as
    SeaweedFS reads it.
    """
    new: list[Path] = []

    def once(name: str, make: Callable[[], str]) -> str:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(make(), "utf-8")
            part.chmod(0o444)  # by then only the containers that are given the folder can see it
            part.replace(path)
            new.append(path)
        return path.read_text("utf-8").strip()

    once("postgres/password", lambda: secrets.token_hex(BYTES))
    once("prefect/auth-string", lambda: f"admin:{secrets.token_hex(BYTES)}")
    once("grafana/password", lambda: secrets.token_hex(BYTES))
    access = once("s3/access-key", lambda: secrets.token_hex(10))
    secret = once("s3/secret-key", lambda: secrets.token_hex(BYTES))
    once("s3/identities.json", lambda: json.dumps(_identities(access, secret)))
    return new


def _identities(access: str, secret: str) -> dict[str, object]:
    """Return the one identity of the bucket, in SeaweedFS's form."""
    keys = [{"accessKey": access, "secretKey": secret}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "dreamtuner", "credentials": keys, "actions": actions}]}


if __name__ == "__main__":
    for written in make_secrets(Path(sys.argv[1])):
        print(f"new: {written}")
