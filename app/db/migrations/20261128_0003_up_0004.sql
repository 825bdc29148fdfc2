-- The rest of the importer's rules, and an id that is used again after its row was deleted by hand.

-- Moments that every client can read: the driver and the clients know no infinity and no year 10000.
CREATE FUNCTION readable_moment(timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $1 >= timestamptz '1970-01-01 00:00:00+00' AND $1 < timestamptz '9999-12-31 00:00:00+00';

-- At most fifteen decimals and below a milliard; NaN and Infinity are above it.
CREATE FUNCTION readable_megawatts(numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $1 < 1000000000 AND scale($1) <= 15;

-- Moments that the driver cannot read fail whole statements, and no UPDATE by hand can mend created_at: they become
-- the moment of this migration, or nothing for a key that never expires. No event: what they say is of no figure.
DO $$
DECLARE
    col record;
    is_there boolean;
BEGIN
    FOR col IN
        SELECT table_name AS rel, column_name AS name,
            CASE column_name WHEN 'expires_at' THEN 'NULL' ELSE 'now()' END AS instead
        FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp with time zone' AND table_name <> 'migrations'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE NOT readable_moment(%I))', col.rel, col.name) INTO is_there;
        IF is_there THEN
            EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', col.rel);
            EXECUTE format('UPDATE %1$I SET %2$I = %3$s WHERE NOT readable_moment(%2$I)', col.rel, col.name, col.instead);
            EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', col.rel);
        END IF;
    END LOOP;
END $$;

-- Without a look at the rows that are there, so that no row of before stops a migration; for every row that is
-- written from now on. `dno migrate` looks at the others each time, and says which rules they do not keep.
DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN
        SELECT 'dnos' AS rel, format('%s_is_readable', name) AS name, format('readable_megawatts(%I)', name) AS test
        FROM unnest(ARRAY['capacity_mw_total', 'capacity_mw_solar', 'capacity_mw_wind']) AS name
        UNION ALL
        SELECT t, format('%s_is_not_too_long', c), format('length(%I) <= 10000', c)
        FROM (VALUES ('dnos', 'official_name'), ('dnos', 'mastr_nr'), ('dnos', 'acer_code'), ('dnos', 'vnb_id'),
            ('dnos', 'region'), ('dnos', 'city'), ('dnos', 'website'), ('dno_aliases', 'source'),
            ('netzentgelte_data', 'source_url'), ('netzentgelte_data', 'source_title'),
            ('hlzf_data', 'source_url'), ('hlzf_data', 'source_title'),
            ('time_of_use_data', 'source_url'), ('time_of_use_data', 'source_title'),
            ('users', 'password_hash'), ('revisions', 'changed_by'), ('revisions', 'reason'),
            ('query_logs', 'query')) AS texts (t, c)
        UNION ALL
        SELECT c.table_name, format('%s_is_readable', c.column_name), format('readable_moment(%I)', c.column_name)
        FROM information_schema.columns c
        WHERE c.table_schema = 'public' AND c.data_type = 'timestamp with time zone'
            AND c.table_name IN ('dnos', 'dno_aliases', 'netzentgelte_data', 'hlzf_data', 'time_of_use_data', 'users',
                'api_keys', 'api_key_uses', 'query_logs', 'revisions', 'outbox')
        UNION ALL
        -- So far from the largest integer that no number of corrections gets there.
        SELECT t, 'version_is_readable', 'version BETWEEN 1 AND 1000000000'
        FROM unnest(ARRAY['dnos', 'dno_aliases', 'netzentgelte_data', 'hlzf_data', 'time_of_use_data', 'users', 'api_keys',
            'revisions']) AS t
        UNION ALL
        VALUES
            ('time_of_use_data', 'quarters_are_numbers', $test$NOT jsonb_path_exists(windows, '$[*].quarter ? (@.type() != "number")')$test$),
            ('revisions', 'year_from_2000_to_2100', 'year BETWEEN 2000 AND 2100'),
            ('revisions', 'before_is_an_object', $test$jsonb_typeof(before) = 'object'$test$),
            ('revisions', 'after_is_an_object', $test$jsonb_typeof(after) = 'object'$test$),
            ('outbox', 'topic_is_known', $test$topic IN ('tariffs', 'hlzf', 'time_of_use', 'operator', 'aliases', 'users', 'api_keys')$test$),
            ('outbox', 'entries_are_a_list', $test$jsonb_typeof(entries) = 'array'$test$),
            ('query_logs', 'confidence_from_0_to_1', 'confidence BETWEEN 0 AND 1'),
            ('query_logs', 'duration_is_readable', 'duration_ms >= 0 AND duration_ms < 1000000000'),
            ('query_logs', 'year_is_readable', 'year BETWEEN 0 AND 9999'),
            ('query_logs', 'voltage_level_is_known', $test$voltage_level IN ('HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS')$test$),
            ('query_logs', 'data_type_is_known', $test$data_type IN ('NETZENTGELTE', 'HLZF')$test$)
    LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s) NOT VALID', rule.rel, rule.name, rule.test);
    END LOOP;
END $$;

-- A row that was deleted by hand may come back under its id. What was told of it goes on from the last version:
-- histories have each version once, and what clients have read of it is older than what comes.
CREATE TABLE removed_rows (
    id uuid PRIMARY KEY,
    version integer NOT NULL -- that of its removal
);

-- Before each row: within one statement, an INSERT knows what a DELETE has removed.
CREATE FUNCTION keep_last_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO removed_rows (id, version) VALUES (OLD.id, OLD.version + 1)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version;
    RETURN OLD;
END $$;

CREATE FUNCTION go_on_from_last_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last integer := (SELECT version FROM removed_rows WHERE id = NEW.id);
    is_there boolean;
BEGIN
    IF last >= NEW.version THEN
        -- It may be back already, and this a conflict with it; the version then says what the writer has seen.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE id = $1)', TG_TABLE_NAME) INTO is_there USING NEW.id;
        IF NOT is_there THEN
            NEW.version := last + 1;
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- Whatever the session that writes (or restores a dump, with no search_path at all) looks for names in.
ALTER FUNCTION record_entries() SET search_path FROM CURRENT;
ALTER FUNCTION record_rows() SET search_path FROM CURRENT;
ALTER FUNCTION keep_last_version() SET search_path FROM CURRENT;
ALTER FUNCTION go_on_from_last_version() SET search_path FROM CURRENT;
ALTER FUNCTION valid_windows(jsonb) SET search_path FROM CURRENT;
ALTER FUNCTION valid_band_windows(jsonb) SET search_path FROM CURRENT;

-- What was removed before this migration, as far as its history tells.
INSERT INTO removed_rows (id, version)
SELECT entry_id, max(version) FROM revisions
WHERE NOT EXISTS (SELECT FROM netzentgelte_data WHERE id = entry_id)
    AND NOT EXISTS (SELECT FROM hlzf_data WHERE id = entry_id)
GROUP BY entry_id;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY
        ARRAY['dnos', 'dno_aliases', 'netzentgelte_data', 'hlzf_data', 'time_of_use_data', 'users', 'api_keys']
    LOOP
        EXECUTE format('CREATE TRIGGER keep_last_version BEFORE DELETE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION keep_last_version()', target);
        EXECUTE format('CREATE TRIGGER go_on_from_last_version BEFORE INSERT ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION go_on_from_last_version()', target);
    END LOOP;
END $$;
