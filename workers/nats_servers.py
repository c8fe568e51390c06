"""Where NATS is, by what it is known to be that, and by what it knows Berth."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from workers.nats_urls import nats_servers_from

CA, CERTIFICATE = "BERTH_NATS_CA_FILE", "BERTH_NATS_CERT_FILE"
KEY = "BERTH_NATS_KEY_FILE"
FILES = (CA, CERTIFICATE, KEY)


class UnusableFile(OSError):
    """What a setting names will not do; the message has both, and why."""


class NatsServers(Struct, frozen=True):
    """`url` may be several, with commas between; it may have a secret in it.

    The files are PEM. `ca_file` has the authorities that are believed in place of those
    that this machine knows. `certificate_file` is what Berth shows; its key is in
    `key_file`, or in there, too.
    """

    url: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __repr__(self) -> str:
        return "NatsServers(...)"

    @property
    def has_files(self) -> bool:
        """Then it is reached with TLS, or not at all."""
        return any((self.ca_file, self.certificate_file, self.key_file))

    def context(self) -> ssl.SSLContext:
        """Of what the files have by now: they are renewed while Berth runs.

        `UnusableFile` if one will not do.
        """
        if self.ca_file:
            _check(self.ca_file, CA)
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file:
            _check(self.certificate_file, CERTIFICATE)
            self._show(context, self.certificate_file)
        elif self.key_file:
            raise UnusableFile(f"{KEY} is of no use without {CERTIFICATE}")
        return context

    def _show(self, context: ssl.SSLContext, certificate: Path) -> None:
        setting, file = (KEY, self.key_file) if self.key_file else (CERTIFICATE, None)
        try:
            # No passphrase: else OpenSSL would ask for it at the terminal.
            context.load_cert_chain(certificate, file, password=b"")
        except ssl.SSLError:
            raise UnusableFile(
                f"{setting}: {file or certificate}: has no key of that certificate"
                " in PEM and without a passphrase"
            ) from None
        except OSError as error:
            raise UnusableFile(f"{setting}: {file}: {error.strerror}") from None


def servers_from(url: str, environment: Mapping[str, str]) -> NatsServers:
    """With the files that are set; `UnusableFile` if one will not do by now."""
    files = [environment.get(name) for name in FILES]
    servers = NatsServers(url, *(Path(file) if file else None for file in files))
    if not servers.has_files:
        return servers
    servers.context()
    if any(one.startswith("ws://") for one in nats_servers_from(url)):
        raise UnusableFile("BERTH_NATS_URL has ws://, for which no certificates are")
    return servers


def _check(file: Path, setting: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise UnusableFile(f"{setting}: {file}: has no certificate in PEM") from None
    except OSError as error:
        raise UnusableFile(f"{setting}: {file}: {error.strerror}") from None
