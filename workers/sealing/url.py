"""Checkpoints posted to a URL, in the way that webhooks are: checked and bounded."""

from __future__ import annotations

from workers.outgoing import Outgoing, Unreachable
from workers.sealing.outlet import OutletUnavailable

TIMEOUT_SECONDS = 10.0
HEADERS = {"content-type": "text/plain; charset=utf-8"}
SUCCESSES = range(200, 300)


class UrlOutlet:
    """Each is a POST whose body is the note; the answer must be 2xx."""

    name = "the URL of BERTH_CHECKPOINT_URL"

    def __init__(self, url: str, outgoing: Outgoing) -> None:
        self._url = url
        self._outgoing = outgoing

    async def last(self) -> str | None:
        """It cannot be asked."""
        return None

    async def publish(self, origin: str, note: str) -> None:
        del origin  # It stands in the note.
        try:
            answer = await self._outgoing.post(
                self._url,
                method="POST",
                headers=HEADERS,
                body=note.encode(),
                timeout_seconds=TIMEOUT_SECONDS,
            )
        except Unreachable as error:
            raise OutletUnavailable(error.reason) from error
        if answer.status not in SUCCESSES:
            raise OutletUnavailable(f"it answers {answer.status}")
