-- When a credential was put, so that one that no org came to use can be told from one
-- that is about to be used; see workers/credential_sweep.py.
ALTER TABLE credential
ADD COLUMN created_at timestamptz NOT NULL DEFAULT clock_timestamp();
