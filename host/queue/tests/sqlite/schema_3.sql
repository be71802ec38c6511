-- A store that schema 3 wrote: three revisions of a job that were deployed, the last of them rolled back, a task of the first that
-- completed and one of the last that is queued. Never edited once schema 3 was released.
BEGIN TRANSACTION;
CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;
INSERT INTO migration VALUES(1,1500000000000);
INSERT INTO migration VALUES(2,1500000000000);
INSERT INTO migration VALUES(3,1500000000000);
CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    paused INTEGER NOT NULL,
    last_place INTEGER NOT NULL,
    created_max INTEGER NOT NULL,
    clock_back_ms INTEGER NOT NULL
) STRICT;
INSERT INTO store VALUES(1,0,2,1500000003000,0);
CREATE TABLE kept (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
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
, key_running_max INTEGER) STRICT;
INSERT INTO job VALUES(1,'echo',0,1000,1,0,1,0,0,0,NULL);
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO source VALUES(1,'api');
CREATE TABLE revision (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE) STRICT;
INSERT INTO revision VALUES(1,X'0101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO revision VALUES(2,X'0202020202020202020202020202020202020202020202020202020202020202');
INSERT INTO revision VALUES(3,X'0303030303030303030303030303030303030303030303030303030303030303');
CREATE TABLE host (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO host VALUES(1,'host-1');
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
, beside INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO task VALUES(1,X'00000000000000000000000000000001',1,1,1,1,1,1,0,0,1500000001000,1500000001000,1500000001000,1500000001000,NULL,0,0);
INSERT INTO task VALUES(2,X'00000000000000000000000000000002',1,1,0,0,0,0,0,0,1500000003000,1500000003000,1500000003000,1500000003000,NULL,0,0);
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
INSERT INTO content VALUES(1,1,0,3,10000,60000,1,NULL,NULL,NULL,NULL,NULL,NULL,'{"number":1}');
INSERT INTO content VALUES(2,3,0,3,10000,60000,1,NULL,NULL,NULL,NULL,NULL,NULL,'{"number":2}');
CREATE TABLE configuration (
    place INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
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
CREATE TABLE outcome (
    outcome INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (outcome, place)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE unique_key (
    job INTEGER NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE ready (
    job INTEGER NOT NULL,
    order_key INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, order_key, place)
) STRICT, WITHOUT ROWID;
INSERT INTO ready VALUES(1,1500000003000,2);
CREATE TABLE waiting (
    run_at INTEGER NOT NULL,
    place INTEGER NOT NULL,
    job INTEGER NOT NULL,
    order_key INTEGER NOT NULL,
    PRIMARY KEY (run_at, place)
) STRICT, WITHOUT ROWID;
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
INSERT INTO attempt VALUES(1048577,1,1,1,1,1500000001000,1500000001000,0,0,0,0,0,0,0,0,0,0,NULL,NULL,NULL,NULL,NULL,'{"done":true}');
CREATE TABLE log (
    place INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    lines_count INTEGER NOT NULL,
    lines TEXT NOT NULL
) STRICT;
CREATE TABLE actor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO actor VALUES(1,'operator');
CREATE TABLE origin (
    place INTEGER PRIMARY KEY,
    depth INTEGER NOT NULL,
    actor INTEGER,
    schedule INTEGER,
    occurrence INTEGER
) STRICT;
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
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT
) STRICT;
INSERT INTO audit VALUES(1,1500000001000,1,'job-deployed','job','echo','version 0.1.0, module 010101010101, from /srv/published');
INSERT INTO audit VALUES(2,1500000002000,1,'job-deployed','job','echo','version 0.2.0, module 020202020202, before it 010101010101, from /srv/published');
INSERT INTO audit VALUES(3,1500000003000,1,'job-deployed','job','echo','version 0.3.0, module 030303030303, before it 020202020202, from /srv/published, allowed source:dashboard');
INSERT INTO audit VALUES(4,1500000004000,1,'job-rolled-back','job','echo','version 0.2.0, module 020202020202, before it 030303030303');
CREATE TABLE schedule_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
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
CREATE TABLE occurrence (
    schedule INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fate TEXT NOT NULL,
    task BLOB,
    PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE concurrency_key (
    place INTEGER PRIMARY KEY,
    key TEXT NOT NULL
) STRICT;
CREATE TABLE blocked (
    job INTEGER NOT NULL,
    key TEXT NOT NULL,
    order_key INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (job, key, order_key, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE revision_use (
    job INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    open INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    PRIMARY KEY (job, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO revision_use VALUES(1,1,0,1);
INSERT INTO revision_use VALUES(1,3,1,1);
CREATE TABLE deployed (
    job INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    oci_manifest BLOB NOT NULL,
    version TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    builder TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_fingerprint TEXT NOT NULL,
    taken_from TEXT NOT NULL,
    first_deployed_at INTEGER NOT NULL,
    last_deployed_at INTEGER NOT NULL,
    deployed_by INTEGER NOT NULL,
    change INTEGER NOT NULL,
    superseded_at INTEGER,
    PRIMARY KEY (job, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO deployed VALUES(1,1,X'6565656565656565656565656565656565656565656565656565656565656565','0.1.0','c0ffee','https://ci.example/jobs','ci','sha256:77','/srv/published',1500000001000,1500000001000,1,1,1500000002000);
INSERT INTO deployed VALUES(1,2,X'6666666666666666666666666666666666666666666666666666666666666666','0.2.0','c0ffee','https://ci.example/jobs','ci','sha256:77','/srv/published',1500000002000,1500000002000,1,4,NULL);
INSERT INTO deployed VALUES(1,3,X'6767676767676767676767676767676767676767676767676767676767676767','0.3.0','c0ffee','https://ci.example/jobs','ci','sha256:77','/srv/published',1500000003000,1500000003000,1,3,1500000004000);
CREATE TABLE deployment (
    job INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    former INTEGER,
    rolled_back INTEGER NOT NULL,
    since INTEGER NOT NULL,
    actor INTEGER NOT NULL
) STRICT;
INSERT INTO deployment VALUES(1,2,3,1,1500000004000,1);
CREATE TABLE deployment_history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    change TEXT NOT NULL,
    revision INTEGER NOT NULL,
    version TEXT NOT NULL,
    former INTEGER,
    allowed_widenings TEXT NOT NULL
) STRICT;
INSERT INTO deployment_history VALUES(1,1,1500000001000,1,'deployed',1,'0.1.0',NULL,'[]');
INSERT INTO deployment_history VALUES(2,1,1500000002000,1,'deployed',2,'0.2.0',1,'[]');
INSERT INTO deployment_history VALUES(3,1,1500000003000,1,'deployed',3,'0.3.0',2,'["source:dashboard"]');
INSERT INTO deployment_history VALUES(4,1,1500000004000,1,'rolled-back',2,'0.2.0',3,'[]');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('audit',4);
INSERT INTO sqlite_sequence VALUES('deployment_history',4);
CREATE UNIQUE INDEX task_id ON task (id);
CREATE INDEX task_job_state ON task (job, state);
CREATE INDEX task_source ON task (source);
CREATE UNIQUE INDEX log_place ON log (place, attempt, first_line);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor);
CREATE INDEX audit_object ON audit (object_kind, object);
CREATE INDEX deployed_newest ON deployed (job, change DESC);
CREATE INDEX deployment_history_job ON deployment_history (job);
COMMIT;
