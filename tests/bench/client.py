"""A plain HTTP client for preparing things and for measuring single calls."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any

API = "/sfp/api"
TIMEOUT_SECONDS = 60


class Client:
    """One connection. `send` and `receive` apart let others do something in between."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, which must be a success."""
        self.send(method, path, body)
        return self.receive()

    def send(self, method: str, path: str, body: Any = None) -> None:
        headers, content = self._headers, None
        if body is not None:
            headers = headers | {"Content-Type": "application/json"}
            content = json.dumps(body)
        self._connection.request(method, API + path, content, headers)

    def receive(self) -> Any:
        response: HTTPResponse = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"answered {response.status}: {content.decode()}")
        return json.loads(content)

    def close(self) -> None:
        self._connection.close()
