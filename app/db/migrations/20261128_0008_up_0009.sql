-- What each operator states of the days on which its Hochlastzeitfenster hold. The year 2000 stands for a rule that the
-- operator states without a year. Texts are the operator's words, or a summary of them.
CREATE TABLE holiday_rules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    bridge_days text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT bridge_days_is_known
        CHECK (bridge_days IN ('WORKING_DAYS', 'ALL_EXCLUDED', 'ONE_EXCLUDED', 'UNKNOWN')),
    excluded_dates date[] NOT NULL DEFAULT '{}',
    working_dates date[] NOT NULL DEFAULT '{}',
    holidays text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT holidays_is_known
        CHECK (holidays IN ('NATIONWIDE', 'STATE', 'NETWORK_AREA', 'UNKNOWN')),
    holiday_states text[] NOT NULL DEFAULT '{}' CONSTRAINT holiday_states_are_federal_states
        CHECK (holiday_states <@ ARRAY['Baden-Württemberg', 'Bayern', 'Berlin', 'Brandenburg', 'Bremen', 'Hamburg', 'Hessen',
            'Mecklenburg-Vorpommern', 'Niedersachsen', 'Nordrhein-Westfalen', 'Rheinland-Pfalz', 'Saarland', 'Sachsen',
            'Sachsen-Anhalt', 'Schleswig-Holstein', 'Thüringen'] AND cardinality(holiday_states) <= 16),
    christmas text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT christmas_is_known
        CHECK (christmas IN ('ALL_EXCLUDED', 'BETWEEN_EXCLUDED', 'WORKING_DAYS', 'UNKNOWN')),
    time_stamps text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT time_stamps_is_known
        CHECK (time_stamps IN ('CLOCK_TIME', 'INTERVAL_END', 'UNKNOWN')),
    bridge_day_words text,
    holiday_words text,
    christmas_words text,
    time_stamp_words text,
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year),
    CONSTRAINT words_are_not_too_long CHECK (greatest(length(bridge_day_words), length(holiday_words),
        length(christmas_words), length(time_stamp_words)) <= 10000)
);

-- Days of the rule's year, in order and each once; those of a rule without a year are of any year.
CREATE FUNCTION valid_dates(days date[], rule_year integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN cardinality(days) <= 366 AND array_position(days, NULL) IS NULL
        AND (SELECT coalesce(bool_and(day > before), true) FROM (
            SELECT day, lag(day, 1, '-infinity') OVER (ORDER BY place) AS before
            FROM unnest(days) WITH ORDINALITY AS each (day, place)) AS pairs)
        AND (SELECT coalesce(bool_and(day BETWEEN make_date(2000, 1, 1) AND make_date(2100, 12, 31)
                AND (rule_year = 2000 OR date_part('year', day) = rule_year)), true) FROM unnest(days) AS day);

ALTER TABLE holiday_rules
    ADD CONSTRAINT excluded_dates_are_in_order CHECK (valid_dates(excluded_dates, year)),
    ADD CONSTRAINT working_dates_are_in_order CHECK (valid_dates(working_dates, year)),
    ADD CONSTRAINT dates_are_either_excluded_or_working CHECK (NOT excluded_dates && working_dates);

SELECT attach_history('holiday_rules', 'HOLIDAY_RULE', 'holiday_rules');
