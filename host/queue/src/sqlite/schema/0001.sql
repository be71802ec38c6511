-- The queue, schema 1.
--
-- `place` is the order of acceptance. It is given once, also when the task of the highest place is gone: `store.last_place`
-- says which was given last. Times are milliseconds since 1970-01-01 UTC. Unsigned 64-bit figures are stored bit by bit as
-- signed ones. Names that come back in many rows have a row of their own, and their number stands in for them.

CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;

-- created_max: the latest that a task was accepted. clock_back_ms: the most that one was accepted before an older one, by a clock that
-- went back; so times of acceptance are found by place.
CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    paused INTEGER NOT NULL,
    last_place INTEGER NOT NULL,
    created_max INTEGER NOT NULL,
    clock_back_ms INTEGER NOT NULL
) STRICT;
INSERT INTO store (only, paused, last_place, created_max, clock_back_ms) VALUES (1, 0, 0, 0, 0);

-- Small values that must outlive the process, by name.
CREATE TABLE kept (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The counts of tasks by state are changed in the transaction that changes the tasks.
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    paused INTEGER NOT NULL,
    concurrency_max INTEGER,
    queued INTEGER NOT NULL,
    running INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    expired INTEGER NOT NULL
) STRICT;

CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE revision (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE host (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- What changes of a task, and what it is found by; all else is in `content`.
--
-- state: 0 queued or running, 1 completed, 2 failed, 3 cancelled, 4 expired. A task of state 0 runs if it has a row in `lease`, so
-- that a claim rewrites neither this row nor an index. `attempts` are those that ended.
-- outcome: 0 none, 1 completed; the others in the order of the domain's table. configuration: 0 it brought none, 1 kept, 2 deleted.
-- finished_at means nothing while the state is 0: it has a value so that the row keeps its length when the task ends, and is
-- written over in place.
CREATE TABLE task (
    place INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    job INTEGER NOT NULL,
    source INTEGER NOT NULL,
    state INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempts_counted INTEGER NOT NULL,
    losses_counted INTEGER NOT NULL,
    module_unavailable_counted INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    order_key INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    expires_at INTEGER,
    configuration INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX task_id ON task (id);
CREATE INDEX task_job_state ON task (job, state);
CREATE INDEX task_source ON task (source);

-- What never changes of a task. The payload is last, so that the rest is read without it.
CREATE TABLE content (
    place INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    retry_base_ms INTEGER NOT NULL,
    retry_cap_ms INTEGER NOT NULL,
    memory_bytes_max INTEGER NOT NULL,
    timeout_ms INTEGER,
    parent BLOB,
    label TEXT,
    tags TEXT,
    idempotency_key TEXT,
    unique_key TEXT,
    payload TEXT NOT NULL
) STRICT;

-- Sealed; the row goes when the configuration does.
CREATE TABLE configuration (
    place INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

-- What few tasks have has a table of its own instead of a partial index: each index of `task`, used or not, costs every
-- statement that writes to it.
CREATE TABLE tag (
    tag TEXT NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (tag, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE label (
    label TEXT NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (label, place)
) STRICT, WITHOUT ROWID;
-- Tasks with an outcome other than `completed`.
CREATE TABLE outcome (
    outcome INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (outcome, place)
) STRICT, WITHOUT ROWID;
-- Queued and running tasks with an expiry.
CREATE TABLE expiry (
    expires_at INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (expires_at, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency_key (
    source INTEGER NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
-- Of queued and running tasks.
CREATE TABLE unique_key (
    job INTEGER NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;

-- A queued task is in one of these two: `ready` once it was seen to be due.
CREATE TABLE ready (
    job INTEGER NOT NULL,
    order_key INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, order_key, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE waiting (
    run_at INTEGER NOT NULL,
    place INTEGER NOT NULL,
    job INTEGER NOT NULL,
    order_key INTEGER NOT NULL,
    PRIMARY KEY (run_at, place)
) STRICT, WITHOUT ROWID;

-- The attempts that run.
CREATE TABLE lease (
    place INTEGER PRIMARY KEY,
    attempt INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    host INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    progress_percent INTEGER,
    progress_message TEXT
) STRICT;

-- The attempts that ended. `key` is place × 2^20 + number: rows of any length lie in the order in which they are read, without an
-- index. Of a task with a million attempts the last row is written over by each further one.
CREATE TABLE attempt (
    key INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    host INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    wait_ms INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    cpu_us INTEGER NOT NULL,
    peak_memory_bytes INTEGER NOT NULL,
    http_calls INTEGER NOT NULL,
    http_bytes_in INTEGER NOT NULL,
    http_bytes_out INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL,
    log_lines_dropped INTEGER NOT NULL,
    output_bytes INTEGER NOT NULL,
    progress_percent INTEGER,
    progress_message TEXT,
    error_code TEXT,
    error_message TEXT,
    error_hint TEXT,
    result TEXT
) STRICT;

-- Pieces of logs. `lines` is a JSON array of [at_ms, level, context, message].
CREATE TABLE log (
    place INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    lines_count INTEGER NOT NULL,
    lines TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_place ON log (place, attempt, first_line);
