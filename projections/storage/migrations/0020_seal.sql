-- The seal over the journal: docs/log.md. Which log this is; and why nothing is signed
-- any more, if a history was found that does not go on from what is sealed.
CREATE TABLE log (
    origin text NOT NULL,
    refused_because text,
    refused_since timestamptz,
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);

-- The keys that sign; their private halves are in `credential`. One that was replaced
-- signs along until then, and is kept for ever, to check what it has signed.
CREATE TABLE log_key (
    vkey text PRIMARY KEY,
    credential_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    signs_until timestamptz
);

-- The tree, in tiles of 256 hashes of 32 bytes; only ever added to (domain/seal/tiles.py).
CREATE TABLE log_tile (
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, number)
);
ALTER TABLE log_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Each checkpoint that was signed. The tiles are those of the newest.
CREATE TABLE log_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now()
);
