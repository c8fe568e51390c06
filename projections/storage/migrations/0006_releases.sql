-- environment_listing: the place in its category's order of deployment, from 1.
ALTER TABLE environment ADD COLUMN orchestration_order integer;

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
