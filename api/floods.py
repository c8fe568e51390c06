"""Floods of refusals: which are told apart, so that nobody can fill the journal."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from ipaddress import IPv6Address

from domain.access import AccessRefused
from domain.event import Actor
from domain.person import ANONYMOUS

# Of one caller, within a minute: environments, and networks that he asks from.
TOLD_APART_MAX = 100
# Networks of all those together who show no token that is good.
NETWORKS_MAX = 1_000

# An id, and of which application: a person may have the name of one.
Who = tuple[str, str | None]
Key = tuple[str | None, Who, str | None]


class Flood:
    """Refusals of one caller `since` the one that was recorded."""

    def __init__(self, actor: Actor, first: AccessRefused, since: float) -> None:
        self.actor = actor
        self.latest = first
        self.since = since
        self.count = 0


class Floods:
    """By whose they are, the one that began first before the others."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[Key, Flood] = OrderedDict()
        self._of_caller: Counter[Who] = Counter()

    def __len__(self) -> int:
        return len(self._by_key)

    def key(self, actor: Actor, environment_id: str | None) -> Key:
        """Whose flood it is: one for each network and environment, up to so many.

        Beyond that, all of a caller's are one: whoever makes up ids, or has networks
        of IPv6 without end, would be recorded as often as he likes.
        """
        who = (actor.id, actor.application)
        key = (_network_of(actor.ip), who, environment_id)
        at_most = NETWORKS_MAX if actor.id == ANONYMOUS else TOLD_APART_MAX
        if key in self._by_key or self._of_caller[who] < at_most:
            return key
        return (None, who, None)

    def get(self, key: Key) -> Flood | None:
        return self._by_key.get(key)

    def put(self, key: Key, flood: Flood) -> None:
        """In place of the one that was there."""
        if key not in self._by_key:
            self._of_caller[key[1]] += 1
        self._by_key[key] = flood
        self._by_key.move_to_end(key)

    def drop(self, key: Key) -> None:
        del self._by_key[key]
        self._of_caller[key[1]] -= 1
        if not self._of_caller[key[1]]:
            del self._of_caller[key[1]]

    def drop_oldest(self) -> Flood:
        key, flood = next(iter(self._by_key.items()))
        self.drop(key)
        return flood

    def begun_by(self, instant: float) -> Sequence[tuple[Key, Flood]]:
        return [one for one in self._by_key.items() if one[1].since <= instant]


def _network_of(ip: str | None) -> str | None:
    """Who has one address of IPv6 has all that begin with the same 64 bits."""
    try:
        address = IPv6Address(ip or "")
    except ValueError:
        return ip
    return ip if address.ipv4_mapped else str(IPv6Address(int(address) >> 64 << 64))
