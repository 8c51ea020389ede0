"""Keys are made once, kept from others, replaced as a whole, backed up and restored."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.marks.inspection import inspect
from deploy.marks.keys.backup import back_up, restore
from deploy.marks.keys.certificates import fingerprint
from deploy.marks.keys.files import AUTHORITY, FILES, FileSigner, read_keys, rotate, trust
from deploy.marks.marker import Marker
from deploy.marks.settings import KeysError, MarkSettings
from tests.deploy.marks.conftest import FACTS, natural, png

SMALL = png(natural(64))
WORDS = "correct horse battery"


def test_many_at_once_make_one_house(tmp_path: Path) -> None:
    keys = tmp_path / "home" / "keys"
    with ThreadPoolExecutor(8) as pool:
        chains = {one.chain for one in pool.map(lambda _: FileSigner().open(keys), range(16))}
    assert len(chains) == 1
    assert [one.name for one in keys.parent.iterdir()] == ["keys"]
    assert {one.name: oct(one.stat().st_mode & 0o777) for one in keys.iterdir()} == {
        "authority.key.pem": "0o600",
        "authority.pem": "0o644",
        "signing.pem": "0o600",
    }
    assert keys.stat().st_mode & 0o777 == 0o700


def test_what_an_earlier_key_signed_stays_trusted(marker: Marker) -> None:
    keys = marker.settings.keys
    before = marker.mark(SMALL, FACTS).data
    rotate(keys)
    later = Marker(marker.settings)
    assert (later.identity.key, later.house) != (marker.identity.key, "")
    assert later.identity.key != marker.identity.key
    assert later.house == marker.house
    assert {inspect(data, keys).state for data in (before, later.mark(SMALL, FACTS).data)} == {"trusted"}


def test_another_host_of_the_house_and_a_loss(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    saved, further = tmp_path / "keys.backup", tmp_path / "further" / "keys"
    with pytest.raises(KeysError, match="at least 12 characters"):
        back_up(marker.settings.keys, saved, "short")
    back_up(marker.settings.keys, saved, WORDS)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert b"BEGIN PRIVATE KEY" not in saved.read_bytes()
    restore(further, saved, WORDS)
    assert fingerprint(read_keys(further)[AUTHORITY]) == fingerprint(read_keys(marker.settings.keys)[AUTHORITY])
    assert Marker(MarkSettings(keys=further)).identity == marker.identity


def test_a_restored_house_still_trusts_the_one_it_replaces(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    back_up(marker.settings.keys, tmp_path / "saved", WORDS)
    second = Marker(MarkSettings(keys=tmp_path / "second"))
    data = second.mark(SMALL, FACTS).data
    restore(second.settings.keys, tmp_path / "saved", WORDS)
    assert Marker(second.settings).house == marker.house
    assert inspect(data, second.settings.keys).state == "trusted"


@pytest.mark.parametrize("broken", FILES)
def test_a_key_that_is_missing_is_named(marker: Marker, broken: str) -> None:
    marker.prepare()
    (marker.settings.keys / broken).unlink()
    with pytest.raises(KeysError, match=rf"{broken} cannot be read .*dreamtuner marks restore"):
        read_keys(marker.settings.keys)


def test_nonsense_is_no_backup_and_no_certificate(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    back_up(marker.settings.keys, tmp_path / "saved", WORDS)
    with pytest.raises(KeysError, match="passphrase is wrong"):
        restore(tmp_path / "other", tmp_path / "saved", WORDS + "!")
    (tmp_path / "nonsense").write_bytes(b"\xff\x00nonsense")
    with pytest.raises(KeysError, match="is no backup of keys"):
        restore(tmp_path / "other", tmp_path / "nonsense", WORDS)
    with pytest.raises(KeysError, match="no certificate in PEM"):
        trust(tmp_path / "other", b"nonsense")
    assert not (tmp_path / "other").exists()
