"""Registry of signers: `file`, keys in a folder of this machine, and signers of other packages, such as a KMS's.

A signer is chosen by DREAMTUNER_SIGNER. One that keeps the private key elsewhere only has to sign bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from dreamtuner.plugins import Registry

Algorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]


@dataclass(frozen=True)
class Identity:
    """Who signs. `chain`: certificates in PEM, the signing one first and the authority's last.

    `key`: the private key in PEM; None: `sign` returns the signature of bytes, from any thread. For ECDSA that is
    DER or the two numbers side by side.
    """

    algorithm: Algorithm
    chain: str
    key: bytes | None = None
    sign: Callable[[bytes], bytes] | None = None


class Signer(Protocol):
    """Opens an identity once per process."""

    @property
    def name(self) -> str:
        """Name that DREAMTUNER_SIGNER gives."""
        ...

    def open(self, folder: Path) -> Identity:
        """Return the identity. `folder`: that of the house's keys, which a signer may use or not."""
        ...


def _checked(name: str, found: Any) -> Signer:
    if not callable(found.open):
        raise ValueError(f"open: {found.open!r} cannot be called; write a method open(folder) that returns an Identity")
    made: Signer = found
    return made


SIGNERS: Registry[Signer] = Registry(
    "signer",
    "dreamtuner.signers",
    {"file": "deploy.marks.keys.files:FileSigner"},
    needs=("name", "open"),
    check=_checked,
)
