-- The views. Each can be thrown away and is built anew from the journal.

-- environment_listing: each environment, and every ticket it ever issued.
CREATE TABLE environment (
    id text PRIMARY KEY,
    project text NOT NULL,
    name_key text NOT NULL,
    is_default boolean NOT NULL DEFAULT false,
    fence bigint NOT NULL DEFAULT 0,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL
);
CREATE INDEX environment_by_name ON environment (project, name_key);

CREATE TABLE lock_ticket (
    id text PRIMARY KEY,
    environment_id text NOT NULL,
    requested_position bigint NOT NULL,
    status text NOT NULL,
    requested_by text NOT NULL,
    application text,
    reason text,
    lease_seconds integer NOT NULL,
    requested_at timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    expires_at timestamptz,
    expiry_cause text NOT NULL DEFAULT 'lease',
    ended_at timestamptz
);
CREATE INDEX lock_ticket_open ON lock_ticket (environment_id, requested_position)
    WHERE ended_at IS NULL;
CREATE INDEX lock_ticket_of_caller ON lock_ticket (requested_by)
    WHERE ended_at IS NULL;
CREATE INDEX lock_ticket_due ON lock_ticket (coalesce(expires_at, lapses_at))
    WHERE ended_at IS NULL;

-- audit_log: who did what to which environment.
CREATE TABLE audited_environment (
    id text PRIMARY KEY,
    repository text NOT NULL
);
CREATE TABLE audit_record (
    position bigint PRIMARY KEY,
    id text NOT NULL,
    environment_id text NOT NULL,
    accessed_by text NOT NULL,
    accessed_by_application text,
    access_type text NOT NULL,
    access_details jsonb NOT NULL,
    ip_address text,
    user_agent text,
    accessed_at timestamptz NOT NULL
);
CREATE INDEX audit_record_of_environment ON audit_record (environment_id, position);

-- directory: the repositories, the Salesforce orgs and the application tokens.
CREATE TABLE project (
    id text PRIMARY KEY,
    identifier text NOT NULL,
    remote_url text NOT NULL,
    platform text NOT NULL,
    configuration jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE org (
    id text PRIMARY KEY,
    username_key text NOT NULL,
    username text NOT NULL,
    instance_url text,
    is_dev_hub boolean NOT NULL,
    is_default boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE application_token (
    id text PRIMARY KEY,
    name text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
