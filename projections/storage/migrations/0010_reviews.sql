-- environment_listing: which issue has a review environment, and when its time is over.
ALTER TABLE environment ADD COLUMN review jsonb, ADD COLUMN review_until timestamptz;
CREATE INDEX environment_review_due ON environment (review_until)
    WHERE review_until IS NOT NULL;
