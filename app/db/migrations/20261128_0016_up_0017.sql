-- Since when a webhook is disabled: changes since then were not collected, and are reported when it is resumed.
ALTER TABLE webhook_subscriptions ADD COLUMN disabled_at timestamptz
    CONSTRAINT disabled_at_is_readable CHECK (readable_moment(disabled_at));
UPDATE webhook_subscriptions SET disabled_at = clock_timestamp() WHERE state = 'DISABLED';
