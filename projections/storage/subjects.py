"""Hides what is personal in what is stored, and shows it as long as its key is there.

One for each process, for its journal and for whoever reads there. Everything is
remembered, so that hiding and showing are look-ups; and all of it is forgotten as soon
as it is noticed that somebody was erased (docs/erasure.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidTag
from msgspec import Raw

from domain.errors import JournalUnavailable, VaultClosed
from domain.event import Actor, Event
from domain.hidden import NAME, ORIGIN
from domain.person import may_be_a_person
from domain.record import Origin, Recorded
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.personal import (
    BACKSLASH,
    Cipher,
    cipher_in,
    ciphers_in,
    erased,
    hidden,
    name_in_json,
    names_in,
    origin_in_json,
    places_in,
    shown,
    with_names,
)
from projections.storage.subject_keys import Found, Key, Known, SubjectKeys, Tally
from projections.storage.subject_memory import Memory, remember

TRIES_MAX = 10
CONNECTIONS_MAX = 2


class SubjectUnknown(KeyError):
    """It is not known here whether this is a person's name: `learn` finds out."""


class Subjects:
    """`keys` are where it looks for what it does not remember."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys
        self._memory = Memory(Tally(0, 0))
        self._turn = threading.Lock()

    def close(self) -> None:
        self._keys.close()

    @property
    def erasures(self) -> int:
        """How many there had been when what is remembered here was found out."""
        return self._memory.tally.erasures

    def known(self, name: str) -> Known:
        """How to find a person's key, and what stands in an erased name's place."""
        return self._keys.known(name)

    def by_now(self, name: str) -> str:
        """The name; what stands in its place if it was somebody's who was erased."""
        if not may_be_a_person(name):
            return name
        known = self.known(name)
        keys = self._keys.find([known], make=False).keys
        has_one = any(key.cipher is not None for key in keys)
        is_erased = not has_one and self._keys.had_one(known)
        return known.erased_as if is_erased else name

    def look(self) -> int:
        """Ask whether anybody was erased, and forget all if so; how many ever were."""
        self.notice(self._keys.tally())
        return self.erasures

    def forget(self) -> None:
        """What is remembered may be of another database, though as many were erased."""
        with self._turn:
            self._memory = Memory(self._memory.tally)

    def notice(self, tally: Tally) -> None:
        """It is so, as somebody has just seen in the database."""
        memory = self._memory
        known = memory.tally
        if tally.is_behind(known):  # Unless it was seen before others saw more.
            tally = self._keys.tally()
        # What is still lower was restored, or lost at a failover: so is what was known.
        if tally.erasures != known.erasures or tally.is_behind(known):
            with self._turn:
                now = self._memory
                if now is memory or tally.erasures > now.tally.erasures:
                    self._memory = Memory(tally)
        self.notice_key(tally.newest_key)

    def notice_key(self, newest: int) -> None:
        """This is the newest key: it may be that of a name that had none."""
        with self._turn:
            memory = self._memory
            if newest > memory.tally.newest_key:
                memory.tally = memory.tally._replace(newest_key=newest)
                memory.forget_strangers()

    def hide(self, event: Event, origin: Origin) -> tuple[Event, Origin]:
        """Copies to be stored; `SubjectUnknown` if a name in them must be learned."""
        memory = self._memory
        try:
            by_machine = origin.application is not None
            if places := places_in(type(event), by_machine=by_machine):
                event = with_names(event, places, memory.names)
            if by_machine:
                return event, origin
            by: Any = _by(memory, origin)
        except KeyError as error:
            raise SubjectUnknown(*error.args) from None
        if by is None:
            return event, origin
        request_id, cause = origin.request_id, origin.cause
        return event, Origin(by, origin.role, origin.at, None, request_id, cause=cause)

    def strangers(self, actors: Iterable[Actor]) -> set[str]:
        """Those of them who may be people, and are not known here."""
        memory = self._memory
        return {
            actor.id
            for actor in actors
            if actor.application is None and not memory.has_met(actor.id)
        }

    def meet(self, people: Collection[str]) -> None:
        """Have a key for each of them, if it can be a person's name."""
        self._learn(people, make=True)

    def learn(self, records: Iterable[Recorded]) -> None:
        """Whatever must be known to hide what is personal in these.

        Who acts, and is no application, is a person, and is given a key. Of names that
        are only spoken of, those are people's that have one.
        """
        people: set[str] = set()
        others: set[str] = set()
        for record in records:
            event, origin = record.event, record.origin
            by_machine = origin.application is not None
            if not by_machine:
                people.add(origin.by)
            places = places_in(type(event), by_machine=by_machine)
            for name, is_certain in names_in(event, places):
                (people if is_certain else others).add(name)
        memory = self._memory
        self._learn({n for n in people if not memory.has_met(n)}, make=True)
        others = {n for n in others - people if n not in memory.names}
        self._learn(others, make=False)

    def _learn(self, names: Collection[str], *, make: bool) -> None:
        known = {n: self.known(n) for n in names if may_be_a_person(n)}
        found, memory = Found(self._memory.tally, ()), self._memory
        if known:
            find = partial(self._keys.find, known.values(), make=make)
            found, memory = self._remembered(find)
        keys = {key.digest: key for key in found.keys}
        with self._turn:
            is_old = found.tally.newest_key < memory.tally.newest_key
            for name in names:
                key = keys.get(known[name].digest) if name in known else None
                if key is None and name in known and is_old:
                    continue  # It may have one by now: whoever needs it asks again.
                remember(memory.names, name, _hidden(name, key))
                if make:
                    remember(memory.people, name, key)

    def lacking(self, states: Iterable[bytes]) -> set[int]:
        """The keys that these need, and that are not remembered here."""
        keys = self._memory.keys
        hiding = [state for state in states if BACKSLASH in state]
        wanted = {cipher.key_id for state in hiding for cipher in ciphers_in(state)}
        return {key_id for key_id in wanted if key_id not in keys}

    def load(self, key_ids: Collection[int]) -> None:
        """From the database; `VaultClosed` if this process cannot open one of them."""
        self._remembered(partial(self._keys.load, key_ids))

    def show(self, state: bytes) -> bytes:
        """Stored bytes as they were before something in them was hidden.

        What nobody can read any more is shown as erased: a name always as the same.
        """
        if BACKSLASH not in state:
            return state
        head, *parts = state.split(BACKSLASH)  # One byte is looked for much faster.
        whole, memory = [head], self._memory
        for part in parts:
            if not (part.startswith(b"/") and whole[-1].endswith(b'"')):
                whole += (BACKSLASH, part)
                continue
            stored, _, rest = part.partition(b'"')
            plain = memory.shown.get(stored)
            if plain is None:
                plain = self._show(memory, stored)
            whole += (plain, rest)
        return b"".join(whole)

    def _show(self, memory: Memory, stored: bytes) -> bytes:
        cipher = cipher_in(stored)
        key = memory.keys.get(cipher.key_id)
        if key is None:
            load = partial(self._keys.load, [cipher.key_id])
            found, memory = self._remembered(load)
            [key] = found.keys
        plain = _plain(cipher, key)[1:]  # The quote before it is there.
        remember(memory.shown, stored, plain)
        return plain

    def _remembered(self, ask: Callable[[], Found]) -> tuple[Found, Memory]:
        """What was found, and where it is remembered; asked again if that is over.

        `JournalUnavailable` if it never is as it was when it was asked.
        """
        for _ in range(TRIES_MAX):
            found = ask()
            self.notice(found.tally)
            memory = self._memory
            if found.tally.erasures == memory.tally.erasures:
                for key in found.keys:
                    remember(memory.keys, key.id, key)
                return found, memory
        raise JournalUnavailable("people are being erased all the time: ask again")


def subjects_of(url: str, keys: Keyring) -> Subjects:
    """Those of the database at `url`, with a pool of connections of their own."""
    database = Database(url, name="berth-subjects", pool_max=CONNECTIONS_MAX)
    return Subjects(SubjectKeys(database, keys))


def _plain(cipher: Cipher, key: Key) -> bytes:
    if key.cipher is None:
        return erased(cipher, key.erased_as)
    try:
        return shown(cipher, key.cipher)
    except InvalidTag:
        raise VaultClosed(
            f"subject key {key.id} does not open what was hidden with it", version=0
        ) from None


def _hidden(name: str, key: Key | None) -> Raw | None:
    if key is None:
        return None
    if key.cipher is None:  # Whoever still speaks of them read it in a snapshot.
        return Raw(name_in_json(key.erased_as))
    return hidden(NAME, key.id, key.cipher, name_in_json(name))


def _by(memory: Memory, origin: Origin) -> Raw | None:
    """Who it was, and from where; None if it is not a person."""
    whole = (origin.by, origin.ip, origin.user_agent)
    raw = memory.origins.get(whole)
    if raw is not None:
        return raw
    key = memory.people[origin.by]
    if origin.ip is None and origin.user_agent is None:
        return memory.names[origin.by]
    if key is None or key.cipher is None:
        return None
    raw = hidden(ORIGIN, key.id, key.cipher, origin_in_json(*whole))
    remember(memory.origins, whole, raw)
    return raw
