"""PostgreSQL and NATS from wheels, for whoever has nothing but Python."""

from workers.embedded.nats import EmbeddedNats
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.process import ChildProcess, Ending, ServerStartError

__all__ = [
    "ChildProcess",
    "EmbeddedNats",
    "EmbeddedPostgres",
    "Ending",
    "ServerStartError",
]
