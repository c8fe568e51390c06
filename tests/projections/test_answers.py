"""Requests with a key: taken by one at a time, kept sealed, swept after a day."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from domain.errors import AnswerLost, KeyInUse, KeyReused, VaultClosed
from projections.storage import answers as storage
from projections.storage.answers import Answer, Answers, Taken
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.sealing import Seal

KEY = {1: secrets.token_bytes(32)}
OTHER = {1: secrets.token_bytes(32)}
SECOND = {2: secrets.token_bytes(32)}
KEYS = Keyring(KEY)
ANSWER = Answer(200, [(b"content-type", b"application/json")], b'{"token": "hush"}')


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    database = Database(own_journal_url, pool_max=4)
    yield database
    database.close()


@pytest.fixture
def answers(database: Database) -> Answers:
    return Answers(database, database, Seal(KEYS))


def taken(answers: Answers, name: bytes = b"name", what: bytes = b"what") -> Taken:
    found = asyncio.run(answers.take(name, what))
    assert isinstance(found, Taken)
    return found


def age(database: Database, interval: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE idempotent_request SET created_at = created_at - %s::interval,"
            " taken_until = taken_until - %s::interval",
            [interval, interval],
        )


def test_who_comes_second_waits_for_the_answer(answers: Answers) -> None:
    first = taken(answers)
    with pytest.raises(KeyInUse):
        taken(answers)
    asyncio.run(answers.keep(first, ANSWER))
    assert asyncio.run(answers.take(b"name", b"what")) == ANSWER


def test_another_request_is_refused_before_and_after_the_answer(
    answers: Answers, database: Database
) -> None:
    first = taken(answers)
    with pytest.raises(KeyReused):
        taken(answers, what=b"else")
    age(database, "1 minute")
    with pytest.raises(KeyReused):
        taken(answers, what=b"else")
    first = taken(answers)
    asyncio.run(answers.keep(first, ANSWER))
    with pytest.raises(KeyReused):
        taken(answers, what=b"else")


def test_what_nobody_is_at_any_more_is_taken_over_as_it_was(
    answers: Answers, database: Database
) -> None:
    first = taken(answers)
    age(database, "1 minute")
    second = taken(answers)
    assert (second.id, second.seed) == (first.id, first.seed)
    asyncio.run(answers.keep(first, ANSWER))  # It is not its to answer any more.
    asyncio.run(answers.renew(first))
    asyncio.run(answers.give_back(first))
    with pytest.raises(KeyInUse):
        taken(answers)
    other = Answer(201, [], b"")
    asyncio.run(answers.keep(second, other))
    assert asyncio.run(answers.take(b"name", b"what")) == other


def test_who_renews_keeps_it(answers: Answers, database: Database) -> None:
    first = taken(answers)
    age(database, "1 minute")
    asyncio.run(answers.renew(first))
    with pytest.raises(KeyInUse):
        taken(answers)


def test_what_was_given_back_is_anybody_s_at_once(answers: Answers) -> None:
    first = taken(answers)
    asyncio.run(answers.give_back(first))
    assert taken(answers).id == first.id


def test_of_many_at_once_one_takes_it(answers: Answers) -> None:
    async def asking() -> list[Taken | Answer | BaseException]:
        asked = [answers.take(b"name", b"what") for _ in range(20)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(asking())
    assert len([one for one in found if isinstance(one, Taken)]) == 1
    assert len([one for one in found if isinstance(one, KeyInUse)]) == 19


def test_nothing_of_an_answer_is_kept_in_clear(
    answers: Answers, own_journal_url: str
) -> None:
    asyncio.run(answers.keep(taken(answers), ANSWER))
    with psycopg.connect(own_journal_url) as connection:
        [(sealed,)] = connection.execute("SELECT sealed FROM idempotent_request")
    assert b"hush" not in sealed
    assert b"json" not in sealed


def test_what_is_sealed_opens_under_its_own_name_with_any_key_that_is_known() -> None:
    sealed = Seal(KEYS).close("a", b"hush")
    assert Seal(Keyring(KEY | SECOND)).open("a", sealed) == b"hush"
    for seal, name in ((Seal(KEYS), "b"), (Seal(Keyring(OTHER)), "a")):
        with pytest.raises(InvalidTag):
            seal.open(name, sealed)


def test_without_its_key_an_answer_is_lost_and_nothing_is_done_again(
    answers: Answers, database: Database
) -> None:
    asyncio.run(answers.keep(taken(answers), ANSWER))
    taken(answers, b"never answered")
    age(database, "1 minute")
    for other in (OTHER, SECOND):
        later = Answers(database, database, Seal(Keyring(other)))
        for name in (b"name", b"never answered"):
            with pytest.raises(AnswerLost):
                asyncio.run(later.take(name, b"what"))
            age(database, "1 minute")


def test_a_key_that_is_still_to_come_here_is_said_to_be_and_nothing_is_lost(
    answers: Answers, database: Database
) -> None:
    newer = Answers(database, database, Seal(Keyring(KEY | SECOND)))
    asyncio.run(newer.keep(taken(newer), ANSWER))
    seed = taken(newer, b"never answered").seed
    age(database, "1 minute")
    for name in (b"name", b"never answered"):
        with pytest.raises(VaultClosed, match="version 2") as closed:
            asyncio.run(answers.take(name, b"what"))
        assert closed.value.version == 2
    # Who has the key need not wait for the one who has not.
    assert asyncio.run(newer.take(name, b"what")).seed == seed  # type: ignore[union-attr]
    assert asyncio.run(newer.take(b"name", b"what")) == ANSWER


def test_a_day_later_it_is_forgotten(answers: Answers, database: Database) -> None:
    first = taken(answers)
    asyncio.run(answers.keep(first, ANSWER))
    taken(answers, b"never answered")
    age(database, "23 hours 59 minutes")
    asyncio.run(answers.keep(taken(answers, b"new"), ANSWER))
    assert asyncio.run(answers.sweep()) == 0
    age(database, "2 minutes")
    assert asyncio.run(answers.sweep()) == 2
    assert taken(answers).id != first.id


def test_of_too_many_the_oldest_are_forgotten(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "ROWS_MAX", 2)
    for number in range(5):
        asyncio.run(answers.keep(taken(answers, b"%d" % number), ANSWER))
    assert asyncio.run(answers.sweep()) == 2
    assert isinstance(asyncio.run(answers.take(b"4", b"what")), Answer)
    assert isinstance(asyncio.run(answers.take(b"0", b"what")), Taken)
