-- audit_log: one event may be in the audit of several environments.
-- A rebuild under way has made its tables with the key of before: it ends, as when another
-- one has begun.
INSERT INTO berth_tracking (application_name, notification_id)
SELECT 'rebuild_audit_log', -1 WHERE to_regnamespace('rebuild_audit_log') IS NOT NULL
ON CONFLICT (application_name)
DO UPDATE SET notification_id = excluded.notification_id;
ALTER TABLE audit_record
    DROP CONSTRAINT audit_record_pkey,
    ADD CONSTRAINT audit_record_pkey PRIMARY KEY (position, environment_id);
