"""Puts the API together: every route, what it may ask for, how it refuses."""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp

from api.access_log import AccessLog
from api.artifacts import ArtifactsById, ArtifactsByName
from api.audit import (
    AuditController,
    CallerAuditController,
    RepositoryAuditController,
)
from api.auth import Authenticator
from api.deps import provide_desk, provide_views
from api.documents.apidocs import OPENAPI
from api.documents.schemas_of_events import get_asyncapi, get_event_schema
from api.envelope import Envelope
from api.environments import (
    EnvironmentById,
    EnvironmentByName,
    EnvironmentsController,
)
from api.errors import HANDLERS
from api.event_stream import Streams
from api.events import EventsController
from api.front_door import FrontDoorController
from api.health import HEALTH
from api.history import HistoryById, HistoryByName
from api.holds import HoldsById, HoldsByName, RepositoryHoldsController
from api.idempotency import IdempotencyKeys
from api.locks import LockById, LockByName
from api.log import LogController
from api.log_export import LogExportController
from api.methods import Methods
from api.metrics import metrics
from api.observations import Observations
from api.orchestration import OrchestrationController
from api.orgs import OrgsController
from api.peers import Peers
from api.person_tokens import Signer
from api.place import Names
from api.projects import ProjectsController
from api.recurring import RecurringController
from api.releases import ReleasesById, ReleasesByName
from api.requests import BODY_BYTES_MAX, StrictRequest
from api.short_way import ShortWay
from api.subjects import SubjectsController
from api.tasks import TasksController
from api.tokens import TokensController
from api.visitors import Visitors
from api.waiting import schedule_quota, task_quota, ticket_quota
from api.webhook_deliveries import WebhookDeliveriesController
from api.webhooks import WebhooksController
from projections.traces import TRACES
from workers.wiring import Services

ROUTES: list[Any] = [
    EnvironmentsController,
    EnvironmentById,
    EnvironmentByName,
    LockById,
    LockByName,
    ReleasesById,
    ReleasesByName,
    OrchestrationController,
    HistoryById,
    HistoryByName,
    HoldsById,
    HoldsByName,
    RepositoryHoldsController,
    AuditController,
    RepositoryAuditController,
    CallerAuditController,
    FrontDoorController,
    ArtifactsById,
    ArtifactsByName,
    ProjectsController,
    OrgsController,
    TokensController,
    TasksController,
    RecurringController,
    EventsController,
    get_event_schema,
    WebhooksController,
    WebhookDeliveriesController,
    LogController,
    LogExportController,
    SubjectsController,
    *HEALTH,
]


def build(services: Services, access_log: AccessLog) -> ASGIApp:
    """The application that a server runs, its services being started already."""
    settings = services.settings
    authenticator = Authenticator(
        services.journal, Signer(settings.secret), Visitors(settings.issuers)
    )
    state = State(
        {
            "services": services,
            "authenticator": authenticator,
            "peers": Peers(settings.trusted_proxies),
            "access_log": access_log,
            "names": Names(services.reader),
            "quota": ticket_quota(services.reader),
            "task_quota": task_quota(services.reader),
            "schedule_quota": schedule_quota(services.reader),
            "waits": Counter(),
            "streams": Streams(),
            "documents": {},
        }
    )
    api = Router(
        path="/sfp/api",
        route_handlers=ROUTES,
        dependencies={
            "desk": Provide(provide_desk, sync_to_thread=False),
            "views": Provide(provide_views, sync_to_thread=False),
        },
    )
    app = Litestar(
        [api, metrics, get_asyncapi],
        state=state,
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers=HANDLERS,
        openapi_config=OPENAPI,
        logging_config=None,
    )
    ways = ShortWay(app, Methods(app))
    with_keys = IdempotencyKeys(ways, authenticator, services.answers)
    observations = Observations(log_each=settings.access_log)
    envelope = Envelope(with_keys, observations, lambda: services.journal.is_closing)
    if TRACES.tracer is None:
        return envelope
    from api.traced import Traced  # noqa: PLC0415 - OpenTelemetry comes with an extra

    return Traced(envelope, TRACES.tracer)


def build_beside_worker(services: Services) -> ASGIApp:
    """What a worker tells over HTTP: how it is."""
    app = Litestar(
        [Router(path="/sfp/api", route_handlers=HEALTH), metrics],
        state=State({"services": services}),
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    observations = Observations(log_each=False)
    return Envelope(Methods(app), observations, lambda: services.journal.is_closing)
