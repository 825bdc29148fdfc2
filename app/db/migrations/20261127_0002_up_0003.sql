-- Keeping the books of a change took longer than the change: its statements were put together and planned anew
-- each time. Now they stand in the function, so each session plans them once for each table and trigger.

-- One row's step to `version`: what it said before and says after, null where it was not there.
CREATE TYPE entry_step AS (id uuid, dno_id uuid, year integer, version integer, before jsonb, after jsonb);

-- For tables of figures. Arguments: data type ('' keeps no revisions), topic.
-- A plan that one row has led to must also do for a whole import, so rows are never joined in nested loops.
CREATE OR REPLACE FUNCTION record_entries() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
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
        INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, changed_by, reason, before, after)
        SELECT id, TG_ARGV[0], dno_id, year, version, change_kind(before, after),
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
