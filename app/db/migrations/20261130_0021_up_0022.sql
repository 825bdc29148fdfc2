-- A flag on an entry that is flagged already changes nothing but the history: its reason was lost. `dno.recorded`, of a transaction, asks
-- for a revision of an update that changes nothing.
CREATE OR REPLACE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An id is for life: history, places and links rest on it, and the news below pair rows by it.
    NEW.id := OLD.id;
    NEW.version := OLD.version;
    NEW.created_at := OLD.created_at;
    NEW.updated_at := OLD.updated_at;
    IF NEW IS NOT DISTINCT FROM OLD AND coalesce(current_setting('dno.recorded', true), '') = '' THEN
        -- Not NEW: 58.20 equals 58.2, and a digit must not change without an event.
        RETURN OLD;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
