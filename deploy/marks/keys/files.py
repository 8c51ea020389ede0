"""Keys in files: made when the house first marks a picture, readable by their owner alone, replaced as a whole."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.marks.keys.certificates import fingerprint, new_authority, new_signing
from deploy.marks.keys.signers import Identity
from deploy.marks.settings import KeysError

AUTHORITY_KEY, AUTHORITY = "authority.key.pem", "authority.pem"
SIGNING = "signing.pem"
"""The signing key and its chain of certificates: one file, so that they are replaced together."""
FILES = (AUTHORITY_KEY, AUTHORITY, SIGNING)
PRIVATE = (AUTHORITY_KEY, SIGNING)
TRUSTED = "trusted"
"""The folder of certificates of other houses, and of this one's earlier authorities: one file each, *.pem."""
_RESTORE = "restore the keys by `dreamtuner marks restore`, or move the folder away: the next picture makes new ones"


class FileSigner:
    """Signs with keys of the folder, which it makes if there is none."""

    name = "file"

    def open(self, folder: Path) -> Identity:
        """Return the identity in the folder. Of two processes that make it at once, one wins and both use its keys."""
        if not folder.exists():
            made = new_keys()
            _publish(folder, made)
        key, chain = split_signing(_read(folder / SIGNING))
        return Identity("es256", chain.decode(), key=key)


def new_keys() -> dict[str, bytes]:
    """Make an authority and a signing key: contents by file name."""
    authority_key, authority = new_authority()
    key, chain = new_signing(authority_key, authority)
    return dict(zip(FILES, (authority_key, authority, key + chain), strict=True))


def split_signing(data: bytes) -> tuple[bytes, bytes]:
    """Split the contents of SIGNING: the private key, and the chain of certificates."""
    key, end, chain = data.partition(b"-----END PRIVATE KEY-----\n")
    if not end or b"BEGIN CERTIFICATE" not in chain:
        raise KeysError(f"{SIGNING} holds no key with its certificates; {_RESTORE}")
    return key + end, chain


def read_keys(folder: Path) -> dict[str, bytes]:
    """Read all keys of a folder: contents by file name. Raises KeysError if one is missing."""
    return {name: _read(folder / name) for name in FILES}


def write_keys(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace the keys of a folder; the authority before them stays trusted, and what it signed stays valid."""
    if not folder.exists():
        return _publish(folder, contents)
    with suppress(KeysError):
        trust(folder, _read(folder / AUTHORITY))
    for name in FILES:
        _put(folder / name, contents[name])
    return None


def rotate(folder: Path) -> None:
    """Make a new signing key under the same authority. Pictures signed by the old one stay valid until it expires."""
    authority_key, authority = _read(folder / AUTHORITY_KEY), _read(folder / AUTHORITY)
    key, chain = new_signing(authority_key, authority)
    _put(folder / SIGNING, key + chain)


def trust(folder: Path, certificate: bytes) -> str:
    """Trust the pictures that an authority signs; return its fingerprint. Raises KeysError if it is no certificate."""
    try:
        found = fingerprint(certificate)
    except ValueError as error:
        raise KeysError(f"this is no certificate in PEM ({error}); give another house's {AUTHORITY}") from error
    (folder / TRUSTED).mkdir(parents=True, exist_ok=True)
    _put(folder / TRUSTED / f"{found[:16]}.pem", certificate)
    return found


def trusted(folder: Path) -> list[str]:
    """Return the certificates in PEM that this house trusts: its own authority's, then the others."""
    files = [folder / AUTHORITY, *sorted((folder / TRUSTED).glob("*.pem"))]
    return [file.read_text() for file in files if file.is_file()]


def _publish(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    aside.mkdir(mode=0o700)
    try:
        for name in FILES:
            _put(aside / name, contents[name])
        with suppress(OSError):  # another process was first: a folder that is not empty is not replaced
            os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if not folder.is_dir():
        raise KeysError(f"{folder} cannot be made; make {folder.parent} writable, or set DREAMTUNER_KEYS to a folder")


def _put(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    mode = 0o600 if path.name in PRIVATE else 0o644
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysError(f"{path} cannot be read ({error.strerror}); {_RESTORE}") from error
