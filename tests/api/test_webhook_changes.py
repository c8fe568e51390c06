"""Several change one webhook at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.api.test_webhooks import create, look
from tests.support.client import Caller, Json, made


def test_of_changes_at_once_none_is_lost(
    owner: Caller, pool: ThreadPoolExecutor
) -> None:
    webhook = create(owner, config={"url": "https://hooks.example.org/"})

    def change(config: Json) -> None:
        made(owner.patch(f"/webhooks/{webhook['id']}", {"config": config}))

    for number in range(8):
        name, url = f"X-{number}", f"https://hooks.example.org/{number}"
        changes = {"headers": {name: "secret"}}, {"url": url}, {"method": "PUT"}
        list(pool.map(change, changes))
        config = look(owner, webhook)["config"]
        assert (config["url"], config["headers"]) == (url, {name: "***"})
