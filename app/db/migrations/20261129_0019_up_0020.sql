-- A statement that changes tens of thousands of operators wrote one event of several megabytes, which no relay could deliver in its
-- time-out. It writes several of a thousand each.
CREATE OR REPLACE FUNCTION record_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    news text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT to_jsonb(n) AS r, n.version, ''CREATED'' AS kind FROM new_rows n'
        WHEN 'DELETE' THEN 'SELECT to_jsonb(o) AS r, o.version + 1 AS version, ''DELETED'' AS kind FROM old_rows o'
        -- A row that was renamed is an event under both names.
        ELSE
            'SELECT to_jsonb(n) AS r, n.version, ''CORRECTED'' AS kind FROM new_rows n JOIN old_rows o USING (id) WHERE n.version <> o.version'
            ' UNION ALL SELECT to_jsonb(o), n.version, ''CORRECTED'' FROM new_rows n JOIN old_rows o USING (id)'
            ' WHERE $2 <> '''' AND to_jsonb(n) ->> $2 IS DISTINCT FROM to_jsonb(o) ->> $2'
    END;
    events bigint;
BEGIN
    EXECUTE 'INSERT INTO outbox (topic, entries)'
        ' SELECT $1, jsonb_agg(jsonb_build_object(''id'', r ->> ''id'', ''version'', version, ''kind'', kind, ''name'', r ->> $2))'
        ' FROM (SELECT r, version, kind, (row_number() OVER () - 1) / 1000 AS part FROM (' || news || ') AS news) AS numbered'
        ' GROUP BY part ORDER BY part'
        USING TG_ARGV[0], TG_ARGV[1];
    GET DIAGNOSTICS events = ROW_COUNT;
    IF events > 0 THEN
        PERFORM pg_notify('dno_outbox', '');
    END IF;
    RETURN NULL;
END $$;
