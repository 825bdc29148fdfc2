-- What was taken over from a dno-crawler database (`dno follow`). Entries themselves are in the tables of their families.

-- The last pass. `positions`: per table the latest `updated_at` that was read. `compared_at`: when everything was compared.
CREATE TABLE followed_source (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    began_at timestamptz CONSTRAINT began_at_is_readable CHECK (readable_moment(began_at)),
    finished_at timestamptz CONSTRAINT finished_at_is_readable CHECK (readable_moment(finished_at)),
    compared_at timestamptz CONSTRAINT compared_at_is_readable CHECK (readable_moment(compared_at)),
    compare_next boolean NOT NULL DEFAULT false,
    problem text CONSTRAINT problem_is_not_too_long CHECK (length(problem) <= 2000),
    positions jsonb NOT NULL DEFAULT '{}' CONSTRAINT positions_are_an_object CHECK (jsonb_typeof(positions) = 'object')
);

-- `created`: when the crawler created its row; another moment under the same id is another operator. `added`: by following;
-- such an operator is deleted with its row, unless it has figures of other sources. `gone`: the row is not there any more, or
-- is another operator. `applied`: the crawler's values by column,
-- as they were compared last.
CREATE TABLE followed_operators (
    source_id bigint NOT NULL CONSTRAINT source_id_is_readable CHECK (abs(source_id::numeric) < 1e18),
    created text NOT NULL,
    dno_id uuid NOT NULL,
    added boolean NOT NULL,
    gone boolean NOT NULL DEFAULT false,
    applied jsonb NOT NULL CONSTRAINT applied_is_an_object CHECK (jsonb_typeof(applied) = 'object'),
    PRIMARY KEY (source_id, dno_id)
);
CREATE INDEX followed_operators_dno ON followed_operators (dno_id);

-- A row with the same fingerprint was handled already.
CREATE TABLE followed_rows (
    source text NOT NULL,
    source_id bigint NOT NULL CONSTRAINT source_id_is_readable CHECK (abs(source_id::numeric) < 1e18),
    fingerprint bytea NOT NULL,
    PRIMARY KEY (source, source_id)
);

-- `applied`: the crawler's values that were compared last. `version`: the entry's after that; at another one the entry was
-- changed here since, and at 0 it was not the crawler's in the first place. `disputed`: flagged because both have changed.
-- `released`: the crawler has no row for it any more.
CREATE TABLE followed_entries (
    entry_id uuid PRIMARY KEY,
    source text NOT NULL,
    source_id bigint NOT NULL CONSTRAINT source_id_is_readable CHECK (abs(source_id::numeric) < 1e18),
    applied jsonb NOT NULL CONSTRAINT applied_is_an_object CHECK (jsonb_typeof(applied) = 'object'),
    version integer NOT NULL CONSTRAINT version_is_readable CHECK (version BETWEEN 0 AND 1000000000),
    disputed boolean NOT NULL DEFAULT false,
    released boolean NOT NULL DEFAULT false
);
CREATE INDEX followed_entries_row ON followed_entries (source, source_id);
CREATE INDEX followed_entries_released ON followed_entries (source) WHERE released;

-- Rows of the crawler that do not fit, or the part of a row that does not.
CREATE TABLE set_aside_rows (
    source text NOT NULL,
    source_id bigint NOT NULL CONSTRAINT source_id_is_readable CHECK (abs(source_id::numeric) < 1e18),
    part text NOT NULL DEFAULT '',
    reason text NOT NULL CONSTRAINT reason_is_not_too_long CHECK (length(reason) <= 2000),
    content jsonb NOT NULL CONSTRAINT content_is_an_object CHECK (jsonb_typeof(content) = 'object'),
    since timestamptz NOT NULL DEFAULT now() CONSTRAINT since_is_readable CHECK (readable_moment(since)),
    PRIMARY KEY (source, source_id, part)
);
