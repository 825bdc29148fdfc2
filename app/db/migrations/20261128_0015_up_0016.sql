-- Webhooks: addresses to which changes of entries are sent as signed requests. Changes reach them through the outbox, after
-- the caches have been invalidated: a receiver that reads in answer to a message reads the new value.

CREATE TABLE webhook_subscriptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    api_key_id uuid NOT NULL REFERENCES api_keys,
    description text NOT NULL DEFAULT '' CONSTRAINT description_is_short CHECK (length(description) <= 200),
    url text NOT NULL CONSTRAINT url_is_short CHECK (length(url) <= 2000),
    -- Needed to sign, so it is stored as it is.
    secret bytea NOT NULL CONSTRAINT secret_has_24_to_64_bytes CHECK (length(secret) BETWEEN 24 AND 64),
    -- Null: of all.
    dno_ids uuid[] CONSTRAINT dno_ids_are_few CHECK (cardinality(dno_ids) BETWEEN 1 AND 100),
    data_types text[] CONSTRAINT data_types_are_few CHECK (cardinality(data_types) BETWEEN 1 AND 100),
    price_rise_over numeric CONSTRAINT price_rise_is_a_percentage CHECK (price_rise_over BETWEEN 0 AND 100000),
    state text NOT NULL DEFAULT 'ACTIVE' CONSTRAINT state_is_known CHECK (state IN ('ACTIVE', 'PAUSED', 'DISABLED')),
    disabled_because text,
    -- Failed attempts since the last successful one, and when the next may follow.
    failures integer NOT NULL DEFAULT 0 CONSTRAINT failures_are_counted CHECK (failures BETWEEN 0 AND 1000000000),
    failing_since timestamptz CONSTRAINT failing_since_is_readable CHECK (readable_moment(failing_since)),
    next_attempt_at timestamptz CONSTRAINT next_attempt_at_is_readable CHECK (readable_moment(next_attempt_at)),
    last_error text,
    last_delivered_at timestamptz CONSTRAINT last_delivered_at_is_readable CHECK (readable_moment(last_delivered_at)),
    delivered bigint NOT NULL DEFAULT 0 CONSTRAINT delivered_are_counted CHECK (delivered >= 0),
    -- Changes for which the queue had no room.
    missed_since timestamptz CONSTRAINT missed_since_is_readable CHECK (readable_moment(missed_since)),
    missed_until timestamptz CONSTRAINT missed_until_is_readable CHECK (readable_moment(missed_until)),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp() CONSTRAINT created_at_is_readable CHECK (readable_moment(created_at))
);
CREATE INDEX webhook_subscriptions_api_key ON webhook_subscriptions (api_key_id);

-- Events that the relay has delivered to the caches and that are not yet messages.
CREATE TABLE webhook_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY CONSTRAINT id_is_positive CHECK (id > 0),
    topic text NOT NULL,
    dno_id uuid NOT NULL,
    year integer NOT NULL CONSTRAINT year_is_readable CHECK (year BETWEEN 0 AND 9999),
    changed_at timestamptz NOT NULL CONSTRAINT changed_at_is_readable CHECK (readable_moment(changed_at)),
    entries jsonb NOT NULL CONSTRAINT entries_are_a_list CHECK (jsonb_typeof(entries) = 'array')
);

CREATE TABLE webhook_messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- The order in which messages of one stream are sent.
    position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT position_is_positive CHECK (position > 0),
    subscription_id uuid NOT NULL REFERENCES webhook_subscriptions ON DELETE CASCADE,
    -- Messages of one stream are sent one after the other: family, operator and year.
    stream text NOT NULL,
    body text NOT NULL,
    bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(body)) STORED
        CONSTRAINT body_is_short CHECK (bytes BETWEEN 2 AND 262144),
    state text NOT NULL DEFAULT 'PENDING' CONSTRAINT state_is_known CHECK (state IN ('PENDING', 'DEAD')),
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT attempts_are_counted CHECK (attempts BETWEEN 0 AND 1000000),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp() CONSTRAINT due_at_is_readable CHECK (readable_moment(due_at)),
    -- Until then one instance is sending it; later another may, since that one was stopped.
    claimed_until timestamptz CONSTRAINT claimed_until_is_readable CHECK (readable_moment(claimed_until)),
    expires_at timestamptz NOT NULL CONSTRAINT expires_at_is_readable CHECK (readable_moment(expires_at)),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp() CONSTRAINT created_at_is_readable CHECK (readable_moment(created_at)),
    died_at timestamptz CONSTRAINT died_at_is_readable CHECK (readable_moment(died_at))
);
CREATE INDEX webhook_messages_pending ON webhook_messages (subscription_id, position) INCLUDE (bytes) WHERE state = 'PENDING';
CREATE INDEX webhook_messages_stream ON webhook_messages (subscription_id, stream, position) WHERE state = 'PENDING';
CREATE INDEX webhook_messages_dead ON webhook_messages (subscription_id, died_at) WHERE state = 'DEAD';

-- In the transaction in which the relay removes events from the outbox: none is lost, whichever process is stopped when.
CREATE FUNCTION keep_changes_for_webhooks() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM webhook_subscriptions WHERE state <> 'DISABLED') THEN
        INSERT INTO webhook_changes (topic, dno_id, year, changed_at, entries)
        SELECT topic, dno_id, year, changed_at, entries FROM delivered
        -- What the table would refuse is left out: it must not keep the relay from delivering.
        WHERE dno_id IS NOT NULL AND year BETWEEN 0 AND 9999 AND jsonb_typeof(entries) = 'array' AND readable_moment(changed_at)
        ORDER BY id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_changes_for_webhooks AFTER DELETE ON outbox REFERENCING OLD TABLE AS delivered
    FOR EACH STATEMENT EXECUTE FUNCTION keep_changes_for_webhooks();
