"""Previews in memory: made once however many ask, few at a time, and never more bytes than allowed."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.dashboard.preview_cache import OVERHEAD, PreviewCache


def of(data: bytes | None, asked: list[bytes | None]) -> Callable[[], bytes | None]:
    def make() -> bytes | None:
        asked.append(data)
        return data

    return make


def test_the_oldest_go_and_there_are_never_more_bytes_than_allowed() -> None:
    kept, asked = PreviewCache(most=2 * (OVERHEAD + 100)), list[bytes | None]()
    for name in "aabbcca":
        data = name.encode() * 100
        assert kept.get((name,), of(data, asked)) == data
        assert kept.size <= 2 * (OVERHEAD + 100)
    assert [one[:1] for one in asked if one] == [b"a", b"b", b"c", b"a"]
    assert kept.get(("large",), of(b"x" * 10_000, asked)) == b"x" * 10_000
    assert kept.size == 0, "one that is larger than all may be is not kept, and the rest goes too"


def test_that_there_is_none_is_remembered_and_an_error_is_not() -> None:
    kept, asked = PreviewCache(), list[bytes | None]()
    for _ in range(2):
        assert kept.get(("small",), of(None, asked)) is None
    assert asked == [None]

    def fails() -> bytes:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        kept.get(("other",), fails)
    assert kept.get(("other",), of(b"there", asked)) == b"there"


def test_twenty_at_once_make_each_once_and_few_at_a_time() -> None:
    kept, busy, most = PreviewCache(at_once=3), [0], [0]
    lock, asked = threading.Lock(), list[bytes | None]()

    def slowly(name: str) -> Callable[[], bytes]:
        def make() -> bytes:
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
                asked.append(name.encode())
            time.sleep(0.005)
            with lock:
                busy[0] -= 1
            return name.encode()

        return make

    names = [str(i % 10) for i in range(100)]
    with ThreadPoolExecutor(20) as people:
        found = list(people.map(lambda name: kept.get((name,), slowly(name)), names))
    assert found == [name.encode() for name in names]
    assert sorted(one for one in asked if one) == sorted({name.encode() for name in names})
    assert most[0] <= 3


def test_whoever_waits_is_told_of_the_error_too() -> None:
    kept, begun, go_on = PreviewCache(), threading.Event(), threading.Event()

    def fails() -> bytes:
        begun.set()
        go_on.wait(5)
        raise OSError("the store is away")

    with ThreadPoolExecutor(2) as people:
        first = people.submit(kept.get, ("a",), fails)
        begun.wait(5)
        second = people.submit(kept.get, ("a",), lambda: b"never asked")
        time.sleep(0.02)
        go_on.set()
        assert isinstance(first.exception(5), OSError)
        assert isinstance(second.exception(5), OSError) or second.result(5) == b"never asked"
    assert kept.get(("a",), lambda: b"again") in (b"again", b"never asked")
