-- A correction took five round trips: BEGIN, the lock, the change, reading its history and events back, COMMIT. A function sees what
-- triggers wrote, so that one statement is enough, after the one that reads the entry.

-- As before, but for the id of the revision: the writer of one row may choose it (setting `dno.revision`, of this transaction). So it can look up
-- whether a statement was committed whose response it never received.
CREATE OR REPLACE FUNCTION record_entries() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off SET search_path FROM CURRENT AS $$
DECLARE
    steps entry_step[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        steps := ARRAY(SELECT (n.id, n.dno_id, n.year, n.version, NULL::jsonb,
            CASE WHEN n.deleted_at IS NULL THEN entry_state(to_jsonb(n)) END)::entry_step FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        steps := ARRAY(SELECT (o.id, o.dno_id, o.year, o.version + 1,
            CASE WHEN o.deleted_at IS NULL THEN entry_state(to_jsonb(o)) END, NULL::jsonb)::entry_step FROM old_rows o);
    ELSE
        steps := ARRAY(SELECT (n.id, n.dno_id, n.year, n.version,
            CASE WHEN o.deleted_at IS NULL THEN entry_state(to_jsonb(o)) END,
            CASE WHEN n.deleted_at IS NULL THEN entry_state(to_jsonb(n)) END)::entry_step
            FROM new_rows n JOIN old_rows o USING (id) WHERE n.version <> o.version);
    END IF;
    IF cardinality(steps) = 0 THEN
        RETURN NULL;
    END IF;
    IF TG_ARGV[0] <> '' THEN
        INSERT INTO revisions (id, entry_id, data_type, dno_id, year, version, kind, changed_by, reason, before, after)
        SELECT coalesce(nullif(current_setting('dno.revision', true), '')::uuid, gen_random_uuid()),
            id, TG_ARGV[0], dno_id, year, version, change_kind(before, after),
            nullif(current_setting('dno.actor', true), ''), nullif(current_setting('dno.reason', true), ''),
            before, after
        FROM unnest(steps);
    END IF;
    INSERT INTO outbox (topic, dno_id, year, entries)
    SELECT TG_ARGV[1], dno_id, year,
        jsonb_agg(jsonb_build_object('id', id, 'version', version, 'kind', change_kind(before, after)))
    FROM unnest(steps) GROUP BY dno_id, year;
    IF TG_OP = 'UPDATE' THEN
        -- An entry moved by hand is news where it was, too.
        INSERT INTO outbox (topic, dno_id, year, entries)
        SELECT TG_ARGV[1], o.dno_id, o.year,
            jsonb_agg(jsonb_build_object('id', o.id, 'version', n.version, 'kind', 'CORRECTED'))
        FROM new_rows n JOIN old_rows o USING (id)
        WHERE (n.dno_id, n.year) <> (o.dno_id, o.year) GROUP BY o.dno_id, o.year;
    END IF;
    PERFORM pg_notify('dno_outbox', '');
    RETURN NULL;
END $$;

-- Writes the columns of `new_values` to an entry of the family's table `target`, if it is at version `seen` and not locked: no row
-- otherwise. Returns the row before and after, and its event and its revision: null if nothing has changed.
CREATE FUNCTION write_entry(
    target text, entry uuid, seen integer, new_values jsonb, deleted boolean,
    actor text, why text, kind text, new_revision uuid
) RETURNS TABLE (before jsonb, after jsonb, event outbox, revision revisions)
    LANGUAGE plpgsql ROWS 1 SET search_path FROM CURRENT AS $$
DECLARE
    assignments text := (SELECT string_agg(format('%1$I = n.%1$I', name), ', ') FROM jsonb_object_keys(new_values) AS name);
BEGIN
    PERFORM record_author(actor, why, kind), set_config('dno.revision', new_revision::text, true);
    EXECUTE format('UPDATE %1$I t SET %2$s, deleted_at = CASE WHEN $4 THEN coalesce(t.deleted_at, clock_timestamp()) END'
        ' FROM jsonb_populate_record(NULL::%1$I, $3) n'
        ' WHERE t.id = (SELECT id FROM %1$I WHERE id = $1 AND version = $2 FOR UPDATE SKIP LOCKED)'
        ' RETURNING to_jsonb(old), to_jsonb(new)', target, assignments)
        INTO before, after USING entry, seen, new_values, deleted;
    PERFORM set_config('dno.revision', '', true);
    IF after IS NOT NULL THEN
        RETURN QUERY SELECT write_entry.before, write_entry.after, o, r
            FROM (VALUES (1)) AS one
            LEFT JOIN outbox o ON o.transaction = pg_current_xact_id()
            LEFT JOIN revisions r ON r.id = new_revision;
    END IF;
END $$;
