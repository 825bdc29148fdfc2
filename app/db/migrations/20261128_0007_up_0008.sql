-- Time of use (§ 14a EnWG, Modul 3) gets a history, as the other families have it; its rows keep their figures and
-- versions. Figures of families say whether the operator may still change them.

ALTER TABLE netzentgelte_data ADD COLUMN publication text NOT NULL DEFAULT 'FINAL'
    CONSTRAINT publication_is_known CHECK (publication IN ('PRELIMINARY', 'FINAL'));
ALTER TABLE hlzf_data ADD COLUMN publication text NOT NULL DEFAULT 'FINAL'
    CONSTRAINT publication_is_known CHECK (publication IN ('PRELIMINARY', 'FINAL'));
ALTER TABLE time_of_use_data ADD COLUMN publication text NOT NULL DEFAULT 'FINAL'
    CONSTRAINT publication_is_known CHECK (publication IN ('PRELIMINARY', 'FINAL'));

UPDATE families SET data_type = 'TIME_OF_USE' WHERE topic = 'time_of_use';
SELECT accept_families();

-- The triggers are those of attach_history(), with a data type; the others of the table stay.
DROP TRIGGER record_insert ON time_of_use_data;
DROP TRIGGER record_update ON time_of_use_data;
DROP TRIGGER record_delete ON time_of_use_data;
CREATE TRIGGER record_insert AFTER INSERT ON time_of_use_data REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_entries('TIME_OF_USE', 'time_of_use');
CREATE TRIGGER record_update AFTER UPDATE ON time_of_use_data REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_entries('TIME_OF_USE', 'time_of_use');
CREATE TRIGGER record_delete AFTER DELETE ON time_of_use_data REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_entries('TIME_OF_USE', 'time_of_use');

-- What was there before has a first revision, to which it can be reverted. It changes nothing: who wrote the row, and
-- when, was not recorded. Without a transaction, as this is no change that an instance could have missed.
INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, changed_at, reason, before, after, written_in)
SELECT t.id, 'TIME_OF_USE', t.dno_id, t.year, t.version, 'CREATED', t.updated_at, 'the history begins here',
    entry_state(to_jsonb(t)), entry_state(to_jsonb(t)), NULL
FROM time_of_use_data t
-- Rows that break a rule (written before it) do not stop the migration.
WHERE t.deleted_at IS NULL AND t.version BETWEEN 1 AND 1000000000 AND readable_moment(t.updated_at)
-- A row whose id had a history in another table, written by hand, keeps that.
ON CONFLICT (entry_id, version) DO NOTHING;
