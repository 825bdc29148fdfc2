-- Prices of a price sheet beside those for load metering by year. The empty text stands for a level or variant that a price
-- does not have, so that keys are compared as equal. Functions hold the unit and the levels of each kind.
CREATE FUNCTION price_unit(kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kind IN ('SLP_GRUNDPREIS', 'MODUL_1', 'MODUL_2_GRUNDPREIS', 'SPEICHERHEIZUNG_GRUNDPREIS', 'WAERMEPUMPE_GRUNDPREIS',
            'EMOBILITAET_GRUNDPREIS', 'MESSSTELLENBETRIEB', 'MESSSTELLENBETRIEB_ZUSATZ', 'MESSUNG') THEN 'EUR_PER_YEAR'
        WHEN kind IN ('RESERVE_200H', 'RESERVE_400H', 'RESERVE_600H', 'VERMIEDENE_NETZENTGELTE_LEISTUNG') THEN 'EUR_PER_KW_YEAR'
        WHEN kind IN ('MONATSLEISTUNGSPREIS') THEN 'EUR_PER_KW_MONTH'
        WHEN kind IN ('SLP_ARBEITSPREIS', 'MONATS_ARBEITSPREIS', 'MODUL_2_ARBEITSPREIS', 'SPEICHERHEIZUNG_ARBEITSPREIS',
            'WAERMEPUMPE_ARBEITSPREIS', 'EMOBILITAET_ARBEITSPREIS', 'STRASSENBELEUCHTUNG_ARBEITSPREIS',
            'VERMIEDENE_NETZENTGELTE_ARBEIT') THEN 'CT_PER_KWH'
        WHEN kind IN ('BLINDARBEIT') THEN 'CT_PER_KVARH'
        WHEN kind IN ('SPERRUNG', 'ENTSPERRUNG') THEN 'EUR_PER_ORDER'
    END;

CREATE FUNCTION valid_price_level(kind text, voltage_level text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kind IN ('SLP_GRUNDPREIS', 'SLP_ARBEITSPREIS', 'MODUL_2_ARBEITSPREIS', 'MODUL_2_GRUNDPREIS',
            'SPEICHERHEIZUNG_ARBEITSPREIS', 'SPEICHERHEIZUNG_GRUNDPREIS', 'WAERMEPUMPE_ARBEITSPREIS', 'WAERMEPUMPE_GRUNDPREIS',
            'EMOBILITAET_ARBEITSPREIS', 'EMOBILITAET_GRUNDPREIS', 'STRASSENBELEUCHTUNG_ARBEITSPREIS') THEN voltage_level = 'NS'
        WHEN kind = 'MODUL_1' THEN voltage_level IN ('MS_NS', 'NS')
        WHEN kind IN ('BLINDARBEIT', 'MESSSTELLENBETRIEB', 'MESSSTELLENBETRIEB_ZUSATZ', 'MESSUNG', 'SPERRUNG', 'ENTSPERRUNG')
            THEN voltage_level IN ('', 'HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS')
        ELSE voltage_level IN ('HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS')
    END;

CREATE TABLE prices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    kind text NOT NULL CONSTRAINT kind_is_known CHECK (price_unit(kind) IS NOT NULL),
    voltage_level text NOT NULL DEFAULT '',
    variant text NOT NULL DEFAULT '' CONSTRAINT variant_is_a_short_line CHECK (length(variant) <= 100
        AND variant = btrim(variant) AND variant !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]' AND variant IS NFC NORMALIZED),
    amount price NOT NULL,
    unit text NOT NULL,
    publication text NOT NULL DEFAULT 'FINAL' CONSTRAINT publication_is_known CHECK (publication IN ('PRELIMINARY', 'FINAL')),
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year, kind, voltage_level, variant),
    CONSTRAINT unit_fits_kind CHECK (unit = price_unit(kind)),
    CONSTRAINT voltage_level_fits_kind CHECK (valid_price_level(kind, voltage_level))
);
-- Rankings by bill and lists of operators with data ask for one year over all operators.
CREATE INDEX prices_year ON prices (year, kind) WHERE deleted_at IS NULL;

SELECT attach_history('prices', 'PRICE', 'prices');
