-- Those who share the agreed Redis confirm it every now and then, so that others know whether it is abandoned.
ALTER TABLE cache_epoch
    ADD COLUMN confirmed_at timestamptz CONSTRAINT confirmed_at_is_readable CHECK (readable_moment(confirmed_at)),
    ADD COLUMN raised_at timestamptz CONSTRAINT raised_at_is_readable CHECK (readable_moment(raised_at)),
    ADD COLUMN previous_identity text;

-- What was committed since a snapshot is found by its transaction: no clock is asked, and numbers that were
-- drawn in one order and committed in another do no harm. Rows from before this migration have none.
ALTER TABLE revisions ADD COLUMN written_in xid8;
ALTER TABLE revisions ALTER COLUMN written_in SET DEFAULT pg_current_xact_id();
CREATE INDEX revisions_written_in ON revisions (written_in);
DROP INDEX revisions_changed_at;
