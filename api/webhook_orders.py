"""What an owner wants of a webhook, checked, and as the rules know it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from api.deps import Desk
from api.webhook_answers import destination_of
from api.webhook_schemas import (
    ConfigPatch,
    FilterBody,
    Switch,
    WebhookBody,
    WebhookPatch,
)
from domain.errors import Invalid
from domain.ids import parse_id
from domain.naming import name_of
from domain.webhook.events import (
    Filter,
    Method,
    Provider,
    WebhookCreated,
    WebhookRevised,
)
from domain.webhook.wishes import pattern_of
from workers.outgoing import check_headers, check_url
from workers.webhooks.receivers import Config

SECRET_PREFIX = "whsec_"  # noqa: S105 - of Standard Webhooks


def created_of(
    desk: Desk, data: WebhookBody, config_id: str, secret_id: str
) -> tuple[WebhookCreated, Config]:
    """`Invalid` names what will not do."""
    config = data.config
    check_method(data.provider, config.method)
    kept = checked(desk, Config(config.url, config.headers))
    created = WebhookCreated(
        name=name_of(data.name, "name"),
        pattern=pattern_of(data.event, "event"),
        destination=destination_of(kept.url),
        config_id=config_id,
        secret_id=secret_id,
        provider=data.provider,
        method=config.method,
        filter=filter_of(config.filter),
        ordering=data.ordering,
        timeout_ms=data.timeout,
        retry_count=data.retry_count,
        retry_delay_ms=data.retry_delay,
        is_active=data.status is Switch.ACTIVE,
    )
    return created, kept


def revised_of(
    data: WebhookPatch, facts: WebhookCreated, kept: Config | None, config_id: str
) -> WebhookRevised:
    """`kept` is what the vault will have under `config_id`; None if that stays.

    Then the event does not say it again: somebody else may change it at the same time.
    """
    given = ConfigPatch() if isinstance(data.config, UnsetType) else data.config
    revised = WebhookRevised(
        provider=data.provider,
        method=given.method,
        timeout_ms=data.timeout,
        retry_count=data.retry_count,
        retry_delay_ms=data.retry_delay,
    )
    if kept is not None:
        where = destination_of(kept.url)
        revised = replace(revised, config_id=config_id, destination=where)
    check_method(
        facts.provider if data.provider is UNSET else data.provider,
        facts.method if given.method is UNSET else given.method,
    )
    if not isinstance(data.name, UnsetType):
        revised = replace(revised, name=name_of(data.name, "name"))
    if not isinstance(data.event, UnsetType):
        revised = replace(revised, pattern=pattern_of(data.event, "event"))
    if not isinstance(given.filter, UnsetType):
        revised = replace(revised, filter=filter_of(given.filter))
    return revised


def config_after(
    desk: Desk, patch: WebhookPatch, facts: WebhookCreated, config: Config
) -> Config:
    """Where it leads from now on; `config` is where it led, `facts` what it was.

    What was a secret between us and one receiver is not sent to another: whoever says
    where it leads must say the headers again. Nor is a chat's URL shown by saying that
    it was none.
    """
    given = ConfigPatch() if isinstance(patch.config, UnsetType) else patch.config
    was_chat = facts.provider is not Provider.GENERIC
    if was_chat and patch.provider is Provider.GENERIC and given.url is UNSET:
        raise Invalid(
            "config.url must be given again for a program: a chat's is not shown",
            field="config.url",
        )
    changed: dict[str, Any] = {
        name: value
        for name, value in (("url", given.url), ("headers", given.headers))
        if value is not UNSET
    }
    if not changed:
        return config
    # Checked before anything reads where it leads: it may not be a URL at all.
    after = checked(desk, replace(config, **changed))
    is_elsewhere = destination_of(after.url) != destination_of(config.url)
    if is_elsewhere and config.headers and given.headers is UNSET:
        raise Invalid(
            "config.headers must be given again for a URL of another host",
            field="config.headers",
        )
    return after


def checked(desk: Desk, config: Config) -> Config:
    """`Invalid` if its URL or a header may not be asked for."""
    check_url(config.url, tuple(desk.services.settings.webhook_networks))
    check_headers(config.headers)
    return config


def check_method(provider: Provider | Any, method: Method | Any) -> None:
    """`Invalid` if a chat is to be told by anything but POST."""
    if provider is not Provider.GENERIC and method is not Method.POST:
        raise Invalid("chats take POST only", field="config.method")


def filter_of(given: FilterBody) -> Filter:
    """Checked: `Invalid` names the field within `config.filter`."""
    field = "config.filter"
    repository, environment_id = given.repository_identifier, given.environment_id
    return Filter(
        repository=None
        if repository is None
        else name_of(repository, f"{field}.repositoryIdentifier", slash=True),
        environment_id=None
        if environment_id is None
        else parse_id(environment_id, f"{field}.environmentId"),
        category=given.category,
        types=tuple(pattern_of(one, f"{field}.types") for one in given.types),
    )


def signing_secret(desk: Desk) -> str:
    """The same one if the request is carried out again."""
    key = urlsafe_b64decode(f"{desk.new_secret()}=")
    return SECRET_PREFIX + b64encode(key).decode()


def is_active_of(status: Switch | UnsetType) -> bool | UnsetType:
    return UNSET if isinstance(status, UnsetType) else status is Switch.ACTIVE
