-- Of all the webhooks that ever were, at most 500 are not deleted; of the attempts of a
-- webhook, most may be delivered, whoever asks for the others.
CREATE INDEX webhook_there ON webhook (id) WHERE status <> 'deleted';
CREATE INDEX webhook_attempt_failed ON webhook_attempt (webhook_id, outcome, id)
    WHERE outcome <> 'delivered';
