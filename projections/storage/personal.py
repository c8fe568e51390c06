r"""How stored bytes hold what is personal: in cipher, in the place of the plain text.

    "requested_by":"\/n17.n0Pq..."    "origin":{"by":"\/o17.3mLs...","role":...

The name is in cipher under the key 17: AES-SIV (RFC 5297), in base64url; the same text
under the same key always looks the same. `n` stands for a name; `o`, for a name with an
address and a user agent, since these three always come together: what was hidden is
then more than a text, it is the fields themselves.

`\/` is JSON's other way to write a slash, and nothing else here is written so: no text
of anybody's can come to look like this. All of it is valid JSON, and bytes without any
of it are read as they are.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from copy import copy
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from msgspec import Raw, Struct, inspect
from msgspec.structs import force_setattr

from domain.hidden import MARK, NAME
from domain.person import ERASED, PERSONAL

KEY_BITS = 512
BACKSLASH = b"\\"
UNSAID = object()

S = TypeVar("S", bound=Struct)
# Fields with a name in them, or with what has one in it.
Places = tuple[tuple[str, "Places | None"], ...]
encode = msgspec.json.Encoder().encode


class Cipher(NamedTuple):
    """`kind` is that of a name, or of an origin."""

    kind: bytes
    key_id: int
    text: bytes


def name_in_json(name: str) -> bytes:
    return encode(name)


def origin_in_json(name: str, ip: str | None, user_agent: str | None) -> bytes:
    """What comes after `"by":`."""
    return b'%s,"ip":%s,"user_agent":%s' % (
        encode(name),
        encode(ip),
        encode(user_agent),
    )


def hidden(kind: bytes, key_id: int, key: AESSIV, plain: bytes) -> Raw:
    """JSON as it is stored, quotes and all."""
    cipher = urlsafe_b64encode(key.encrypt(plain, [kind])).rstrip(b"=")
    return Raw(MARK + b'%s%d.%s"' % (kind, key_id, cipher))


def shown(cipher: Cipher, key: AESSIV) -> bytes:
    """The JSON that was hidden; `InvalidTag` if it was not with this key."""
    padded = cipher.text + b"=" * (-len(cipher.text) % 4)
    return key.decrypt(urlsafe_b64decode(padded), [cipher.kind])


def erased(cipher: Cipher, erased_as: str) -> bytes:
    """The JSON that stands in its place once the key is gone."""
    if cipher.kind == NAME:
        return name_in_json(erased_as)
    return origin_in_json(erased_as, ERASED, ERASED)


def cipher_in(stored: bytes) -> Cipher:
    """Of what stands between the backslash and the closing quote."""
    key_id, _, text = stored[2:].partition(b".")
    return Cipher(stored[1:2], int(key_id), text)


def ciphers_in(state: bytes) -> Iterator[Cipher]:
    """Also in a state that was altered; `ValueError` where it is no cipher."""
    for part in state.split(MARK)[1:]:
        yield cipher_in(b"/" + part.partition(b'"')[0])


@cache
def places_in(kind: type[Struct], *, by_machine: bool = False) -> Places:
    """Every field that is a `PersonName`, and those that lead to one.

    Without an `ActorName`, if what `kind` tells was done `by_machine`.
    """
    found: list[tuple[str, Places | None]] = []
    for field in msgspec.structs.fields(kind):
        for part in _parts(inspect.type_info(field.type)):
            match part:
                case inspect.Metadata(extra={"of_actor": True}) if by_machine:
                    pass
                case inspect.Metadata(extra={"personal": True}):
                    found.append((field.name, None))
                case inspect.StructType(cls=cls):
                    if within := places_in(cls, by_machine=by_machine):
                        found.append((field.name, within))
                case _:
                    pass
    return tuple(found)


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        for part in kind.types:
            yield from _parts(part)
    elif isinstance(kind, inspect.Metadata) and not (kind.extra or {}).get(PERSONAL):
        yield from _parts(kind.type)
    else:
        yield kind


def names_in(value: Struct, places: Places) -> Iterator[tuple[str, bool]]:
    """Each name, and whether it is certain that it is no application's."""
    application: Any = getattr(value, "application", UNSAID)
    if application is not None and application is not UNSAID:
        return
    for field, within in places:
        found = getattr(value, field)
        if found is None:
            continue
        if within is None:
            yield found, application is None
        else:
            yield from names_in(found, within)


def with_names(value: S, places: Places, names: Mapping[str, Raw | None]) -> S:
    """A copy in which those of `names` are hidden as they say; `KeyError` for others.

    What is of an application is left as it is.
    """
    if getattr(value, "application", None) is not None:
        return value
    changed = value
    for field, within in places:
        found = getattr(value, field)
        if found is None:
            continue
        other = names[found] if within is None else with_names(found, within, names)
        if other is not None and other is not found:
            if changed is value:
                changed = copy(value)  # Nobody else has it: so it may be changed.
            force_setattr(changed, field, other)
    return changed
