-- Which installation this is: what it publishes is told apart from another's by it.
CREATE TABLE installation (
    id text NOT NULL,
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO installation (id) VALUES (gen_random_uuid()::text);
