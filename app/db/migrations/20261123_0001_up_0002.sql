-- What every change leaves behind, whoever makes it: a raised version, a revision, an event.
-- Triggers do it, so that neither the crawler nor a person in psql can forget.

CREATE TABLE revisions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    entry_id uuid NOT NULL,
    data_type text NOT NULL CONSTRAINT data_type_is_known CHECK (data_type IN ('NETZENTGELTE', 'HLZF')),
    dno_id uuid NOT NULL,
    year integer NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL CONSTRAINT kind_is_known
        CHECK (kind IN ('CREATED', 'CORRECTED', 'VERIFIED', 'FLAGGED', 'REVERTED', 'DELETED')),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text,
    reason text,
    before jsonb, -- null: there was no such entry
    after jsonb,  -- null: there is none any more
    UNIQUE (entry_id, version)
);
-- Who was deaf for a while asks what changed lately; rows come in the order of their time.
CREATE INDEX revisions_changed_at ON revisions USING brin (changed_at);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    dno_id uuid,
    year integer,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- [{"id": …, "version": …, "kind": …, "name": …}, …]: the rows that one statement touched
    entries jsonb NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);
-- A writer reads its own events back, however many others wait.
CREATE INDEX outbox_transaction ON outbox (transaction);

-- Raised whenever Redis has become another process; part of every cache key.
CREATE TABLE cache_epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    redis_identity text
);
INSERT INTO cache_epoch (epoch) VALUES (1);

CREATE FUNCTION keep_history_as_it_is() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'revisions are never altered and never removed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER revisions_stay BEFORE UPDATE OR DELETE ON revisions
    FOR EACH ROW EXECUTE FUNCTION keep_history_as_it_is();
CREATE TRIGGER revisions_are_not_emptied BEFORE TRUNCATE ON revisions
    FOR EACH STATEMENT EXECUTE FUNCTION keep_history_as_it_is();

-- Before each UPDATE: one step up for a real change, none for one that changes nothing.
CREATE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An id is for life: history, places and links rest on it, and the news below pair rows by it.
    NEW.id := OLD.id;
    NEW.version := OLD.version;
    NEW.created_at := OLD.created_at;
    NEW.updated_at := OLD.updated_at;
    IF NEW IS NOT DISTINCT FROM OLD THEN
        -- Not NEW: 58.20 equals 58.2, and a digit must not change without an event.
        RETURN OLD;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER raise_version BEFORE UPDATE ON dnos FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON dno_aliases FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON netzentgelte_data FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON hlzf_data FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON time_of_use_data FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION raise_version();

-- What an entry says: its row without what only keeps the books.
CREATE FUNCTION entry_state(entry jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN entry - ARRAY['id', 'dno_id', 'year', 'voltage_level', 'season',
                         'version', 'created_at', 'updated_at', 'deleted_at'];

-- Who writes, why, and what it is called unless the triggers shall tell; for this transaction.
CREATE FUNCTION sign(actor text, reason text, kind text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        SELECT set_config('dno.actor', coalesce(actor, ''), true),
               set_config('dno.reason', coalesce(reason, ''), true),
               set_config('dno.kind', coalesce(kind, ''), true);
    END;

-- The kind of a change, unless its writer has said it (`sign`).
CREATE FUNCTION change_kind(before jsonb, after jsonb) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE
        WHEN after IS NULL THEN 'DELETED'
        WHEN nullif(current_setting('dno.kind', true), '') IS NOT NULL THEN current_setting('dno.kind', true)
        WHEN before IS NULL THEN 'CREATED'
        WHEN after - 'verification_status' = before - 'verification_status' THEN
            CASE after ->> 'verification_status' WHEN 'verified' THEN 'VERIFIED' WHEN 'flagged' THEN 'FLAGGED' ELSE 'CORRECTED' END
        ELSE 'CORRECTED'
    END;

-- For tables of figures. Arguments: data type ('' keeps no revisions), topic.
CREATE FUNCTION record_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    state_before text := 'CASE WHEN o.deleted_at IS NULL THEN entry_state(to_jsonb(o)) END';
    state_after text := 'CASE WHEN n.deleted_at IS NULL THEN entry_state(to_jsonb(n)) END';
    -- Materialized, or else every mention of `before` and `after` would build the JSON again.
    touched text := 'WITH states AS MATERIALIZED (' || CASE TG_OP
        WHEN 'INSERT' THEN
            'SELECT n.id, n.dno_id, n.year, n.version, NULL::jsonb AS before, ' || state_after || ' AS after FROM new_rows n'
        WHEN 'DELETE' THEN
            'SELECT o.id, o.dno_id, o.year, o.version + 1 AS version, ' || state_before || ' AS before, NULL::jsonb AS after FROM old_rows o'
        ELSE
            'SELECT n.id, n.dno_id, n.year, n.version, ' || state_before || ' AS before, ' || state_after || ' AS after'
            ' FROM new_rows n JOIN old_rows o USING (id) WHERE n.version <> o.version'
    END || '), touched AS MATERIALIZED (SELECT *, change_kind(before, after) AS kind FROM states)';
    kept text := CASE WHEN TG_ARGV[0] = '' THEN '' ELSE
        ', kept AS (INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, changed_by, reason, before, after)'
        ' SELECT id, $1, dno_id, year, version, kind,'
        ' nullif(current_setting(''dno.actor'', true), ''''), nullif(current_setting(''dno.reason'', true), ''''),'
        ' before, after FROM touched)'
    END;
    events bigint;
BEGIN
    EXECUTE touched || kept || ' INSERT INTO outbox (topic, dno_id, year, entries)'
        ' SELECT $2, dno_id, year, jsonb_agg(jsonb_build_object(''id'', id, ''version'', version, ''kind'', kind))'
        ' FROM touched GROUP BY dno_id, year'
        USING TG_ARGV[0], TG_ARGV[1];
    GET DIAGNOSTICS events = ROW_COUNT;
    IF TG_OP = 'UPDATE' THEN
        -- An entry moved by hand is news where it was, too.
        EXECUTE 'INSERT INTO outbox (topic, dno_id, year, entries)'
            ' SELECT $1, o.dno_id, o.year, jsonb_agg(jsonb_build_object(''id'', o.id, ''version'', n.version, ''kind'', ''CORRECTED''))'
            ' FROM new_rows n JOIN old_rows o USING (id) WHERE (n.dno_id, n.year) <> (o.dno_id, o.year) GROUP BY o.dno_id, o.year'
            USING TG_ARGV[1];
    END IF;
    IF events > 0 THEN
        PERFORM pg_notify('dno_outbox', '');
    END IF;
    RETURN NULL;
END $$;

-- For tables whose rows stand alone. Arguments: topic, the column that names a row ('' for none).
CREATE FUNCTION record_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    news text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT to_jsonb(n) AS r, n.version, ''CREATED'' AS kind FROM new_rows n'
        WHEN 'DELETE' THEN 'SELECT to_jsonb(o) AS r, o.version + 1 AS version, ''DELETED'' AS kind FROM old_rows o'
        -- A row that was renamed is news under both names.
        ELSE
            'SELECT to_jsonb(n) AS r, n.version, ''CORRECTED'' AS kind FROM new_rows n JOIN old_rows o USING (id) WHERE n.version <> o.version'
            ' UNION ALL SELECT to_jsonb(o), n.version, ''CORRECTED'' FROM new_rows n JOIN old_rows o USING (id)'
            ' WHERE $2 <> '''' AND to_jsonb(n) ->> $2 IS DISTINCT FROM to_jsonb(o) ->> $2'
    END;
    events bigint;
BEGIN
    EXECUTE 'INSERT INTO outbox (topic, entries)'
        ' SELECT $1, jsonb_agg(jsonb_build_object(''id'', r ->> ''id'', ''version'', version, ''kind'', kind, ''name'', r ->> $2))'
        ' FROM (' || news || ') AS news HAVING count(*) > 0'
        USING TG_ARGV[0], TG_ARGV[1];
    GET DIAGNOSTICS events = ROW_COUNT;
    IF events > 0 THEN
        PERFORM pg_notify('dno_outbox', '');
    END IF;
    RETURN NULL;
END $$;

-- TRUNCATE shows its triggers no rows: nobody would hear of it, and no history would tell.
CREATE FUNCTION refuse_to_be_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is not emptied unheard: use DELETE', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

DO $$
DECLARE
    target record;
    operation text;
    tables text;
BEGIN
    FOR target IN SELECT * FROM (VALUES
        ('netzentgelte_data', 'record_entries', '''NETZENTGELTE'', ''tariffs'''),
        ('hlzf_data', 'record_entries', '''HLZF'', ''hlzf'''),
        ('time_of_use_data', 'record_entries', ''''', ''time_of_use'''),
        ('dnos', 'record_rows', '''operator'', ''slug'''),
        ('dno_aliases', 'record_rows', '''aliases'', '''''),
        ('users', 'record_rows', '''users'', '''''),
        ('api_keys', 'record_rows', '''api_keys'', ''''')
    ) AS t (name, function, arguments) LOOP
        FOREACH operation IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
            tables := CASE operation
                WHEN 'INSERT' THEN 'NEW TABLE AS new_rows'
                WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
                ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows'
            END;
            EXECUTE format('CREATE TRIGGER record_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %I(%s)',
                lower(operation), operation, target.name, tables, target.function, target.arguments);
        END LOOP;
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_be_emptied()', target.name);
    END LOOP;
END $$;
