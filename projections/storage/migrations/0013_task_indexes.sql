-- What may be started is looked for by queue and priority, so that none hides another.
CREATE INDEX task_ready_by_queue ON task (queue, priority, ready_at)
    WHERE state = 'pending';
DROP INDEX task_ready;

-- Those that go on are counted for each caller; those that are over go in time.
CREATE INDEX schedule_of_submitter ON schedule (submitter_id) WHERE state = 'pending';
CREATE INDEX schedule_ended ON schedule (ended_at) WHERE state <> 'pending';

-- Each filter of a listing has its own, together with the state: a rare one must not walk
-- over all the others.
CREATE INDEX task_by_type ON task (task_type, state, position);
CREATE INDEX task_by_priority ON task (priority, state, position);
CREATE INDEX task_by_repository ON task (repository_key, state, position)
    WHERE repository_key IS NOT NULL;
CREATE INDEX task_by_submitter ON task (submitter_id, state, position);
CREATE INDEX ended_task_by_type ON ended_task (task_type, state, position);
CREATE INDEX ended_task_by_priority ON ended_task (priority, state, position);
CREATE INDEX ended_task_by_repository ON ended_task (repository_key, state, position)
    WHERE repository_key IS NOT NULL;
CREATE INDEX ended_task_by_submitter ON ended_task (submitter_id, state, position);
DROP INDEX task_of_submitter;
DROP INDEX ended_task_of_submitter;
