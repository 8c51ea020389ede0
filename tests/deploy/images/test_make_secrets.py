"""The passwords of a stack are random, and made once."""

import json
from pathlib import Path

from deploy.images.make_secrets import make_secrets


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_two_stacks_share_no_password(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert len(make_secrets(one)) == len(make_secrets(other)) == 6
    first, second = contents(one), contents(other)
    assert set(first) == set(second)
    assert all(first[name] != second[name] for name in first)
    assert all(len(text) >= 20 for text in first.values())


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = contents(tmp_path)
    assert make_secrets(tmp_path) == []
    assert contents(tmp_path) == before


def test_keys_of_ones_own_are_kept_and_reach_the_server(tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "access-key").write_text("mine\n")
    made = make_secrets(tmp_path)
    assert tmp_path / "s3" / "access-key" not in made
    [identity] = json.loads((tmp_path / "s3" / "identities.json").read_text())["identities"]
    secret = (tmp_path / "s3" / "secret-key").read_text()
    assert identity["credentials"] == [{"accessKey": "mine", "secretKey": secret}]
