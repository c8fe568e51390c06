"""The wire itself: whose certificate nobody vouches for is not spoken to."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from domain.errors import SalesforceRefused
from workers.salesforce.wire import Answer, Wire

HOST = "127.0.0.1"


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    heard = []

    async def hear(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))

    async def test() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path / "cert.pem"))
        server = await asyncio.start_server(hear, HOST, 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        wire = Wire()
        with pytest.raises(SalesforceRefused, match="cannot be connected to"):
            await wire.ask("GET", f"https://{HOST}:{port}/", token="canary")
        await wire.close()
        server.close()

    asyncio.run(test())
    assert not heard


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([{"errorCode": "INVALID_TYPE", "message": "x"}], "INVALID_TYPE"),
        ({"error": "invalid_grant", "error_description": "x"}, "invalid_grant"),
        ([], ""),
        ([["a"]], ""),
        ({"error": {"a": 1}}, ""),
        ({"error": "<script>"}, ""),
        ({"error": "a" * 200}, ""),
        ({"error": "API_CURRENTLY_DISABLED"}, "API_CURRENTLY_DISABLED"),
        # An org may put anything there, also what it was sent.
        ({"error": "5Aep861"}, ""),
        ({"error": "5Aep861_secret"}, ""),
        ({"error": "Aep_secret"}, ""),
        ("error", ""),
        (None, ""),
    ],
)
def test_of_an_error_only_its_name_is_known(content: object, code: str) -> None:
    assert Answer(400, content).code == code


def self_signed(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36_500))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return path
