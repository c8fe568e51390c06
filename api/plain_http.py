"""HTTP/1.1 and nothing else, also to a client that offers another protocol.

Java's client, for one, offers HTTP/2 with its first request, whatever that is. An offer
may be passed over (RFC 9110, 7.8); but httptools takes what follows the head for that
other protocol, and then again for HTTP, so that a body would be a request.
"""

from __future__ import annotations

from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECT, OFFER = b"CONNECT", b"upgrade"


class PlainProtocol(HttpToolsProtocol):
    """Reads a request with an offer once more, without that."""

    _is_offer = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._read(data)
        except HttpParserError:
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == CONNECT:
            raise ValueError  # This is no proxy: nothing that follows is for us.
        self._is_offer = self.parser.should_upgrade()
        self._unless_offer(super().on_headers_complete)

    def on_message_complete(self) -> None:
        self._unless_offer(super().on_message_complete)

    def _unless_offer(self, act: Callable[[], None]) -> None:
        if not self._is_offer:
            act()

    def _read(self, data: bytes) -> bytes:
        """What is to be read once more."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            return self._without_offer() + data[offer.args[0] :]
        return b""

    def _without_offer(self) -> bytes:
        """The head that has just been read."""
        version = self.parser.get_http_version().encode()
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
        fields = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != OFFER]
        return b"".join([line, *fields, b"\r\n"])
