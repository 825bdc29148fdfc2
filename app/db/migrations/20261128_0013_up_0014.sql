-- The history in the order of its export and from a moment on. Changes of one transaction have the same time.
CREATE INDEX revisions_changed_at ON revisions (changed_at, entry_id, version);
