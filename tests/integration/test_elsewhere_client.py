"""Requests over real connections: every way in which a server can fail to answer."""

import socket
import ssl
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.engine.elsewhere import client as client_module
from daemon.engine.elsewhere.client import ANSWER_MAX_BYTES, Client
from daemon.engine.registry import FailedElsewhere
from daemon.errors import Unavailable
from daemon.processes.protocol import Server
from tests.servers import Asked, FakeServer, Reply

LIMIT_S = 0.4


def failure(server: Server, limit_s: float = 5.0) -> FailedElsewhere:
    with pytest.raises(FailedElsewhere) as caught:
        Client(server).get("/models", limit_s)
    return caught.value


def of(house: FakeServer, **fields: Any) -> Server:
    return Server("engines[0]", house.url, **fields)


def test_the_key_goes_along_and_is_hidden_from_everybody_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    with FakeServer() as house:
        client = Client(of(house, api_key_file=str(tmp_path / "key")))
        assert client.get("/models", 5.0).status == 200
        assert house.asked[0].headers["Authorization"] == "Bearer hunter2"
        assert client.hidden("no such key: hunter2") == "no such key: …"
        Client(of(house)).get("/models", 5.0)
        assert "Authorization" not in house.asked[1].headers


def test_a_key_that_cannot_be_read_is_told_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"engines\[0\].api_key_file: .*/key cannot be read"):
        Client(Server("engines[0]", "http://box/v1", api_key_file=str(tmp_path / "key")))
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(Unavailable, match=r"engines\[0\].ca_file"):
        Client(Server("engines[0]", "https://box/v1", ca_file=str(tmp_path / "ca.pem")))


def test_a_port_at_which_nobody_listens_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = failure(Server("engines[0]", f"http://127.0.0.1:{port}/v1"))
    assert found.is_away and "Connection refused" in found.message


def test_a_name_that_nobody_has_is_away() -> None:
    assert failure(Server("engines[0]", "http://gpubox.invalid/v1")).is_away


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("silent", "no whole answer within 0 s"), ("endless", "no whole answer within 0 s"),
        ("half", "its answer ends 10 bytes too early"), ("drop", "Remote end closed connection"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_come_or_does_not_end_may_be_about_the_chunk(how: str, says: str) -> None:
    began = time.monotonic()
    with FakeServer(lambda _asked: Reply(b"{}", how=how)) as house:
        found = failure(of(house), LIMIT_S)
    assert not found.is_away and says in found.message
    assert time.monotonic() - began < 10 * LIMIT_S


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_MAX_BYTES", 1000)
    with FakeServer(lambda _asked: Reply(b"x" * 200_000)) as house:
        assert "longer than" in failure(of(house)).message
    assert ANSWER_MAX_BYTES < 64 << 20


def test_what_is_no_http_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1000)
                line.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=answer, daemon=True).start()
        found = failure(Server("engines[0]", f"http://127.0.0.1:{listening.getsockname()[1]}/v1"))
    assert not found.is_away and "gave no answer that can be used" in found.message


def test_redirects_are_answers_and_the_key_goes_to_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    with FakeServer() as other:
        there = {"Location": f"{other.url}/models"}
        with FakeServer(lambda _asked: Reply(status=307, headers=there)) as house:
            assert Client(of(house, api_key_file=str(tmp_path / "key"))).get("/models", 5.0).status == 307
        assert other.asked == []


def test_the_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with FakeServer() as house:
        assert Client(of(house)).get("/models", 5.0).status == 200


@pytest.fixture(scope="module")
def certificate() -> Path:
    return Path(__file__).parent / "elsewhere.pem"


def test_certificates_are_checked(certificate: Path) -> None:
    """The certificate, for 127.0.0.1 and until 2126, is its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeServer() as house:
        house.wrap(context)
        server = replace(of(house), url=house.url.replace("http:", "https:"))
        found = failure(server)
        assert found.is_away and "not trusted" in found.message and "engines[0].ca_file" in found.hint
        assert Client(replace(server, ca_file=str(certificate))).get("/models", 5.0).status == 200
        wrong_name = replace(server, url=server.url.replace("127.0.0.1", "localhost"), ca_file=str(certificate))
        assert "not trusted" in failure(wrong_name).message
    with FakeServer() as plain:
        found = failure(replace(of(plain), url=plain.url.replace("http:", "https:")))
        assert found.is_away and "does not speak TLS" in found.message


def test_several_threads_use_one_client() -> None:
    def slowly(_asked: Asked) -> Reply:
        time.sleep(0.1)
        return Reply(b"{}")

    with FakeServer(slowly) as house:
        client = Client(of(house))
        threads = [threading.Thread(target=client.get, args=("/models", 5.0)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert house.at_once_max == 4


def test_a_line_that_goes_dead_is_noticed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        closing(socket.create_connection(listening.getsockname())) as line,
    ):
        client_module._probe(line)
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == client_module.SILENT_S
        assert 0 < line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000
