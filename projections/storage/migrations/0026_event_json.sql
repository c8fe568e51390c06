-- An event as PostgreSQL can read it, which has no NUL character in its text. JSON may
-- tell of one, and what a task says of itself, or what was asked for, does.
CREATE FUNCTION event_json(state bytea) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN replace(convert_from(state, 'UTF8'), '\u0000', '\ufffd')::json;
