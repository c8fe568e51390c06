"""A NATS with TLS, its certificate and Berth's from an authority that nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import trustme

from workers.embedded import EmbeddedNats
from workers.nats_servers import NatsServers


class Authority:
    """A company's own. It writes what it makes into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self.file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str, **when: Any) -> tuple[Path, Path]:
        """The files of a certificate for `name` and of its key."""
        issued = self._authority.issue_cert(name, **when)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.unlink(missing_ok=True)
        for blob in issued.cert_chain_pems:
            blob.write_to_path(certificate, append=True)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


class SecureNats(EmbeddedNats):
    """`tls` is what goes into its configuration beside the files."""

    def __init__(
        self, folder: Path, authority: Authority, name: str = "localhost", **tls: Any
    ) -> None:
        super().__init__(folder)
        self.authority, self._name, self._tls = authority, name, tls
        self.when: dict[str, Any] = {}

    def servers(self, scheme: str = "tls", **files: Path | None) -> NatsServers:
        """How to reach it by the name `localhost`, as `authority` has it."""
        where = self.url.replace("127.0.0.1", "localhost").partition("://")[2]
        return NatsServers(
            f"{scheme}://{where}", **{"ca_file": self.authority.file, **files}
        )

    def _configure(self, pid_file: Path) -> dict[str, Any]:
        config = super()._configure(pid_file)
        certificate, key = self.authority.issue(self._name, **self.when)
        config["tls"] = {
            "cert_file": str(certificate),
            "key_file": str(key),
            "ca_file": str(self.authority.file),
            **self._tls,
        }
        config |= config["tls"].pop("beside", {})
        self._config_file.write_text(json.dumps(config))
        return config
