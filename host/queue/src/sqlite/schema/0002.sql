-- The queue, schema 2.

-- Which rows in other tables a task has that few tasks have: 1 one in `origin`. So that one without costs no look there.
ALTER TABLE task ADD COLUMN beside INTEGER NOT NULL DEFAULT 0;

-- Who asked for something.
CREATE TABLE actor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- Where a task comes from, if there is more to say than its source and its parent.
CREATE TABLE origin (
    place INTEGER PRIMARY KEY,
    depth INTEGER NOT NULL,
    actor INTEGER
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
