-- The queue, schema 3.

-- Tasks by job and by the revision that they were accepted with: all that are kept, and those of them that are queued or running.
-- Changed in the transaction that changes the tasks; a row goes with the last task.
CREATE TABLE revision_use (
    job INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    open INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    PRIMARY KEY (job, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO revision_use (job, revision, open, kept)
    SELECT task.job, content.revision, sum(task.state = 0), count(*)
    FROM task CROSS JOIN content ON content.place = task.place GROUP BY task.job, content.revision;

-- Revisions that were deployed and are kept, as they were verified last. `change` is the number of the row of `deployment_history` that
-- made it current last. superseded_at: null while it is current.
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
CREATE INDEX deployed_newest ON deployed (job, change DESC);

-- Which of them is current. former: the one that was before; its row may be gone. rolled_back: whether it is so by a rollback.
CREATE TABLE deployment (
    job INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    former INTEGER,
    rolled_back INTEGER NOT NULL,
    since INTEGER NOT NULL,
    actor INTEGER NOT NULL
) STRICT;

-- What was done, the newest of each job. A number is given once, so that the order is known whatever the clock did.
-- `allowed_widenings` is a JSON array.
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
CREATE INDEX deployment_history_job ON deployment_history (job);
