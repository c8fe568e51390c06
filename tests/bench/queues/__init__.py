"""The others: queues of tasks on PostgreSQL for Python, each as its manual advises.

On two cores, neither was faster with more or fewer submitters, jobs at once or a batch.
"""

from __future__ import annotations

from tests.bench.queues.pgqueuer import PgQueuerQueue
from tests.bench.queues.procrastinate import Procrastinate
from tests.bench.queues.queue import Queue

QUEUES: dict[str, Queue] = {
    "Procrastinate": Procrastinate(),
    "PgQueuer": PgQueuerQueue(),
}
