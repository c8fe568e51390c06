"""Who sets Berth up is told why no connection will do, and no password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import psycopg
import pytest
import trustme

from domain.errors import JournalUnavailable
from projections.storage.failures import AWAY, unconnected
from projections.storage.migrate import migrate
from tests.support.servers import Servers

SSL_REQUEST_BYTES = 8
NO, YES = b"N", b"S"


@contextmanager
def answering(answer: bytes, tls: ssl.SSLContext) -> Iterator[str]:
    """The URL of who answers once, as PostgreSQL does, whether it speaks TLS."""

    def answer_once() -> None:
        asked, _ = listening.accept()
        with asked, suppress(OSError):
            asked.recv(SSL_REQUEST_BYTES)
            asked.sendall(answer)
            if answer == YES:
                with tls.wrap_socket(asked, server_side=True) as secured:
                    secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer_once)
        thread.start()
        yield f"postgresql://berth:5Aep861@127.0.0.1:{listening.getsockname()[1]}/berth"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "how", "why"),
    [
        (NO, "sslmode=require", "server does not support SSL, but SSL was required"),
        (YES, "sslmode=verify-full&sslrootcert=system", "certificate verify failed"),
        (
            YES,
            "sslmode=verify-full&sslrootcert={root}",
            'certificate for "db.example.org" does not match host name "127.0.0.1"',
        ),
        (
            YES,
            "sslmode=verify-ca&sslrootcert=/nowhere/root.crt",
            'root certificate file "/nowhere/root.crt" does not exist',
        ),
        (
            YES,
            "sslmode=require&sslcert={root}&sslkey=/nowhere/berth.key",
            'private key file "/nowhere/berth.key"',
        ),
    ],
)
def test_why_there_is_no_tls_is_told(
    tmp_path: Path, answer: bytes, how: str, why: str
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("db.example.org").configure_cert(tls)
    root = tmp_path / "root.crt"
    authority.cert_pem.write_to_path(root)
    with (
        answering(answer, tls) as url,
        pytest.raises(JournalUnavailable, match=r"^no TLS to PostgreSQL: ") as told,
    ):
        migrate(f"{url}?{how.format(root=root)}")
    assert why in str(told.value)
    assert "5Aep861" not in str(told.value)


@pytest.mark.parametrize("password", ["my-ssl/5Aep861", "my-certificate@5Aep861"])
def test_a_password_that_was_taken_for_something_else_is_not_told(
    password: str,
) -> None:
    with pytest.raises(JournalUnavailable, match=f"^{AWAY}$"):
        migrate(f"postgresql://berth:{password}@127.0.0.1:1/berth?sslmode=require")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("standby", "server is not in hot standby mode"),
        ("read-only", "session is not read-only"),
    ],
)
def test_that_none_of_several_hosts_is_the_one_that_was_meant_is_told(
    servers: Servers, asked: str, why: str
) -> None:
    host = servers.database_url.partition("?host=")[2]
    url = f"{servers.database_url},127.0.0.1,{host}&port=5432,1,5432"
    told = f"^no PostgreSQL is as target_session_attrs asks: {why}$"
    with pytest.raises(JournalUnavailable, match=told):
        migrate(f"{url}&target_session_attrs={asked}")


def test_a_refusal_that_speaks_of_tls_is_one_all_the_same() -> None:
    refusal = 'no pg_hba.conf entry for host "10.0.0.1", user "a", database "{}", SSL'
    said = f'server at "10.0.0.1", port 5432 failed: FATAL:  {refusal}'
    for database, told in (
        ("berth", f"PostgreSQL refuses: {refusal.format('berth')}"),
        ("5Aep861@host/berth", AWAY),
    ):
        assert unconnected(psycopg.OperationalError(said.format(database))) == told
