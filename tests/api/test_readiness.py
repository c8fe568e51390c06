"""Ready is what answers as Berth does, and nothing else on its port."""

from __future__ import annotations

import socket
from threading import Thread

import pytest

from api.commands.readiness import asked_at, is_ready
from tests.support.running import Api, free_port

ODD = (
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    b"",
)


def test_an_api_is_ready_and_nobody_is_not(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "http_proxy", "HTTP_PROXY", "all_proxy":
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert is_ready(api.port)
    assert not is_ready(free_port())


@pytest.mark.parametrize("answer", ODD)
def test_whatever_answers_oddly_is_not_ready(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answering() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4_096)
                client.sendall(answer)

        thread = Thread(target=answering)
        thread.start()
        assert not is_ready(server.getsockname()[1])
        thread.join()


def test_whoever_does_not_answer_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_ready(server.getsockname()[1], seconds=0.1)


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("::", "::1"),
        ("127.0.0.2", "127.0.0.2"),
        ("fd00::7", "fd00::7"),
    ],
)
def test_who_listens_everywhere_is_asked_on_this_machine_and_else_where_he_listens(
    monkeypatch: pytest.MonkeyPatch, listens: str, asked: str
) -> None:
    monkeypatch.setenv("BERTH_HOST", listens)
    assert asked_at() == asked
