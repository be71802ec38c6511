-- The queue, schema 2.

-- Which rows in other tables a task has that few tasks have: 1 one in `origin`, 2 those of a schedule's task, 4 one in
-- `concurrency_key`. So that one without costs no look there.
ALTER TABLE task ADD COLUMN beside INTEGER NOT NULL DEFAULT 0;

-- Who asked for something.
CREATE TABLE actor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- Where a task comes from, if there is more to say than its source and its parent.
CREATE TABLE origin (
    place INTEGER PRIMARY KEY,
    depth INTEGER NOT NULL,
    actor INTEGER,
    schedule INTEGER,
    occurrence INTEGER
) STRICT;

-- Who may ask for something. Rows stay when a token was revoked or has expired. `jobs` and `roles` are JSON arrays of words.
CREATE TABLE token (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT,
    jobs TEXT,
    roles TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

-- Who wanted what. A number is given once, also when the entry of the highest one is gone.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor);
CREATE INDEX audit_object ON audit (object_kind, object);

-- Names of schedules stay, since tasks are named after them.
CREATE TABLE schedule_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- An id is given once, so that what was seen of a schedule that is gone is never true of another.
CREATE TABLE schedule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name INTEGER NOT NULL UNIQUE,
    owner_set TEXT,
    definition TEXT NOT NULL,
    revision INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    evaluated_to INTEGER NOT NULL,
    next_at INTEGER,
    runs INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    ended TEXT,
    last_problem TEXT,
    last_problem_at INTEGER
) STRICT;

-- What was decided about. Kept as long as the schedule, so that no clock that goes back brings a run about twice. `task` is an id
-- that may be gone.
CREATE TABLE occurrence (
    schedule INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fate TEXT NOT NULL,
    task BLOB,
    PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;

-- Tasks of schedules, by the number of a name; and those of them that are queued or running.
CREATE TABLE scheduled (
    schedule INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (schedule, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE schedule_open (
    schedule INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (schedule, place)
) STRICT, WITHOUT ROWID;

-- key_running_max: how many attempts of one concurrency key may run at a time, as the job's newest task with a key says.
ALTER TABLE job ADD COLUMN key_running_max INTEGER;

-- Of all tasks that have one.
CREATE TABLE concurrency_key (
    place INTEGER PRIMARY KEY,
    key TEXT NOT NULL
) STRICT;
-- Queued tasks that were ready and whose key had no room: neither in `ready` nor in `waiting`.
CREATE TABLE blocked (
    job INTEGER NOT NULL,
    key TEXT NOT NULL,
    order_key INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, key, order_key, place)
) STRICT, WITHOUT ROWID;
