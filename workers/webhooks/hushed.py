"""What a receiver says, without the secrets that it was sent: it may repeat them.

Servers name the path that they do not know, the header that they do not accept, or all
that they got; as it came, or written as JSON or HTML. A URL does not come as an owner
has written it: yarl spells some of it in its own way.
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import unquote, unquote_plus, urlsplit

from yarl import URL

STARS = "***"
SHORTEST_SECRET = 4


def secrets_in(url: str, headers: Mapping[str, str], *, is_chat: bool) -> Sequence[str]:
    """The longest first. Of a chat, the path is one; else only what is in the query."""
    written, sent = urlsplit(url), URL(url)
    found = {url, str(sent), *headers.values()}
    found.update(_in_query(written.query), _in_query(sent.raw_query_string))
    # Of `Bearer <token>`, the token alone.
    found.update(value.rpartition(" ")[2] for value in headers.values())
    if is_chat:
        found.update((written.path, sent.raw_path))
    spelled = {way for secret in found for way in _spellings(secret)}
    long_enough = (one for one in spelled if len(one) >= SHORTEST_SECRET)
    return sorted(long_enough, key=len, reverse=True)


def hushed(text: str, secrets: Collection[str]) -> str:
    """`text` with stars for each of `secrets`, also for one that its end cuts off."""
    for secret in secrets:
        text = text.replace(secret, STARS)
    for secret in secrets:
        text = _without_beginning(text, secret)
    return text


def _in_query(query: str) -> Iterator[str]:
    yield query
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        yield value.strip("=") or name


def _spellings(secret: str) -> Iterator[str]:
    for one in (secret, unquote(secret), unquote_plus(secret)):
        yield one
        yield html.escape(one)
        for way in (json.dumps(one), json.dumps(one, ensure_ascii=False)):
            yield way[1:-1]
            yield way[1:-1].replace("/", r"\/")


def _without_beginning(text: str, secret: str) -> str:
    begin = text.find(secret[:SHORTEST_SECRET])
    while begin >= 0:
        if secret.startswith(text[begin:]):
            return text[:begin] + STARS
        begin = text.find(secret[:SHORTEST_SECRET], begin + 1)
    return text
