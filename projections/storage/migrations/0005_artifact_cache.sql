-- What orgs said is installed in them; see artifact_cache.py. May be emptied any time.
-- JSON as text: what an org answers may have characters that jsonb refuses.
CREATE TABLE artifact_cache (
    credential_id text PRIMARY KEY REFERENCES credential (id) ON DELETE CASCADE,
    retrieved_at timestamptz NOT NULL,
    artifacts text NOT NULL
);
