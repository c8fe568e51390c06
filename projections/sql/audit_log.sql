-- name: add_environments
INSERT INTO audited_environment (id, repository)
SELECT id, repository
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (id text, repository text);

-- name: add_accesses
-- Somebody may ask for an environment that is not there, or is there no more: it has no
-- audit, and such rows find no partner.
INSERT INTO audit_record (
    position, id, environment_id, accessed_by,
    accessed_by_application, access_type, access_details, ip_address, user_agent,
    accessed_at
)
SELECT
    new.position, new.id, new.environment_id, new.accessed_by,
    new.accessed_by_application, new.access_type, new.access_details,
    new.ip_address, new.user_agent, new.accessed_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (
    position bigint, id text, environment_id text, accessed_by text,
    accessed_by_application text, access_type text, access_details jsonb,
    ip_address text, user_agent text, accessed_at timestamptz
)
JOIN audited_environment AS known ON known.id = new.environment_id;

-- name: remove_environments
-- Deleting an environment takes its audit out of the ordinary routes (DESIGN 4).
WITH gone AS (
    SELECT id FROM jsonb_to_recordset(%(rows)s::jsonb) AS old (id text)
), records AS (
    DELETE FROM audit_record USING gone WHERE audit_record.environment_id = gone.id
)
DELETE FROM audited_environment USING gone WHERE audited_environment.id = gone.id;

-- name: audit_of_environment
-- Newest first.
SELECT audit_record.*, known.repository
FROM audit_record
JOIN audited_environment AS known ON known.id = audit_record.environment_id
WHERE environment_id = %(environment_id)s
    AND (%(access_type)s::text IS NULL OR access_type = %(access_type)s)
ORDER BY position DESC
LIMIT %(limit)s OFFSET %(offset)s;
