import pytest

from storage.keys import InvalidKeyError, blob_key, check_key


def test_a_blobs_key_is_its_digest_in_two_levels_of_folders() -> None:
    digest = "abcd" + "0" * 60
    assert blob_key(digest) == f"blobs/sha256/ab/cd/{digest}"
    assert check_key(blob_key(digest)) == blob_key(digest)


@pytest.mark.parametrize("digest", ["", "ab", "A" * 64, "../" * 21 + "a", "g" * 64, "a" * 63 + "\n", "a" * 65])
def test_what_is_not_a_digest_is_refused(digest: str) -> None:
    with pytest.raises(InvalidKeyError, match="64 lower-case hex digits"):
        blob_key(digest)


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a//b", "a/", "./a", ".hidden", "a/.incoming/b"),
        *("a\\b", "C:/x", "A", "a\0b", "a\n", "a b", "é", "a/\u202e", "~/x", "a.", "-rf", "%2e%2e/x", "a" * 513, "a*"),
    ],
)
def test_hostile_keys_are_refused(key: str) -> None:
    with pytest.raises(InvalidKeyError, match="lower-case segments"):
        check_key(key)


@pytest.mark.parametrize("key", ["a", "a/b", "blobs/x-1_2.png", "0", "a" * 512])
def test_plain_keys_pass(key: str) -> None:
    assert check_key(key) == key
