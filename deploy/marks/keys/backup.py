"""A backup of the house's keys: one file, whose private keys are encrypted with a passphrase."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.marks.keys.files import FILES, PRIVATE, read_keys, write_keys
from deploy.marks.settings import KeysError

SHORTEST = 12
"""Characters of a passphrase, at least."""
_HEAD = "# dreamtuner keys: "


def back_up(folder: Path, out: Path, passphrase: str) -> None:
    """Write the keys to the new file `out`. Raises KeysError for a short passphrase, FileExistsError."""
    if len(passphrase) < SHORTEST:
        raise KeysError(f"passphrase: give at least {SHORTEST} characters")
    parts = []
    for name, data in read_keys(folder).items():
        text = _sealed(data, passphrase) if name in PRIVATE else data
        parts.append(f"{_HEAD}{name}\n".encode() + text)
    with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"".join(parts))


def restore(folder: Path, backup: Path, passphrase: str) -> None:
    """Make the keys of a backup those of the folder; an authority that is there stays trusted.

    Raises KeysError for a wrong passphrase and for a file that is no backup.
    """
    contents: dict[str, bytes] = {}
    for part in backup.read_text(errors="replace").split(_HEAD)[1:]:
        name, _, text = part.partition("\n")
        contents[name.strip()] = text.encode()
    if set(contents) != set(FILES):
        raise KeysError(f"{backup} is no backup of keys; give a file written by `dreamtuner marks backup`")
    for name in PRIVATE:
        contents[name] = _opened(contents[name], passphrase)
    write_keys(folder, contents)


def _sealed(data: bytes, passphrase: str) -> bytes:
    """Encrypt the private key with which `data` begins; certificates after it stay as they are."""
    private = load_pem_private_key(data, None)
    sealed = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    return sealed + data.partition(b"-----END PRIVATE KEY-----\n")[2]


def _opened(data: bytes, passphrase: str) -> bytes:
    try:
        private = load_pem_private_key(data, passphrase.encode())
    except (ValueError, TypeError) as error:
        raise KeysError("the passphrase is wrong, or the backup is damaged") from error
    opened = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return opened + data.partition(b"-----END ENCRYPTED PRIVATE KEY-----\n")[2]
