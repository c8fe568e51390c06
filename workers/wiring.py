"""Puts one process together: what it is made of, and what runs in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.task.schedule import OPEN_MAX
from domain.task.types import TaskType
from projections.catch_up import CatchUp
from projections.environment_listing import sql
from projections.gauges import Gauges
from projections.history import History
from projections.recent_holds import RecentHolds
from projections.schedule_board import sql as schedule_sql
from projections.sealed_events import SealedEvents
from projections.storage.answers import Answers
from projections.storage.append import Appender
from projections.storage.artifact_cache import ArtifactCache
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.erasure import Erasure
from projections.storage.events_read import EventsRead
from projections.storage.journal import StoredJournal
from projections.storage.log.keys import LogKeys
from projections.storage.log.reading import Log
from projections.storage.reader import Reader
from projections.storage.sealing import Seal
from projections.storage.shelves import Shelves
from projections.storage.subject_keys import SubjectKeys
from projections.storage.subjects import Subjects
from projections.storage.task_log import TaskLog
from projections.storage.vault import Vault
from projections.storage.vault_use import VaultUse
from projections.sweep import Sweep
from projections.views import VIEWS
from workers import (
    credential_sweep,
    doorbell,
    erasure_watch,
    history_keeper,
    lock_expiry,
    task_retention,
    task_schedule,
    vault_check,
)
from workers.credential_sweep import CredentialSweep
from workers.doorbell import Doorbell, Lookout
from workers.erasing import Erasing
from workers.erasure_watch import ErasureWatch
from workers.events.relay import EventRelay
from workers.feed import Feed
from workers.history_keeper import HistoryKeeper
from workers.lock_expiry import LockExpiry
from workers.loop import end, run_forever
from workers.outgoing import Outgoing
from workers.review.desk import ReviewDesk
from workers.running import Handlers
from workers.salesforce import Salesforce
from workers.salesforce.inventory import Inventory
from workers.sealing.running import Sealing, sealing
from workers.settings import Settings
from workers.task_retention import TaskRetention
from workers.task_schedule import DueSchedule, TaskSchedule
from workers.task_types import task_types
from workers.tasks import running as task_running
from workers.tasks import sweep as task_sweep
from workers.tasks.answers import TaskAnswers
from workers.tasks.credentials import CredentialsDesk
from workers.tasks.dispatch import Dispatch
from workers.vault_check import VaultCheck
from workers.webhooks.running import Webhooks, webhooks

READER_CONNECTIONS_MAX = 8
SECRET_CONNECTIONS_MAX = 4
WEBHOOK_CONNECTIONS_MAX = 4
CATCH_UP_EVERY_SECONDS = 0.2
RETRY_EVERY_SECONDS = 0.5
SWEEP_EVERY_SECONDS = 60


@dataclass(frozen=True)
class Services:
    """What the handlers and the workers of one process share."""

    settings: Settings
    subjects: Subjects
    erasing: Erasing
    journal: StoredJournal
    reader: Reader
    gauges: Gauges
    views: ViewStore
    vault: Vault
    answers: Answers
    salesforce: Salesforce
    inventory: Inventory
    vault_use: VaultUse
    task_types: Mapping[str, TaskType]
    task_log: TaskLog
    shelves: Shelves
    dispatch: Dispatch
    relay: EventRelay
    feed: Feed
    history: History
    recent_holds: RecentHolds
    webhooks: Webhooks
    log: Log
    sealed_events: SealedEvents
    log_keys: LogKeys
    sealing: Sealing

    def ring(self, streams: Collection[str]) -> None:
        """Another process has appended, to these among others."""
        self.journal.ring(streams)
        self.nudge(streams)

    def nudge(self, streams: Collection[str]) -> None:
        """Have what follows the journal here look at once."""
        self.dispatch.nudge(streams)
        self.relay.tail.nudge()
        self.feed.nudge()
        self.webhooks.nudge(streams)

    def announce(self, bell: Doorbell, streams: Collection[str]) -> None:
        """To the other processes, and to what follows the journal in this one."""
        bell.announce(streams)
        self.nudge(streams)

    def found(self, streams: Collection[str]) -> None:
        """A look at the journal has found these: nobody may have rung for them."""
        self.journal.ring(streams)
        if streams:
            self.feed.nudge()


@asynccontextmanager
async def running(
    settings: Settings, *, with_workers: bool = False
) -> AsyncIterator[Services]:
    """The services, with everything running that they need; stopped on the way out."""
    url = settings.database_url
    secrets = Database(url, name="berth-vault", pool_max=SECRET_CONNECTIONS_MAX)
    subjects = Subjects(SubjectKeys(secrets, settings.vault_keys))
    secrets.subjects = subjects
    opened = partial(Database, url, durable=False, subjects=subjects)
    database = opened(name="berth-views", pool_max=READER_CONNECTIONS_MAX)
    appender = Appender(Database(url, name="berth-journal", subjects=subjects))
    journal = StoredJournal(appender)
    vault = Vault(secrets, settings.vault_keys)
    salesforce = Salesforce(settings.salesforce_hosts, vault)
    reader = Reader(database)
    hooks = webhooks(
        opened(name="berth-webhooks", pool_max=WEBHOOK_CONNECTIONS_MAX),
        journal,
        reader,
        vault,
        Outgoing(settings.webhook_networks),
    )
    relay = EventRelay(settings.nats, database, settings.events)
    log_keys, replicas = LogKeys(secrets, vault), settings.events.replicas
    services = Services(
        settings=settings,
        subjects=subjects,
        erasing=Erasing(journal, reader, subjects, Erasure(url, subjects)),
        journal=journal,
        reader=reader,
        gauges=Gauges(reader),
        views=ViewStore(database),
        answers=Answers(secrets, database, Seal(settings.vault_keys)),
        vault=vault,
        salesforce=salesforce,
        inventory=Inventory(salesforce, ArtifactCache(secrets)),
        vault_use=VaultUse(secrets),
        task_types=task_types(Handlers.installed(), settings.task_types),
        task_log=TaskLog(database),
        shelves=Shelves(database),
        dispatch=Dispatch(
            settings.nats, secrets, journal, settings.task_types, replicas
        ),
        relay=relay,
        feed=Feed(EventsRead(database)),
        history=History(database, reader),
        recent_holds=RecentHolds(reader),
        webhooks=hooks,
        log=Log(database),
        sealed_events=SealedEvents(database),
        log_keys=log_keys,
        sealing=sealing(
            secrets,
            log_keys,
            relay.broker,
            hooks.outgoing,
            settings.checkpoints,
            replicas,
        ),
    )
    loops = [*_always(services), *(_workers(services) if with_workers else ())]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        async with AsyncExitStack() as stack:
            if with_workers:
                await stack.enter_async_context(_tasks_carried_out(services))
            yield services
    finally:
        await end(*tasks)
        await salesforce.close()
        await hooks.close()
        journal.close()
        database.close()
        secrets.close()


def _always(services: Services) -> Sequence[Any]:
    """What every process runs: its writer, and both ways of being woken."""
    journal = services.journal
    here = services.dispatch.queues.installation
    bell = Doorbell(services.settings.nats, here, services.ring)
    journal.announce = partial(services.announce, bell)
    look = Lookout(services.reader.streams_since, services.found)
    given = services.settings.vault_keys.versions
    check = VaultCheck(given, services.vault_use.by_version)
    watch = ErasureWatch(services.subjects, [services.feed.forget])
    return (
        run_forever("erasure-watch", watch.run_once, erasure_watch.EVERY_SECONDS),
        run_forever("journal", journal.run, RETRY_EVERY_SECONDS),
        run_forever("doorbell", bell.run, RETRY_EVERY_SECONDS),
        run_forever("feed", services.feed.run, RETRY_EVERY_SECONDS),
        run_forever("lookout", look.run_once, doorbell.LOOK_EVERY_SECONDS),
        run_forever("vault-check", check.run_once, vault_check.EVERY_SECONDS),
    )


def _workers(services: Services) -> Sequence[Any]:
    """What happens without a request. Every one may run in many processes."""
    expiry = LockExpiry(partial(_due_locks, services.reader), services.journal)
    recurring = TaskSchedule(partial(_due_schedules, services.reader), services.journal)
    stray = CredentialSweep(services.journal, services.vault, services.reader)
    gone = Sweep(services.views)
    late = CatchUp([*VIEWS.values()], services.views)
    kept = TaskRetention(
        services.shelves,
        services.settings.task_result_days,
        services.settings.task_failure_days,
    )
    swept = task_running.sweep(
        services.reader, services.journal, services.dispatch.queues
    )
    return (
        *services.dispatch.loops(),
        *services.relay.loops(),
        *services.webhooks.loops(),
        *services.sealing.loops(),
        run_forever("task-sweep", swept.run_once, task_sweep.EVERY_SECONDS),
        run_forever("lock-expiry", expiry.run_once, lock_expiry.EVERY_SECONDS),
        run_forever("task-schedule", recurring.run_once, task_schedule.EVERY_SECONDS),
        run_forever("answer-sweep", services.answers.sweep, SWEEP_EVERY_SECONDS),
        run_forever("sweep", gone.run_once, SWEEP_EVERY_SECONDS),
        run_forever("credential-sweep", stray.run_once, credential_sweep.EVERY_SECONDS),
        run_forever("task-retention", kept.run_once, task_retention.EVERY_SECONDS),
        run_forever(
            "history-keeper",
            HistoryKeeper(services.history).run_once,
            history_keeper.EVERY_SECONDS,
            in_bulk=True,
        ),
        run_forever("view-keeper", late.run_once, CATCH_UP_EVERY_SECONDS, in_bulk=True),
    )


def _tasks_carried_out(services: Services) -> AbstractAsyncContextManager[None]:
    settings, journal = services.settings, services.journal
    credentials = CredentialsDesk(journal, services.salesforce, settings.credentials)
    return task_running.carrying_out(
        journal,
        services.dispatch.queues,
        services.task_log,
        TaskAnswers(journal, ReviewDesk(journal, services.reader), credentials),
        slots=settings.task_slots,
        grace_seconds=settings.task_grace_seconds,
    )


async def _due_locks(reader: Reader) -> Sequence[str]:
    rows = await reader.peek(sql["due_locks"], {})
    return [row["environment_id"] for row in rows]


async def _due_schedules(reader: Reader) -> Sequence[DueSchedule]:
    rows = await reader.peek(schedule_sql["due_schedules"], {"open_max": OPEN_MAX})
    return [DueSchedule(row["id"], row["open"]) for row in rows]
