"""Every way the domain says no. `api/errors.py` maps each to one HTTP status."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """The request was understood and refused; `code` names the reason to programs."""

    code: ClassVar[str] = "REFUSED"


class Invalid(DomainError):
    """A value is not acceptable; `field` names it as the caller spelled it."""

    code = "INVALID"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field

    def of(self, field: str) -> Invalid:
        """The same, of `field`: all of the path to it, in what was sent."""
        message = str(self)
        if message.startswith(self.field):
            message = field + message.removeprefix(self.field)
        return Invalid(message, field=field)


class PositionAhead(Invalid):
    """The journal does not reach so far: what was read up to there is not this one."""

    code = "POSITION_AHEAD"


class Unauthenticated(DomainError):
    """Nobody we know: no token, or one that is forged, expired or revoked."""

    code = "UNAUTHENTICATED"


class Forbidden(DomainError):
    """It could be done, but not by this caller."""

    code = "FORBIDDEN"


class NotHolder(Forbidden):
    """The ticket is somebody else's."""

    code = "NOT_YOUR_TICKET"


class NotFound(DomainError):
    """There is no such thing."""

    code = "NOT_FOUND"


class EnvironmentNotFound(NotFound):
    """There is no such environment, or it was deleted."""

    code = "ENVIRONMENT_NOT_FOUND"


class ProjectNotFound(NotFound):
    """No repository is registered under this identifier."""

    code = "REPOSITORY_NOT_FOUND"


class OrgNotFound(NotFound):
    """No Salesforce org is registered under this username."""

    code = "ORG_NOT_FOUND"


class TokenNotFound(NotFound):
    """There is no such application token."""

    code = "TOKEN_NOT_FOUND"


class EventNotFound(NotFound):
    """The journal has no such event."""

    code = "EVENT_NOT_FOUND"


class TicketNotFound(NotFound):
    """This environment never issued such a ticket."""

    code = "TICKET_NOT_FOUND"


class TicketEnded(NotFound):
    """The ticket was given back, withdrawn or has expired; ask for a new one."""

    code = "TICKET_ENDED"

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class LeaseOver(DomainError):
    """The lease cannot be extended any more: it is over."""

    code = "LEASE_OVER"


class Conflict(DomainError):
    """It exists, but its present state forbids this."""

    code = "CONFLICT"


class EnvironmentExists(Conflict):
    """The repository has an environment of this name."""

    code = "ENVIRONMENT_EXISTS"


class UsernameTaken(Conflict):
    """Another environment of the repository uses this Salesforce username."""

    code = "SALESFORCE_USERNAME_TAKEN"


class EnvironmentLocked(Conflict):
    """A locked environment can be neither deleted nor deactivated."""

    code = "ENVIRONMENT_LOCKED"


class EnvironmentInactive(Conflict):
    """An inactive environment cannot be locked."""

    code = "ENVIRONMENT_INACTIVE"


class NotInPool(Conflict):
    """The environment does not carry the tag of this pool."""

    code = "NOT_IN_POOL"


class ReviewTaken(Conflict):
    """The review environment is in use by another issue."""

    code = "REVIEW_ENVIRONMENT_TAKEN"


class ReviewNotAssigned(Conflict):
    """The issue has no review environment there."""

    code = "REVIEW_ENVIRONMENT_NOT_ASSIGNED"


class ReviewMoved(Conflict):
    """The issue was given another review environment at the same time."""

    code = "REVIEW_ENVIRONMENT_MOVED"


class ReviewGivenBack(Conflict):
    """What this task had assigned is over: it does not assign anything again."""

    code = "REVIEW_ENVIRONMENT_GIVEN_BACK"


class PoolBusy(Conflict):
    """No review environment of the pool was free in time."""

    code = "POOL_BUSY"


class ProjectExists(Conflict):
    """A repository is registered under this identifier."""

    code = "REPOSITORY_EXISTS"


class ProjectInUse(Conflict):
    """A repository with environments cannot be removed."""

    code = "REPOSITORY_IN_USE"


class NotAcquired(Conflict):
    """The ticket does not hold the lock yet."""

    code = "LOCK_NOT_ACQUIRED"


class KeyReused(Conflict):
    """The Idempotency-Key was sent with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class KeyInUse(Conflict):
    """The request with this Idempotency-Key has not been answered yet."""

    code = "IDEMPOTENCY_KEY_IN_USE"


class AnswerLost(Conflict):
    """It was answered, and is done; but the answer cannot be read any more."""

    code = "IDEMPOTENCY_ANSWER_LOST"


class AlreadyCarriedOut(Conflict):
    """The request has taken effect already, though nobody may have been told."""

    code = "ALREADY_CARRIED_OUT"


class StaleFence(Conflict):
    """The ticket held the lock once and holds it no more: its fence is outdated."""

    code = "STALE_FENCE"


class ReleaseExists(Conflict):
    """This release is on record with other facts, and a record is not rewritten."""

    code = "RELEASE_EXISTS"


class SalesforceRefused(DomainError):
    """Salesforce did not give what was asked of it; the message says why, and never
    repeats a secret."""

    code = "SALESFORCE_REFUSED"


class TooMany(DomainError):
    """A limit on how much may wait is reached; try again later."""

    code = "TOO_MANY"
    retry_after_seconds: ClassVar[int] = 5


class QueueFull(TooMany):
    """The environment's queue is as long as it may get."""

    code = "QUEUE_FULL"


class JournalUnavailable(Exception):
    """The database did not answer. Whether the command took effect is not known."""

    code = "UNAVAILABLE"


class Stopping(JournalUnavailable):
    """This process is about to end: another one will answer. Nothing was done."""

    code = "STOPPING"


class IssuerUnavailable(Exception):
    """Whoever issued this token cannot be asked for its key just now."""

    code = "ISSUER_UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class VaultClosed(Exception):
    """What is asked for is encrypted under a key that this process does not have."""

    def __init__(self, message: str, *, version: int) -> None:
        super().__init__(message)
        self.version = version
