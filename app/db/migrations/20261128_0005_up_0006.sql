-- What relays have delivered, numbered. Pub/sub loses messages without a trace, as between the nodes of a cluster; an
-- instance compares these numbers with those that came over its channel. Numbers are drawn from a sequence, so that one
-- whose transaction was rolled back after its message was sent is not used again.
CREATE TABLE relay_progress (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    delivered bigint NOT NULL CHECK (delivered > 0),
    previous bigint NOT NULL DEFAULT 0 CHECK (previous >= 0)
);
CREATE SEQUENCE relay_batches;
