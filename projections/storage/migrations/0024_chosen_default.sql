-- environment_listing: each category's default, be it registered by then or not: it is
-- chosen just before that, and what is projected together may end in between.
CREATE TABLE chosen_default (id text PRIMARY KEY);
INSERT INTO chosen_default SELECT id FROM environment WHERE is_default;
