-- The rules of 0004 for moments, where they are missing: it looked for tables in the schema "public" only, and a role's search_path
-- (or a schema with the name of the role) may have put them into another one. Here a table is the one that its name finds.
DO $$
DECLARE
    col record;
    is_there boolean;
BEGIN
    FOR col IN
        SELECT c.relname AS rel, a.attname AS name, format('%s_is_readable', a.attname) AS rule,
            CASE a.attname WHEN 'expires_at' THEN 'NULL' ELSE 'now()' END AS instead
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid) AND a.atttypid = 'timestamptz'::regtype
            AND c.relname IN ('dnos', 'dno_aliases', 'netzentgelte_data', 'hlzf_data', 'time_of_use_data', 'users',
                'api_keys', 'api_key_uses', 'query_logs', 'revisions', 'outbox')
            AND NOT EXISTS (
                SELECT FROM pg_constraint r
                WHERE r.conrelid = c.oid AND r.contype = 'c' AND r.conkey = ARRAY[a.attnum]
                    AND pg_get_constraintdef(r.oid) LIKE '%readable_moment(%'
            )
    LOOP
        -- As in 0004: the driver cannot read such a moment, and no UPDATE by hand can mend created_at.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE NOT readable_moment(%I))', col.rel, col.name) INTO is_there;
        IF is_there THEN
            EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', col.rel);
            EXECUTE format('UPDATE %1$I SET %2$I = %3$s WHERE NOT readable_moment(%2$I)', col.rel, col.name, col.instead);
            EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', col.rel);
        END IF;
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (readable_moment(%I)) NOT VALID', col.rel, col.rule, col.name);
    END LOOP;
END $$;
