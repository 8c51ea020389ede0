"""Fetching from real servers on this machine, which play the Internet where a test says so."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from storage.sources import SourceError, addresses, http_retry, read_source, web
from storage.sources.web import fetch

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path by a function, and remembers the paths and Host headers that came."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str | None]] = []
        super().__init__((host, 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append((self.path, self.headers["Host"]))
        self.server.answers.get(self.path, respond(404))(self)

    def log_message(self, *_: object) -> None:
        pass


def respond(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_retry, "PAUSES", (0.001, 0.001, 0.001))


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Server:
        server = Server(tls, host)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def read(server: Server, path: str = "/a", *, max_bytes: int = 1000) -> bytes:
    """Fetch over plain HTTP from this machine, which only `allow_private` permits."""
    return fetch(f"http://127.0.0.1:{server.server_port}{path}", max_bytes=max_bytes, allow_private=True)


def test_the_body_is_read_up_to_exactly_the_limit(serve: Callable[..., Server]) -> None:
    server = serve()
    server.answers["/a"] = respond(body=b"12345", Content_Length="5")
    assert read(server, max_bytes=5) == b"12345"
    with pytest.raises(SourceError, match="larger than the limit of 4 bytes"):
        read(server, max_bytes=4)


def test_an_endless_body_is_cut_at_the_limit(serve: Callable[..., Server]) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        respond()(handler)
        while True:
            handler.wfile.write(b"x" * 10_000)

    server = serve()
    server.answers["/a"] = endless
    with pytest.raises(SourceError, match="larger than the limit"):
        read(server)


def test_a_body_that_drips_is_given_up(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    def drips(handler: BaseHTTPRequestHandler) -> None:
        respond()(handler)
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)

    monkeypatch.setattr(web, "TOTAL_SECONDS", 0.2)
    server = serve()
    server.answers["/a"] = drips
    with pytest.raises(SourceError, match="did not arrive within"):
        read(server)


def test_a_truncated_body_is_an_error(serve: Callable[..., Server]) -> None:
    server = serve()
    server.answers["/a"] = respond(body=b"123", Content_Length="5")
    with pytest.raises(SourceError, match="cannot be read"):
        read(server)


def test_answers_that_are_no_file_are_refused(serve: Callable[..., Server]) -> None:
    server = serve()
    server.answers["/zip"] = respond(body=b"x", Content_Encoding="gzip")
    server.answers["/secret"] = respond(403)
    for path, why in (("/zip", "comes compressed"), ("/secret", "answers 403"), ("/none", "answers 404")):
        with pytest.raises(SourceError, match=why):
            read(server, path)


def test_redirects_are_followed_a_few_times(serve: Callable[..., Server]) -> None:
    server = serve()
    server.answers["/a"] = respond(302, Location="/b?signature=1")
    server.answers["/b?signature=1"] = respond(body=b"there")
    server.answers["/loop"] = respond(301, Location="/loop")
    assert read(server) == b"there"
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        read(server, "/loop")
    assert [path for path, _ in server.seen].count("/loop") == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "s3://bucket/key", "ftp://127.0.0.1/", "http://"])
def test_a_redirect_off_the_web_is_refused(serve: Callable[..., Server], target: str) -> None:
    server = serve()
    server.answers["/a"] = respond(302, Location=target)
    with pytest.raises(SourceError):
        read(server)


def test_private_addresses_get_no_request(serve: Callable[..., Server]) -> None:
    server = serve()
    port = server.server_port
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"):
        with pytest.raises(SourceError, match=r"private or local network address|is not found|cannot be read"):
            read_source(f"https://{host}:{port}/a", max_bytes=10)
    assert server.seen == []


def test_plain_http_and_passwords_are_refused_and_secrets_are_not_told() -> None:
    with pytest.raises(SourceError, match="only https:// is supported") as caught:
        read_source("http://me:secret@example.com/a.png?sig=secret", max_bytes=10)
    assert "secret" not in str(caught.value)
    with pytest.raises(SourceError, match="contains a user name or password") as caught:
        read_source("https://me:secret@example.com/a.png?sig=secret", max_bytes=10)
    assert "secret" not in str(caught.value)
    for broken in ("https://", "https:///x", "https://[::1", "https://exa mple/", "https://a:99999/"):
        with pytest.raises(SourceError):
            read_source(broken, max_bytes=10)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A server's context with a certificate for pictures.example, and a client's that trusts it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    names: list[str | None] = []
    server.sni_callback = lambda _, name, __: names.append(name)
    return SimpleNamespace(server=server, client=ssl.create_default_context(cafile=str(file)), names=names)


class Internet:
    """A resolver whose answers a test writes, for which loopback stands for the Internet; it counts the look-ups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)
        monkeypatch.setattr(addresses, "is_public", lambda address: address in ("127.0.0.1", "127.0.0.3"))

    def look_up(self, host: str | bytes, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        found = [[name]] if name.startswith("127.") else self.answers[name]
        now = found.pop(0) if len(found) > 1 else found[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(monkeypatch)


def test_the_connection_goes_to_the_checked_address_under_the_hosts_name(
    serve: Callable[..., Server], tls: SimpleNamespace, internet: Internet
) -> None:
    server = serve(tls.server)
    server.answers["/a"] = respond(body=b"picture")
    # A second answer would be private: DNS rebinding. It is never asked for.
    internet.answers["pictures.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    url = f"https://pictures.example:{server.server_port}/a"
    assert fetch(url, max_bytes=100, allow_private=False, tls=tls.client) == b"picture"
    assert internet.asked.count("pictures.example") == 1
    assert server.seen == [("/a", f"pictures.example:{server.server_port}")]
    assert tls.names[-1] == "pictures.example"


def test_a_certificate_for_another_host_is_refused(
    serve: Callable[..., Server], tls: SimpleNamespace, internet: Internet
) -> None:
    server = serve(tls.server)
    internet.answers["other.example"] = [["127.0.0.1"]]
    url = f"https://other.example:{server.server_port}/a"
    with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(url, max_bytes=100, allow_private=False, tls=tls.client)
    internet.answers["pictures.example"] = [["127.0.0.1"]]
    with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(url.replace("other", "pictures"), max_bytes=100, allow_private=False)  # the usual authorities
    assert server.seen == []


def test_every_redirect_is_checked_again(
    serve: Callable[..., Server], tls: SimpleNamespace, internet: Internet
) -> None:
    inner = serve(host="127.0.0.2")
    server = serve(tls.server)
    here = f"https://pictures.example:{server.server_port}"
    internet.answers["pictures.example"] = [["127.0.0.1"]]
    internet.answers["inside.example"] = [["127.0.0.2"]]
    for target in (f"https://127.0.0.2:{inner.server_port}/a", f"https://inside.example:{inner.server_port}/a"):
        server.answers["/a"] = respond(302, Location=target)
        with pytest.raises(SourceError, match=r"resolves to 127\.0\.0\.2, a private"):
            fetch(f"{here}/a", max_bytes=100, allow_private=False, tls=tls.client)
    server.answers["/a"] = respond(302, Location=f"http://127.0.0.2:{inner.server_port}/a")
    with pytest.raises(SourceError, match="only https:// is supported"):
        fetch(f"{here}/a", max_bytes=100, allow_private=False, tls=tls.client)
    # The same host again may have become another one meanwhile.
    internet.answers["pictures.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    server.answers["/a"] = respond(302, Location="/b")
    with pytest.raises(SourceError, match=r"resolves to 127\.0\.0\.2, a private"):
        fetch(f"{here}/a", max_bytes=100, allow_private=False, tls=tls.client)
    assert inner.seen == []


def test_an_address_that_does_not_answer_is_passed_over(
    serve: Callable[..., Server], tls: SimpleNamespace, internet: Internet
) -> None:
    server = serve(tls.server)
    server.answers["/a"] = respond(body=b"picture")
    internet.answers["pictures.example"] = [["127.0.0.3", "127.0.0.1"]]  # nobody listens on the first
    url = f"https://pictures.example:{server.server_port}/a"
    assert fetch(url, max_bytes=100, allow_private=False, tls=tls.client) == b"picture"


def test_proxies_of_the_environment_are_not_used(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(), serve()
    server.answers["/a"] = respond(body=b"direct")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    assert read(server) == b"direct"
    assert proxy.seen == []


def _after(bad: int, answer: Answer) -> Answer:
    """`answer` for the first `bad` requests, then the picture."""
    left = [bad]

    def answers(handler: BaseHTTPRequestHandler) -> None:
        left[0] -= 1
        (answer if left[0] >= 0 else respond(body=b"picture", Content_Length="7"))(handler)

    return answers


def _cut(handler: BaseHTTPRequestHandler) -> None:
    respond(body=b"", Content_Length="5")(handler)  # five bytes are announced and none come


@pytest.mark.parametrize(
    "answer", [respond(503), respond(429, Retry_After="0"), respond(502), respond(504), respond(429), _cut]
)
def test_a_server_that_is_busy_is_asked_again(serve: Callable[..., Server], answer: Answer) -> None:
    server = serve()
    server.answers["/a"] = _after(2, answer)
    assert read(server) == b"picture"
    assert len(server.seen) == 3


@pytest.mark.parametrize(("status", "asked"), [(503, 4), (404, 1), (403, 1)])
def test_it_is_asked_four_times_and_what_is_wrong_for_good_once(
    serve: Callable[..., Server], status: int, asked: int
) -> None:
    server = serve()
    server.answers["/a"] = respond(status)
    with pytest.raises(SourceError, match="busy; try again later" if asked > 1 else "check that it is public"):
        read(server)
    assert len(server.seen) == asked


def test_a_pause_is_as_long_as_the_server_asks_and_an_hour_is_not_waited_for(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(http_retry, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    server = serve()
    server.answers["/a"] = _after(1, respond(429, Retry_After="7"))
    assert read(server) == b"picture"
    assert pauses == [7.0]
    server.answers["/b"] = respond(503, Retry_After="3600")
    with pytest.raises(SourceError, match="wait 3600 s as it requests"):
        read(server, "/b")
    assert pauses == [7.0]


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 15 < (http_retry.seconds_after(soon) or 0) <= 20
    assert http_retry.seconds_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert http_retry.seconds_after("soon") is None
    assert http_retry.seconds_after(None) is None
