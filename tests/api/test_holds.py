"""Who held a lock, from when to when, why, and how it ended; and the sums of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.clock import utc_now
from domain.instant import instant_of
from domain.instant import told as told_as
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api, Installation, until

AT_MOST_ONE = """
from projections import history
history.ENVIRONMENTS_MAX = 1
"""


def holds_of(caller: Caller, environment: Json, **query: Any) -> Json:
    return made(caller.get(f"/environments/{environment['id']}/holds", **query))


def seconds(start: str, end: str) -> float:
    return (instant_of(end, "end") - instant_of(start, "start")).total_seconds()


def test_a_hold_tells_who_why_how_long_and_what_was_done_under_it(
    owner: Caller, application: Caller, member: Caller
) -> None:
    username = owner.org()
    one = owner.environment(salesforceUsername=username)
    lock = application.lock(one)
    ticket = lock.ticket(reason="Release 2.1", leaseDurationSeconds=600)
    held = made(lock.acquire(ticket, 0))
    made(lock.acquire(ticket, 0))
    release = made(application.publish(one, ticketId=ticket))
    made(application.publish(one, name="v2"))
    [going_on] = holds_of(member, one)["holds"]
    assert (going_on["endedAt"], going_on["cause"]) == (None, None)
    made(lock.release(ticket))

    told = holds_of(member, one)
    assert told["totalCount"] == 1
    [hold] = told["holds"]
    assert hold.pop("heldSeconds") == pytest.approx(
        seconds(hold["grantedAt"], hold["endedAt"]), abs=0.001
    )
    assert hold["requestedAt"] == hold["grantedAt"] < hold["acquiredAt"]
    assert hold["acquiredAt"] < hold["endedAt"] < hold["expiresAt"]
    [published] = hold.pop("releases")
    assert published.pop("recordedAt") < hold["endedAt"]
    assert published == {
        "id": release["id"],
        "name": "v1",
        "domain": "core",
        "publishedAt": release["publishedAt"],
    }
    disclosed = hold.pop("disclosures")
    assert [one["salesforceUsername"] for one in disclosed] == [username] * 2
    for instant in ("requestedAt", "grantedAt", "acquiredAt", "endedAt"):
        hold.pop(instant)
    assert hold == {
        "environmentId": one["id"],
        "environmentName": "uat",
        "ticketId": ticket,
        "fence": held["fence"],
        "holder": application.name,
        "application": None,
        "reason": "Release 2.1",
        "leaseDurationSeconds": 600,
        "expiresAt": held["expiresAt"],
        "cause": "released",
        "endedBy": application.name,
        "waitedSeconds": 0.0,
        "overrunSeconds": 0.0,
    }


def test_how_a_hold_ended_is_told_also_if_only_time_has_ended_it(
    owner: Caller, application: Caller
) -> None:
    one = owner.environment(claimWindowSeconds=1)
    lock = application.lock(one)
    forced = lock.hold()["ticketId"]
    never_claimed, withdrawn = lock.ticket(), lock.ticket()
    made(lock.release(withdrawn))
    made(owner.lock(one).release(forced))
    until(lambda: ends(owner, one) == ["claim_expired", "forced"])
    short = lock.hold(leaseDurationSeconds=1)["ticketId"]
    renewed = made(lock.renew(short, leaseDurationSeconds=2))
    until(lambda: ends(owner, one)[0] == "lease_expired")

    holds = holds_of(owner, one)["holds"]
    by = [(hold["ticketId"], hold["cause"], hold["endedBy"]) for hold in holds]
    assert by == [
        (short, "lease_expired", None),
        (never_claimed, "claim_expired", None),
        (forced, "forced", owner.name),
    ]
    assert holds[0]["endedAt"] == holds[0]["expiresAt"] == renewed["expiresAt"]
    assert holds[0]["overrunSeconds"] >= 0.9
    assert holds[1]["acquiredAt"] is None
    assert holds[1]["waitedSeconds"] > 0
    assert [hold["fence"] for hold in holds] == [3, 2, 1]


def ends(caller: Caller, environment: Json) -> list[str]:
    return [hold["cause"] for hold in holds_of(caller, environment)["holds"]]


def test_holds_come_in_pages_newest_first(owner: Caller, application: Caller) -> None:
    one = owner.environment()
    lock = application.lock(one)
    for _ in range(5):
        made(lock.release(lock.hold()["ticketId"]))
    fences = [
        [hold["fence"] for hold in holds_of(owner, one, limit=2, offset=skip)["holds"]]
        for skip in (0, 2, 4, 6)
    ]
    assert fences == [[5, 4], [3, 2], [1], []]
    assert holds_of(owner, one, limit=1)["totalCount"] == 5


def test_the_sums_are_of_the_period_asked_for(owner: Caller, api: Api) -> None:
    one = owner.environment()
    other = owner.environment(
        repositoryIdentifier=one["repositoryIdentifier"], name="other"
    )
    ann, ben = (api.caller(Role.APPLICATION) for _ in range(2))
    waiting: list[str] = []
    for caller, place in ((ann, one), (ben, one), (ann, other)):
        lock = caller.lock(place)
        first, second = lock.hold()["ticketId"], lock.ticket()
        made(lock.release(first))
        made(lock.acquire(second, 0))
        made(lock.release(second))
        waiting += [first, second]
    path = f"/repositories/{one['repositoryIdentifier'].replace('/', '%2F')}/holds"
    all_holds = made(owner.get(path))["holds"]
    assert {hold["ticketId"] for hold in all_holds} == {*waiting}
    start = min(hold["grantedAt"] for hold in all_holds)
    end = max(hold["endedAt"] for hold in all_holds)
    summary = made(owner.get(path, **{"from": start, "to": end}))["summary"]
    assert (summary["from"], summary["to"], summary["holds"]) == (start, end, 6)
    # Exactly: what is told of each hold is rounded, and all of it takes no second.
    held = sum(seconds(hold["grantedAt"], hold["endedAt"]) for hold in all_holds)
    assert summary["heldSeconds"] == pytest.approx(held, abs=0.01)
    share = held / (2 * seconds(start, end))
    assert summary["utilisation"] == pytest.approx(share, abs=0.01)
    waits = sorted(hold["waitedSeconds"] for hold in all_holds)
    middle = (waits[2] + waits[3]) / 2
    assert summary["waitP50Seconds"] == pytest.approx(middle, abs=0.002)
    assert waits[4] <= summary["waitP95Seconds"] <= waits[5] + 0.001
    places = {row["environmentId"]: row["holds"] for row in summary["environments"]}
    assert places == {one["id"]: 4, other["id"]: 2}
    people = {row["requestedBy"]: row["holds"] for row in summary["requesters"]}
    assert people == {ann.name: 4, ben.name: 2}
    before = {"from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"}
    nothing = made(owner.get(path, **before))
    assert (nothing["holds"], nothing["summary"]["utilisation"]) == ([], 0.0)
    assert nothing["summary"]["waitP50Seconds"] is None


def test_a_hold_that_began_before_the_period_counts_for_its_part(
    owner: Caller, application: Caller
) -> None:
    one = owner.environment()
    lock = application.lock(one)
    made(lock.release(lock.hold()["ticketId"]))
    ticket = lock.hold()["ticketId"]
    made(lock.renew(ticket, leaseDurationSeconds=7_200))
    since = holds_of(owner, one)["summary"]["to"]
    made(lock.release(ticket))
    told = holds_of(owner, one, **{"from": since})
    [hold] = told["holds"]
    assert hold["ticketId"] == ticket
    assert told["totalCount"] == 1
    part = seconds(since, hold["endedAt"])
    assert told["summary"]["heldSeconds"] == pytest.approx(part, abs=0.01)
    assert told["summary"]["heldSeconds"] < hold["heldSeconds"]


@pytest.mark.parametrize("ahead", [timedelta(days=20), timedelta(days=3_650)])
def test_up_to_a_later_instant_is_up_to_now(
    owner: Caller, application: Caller, ahead: timedelta
) -> None:
    """The 30 days are counted from now, too."""
    one = owner.environment()
    lock = application.lock(one)
    made(lock.release(lock.hold()["ticketId"]))
    later = told_as(utc_now() + ahead)
    told = holds_of(owner, one, to=later)
    assert told["totalCount"] == 1
    since, until = (told["summary"][end] for end in ("from", "to"))
    assert seconds(since, until) == timedelta(days=30).total_seconds()
    assert until < later


def test_owners_reach_the_holds_of_what_was_deleted(
    owner: Caller, application: Caller, member: Caller
) -> None:
    one = owner.environment()
    lock = application.lock(one)
    ticket = lock.hold()["ticketId"]
    made(application.publish(one, ticketId=ticket))
    made(lock.release(ticket))
    assert owner.delete(f"/environments/{one['id']}").is_success
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    path = f"/repositories/{one['repositoryIdentifier'].replace('/', '%2F')}/holds"
    for told in (
        holds_of(owner, one),
        made(owner.get("/environments/by-name/uat/holds", **here)),
        made(owner.get(path)),
    ):
        [hold] = told["holds"]
        assert (hold["ticketId"], len(hold["releases"])) == (ticket, 1)
    assert made(member.get(path))["holds"] == []
    refused(member.get(f"/environments/{one['id']}/holds"), 404)
    refused(member.get("/repositories/acme%2Fnowhere/holds"), 404)
    refused(member.get("/repositories/acme%2Fnowhere"), 404)


def test_a_repository_that_is_gone_was_never_there_for_others(
    owner: Caller, member: Caller
) -> None:
    one = owner.environment()
    assert owner.delete(f"/environments/{one['id']}").is_success
    repository = one["repositoryIdentifier"].replace("/", "%2F")
    assert owner.delete(f"/projects/{repository}").is_success
    path = f"/repositories/{repository}/holds"
    assert made(owner.get(path))["holds"] == []
    for form in "json", "csv":
        refused(member.get(path, format=form), 404, "REPOSITORY_NOT_FOUND")


def test_how_many_there_were_is_counted_as_far_as_the_caller_may_look_back(
    owner: Caller, installation: Installation
) -> None:
    """What comes and goes for each branch is nothing to those who see what there is."""
    one = owner.environment()
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    for name in "branch-1", "branch-2":
        gone = owner.environment(name=name, **here)
        at = gone["createdAt"]
        assert owner.delete(f"/environments/{gone['id']}").is_success
    path = f"/repositories/{one['repositoryIdentifier'].replace('/', '%2F')}/holds"
    with installation.api("few", first=AT_MOST_ONE) as api:
        member, other = api.caller(Role.MEMBER), api.bearing(owner.token)
        told = made(member.get("/environments", at=at, **here))
        assert [there["id"] for there in told["test"]] == [one["id"]]
        assert made(member.get(path))["totalCount"] == 0
        for refusal in other.get(path), other.get("/environments", at=at, **here):
            assert "more than 1 environments" in refused(refusal, 400)["message"]


def test_who_waits_is_told_how_long_holds_have_taken(
    owner: Caller, application: Caller
) -> None:
    one = owner.environment()
    lock = application.lock(one)
    estimates = ("estimatedWaitP50Seconds", "estimatedWaitP90Seconds")
    first, second = lock.hold()["ticketId"], lock.ticket()
    place = made(lock.look(second))
    assert [place[name] for name in estimates] == [None, None]
    made(lock.release(first))
    made(lock.acquire(second, 0))
    third = lock.ticket()
    [queued] = owner.look(one)["lockStatus"]["queuedLocks"]
    looked = made(lock.look(third))
    timed_out = lock.acquire(third, 0)
    assert timed_out.status_code == 408
    for told in queued, looked, timed_out.json():
        p50, p90 = (told[name] for name in estimates)
        assert 0 <= p50 <= p90 <= told["estimatedWaitSeconds"]
