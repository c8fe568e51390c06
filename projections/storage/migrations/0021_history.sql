-- environment_history: under which name each environment was known, by positions, and
-- what is about an environment and not in its own stream.
CREATE TABLE environment_name (
    since bigint PRIMARY KEY,
    until bigint,
    environment_id text NOT NULL,
    project text NOT NULL,
    name_key text NOT NULL,
    repository text NOT NULL,
    name text NOT NULL
);
CREATE INDEX environment_name_of_environment ON environment_name (environment_id, since);
CREATE INDEX environment_name_borne ON environment_name (project, name_key, since);

CREATE TABLE environment_elsewhere (
    environment_id text NOT NULL,
    position bigint NOT NULL,
    topic text NOT NULL,
    PRIMARY KEY (environment_id, position)
);

-- A cache of streams folded up to some position: may be emptied at any time.
CREATE TABLE history_snapshot (
    stream text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    shape text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (stream, position)
);

-- holds: whose turn a lock was, from when to when, and how that ended. Before the grant
-- it is but a ticket that waits; `*_version` are those of the environment's stream.
CREATE TABLE hold (
    ticket_id text PRIMARY KEY,
    environment_id text NOT NULL,
    requested_by text NOT NULL,
    application text,
    reason text,
    lease_seconds integer NOT NULL,
    requested_at timestamptz NOT NULL,
    fence bigint,
    granted_position bigint,
    granted_version bigint,
    granted_at timestamptz,
    acquired_at timestamptz,
    expires_at timestamptz,
    expiry_cause text,
    ended_position bigint,
    ended_version bigint,
    ended_at timestamptz,
    cause text,
    ended_by text
);
CREATE INDEX hold_of_environment ON hold (environment_id, granted_position)
    WHERE granted_position IS NOT NULL;
