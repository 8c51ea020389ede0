"""Compile what the dashboard imports, and nothing else: bytecode of everything installed is twice as large.

`python3 -m deploy.images.bytecode`, when the image is built, as whoever may write beside the sources.
"""

import importlib
import pkgutil

ROOMS = ("deploy.dashboard", "deploy.marks", "storage", "flows.spec", "flows.planning")
LIBRARIES = (
    "boto3",
    "botocore.handlers",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn",
    "authlib",
    "httpx2",
)
NOT_A_MODULE = {"env", "__main__"}  # what Alembic runs


def import_all() -> list[str]:
    """Import the libraries and every module of the rooms; return the names of those that cannot be imported."""
    missing: list[str] = []
    for name in LIBRARIES:
        _imported(name, missing)
    for room in ROOMS:
        if _imported(room, missing):
            for found in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
                if found.name.rpartition(".")[2] not in NOT_A_MODULE:
                    _imported(found.name, missing)
    return missing


def _imported(name: str, missing: list[str]) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:  # a library that this image does without
        missing.append(name)
        return False
    return True


if __name__ == "__main__":
    print("not compiled: " + (", ".join(import_all()) or "nothing"))
