-- The history of one operator, in the order of its pages: the newest change first.
CREATE INDEX revisions_dno ON revisions (dno_id, changed_at, entry_id, version);
