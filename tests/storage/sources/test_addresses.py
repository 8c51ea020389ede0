import socket

import pytest

from storage.sources import SourceError
from storage.sources.addresses import is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:0:a00:1::", "100::1"),
    ],
)
def test_addresses_off_the_internet_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::",
    ],
)
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "0", "::1"]
)
def test_however_this_machine_is_written_it_is_refused(host: str) -> None:
    with pytest.raises(SourceError, match=r"a private or local network address|is not found"):
        resolve(host, 443, allow_private=False)


def answer(*addresses: str) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]


def test_one_private_address_among_public_ones_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer("8.8.8.8", "10.0.0.1"))
    with pytest.raises(SourceError, match=r"'pictures\.example' resolves to 10\.0\.0\.1"):
        resolve("pictures.example", 443, allow_private=False)
    assert resolve("pictures.example", 443, allow_private=True) == ["8.8.8.8", "10.0.0.1"]


def test_addresses_keep_the_resolvers_order_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer("8.8.8.8", "1.1.1.1", "8.8.8.8"))
    assert resolve("pictures.example", 443, allow_private=False) == ["8.8.8.8", "1.1.1.1"]


def test_a_host_that_is_not_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(SourceError, match=r"host 'pictures\.example' is not found"):
        resolve("pictures.example", 443, allow_private=False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(SourceError, match="no address"):
        resolve("pictures.example", 443, allow_private=False)
