-- environment_listing: the place in its category's order of deployment, from 1.
ALTER TABLE environment ADD COLUMN orchestration_order integer;

-- audit_log: the newest records of one type, however rare among a million others.
DROP INDEX audit_record_of_environment;
CREATE INDEX audit_record_of_environment
    ON audit_record (environment_id, access_type, position);

-- release_history: every publication of a release that an environment has seen.
CREATE TABLE release (
    id text PRIMARY KEY,
    position bigint NOT NULL,
    environment_id text NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    domain_key text NOT NULL,
    target_org text NOT NULL,
    repository text NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    metadata jsonb NOT NULL,
    ticket_id text,
    fence bigint
);
CREATE INDEX release_of_environment ON release (environment_id, published_at, position);
