import threading
import time

import pytest

from storage.objects import Uploader


def test_all_that_was_put_is_sent_by_the_end() -> None:
    sent: list[int] = []
    with Uploader(sent.append) as uploads:
        for i in range(100):
            uploads.put(i, 10)
        uploads.flush()
        assert sorted(sent) == list(range(100))
        uploads.put(100, 10)
    assert len(sent) == 101


def test_putting_does_not_wait_for_sending_while_there_is_room() -> None:
    gate = threading.Event()
    with Uploader(lambda _: gate.wait(30), threads=1, max_bytes=100) as uploads:
        for i in range(10):
            uploads.put(i, 10)
        assert uploads.bytes_held == 100
        gate.set()


def test_memory_is_bounded_and_one_large_item_still_goes() -> None:
    most = 0
    lock = threading.Lock()

    def send(_: int) -> None:
        nonlocal most
        with lock:
            most = max(most, uploads.bytes_held)
        time.sleep(0.002)

    with Uploader(send, threads=3, max_bytes=100) as uploads:
        for i in range(50):
            uploads.put(i, 40)
        uploads.flush()
        assert most <= 100
        uploads.put(50, 1000)
        uploads.flush()


def test_a_failure_is_raised_by_the_next_put_by_flush_and_at_the_end() -> None:
    sent: list[int] = []

    def send(item: int) -> None:
        if item == 3:
            raise OSError("disk full")
        sent.append(item)

    def use() -> None:
        with Uploader(send, threads=1) as uploads:
            for i in range(10):
                uploads.put(i, 1)
            with pytest.raises(OSError, match="disk full"):
                uploads.flush()
            with pytest.raises(OSError, match="disk full"):
                uploads.put(10, 1)
            assert uploads.bytes_held == 0

    with pytest.raises(OSError, match="disk full"):
        use()
    assert sent == [0, 1, 2]


def test_a_putter_that_waits_for_room_hears_of_the_failure() -> None:
    gate = threading.Event()

    def send(_: int) -> None:
        gate.wait(30)
        raise OSError("gone")

    def use() -> None:
        with Uploader(send, threads=1, max_bytes=10) as uploads:
            uploads.put(0, 10)
            threading.Timer(0.05, gate.set).start()
            uploads.put(1, 10)

    with pytest.raises(OSError, match="gone"):
        use()


def test_after_an_interrupt_what_was_put_is_still_sent() -> None:
    sent: list[int] = []
    began, gate = threading.Event(), threading.Event()

    def send(item: int) -> None:
        began.set()
        gate.wait(30)
        sent.append(item)

    def use() -> None:
        with Uploader(send, threads=1) as uploads:
            for i in range(5):
                uploads.put(i, 1)
            began.wait(30)
            threading.Timer(0.05, gate.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert sent == [0, 1, 2, 3, 4]


def test_outside_its_block_nothing_is_taken() -> None:
    uploads: Uploader[int] = Uploader(lambda _: None)
    with pytest.raises(RuntimeError, match="use it in a `with` block"):
        uploads.put(0, 1)
    with uploads:
        pass
    with pytest.raises(RuntimeError, match="use it in a `with` block"):
        uploads.put(0, 1)
