-- name: add_projects
INSERT INTO project
    (id, identifier, remote_url, platform, configuration, version, created_at, updated_at)
SELECT id, identifier, remote_url, platform, configuration, 1, at, at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, identifier text, remote_url text, platform text, configuration jsonb,
    at timestamptz
);

-- name: revise_projects
UPDATE project SET
    remote_url = coalesce(new.remote_url, project.remote_url),
    platform = coalesce(new.platform, project.platform),
    configuration = coalesce(new.configuration, project.configuration),
    version = project.version + 1,
    updated_at = new.at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, remote_url text, platform text, configuration jsonb, at timestamptz
)
WHERE project.id = new.id;

-- name: remove_projects
DELETE FROM project USING jsonb_to_recordset(%(rows)s::jsonb) AS old (id text)
WHERE project.id = old.id;

-- name: put_orgs
INSERT INTO org
    (id, username_key, username, instance_url, is_dev_hub, metadata, created_at,
    updated_at)
SELECT id, username_key, username, instance_url, is_dev_hub, metadata, at, at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, username_key text, username text, instance_url text, is_dev_hub boolean,
    metadata jsonb, at timestamptz
)
ON CONFLICT (id) DO UPDATE SET
    username_key = excluded.username_key,
    username = excluded.username,
    instance_url = excluded.instance_url,
    is_dev_hub = excluded.is_dev_hub,
    metadata = excluded.metadata,
    updated_at = excluded.updated_at;

-- name: projects_named
-- Those of this identifier, or of this name whoever's they are.
SELECT identifier, id = %(name)s AS is_it FROM project
WHERE id = %(name)s OR split_part(id, '/', -1) = %(name)s
ORDER BY id = %(name)s DESC
LIMIT 3;

-- name: set_default_org
UPDATE org SET is_default = new.is_default
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, is_default boolean)
WHERE org.id = new.id;

-- name: remove_orgs
DELETE FROM org USING jsonb_to_recordset(%(rows)s::jsonb) AS old (id text)
WHERE org.id = old.id;

-- name: add_tokens
INSERT INTO application_token (id, name, created_by, created_at, expires_at)
SELECT id, name, by, at, expires_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    id text, name text, by text, at timestamptz, expires_at timestamptz
);

-- name: revoke_tokens
UPDATE application_token SET revoked_at = new.at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, at timestamptz)
WHERE application_token.id = new.id;

-- name: list_projects
SELECT * FROM project
WHERE %(id)s::text IS NULL OR id = %(id)s
ORDER BY id;

-- name: list_orgs
SELECT * FROM org
WHERE %(username_key)s::text IS NULL OR username_key = %(username_key)s
ORDER BY username_key;

-- name: list_tokens
SELECT * FROM application_token
WHERE revoked_at IS NULL
ORDER BY created_at, id;

-- name: erase_token_issuers
-- Not where it was an application that is called alike.
UPDATE application_token SET created_by = %(erased_as)s
WHERE created_by = %(name)s AND (
    SELECT event_json(state) #>> '{origin,application}'
    FROM berth_events
    WHERE originator_id = 'tokens/' || application_token.id AND originator_version = 1
) IS NULL;
