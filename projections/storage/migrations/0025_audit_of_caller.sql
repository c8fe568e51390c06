-- What one caller did, to one environment or to all.
CREATE INDEX audit_record_of_caller
    ON audit_record (accessed_by, environment_id, access_type, position);
