-- Customer groups of levies are stored composed (NFC). Those that earlier releases stored as they were typed are composed, so that one
-- group has one rate for each day. A rate stays as it is where it would hold beside another one then, or have the key of another one,
-- also of a deleted one: that is for people to decide. Rates that instances of the release before write after this migration stay as
-- they are typed.
DO $$
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RETURN; -- PostgreSQL composes no texts in another encoding
    END IF;
    IF NOT EXISTS (SELECT FROM levies WHERE customer_group IS NOT NFC NORMALIZED) THEN
        RETURN;
    END IF;
    -- No revisions: imports look at the author of the latest one, and would no longer see that a person has decided on the figures.
    ALTER TABLE levies DISABLE TRIGGER raise_version;
    ALTER TABLE levies DISABLE TRIGGER record_update;
    WITH composed AS (
        UPDATE levies l SET customer_group = normalize(customer_group, NFC)
        WHERE customer_group IS NOT NFC NORMALIZED AND length(normalize(customer_group, NFC)) <= 100 AND NOT EXISTS (
            SELECT FROM levies o
            WHERE o.id <> l.id AND o.kind = l.kind AND normalize(o.customer_group, NFC) = normalize(l.customer_group, NFC)
                AND (o.valid_from = l.valid_from
                    OR o.deleted_at IS NULL AND l.deleted_at IS NULL
                        AND o.valid_from <= coalesce(l.valid_to, 'infinity') AND l.valid_from <= coalesce(o.valid_to, 'infinity')))
        RETURNING dno_id, year
    )
    -- Running instances drop what they have cached; subscribers and webhooks are told nothing.
    INSERT INTO outbox (topic, dno_id, year, entries) SELECT DISTINCT 'levies', dno_id, year, '[]'::jsonb FROM composed;
    IF FOUND THEN
        PERFORM pg_notify('dno_outbox', '');
    END IF;
    ALTER TABLE levies ENABLE TRIGGER raise_version;
    ALTER TABLE levies ENABLE TRIGGER record_update;
END $$;
