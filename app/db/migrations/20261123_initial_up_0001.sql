-- The tables that a crawler writes and this API serves. What the importer would refuse cannot be
-- written by hand either; so the rules stand here as constraints, each named after its rule.

-- "HH:MM" as minutes since midnight; null for anything else, so that a check on it fails.
CREATE FUNCTION clock_minutes(text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN $1 ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
            THEN split_part($1, ':', 1)::integer * 60 + split_part($1, ':', 2)::integer
        WHEN $1 = '24:00' THEN 1440
    END;

-- [{"start": "07:30", "end": "13:00"}, …] in order, each ending after its start, none overlapping.
CREATE FUNCTION valid_windows(windows jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    item jsonb;
    begins integer;
    ends integer;
    free_from integer := 0;
BEGIN
    IF jsonb_typeof(windows) IS DISTINCT FROM 'array' THEN
        RETURN false;
    END IF;
    FOR item IN SELECT value FROM jsonb_array_elements(windows) LOOP
        IF jsonb_typeof(item) IS DISTINCT FROM 'object' OR item - 'start' - 'end' <> '{}'::jsonb THEN
            RETURN false;
        END IF;
        begins := clock_minutes(item ->> 'start');
        ends := clock_minutes(item ->> 'end');
        IF begins IS NULL OR ends IS NULL OR ends <= begins OR begins < free_from THEN
            RETURN false;
        END IF;
        free_from := ends;
    END LOOP;
    RETURN true;
END $$;

-- [{"quarter": 1, "start": "00:00", "end": "06:30", "band": "NT"}, …], ordered by quarter and start.
CREATE FUNCTION valid_band_windows(windows jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    item jsonb;
    begins integer;
    ends integer;
    quarter integer := 0;
    free_from integer := 0;
BEGIN
    IF jsonb_typeof(windows) IS DISTINCT FROM 'array' THEN
        RETURN false;
    END IF;
    FOR item IN SELECT value FROM jsonb_array_elements(windows) LOOP
        IF jsonb_typeof(item) IS DISTINCT FROM 'object'
            OR item - 'quarter' - 'start' - 'end' - 'band' <> '{}'::jsonb
            OR (item ->> 'quarter') !~ '^[1-4]$' IS NOT FALSE
            OR (item ->> 'band') IN ('HT', 'ST', 'NT') IS NOT TRUE
            OR (item ->> 'quarter')::integer < quarter THEN
            RETURN false;
        END IF;
        IF (item ->> 'quarter')::integer > quarter THEN
            quarter := (item ->> 'quarter')::integer;
            free_from := 0;
        END IF;
        begins := clock_minutes(item ->> 'start');
        ends := clock_minutes(item ->> 'end');
        IF begins IS NULL OR ends IS NULL OR ends <= begins OR begins < free_from THEN
            RETURN false;
        END IF;
        free_from := ends;
    END LOOP;
    RETURN true;
END $$;

CREATE DOMAIN calendar_year AS integer CONSTRAINT year_from_2000_to_2100 CHECK (VALUE BETWEEN 2000 AND 2100);
-- Prices keep the digits that were published, up to four decimals.
CREATE DOMAIN price AS numeric
    CONSTRAINT price_not_negative CHECK (VALUE >= 0)
    CONSTRAINT price_has_at_most_four_decimals CHECK (scale(VALUE) <= 4)
    CONSTRAINT price_is_below_a_million CHECK (VALUE < 1000000);
CREATE DOMAIN voltage_level AS text
    CONSTRAINT voltage_level_is_known CHECK (VALUE IN ('HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS'));
CREATE DOMAIN verification_status AS text
    CONSTRAINT verification_status_is_known CHECK (VALUE IN ('unverified', 'verified', 'flagged'));

CREATE TABLE dnos (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug text NOT NULL UNIQUE CONSTRAINT slug_is_ascii CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name text NOT NULL CONSTRAINT name_is_given CHECK (name <> '' AND length(name) <= 300),
    official_name text,
    mastr_nr text,
    bdew_code text CONSTRAINT bdew_code_has_13_digits CHECK (bdew_code ~ '^[0-9]{13}$'),
    acer_code text,
    vnb_id text,
    region text,
    city text,
    -- Four digits: an operator from Switzerland or Austria.
    postal_code text CONSTRAINT postal_code_has_4_or_5_digits CHECK (postal_code ~ '^[0-9]{4,5}$'),
    website text,
    closed_network boolean NOT NULL DEFAULT false,
    transmission boolean NOT NULL DEFAULT false,
    connection_points_ns integer CONSTRAINT connection_points_ns_not_negative CHECK (connection_points_ns >= 0),
    connection_points_ms integer CONSTRAINT connection_points_ms_not_negative CHECK (connection_points_ms >= 0),
    connection_points_hs integer CONSTRAINT connection_points_hs_not_negative CHECK (connection_points_hs >= 0),
    connection_points_hoes integer CONSTRAINT connection_points_hoes_not_negative CHECK (connection_points_hoes >= 0),
    capacity_mw_total numeric CONSTRAINT capacity_mw_total_not_negative CHECK (capacity_mw_total >= 0),
    capacity_mw_solar numeric CONSTRAINT capacity_mw_solar_not_negative CHECK (capacity_mw_solar >= 0),
    capacity_mw_wind numeric CONSTRAINT capacity_mw_wind_not_negative CHECK (capacity_mw_wind >= 0),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- Names that people use and no register knows.
CREATE TABLE dno_aliases (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    alias text NOT NULL CONSTRAINT alias_is_given CHECK (alias <> '' AND length(alias) <= 200),
    source text NOT NULL CONSTRAINT source_is_given CHECK (source <> ''),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (dno_id, alias)
);

CREATE TABLE netzentgelte_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    voltage_level voltage_level NOT NULL,
    leistung price,
    arbeit price,
    leistung_unter_2500h price,
    arbeit_unter_2500h price,
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year, voltage_level)
);
-- Rankings ask for one year and level over all operators.
CREATE INDEX netzentgelte_data_year ON netzentgelte_data (year, voltage_level) WHERE deleted_at IS NULL;

CREATE TABLE hlzf_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    voltage_level voltage_level NOT NULL,
    season text NOT NULL CONSTRAINT season_is_known CHECK (season IN ('WINTER', 'SPRING', 'SUMMER', 'AUTUMN')),
    windows jsonb NOT NULL DEFAULT '[]'
        CONSTRAINT windows_are_in_order_and_do_not_overlap CHECK (valid_windows(windows)),
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year, voltage_level, season)
);
CREATE INDEX hlzf_data_year ON hlzf_data (year) WHERE deleted_at IS NULL;

-- § 14a EnWG, Modul 3: ct per kWh for each band, and when each band holds.
CREATE TABLE time_of_use_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dno_id uuid NOT NULL REFERENCES dnos,
    year calendar_year NOT NULL,
    price_ht price,
    price_st price,
    price_nt price,
    windows jsonb NOT NULL DEFAULT '[]'
        CONSTRAINT windows_are_in_order_and_do_not_overlap CHECK (valid_band_windows(windows)),
    verification_status verification_status NOT NULL DEFAULT 'unverified',
    source_url text,
    source_title text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (dno_id, year)
);
CREATE INDEX time_of_use_data_year ON time_of_use_data (year) WHERE deleted_at IS NULL;

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL CONSTRAINT email_has_an_at_sign CHECK (email LIKE '_%@_%' AND length(email) <= 254),
    role text NOT NULL CONSTRAINT role_is_known CHECK (role IN ('VIEWER', 'EDITOR', 'ADMIN')),
    password_hash text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CONSTRAINT name_is_given CHECK (name <> '' AND length(name) <= 200),
    role text NOT NULL CONSTRAINT role_is_known CHECK (role IN ('VIEWER', 'EDITOR', 'ADMIN')),
    secret_hash bytea NOT NULL UNIQUE, -- SHA-256 of 256 random bits: nothing to guess, so nothing to slow down
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_created_by ON api_keys (created_by);

-- Apart from the keys themselves, so that use is no change and no event.
CREATE TABLE api_key_uses (
    key_id uuid PRIMARY KEY REFERENCES api_keys,
    last_used_at timestamptz NOT NULL
);

-- What was asked in plain words; kept for as long as settings say.
CREATE TABLE query_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    asked_at timestamptz NOT NULL DEFAULT now(),
    query text NOT NULL,
    dno_id uuid REFERENCES dnos,
    year integer,
    voltage_level text,
    data_type text,
    confidence double precision NOT NULL,
    duration_ms double precision NOT NULL,
    cached boolean NOT NULL,
    address inet
);
CREATE INDEX query_logs_asked_at ON query_logs (asked_at);
