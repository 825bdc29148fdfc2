-- A new family of figures needs its table and one call: history, events, versions and rules come with it.

-- The families whose changes are recorded; `data_type` null: without revisions.
CREATE TABLE families (
    topic text PRIMARY KEY,
    data_type text UNIQUE,
    table_name text NOT NULL UNIQUE
);

-- The author, the reason and the kind of the changes of this transaction, for the triggers. The former name stays
-- for instances of the release before.
CREATE FUNCTION record_author(actor text, reason text, kind text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        SELECT sign(actor, reason, kind);
    END;

-- Adds a family: the triggers of its table, and its topic and data type to what outbox and revisions accept. The table
-- has the columns id, dno_id, year, verification_status, source_url, source_title, version, created_at, updated_at
-- and deleted_at.
CREATE FUNCTION attach_history(target text, data_type text, topic text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rule record;
BEGIN
    INSERT INTO families (topic, data_type, table_name) VALUES (topic, data_type, target);
    FOR rule IN
        SELECT * FROM (VALUES
            ('raise_version', 'BEFORE UPDATE', '', 'ROW', 'raise_version()'),
            ('keep_last_version', 'BEFORE DELETE', '', 'ROW', 'keep_last_version()'),
            ('go_on_from_last_version', 'BEFORE INSERT', '', 'ROW', 'go_on_from_last_version()'),
            ('refuse_truncate', 'BEFORE TRUNCATE', '', 'STATEMENT', 'refuse_to_be_emptied()'),
            ('record_insert', 'AFTER INSERT', 'REFERENCING NEW TABLE AS new_rows', 'STATEMENT', 'record_entries(%L, %L)'),
            ('record_update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 'STATEMENT',
                'record_entries(%L, %L)'),
            ('record_delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS old_rows', 'STATEMENT', 'record_entries(%L, %L)')
        ) AS t (name, moment, tables, each, function)
    LOOP
        EXECUTE format('CREATE TRIGGER %I %s ON %I %s FOR EACH %s EXECUTE FUNCTION ', rule.name, rule.moment, target,
            rule.tables, rule.each) || format(rule.function, coalesce(data_type, ''), topic);
    END LOOP;
    FOR rule IN
        SELECT format('%s_is_not_too_long', c) AS name, format('length(%I) <= 10000', c) AS test
        FROM unnest(ARRAY['source_url', 'source_title']) AS c
        UNION ALL SELECT format('%s_is_readable', c), format('readable_moment(%I)', c)
        FROM unnest(ARRAY['created_at', 'updated_at', 'deleted_at']) AS c
        UNION ALL SELECT 'version_is_readable', 'version BETWEEN 1 AND 1000000000'
    LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%s)', target, rule.name, rule.test);
    END LOOP;
    PERFORM accept_families();
END $$;

-- Checks list the families, so that no row of another one is written.
CREATE FUNCTION accept_families() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    data_types text := (SELECT string_agg(quote_literal(f.data_type), ', ' ORDER BY f.data_type) FROM families f);
    topics text := (SELECT string_agg(quote_literal(t), ', ') FROM (
        SELECT f.topic AS t FROM families f UNION ALL VALUES ('operator'), ('aliases'), ('users'), ('api_keys')) AS topics);
BEGIN
    EXECUTE format('ALTER TABLE revisions DROP CONSTRAINT data_type_is_known,'
        ' ADD CONSTRAINT data_type_is_known CHECK (data_type IN (%s)) NOT VALID', data_types);
    EXECUTE format('ALTER TABLE query_logs DROP CONSTRAINT data_type_is_known,'
        ' ADD CONSTRAINT data_type_is_known CHECK (data_type IN (%s)) NOT VALID', data_types);
    EXECUTE format('ALTER TABLE outbox DROP CONSTRAINT topic_is_known,'
        ' ADD CONSTRAINT topic_is_known CHECK (topic IN (%s)) NOT VALID', topics);
END $$;

INSERT INTO families (topic, data_type, table_name) VALUES
    ('tariffs', 'NETZENTGELTE', 'netzentgelte_data'),
    ('hlzf', 'HLZF', 'hlzf_data'),
    ('time_of_use', NULL, 'time_of_use_data');
