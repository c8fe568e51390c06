"""TLS: the address is the one that was checked, the certificate that of the name."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.receivers import Receiver, receivers
from tests.workers.outgoing.setting import post, sending, speaking
from workers.outgoing import Unreachable
from workers.outgoing.connections import _tls

NAME = "hooks.example"


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[trustme.CA]:
    """One that is trusted, as its bundle is named in SSL_CERT_FILE."""
    made = trustme.CA()
    bundle = tmp_path / "authorities.pem"
    made.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    _tls.cache_clear()
    yield made
    _tls.cache_clear()


def serving(authority: trustme.CA, *names: str, **how: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **how).configure_cert(context)  # type: ignore[arg-type]
    return context


def sent_to(context: ssl.SSLContext, host: str = NAME) -> Receiver:
    async def test() -> Receiver:
        async with sending() as (outgoing, dns), receivers(1, tls=context) as [one]:
            dns.says(NAME, ["127.0.0.1"])
            assert (await post(outgoing, f"https://{host}:{one.port}/")).status == 200
            return one

    return asyncio.run(test())


def test_the_checked_address_is_asked_for_the_name(authority: trustme.CA) -> None:
    context = serving(authority, NAME)
    asked_for = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    receiver = sent_to(context)
    assert asked_for == [NAME]
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"


def test_an_address_can_have_a_certificate(authority: trustme.CA) -> None:
    assert sent_to(serving(authority, "127.0.0.1"), "127.0.0.1").received


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1", "*.hooks.example"])
def test_a_certificate_of_another_name_is_refused(
    authority: trustme.CA, name: str
) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        sent_to(serving(authority, name))


@pytest.mark.usefixtures("authority")
def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with pytest.raises(Unreachable, match="certificate"):
        sent_to(serving(trustme.CA(), NAME))


@pytest.mark.usefixtures("authority")
def test_who_speaks_no_tls_is_told() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 -\r\n\r\n")
        await writer.drain()

    async def test() -> None:
        async with sending() as (outgoing, _), speaking(speak) as url:
            with pytest.raises(Unreachable, match="TLS with it failed"):
                await post(outgoing, url.replace("http:", "https:"))

    asyncio.run(test())


@pytest.mark.usefixtures("authority")
def test_who_never_shakes_hands_is_given_up() -> None:
    async def speak(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def test() -> None:
        async with sending() as (outgoing, _), speaking(speak) as url:
            with pytest.raises(Unreachable, match=r"within 0\.3 s"):
                await post(outgoing, url.replace("http:", "https:"), 0.3)

    asyncio.run(test())
