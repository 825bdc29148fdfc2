-- Which operators have a network at a postal code, and on what evidence. The empty text stands for a municipality or a level
-- that is not stated, so that keys are compared as equal. The evidence is of today: it has no year and no history.
CREATE TABLE places (
    basis text NOT NULL CONSTRAINT basis_is_known CHECK (basis IN ('PUBLISHED', 'REGISTERED_UNITS')),
    postal_code text NOT NULL CONSTRAINT postal_code_has_5_digits CHECK (postal_code ~ '^[0-9]{5}$'),
    municipality text NOT NULL DEFAULT '' CONSTRAINT municipality_is_short CHECK (length(municipality) <= 300),
    dno_id uuid NOT NULL REFERENCES dnos,
    voltage_level text NOT NULL DEFAULT '' CONSTRAINT voltage_level_is_known
        CHECK (voltage_level IN ('', 'HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS')),
    -- Null: not counted, as in a list that an operator publishes.
    locations integer CONSTRAINT locations_are_positive CHECK (locations > 0),
    source_url text CONSTRAINT source_url_is_not_too_long CHECK (length(source_url) <= 10000),
    source_title text CONSTRAINT source_title_is_not_too_long CHECK (length(source_title) <= 10000),
    CONSTRAINT registered_units_are_counted CHECK (basis <> 'REGISTERED_UNITS' OR locations IS NOT NULL),
    PRIMARY KEY (postal_code, basis, municipality, dno_id, voltage_level)
);

-- Changes with every change of places, and is part of the cache keys of all of them: one event invalidates them together.
-- Not a counter, which could come back to an earlier value when a backup is restored.
CREATE TABLE place_generation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation uuid NOT NULL
);
INSERT INTO place_generation (generation) VALUES (gen_random_uuid());

CREATE FUNCTION record_places() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM changed_rows) THEN
        INSERT INTO place_generation (generation) VALUES (gen_random_uuid())
        ON CONFLICT (only_row) DO UPDATE SET generation = excluded.generation;
        INSERT INTO outbox (topic, entries) VALUES ('places', '[]');
        PERFORM pg_notify('dno_outbox', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER record_insert AFTER INSERT ON places REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_places();
CREATE TRIGGER record_update AFTER UPDATE ON places REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_places();
CREATE TRIGGER record_delete AFTER DELETE ON places REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION record_places();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON places FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_be_emptied();

-- Its events are those of no entry: without a data type there are no revisions.
INSERT INTO families (topic, data_type, table_name) VALUES ('places', NULL, 'places');
SELECT accept_families();
