-- Caches at the edge that are purged: each has its own place in the order in which changes were delivered.

CREATE TABLE edges (
    name text PRIMARY KEY CONSTRAINT name_is_short CHECK (length(name) BETWEEN 1 AND 300),
    -- The last change that was purged: for the first time, again, and for the last time.
    places bigint[] NOT NULL CONSTRAINT places_are_three CHECK (cardinality(places) = 3 AND array_position(places, NULL) IS NULL),
    -- Changes up to this one were deleted before they were purged: then everything is.
    trimmed bigint NOT NULL DEFAULT 0 CONSTRAINT trimmed_is_a_place CHECK (trimmed >= 0),
    -- By which instance, and until when.
    claimed_by uuid,
    claimed_until timestamptz CONSTRAINT claimed_until_is_readable CHECK (readable_moment(claimed_until)),
    -- After so many seconds without an instance that purges it, all that it stores has expired, and changes are not kept for it.
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp() CONSTRAINT seen_at_is_readable CHECK (readable_moment(seen_at)),
    lifetime double precision NOT NULL CONSTRAINT lifetime_is_readable CHECK (lifetime BETWEEN 1 AND 31536000),
    failing_since timestamptz CONSTRAINT failing_since_is_readable CHECK (readable_moment(failing_since))
);

-- Changes that the relay has delivered, until every edge has purged them for the last time. The topic `everything` has no entries.
CREATE TABLE edge_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY CONSTRAINT id_is_positive CHECK (id > 0),
    topic text NOT NULL,
    dno_id uuid,
    year integer CONSTRAINT year_is_readable CHECK (year BETWEEN 0 AND 9999),
    entries jsonb NOT NULL CONSTRAINT entries_are_a_list CHECK (jsonb_typeof(entries) = 'array'),
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp() CONSTRAINT queued_at_is_readable CHECK (readable_moment(queued_at))
);

-- All three functions are called in statements of their own, or by the relay, whose transaction PostgreSQL ends: no frozen process holds the lock.

-- Under a lock, so that changes become visible in the order of their numbers: a place that was passed is never filled later.
-- A change of many entries, and one that the table would refuse, purges everything.
CREATE FUNCTION keep_for_edges(changed outbox[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1684958980);
    INSERT INTO edge_changes (topic, dno_id, year, entries)
    SELECT CASE WHEN whole THEN topic ELSE 'everything' END, dno_id, CASE WHEN whole THEN year END,
        CASE WHEN whole THEN entries ELSE '[]' END
    FROM (SELECT o.*, coalesce(year BETWEEN 0 AND 9999, true) AND coalesce(jsonb_typeof(entries) = 'array', false)
        AND CASE WHEN jsonb_typeof(entries) = 'array' THEN jsonb_array_length(entries) <= 200 ELSE false END AS whole
        FROM unnest(changed) AS o) AS change
    WHERE topic NOT IN ('users', 'api_keys') ORDER BY id;
    IF FOUND THEN
        PERFORM pg_notify('dno_edges', '');
    END IF;
END $$;

-- In the transaction in which the relay removes events from the outbox, as for webhooks: the caches have been invalidated by then.
CREATE FUNCTION keep_delivered_for_edges() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM edges WHERE seen_at > clock_timestamp() - make_interval(secs => lifetime)) THEN
        PERFORM keep_for_edges(ARRAY(SELECT d::outbox FROM delivered AS d));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_delivered_for_edges AFTER DELETE ON outbox REFERENCING OLD TABLE AS delivered
    FOR EACH STATEMENT EXECUTE FUNCTION keep_delivered_for_edges();

CREATE FUNCTION purge_everything_at_edges() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1684958980);
    INSERT INTO edge_changes (topic, entries) VALUES ('everything', '[]');
    PERFORM pg_notify('dno_edges', '');
END $$;

-- Changes are kept for this edge from now on. What it stored before may be of any age, so everything is purged.
CREATE FUNCTION register_edge(edge text, seconds double precision) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1684958980);
    INSERT INTO edges (name, places, lifetime)
    SELECT edge, array_fill(coalesce(max(id), 0), ARRAY[3]), seconds FROM edge_changes
    ON CONFLICT (name) DO UPDATE SET places = excluded.places, lifetime = excluded.lifetime, seen_at = excluded.seen_at,
        trimmed = 0, failing_since = NULL, claimed_by = NULL, claimed_until = NULL;
    PERFORM purge_everything_at_edges();
END $$;
