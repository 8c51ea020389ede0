"""Settings of marks, read from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.marks.keys.signers import SIGNERS

UNMARKED = (
    "pictures leave without marks (DREAMTUNER_MARKS=off). Article 50(2) of the EU AI Act, Regulation (EU) 2024/1689, "
    "in force since 2 August 2026, requires that generated pictures are marked in a machine-readable way: whoever sets "
    "this answers for it. The audit records each such export"
)
"""What is said whenever pictures leave unmarked."""


class MarksError(ValueError):
    """A variable of marks is invalid; the message names it and the remedy."""


class KeysError(RuntimeError):
    """The house's keys are incomplete or cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class MarkSettings:
    """Fields and the environment variables they are read from.

    Attributes:
        on: DREAMTUNER_MARKS, on (default) or off; see UNMARKED.
        keys: DREAMTUNER_KEYS, the folder of the house's keys, default ``keys/`` in DREAMTUNER_HOME.
        signer: DREAMTUNER_SIGNER, a name of the installed signers, default file.
    """

    keys: Path
    on: bool = True
    signer: str = "file"

    @classmethod
    def load(cls, home: Path, environ: Mapping[str, str] | None = None) -> Self:
        """Read the variables from `environ` (default: the process's). Raises MarksError."""
        env = os.environ if environ is None else environ
        said = (env.get("DREAMTUNER_MARKS") or "on").strip().lower()
        if said not in ("on", "off"):
            raise MarksError(f"DREAMTUNER_MARKS: {said!r} is neither on nor off; correct it or unset it")
        signer = env.get("DREAMTUNER_SIGNER") or cls.signer
        if signer not in SIGNERS:
            raise MarksError(f"DREAMTUNER_SIGNER: there is no {signer!r}; choose one of: {', '.join(SIGNERS)}")
        folder = env.get("DREAMTUNER_KEYS")
        keys = Path(folder).expanduser().absolute() if folder else home / "keys"
        return cls(keys=keys, on=said == "on", signer=signer)
