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

from deploy.marks.keys.certificates import is_key_of
from deploy.marks.keys.files import (
    AUTHORITY,
    AUTHORITY_KEY,
    FILES,
    PRIVATE,
    SIGNING,
    TRUSTED,
    read_keys,
    split_signing,
    write_keys,
)
from deploy.marks.settings import KeysError

SHORTEST = 12
"""Characters of a passphrase, at least."""
_HEAD = b"# dreamtuner keys: "


def back_up(folder: Path, out: Path, passphrase: str) -> bool:
    """Write the keys to the new file `out`. Return whether the authority's key is in it: it may be kept elsewhere.

    Raises KeysError for a short passphrase or a key that is missing, FileExistsError.
    """
    if len(passphrase) < SHORTEST:
        raise KeysError(f"passphrase: give at least {SHORTEST} characters")
    parts, found = [], read_keys(folder)
    for name, data in found.items():
        text = _sealed(data, passphrase) if name in PRIVATE else data
        parts.append(_HEAD + f"{name}\n".encode() + text)
    with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"".join(parts))
    return AUTHORITY_KEY in found


def restore(folder: Path, backup: Path, passphrase: str, *, replace: bool = False) -> Path | None:
    """Make the keys of a backup those of the folder; an authority that is there stays trusted.

    Keys of another house are replaced only with `replace`; the file to which its authority's key was moved is returned.
    Raises KeysError for a wrong passphrase, for a file that is no backup, and for keys of another house.
    """
    contents: dict[str, bytes] = {}
    for part in backup.read_bytes().split(_HEAD)[1:]:
        name, _, text = part.partition(b"\n")
        contents[name.strip().decode(errors="replace")] = text
    keys = {name for name in contents if not name.startswith(f"{TRUSTED}/")}
    if keys | {AUTHORITY_KEY} != set(FILES):
        raise KeysError(f"{backup} is no backup of keys; give a file written by `dreamtuner marks backup`")
    for private in keys & set(PRIVATE):
        contents[private] = _opened(contents[private], passphrase)
    key, chain = split_signing(contents[SIGNING])
    whole = not contents.get(AUTHORITY_KEY) or is_key_of(contents[AUTHORITY_KEY], contents[AUTHORITY])
    if not (whole and is_key_of(key, chain)):
        raise KeysError(f"{backup} is damaged: a key is not that of its certificate; give another backup")
    return write_keys(folder, contents, replace=replace)


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
