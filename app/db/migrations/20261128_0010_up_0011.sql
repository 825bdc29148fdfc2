-- Levies, taxes and the concession fee: rates of the whole country, by kind, customer group and first day. They belong to no
-- operator, so `dno_id` is the nil UUID, which no operator has. An entry has the year in which it begins; `-infinity` and the
-- year 2000 stand for a first day that is not known.
CREATE TABLE levies (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
        CONSTRAINT levy_has_no_operator CHECK (dno_id = '00000000-0000-0000-0000-000000000000'),
    year calendar_year NOT NULL,
    kind text NOT NULL CONSTRAINT kind_is_known CHECK (kind IN ('KWKG', 'OFFSHORE', 'PARAGRAF_19_STROM_NEV', 'ABLAV', 'EEG',
        'KONZESSIONSABGABE', 'STROMSTEUER', 'STROMSTEUER_ENTLASTUNG', 'UMSATZSTEUER')),
    -- Empty: of all customers.
    customer_group text NOT NULL DEFAULT '' CONSTRAINT customer_group_is_a_short_name
        CHECK (length(customer_group) <= 100 AND customer_group = btrim(customer_group)),
    valid_from date NOT NULL DEFAULT '-infinity',
    valid_to date,
    value numeric NOT NULL CONSTRAINT value_is_a_rate CHECK (abs(value) < 1000 AND scale(value) <= 4),
    unit text NOT NULL,
    inhabitants_from integer,
    inhabitants_to integer,
    legal_basis text CONSTRAINT legal_basis_is_not_too_long CHECK (length(legal_basis) <= 10000),
    article_id text CONSTRAINT article_id_is_not_too_long CHECK (length(article_id) <= 100),
    note text CONSTRAINT note_is_not_too_long CHECK (length(note) <= 10000),
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year, kind, customer_group, valid_from),
    CONSTRAINT year_is_that_of_the_first_day CHECK (
        year = CASE WHEN valid_from = '-infinity' THEN 2000 ELSE date_part('year', valid_from) END),
    CONSTRAINT last_day_is_readable CHECK (valid_to BETWEEN '2000-01-01' AND '2100-12-31'),
    CONSTRAINT last_day_is_not_before_the_first CHECK (valid_to >= valid_from),
    CONSTRAINT unit_is_that_of_the_kind CHECK (unit = CASE kind WHEN 'UMSATZSTEUER' THEN 'percent' ELSE 'ct/kWh' END),
    CONSTRAINT inhabitants_are_in_order CHECK (inhabitants_from >= 0 AND inhabitants_to >= 0 AND inhabitants_from <= inhabitants_to),
    CONSTRAINT inhabitants_are_of_the_concession_fee
        CHECK (kind = 'KONZESSIONSABGABE' OR (inhabitants_from IS NULL AND inhabitants_to IS NULL))
);

SELECT attach_history('levies', 'LEVY', 'levies');

-- One rate at a time: two entries of one kind and customer group have no day in common. Writers of levies take turns, so that
-- none of them overlooks what another one is about to commit.
CREATE FUNCTION refuse_overlapping_levies() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('levies'));
    SELECT a.kind, a.customer_group, b.valid_from INTO other
    FROM new_rows n JOIN levies a USING (id) JOIN levies b ON (b.kind, b.customer_group) = (a.kind, a.customer_group)
    WHERE a.id <> b.id AND a.deleted_at IS NULL AND b.deleted_at IS NULL
        AND a.valid_from <= coalesce(b.valid_to, 'infinity') AND b.valid_from <= coalesce(a.valid_to, 'infinity')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'another % of the customer group "%" holds on some of these days', other.kind, other.customer_group
            USING ERRCODE = 'check_violation', CONSTRAINT = 'levies_of_a_customer_group_do_not_overlap', TABLE = 'levies';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION refuse_overlapping_levies() SET search_path FROM CURRENT;

CREATE TRIGGER refuse_overlap_of_new AFTER INSERT ON levies REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_overlapping_levies();
CREATE TRIGGER refuse_overlap_of_changed AFTER UPDATE ON levies REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_overlapping_levies();
