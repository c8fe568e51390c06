-- What may be started is looked for by queue and priority, so that none hides another.
CREATE INDEX task_ready_by_queue ON task (queue, priority, ready_at)
    WHERE state = 'pending';
DROP INDEX task_ready;
