"""Keys in files: made when the house first marks a picture, readable by their owner alone, replaced as a whole."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.marks.keys.certificates import fingerprint, is_key_of, new_authority, new_signing
from deploy.marks.keys.signers import Identity
from deploy.marks.settings import KeysError

AUTHORITY_KEY, AUTHORITY = "authority.key.pem", "authority.pem"
SIGNING = "signing.pem"
"""The signing key and its chain of certificates: one file, so that they are replaced together."""
FILES = (AUTHORITY_KEY, AUTHORITY, SIGNING)
PRIVATE = (AUTHORITY_KEY, SIGNING)
TRUSTED = "trusted"
"""The folder of certificates of other houses, and of this one's earlier authorities: one file each, *.pem."""
WAIT_SECONDS = 10.0
"""How long to wait for the keys that another process is making."""
_RESTORE = "restore the keys by `dreamtuner marks restore`, or move them away: the next picture makes new ones"


class FileSigner:
    """Signs with keys of the folder, which it makes if there are none."""

    name = "file"

    def open(self, folder: Path) -> Identity:
        """Return the identity in the folder. Of two processes that make it at once, one wins and both use its keys.

        Raises KeysError if the keys are incomplete, do not belong together, or cannot be made.
        """
        if not has_keys(folder):
            make_keys(folder)
        key, chain = split_signing(_made(folder))
        if not is_key_of(key, chain):
            raise KeysError(f"{folder / SIGNING}: the key is not that of its certificate; {_RESTORE}")
        if (folder / AUTHORITY).is_file() and fingerprint(_read(folder / AUTHORITY)) != fingerprint(chain):
            raise KeysError(f"{folder}: {SIGNING} is not by the authority in {AUTHORITY}; {_RESTORE}")
        return Identity("es256", chain.decode(), key=key)


def has_keys(folder: Path) -> bool:
    """Return whether the folder holds a key file of a house, complete or not; `trusted/` alone is none."""
    return any(os.path.exists(folder / name) for name in FILES)


def make_keys(folder: Path) -> bool:
    """Make a house's keys in a folder that holds none, with the folder if need be.

    Return whether they are this process's: False if another one was first. Raises KeysError if it cannot be written.
    """
    made = new_keys()
    _make_folder(folder)
    try:
        claim = os.open(folder / AUTHORITY_KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        with open(claim, "wb") as file:
            file.write(made[AUTHORITY_KEY])
            file.flush()
            os.fsync(file.fileno())
        for name in (AUTHORITY, SIGNING):  # the signing key last: other processes wait for it
            _put(folder / name, made[name])
    except BaseException:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        raise
    return True


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
    """Read the keys of a folder: contents by file name, with the certificates in `trusted/`.

    The authority's key may be kept elsewhere: then it is left out. Raises KeysError if another one is missing.
    """
    found = {name: _read(folder / name) for name in FILES if name != AUTHORITY_KEY or os.path.exists(folder / name)}
    return found | {f"{TRUSTED}/{file.name}": _read(file) for file in sorted((folder / TRUSTED).glob("*.pem"))}


def write_keys(folder: Path, contents: Mapping[str, bytes], *, replace: bool = False) -> Path | None:
    """Make the keys those of the folder; an authority that was there stays trusted, and what it signed stays valid.

    `contents`: as read_keys returns them. Raises KeysError if the folder holds keys of another authority, unless
    `replace`. Then that authority's key is kept aside, under a name which is returned.
    """
    aside: Path | None = None
    other = has_keys(folder) and authority_of(folder) != fingerprint(contents[AUTHORITY])
    if other and not replace:
        raise KeysError(
            f"{folder} holds keys of another house; back them up by `dreamtuner marks backup`, then add --replace"
        )
    _make_folder(folder)
    if other:
        with suppress(KeysError):
            trust(folder, _read(folder / AUTHORITY))
        if os.path.exists(folder / AUTHORITY_KEY):
            aside = folder / f"replaced-{(authority_of(folder) or uuid.uuid4().hex)[:16]}-{AUTHORITY_KEY}"
            _put(aside, _read(folder / AUTHORITY_KEY), private=True)
            (folder / AUTHORITY_KEY).unlink()
    for name in (AUTHORITY, AUTHORITY_KEY, SIGNING):  # the certificate first: it decides whose keys these are
        if name in contents:
            _put(folder / name, contents[name])
    for name, certificate in contents.items():
        if name not in FILES:
            trust(folder, certificate)
    return aside


def authority_of(folder: Path) -> str | None:
    """Return the fingerprint of the authority whose keys the folder holds; None if no certificate there says it."""
    for name in (AUTHORITY, SIGNING):
        with suppress(KeysError, ValueError):
            return fingerprint(_read(folder / name))
    return None


def rotate(folder: Path) -> None:
    """Make a new signing key under the same authority. Pictures signed by the old one stay valid until it expires.

    Raises KeysError if the authority's key is missing, or is not that of its certificate.
    """
    authority_key, authority = _read(folder / AUTHORITY_KEY), _read(folder / AUTHORITY)
    if not is_key_of(authority_key, authority):
        raise KeysError(f"{folder / AUTHORITY_KEY}: the key is not that of {AUTHORITY}; {_RESTORE}")
    key, chain = new_signing(authority_key, authority)
    _put(folder / SIGNING, key + chain)


def trust(folder: Path, certificate: bytes) -> str:
    """Trust the pictures that an authority signs; return its fingerprint. Raises KeysError if it is no certificate."""
    try:
        found = fingerprint(certificate)
    except ValueError as error:
        raise KeysError(f"this is no certificate in PEM ({error}); give another house's {AUTHORITY}") from error
    _make_folder(folder)
    _make_folder(folder / TRUSTED, mode=0o755)
    _put(folder / TRUSTED / f"{found[:16]}.pem", certificate)
    return found


def trusted(folder: Path) -> list[str]:
    """Return the certificates in PEM that this house trusts: its own authority's, then the others."""
    files = [folder / AUTHORITY, *sorted((folder / TRUSTED).glob("*.pem"))]
    return [file.read_text() for file in files if file.is_file()]


def _make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make the folder, by default for its owner alone, if there is none."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> KeysError:
    remedy = "make it writable, put the house's keys there, or set DREAMTUNER_KEYS to another folder"
    return KeysError(f"{folder}: keys cannot be written there ({error.strerror}); {remedy}")


def _made(folder: Path) -> bytes:
    """Read the signing key; wait for it while another process may be making the keys."""
    end = time.monotonic() + WAIT_SECONDS
    while not os.path.exists(folder / SIGNING) and _being_made(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return _read(folder / SIGNING)


def _being_made(folder: Path) -> bool:
    with suppress(OSError):
        return time.time() - (folder / AUTHORITY_KEY).stat().st_mtime < WAIT_SECONDS
    return False


def _put(path: Path, data: bytes, *, private: bool = False) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    mode = 0o600 if private or path.name in PRIVATE else 0o644
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _unwritable(path.parent, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysError(f"{path} cannot be read ({error.strerror}); {_RESTORE}") from error
