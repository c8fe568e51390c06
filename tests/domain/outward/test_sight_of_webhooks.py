"""What happens to webhooks is for the owners of the installation alone."""

from __future__ import annotations

import pytest

from domain.catalog import tag
from domain.event import Actor, Event
from domain.outward.belonging import NOBODYS
from domain.outward.sight import may_see
from domain.roles import Role
from tests.golden.webhooks import WEBHOOKS
from tests.support.builders import MEMBER, OWNER, STRANGER

LIMITED = Actor("olga", Role.OWNER, repositories=frozenset({"acme/shop"}))


@pytest.mark.parametrize("event", WEBHOOKS, ids=lambda event: tag(type(event)))
def test_only_owners_see_it(event: Event) -> None:
    assert may_see(OWNER, event, NOBODYS)
    for other in (MEMBER, STRANGER, LIMITED):
        assert not may_see(other, event, NOBODYS)
