"""Keys are made once, kept from others, replaced as a whole, backed up and restored."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.marks.inspection import inspect
from deploy.marks.keys.backup import back_up, restore
from deploy.marks.keys.certificates import fingerprint
from deploy.marks.keys.files import (
    AUTHORITY,
    AUTHORITY_KEY,
    FILES,
    SIGNING,
    FileSigner,
    has_keys,
    make_keys,
    read_keys,
    rotate,
    split_signing,
    trust,
    trusted,
)
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


def test_a_folder_that_only_trusts_others_or_is_empty_gets_keys_once(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    theirs = (marker.settings.keys / AUTHORITY).read_bytes()
    trusting, empty = tmp_path / "trusting", tmp_path / "empty"
    trust(trusting, theirs)
    empty.mkdir()
    for keys in (trusting, empty):
        assert not has_keys(keys)
        with ThreadPoolExecutor(8) as pool:
            chains = {one.chain for one in pool.map(lambda _, keys=keys: FileSigner().open(keys), range(16))}
        assert len(chains) == 1
        assert not make_keys(keys)  # which would be another house
        assert {one.name for one in keys.iterdir()} == {*FILES} | ({"trusted"} if keys == trusting else set())
    assert theirs.decode() in trusted(trusting)


def test_a_folder_that_cannot_hold_keys_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeysError, match=r"keys cannot be written there .*DREAMTUNER_KEYS"):
        FileSigner().open(tmp_path / "file")


def test_a_key_beside_another_certificate_signs_nothing(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    keys, other = marker.settings.keys, tmp_path / "other"
    make_keys(other)
    (keys / AUTHORITY_KEY).write_bytes((other / AUTHORITY_KEY).read_bytes())
    with pytest.raises(KeysError, match=rf"{AUTHORITY_KEY}: the key is not that of .*dreamtuner marks restore"):
        rotate(keys)
    (keys / AUTHORITY).write_bytes((other / AUTHORITY).read_bytes())
    with pytest.raises(KeysError, match=rf"{SIGNING} is not by the authority .*dreamtuner marks restore"):
        FileSigner().open(keys)
    _, chain = split_signing((keys / SIGNING).read_bytes())
    key, _ = split_signing((other / SIGNING).read_bytes())
    (keys / SIGNING).write_bytes(key + chain)
    with pytest.raises(KeysError, match=rf"{SIGNING}: the key is not that of its certificate"):
        FileSigner().open(keys)


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


def test_a_living_house_is_replaced_only_when_told_and_stays_trusted(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    back_up(marker.settings.keys, tmp_path / "saved", WORDS)
    second = Marker(MarkSettings(keys=tmp_path / "second"))
    data, keys = second.mark(SMALL, FACTS).data, second.settings.keys
    before = read_keys(keys)
    with pytest.raises(KeysError, match=r"another house; .*--replace"):
        restore(keys, tmp_path / "saved", WORDS)
    assert read_keys(keys) == before
    aside = restore(keys, tmp_path / "saved", WORDS, replace=True)
    assert aside is not None
    assert (aside.read_bytes(), aside.stat().st_mode & 0o777) == (before[AUTHORITY_KEY], 0o600)
    assert Marker(second.settings).house == marker.house
    assert inspect(data, keys).state == "trusted"
    rotate(keys)
    assert restore(keys, tmp_path / "saved", WORDS) is None  # the same house: nothing of it is lost
    assert Marker(second.settings).identity == marker.identity


def test_a_backup_holds_whom_the_house_trusts(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    make_keys(tmp_path / "friend")
    friend = trust(marker.settings.keys, (tmp_path / "friend" / AUTHORITY).read_bytes())
    back_up(marker.settings.keys, tmp_path / "saved", WORDS)
    restore(tmp_path / "further", tmp_path / "saved", WORDS)
    assert friend in [fingerprint(one) for one in trusted(tmp_path / "further")]


def test_the_authority_s_key_may_be_elsewhere(marker: Marker, tmp_path: Path) -> None:
    marker.prepare()
    keys, saved, further = marker.settings.keys, tmp_path / "saved", tmp_path / "further"
    (keys / AUTHORITY_KEY).rename(tmp_path / "in the safe")
    assert not back_up(keys, saved, WORDS)
    restore(further, saved, WORDS)
    assert Marker(MarkSettings(keys=further)).identity == marker.identity
    assert not (further / AUTHORITY_KEY).exists()
    with pytest.raises(KeysError, match=f"{AUTHORITY_KEY} cannot be read"):
        rotate(further)


@pytest.mark.parametrize("broken", [AUTHORITY, SIGNING])
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


def test_the_commands_say_what_they_refuse_and_what_they_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, other, saved = tmp_path / "keys", tmp_path / "other", tmp_path / "saved"
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DREAMTUNER_KEYS_PASSPHRASE", WORDS)

    def marks(folder: Path, *more: str) -> tuple[bool, str]:
        monkeypatch.setenv("DREAMTUNER_KEYS", str(folder))
        done = CliRunner().invoke(app, ["marks", *more])
        return done.exit_code == 0, " ".join(f"{done.output} {done.exception or ''}".split())

    make_keys(other)
    for folder, more in ((keys, ("trust", str(other / AUTHORITY))), (keys, ("new",)), (keys, ("backup", str(saved)))):
        worked, said = marks(folder, *more)
        assert worked, said
    assert "authority's key is not in it" not in said
    assert marks(keys, "new")[1].endswith("`dreamtuner marks rotate` makes a new signing key")
    assert "--replace" in marks(other, "restore", str(saved))[1]
    worked, said = marks(other, "restore", str(saved), "--replace")
    assert (worked, "the key of the authority before it is kept as replaced-" in said) == (True, True), said
    (keys / AUTHORITY_KEY).unlink()
    assert "the authority's key is not in it" in marks(keys, "backup", str(tmp_path / "part"))[1]
    assert fingerprint(read_keys(keys)[AUTHORITY]) in marks(keys, "show")[1]
