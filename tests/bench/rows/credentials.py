"""Lock cycles as a CI does them: an application's token, and an org's credentials.

Every acquire discloses an auth URL from the vault, and has it on record before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tests.bench.bench import CLIENTS, ENVIRONMENTS, Bench, Site
from tests.bench.installation import Installation, add_environment
from tests.bench.measure import by_turns
from tests.bench.rows.cycles import against_bare
from tests.bench.table import Row


def rows(bench: Bench) -> Iterator[Row]:
    with bench.young_site() as plain:
        environments = environments_with_org(plain.berth, ENVIRONMENTS)
        token = application_token(plain.berth)
        site = Site(replace(plain.berth, token=token), environments)
        site.warm_up()
        ours, bare = by_turns(
            bench.rounds,
            partial(site.lock_cycles, bench.seconds),
            partial(bench.bare_calls, "POST"),
        )
    what = f"the same with application token and credentials, {CLIENTS} clients"
    yield against_bare(what, ours, bare)


def application_token(berth: Installation) -> str:
    asked = {"name": "bench", "expiresIn": 1}
    return str(berth.client().call("POST", "/application-tokens", asked)["token"])


def environments_with_org(berth: Installation, count: int) -> Sequence[str]:
    client = berth.client()
    ids = []
    for number in range(count):
        username = f"ci-{number}@bench.example"
        url = f"force://PlatformCLI::{number}@bench.my.salesforce.com"
        org = {"username": username, "sfdxAuthUrl": url}
        client.call("POST", "/auth/salesforce/register", org)
        name = f"with-org-{number}"
        ids.append(add_environment(client, name=name, salesforceUsername=username))
    return ids
