//! Every statement, in one place, so that a test can pin the plan of each.
//!
//! The planner must not need statistics: nothing here runs `ANALYZE`, and where there is a choice the statement makes it itself
//! (`INDEXED BY`, `NOT INDEXED`, `CROSS JOIN` for the order of loops). Nor must it be misled by them: a store that was once
//! analyzed with two tasks in it would be read from end to end for ever, so they are thrown away when it is opened.

/// One statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sql(usize);

impl Sql {
    /// Its place in [`ALL`].
    pub(super) const fn index(self) -> usize {
        self.0
    }

    /// What it says.
    pub(super) fn text(self) -> &'static str {
        ALL.get(self.0).map_or("", |(_, text)| text)
    }
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "it only counts the constants of these names")]
        enum Index { $($name),* }

        $($(#[$doc])* pub(super) const $name: Sql = Sql(Index::$name as usize);)*

        /// All of them, by name.
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

/// The columns of [`Row`](super::rows::Row), of a task that may have ended.
macro_rules! row {
    ($rest:literal) => {
        concat!(
            "SELECT task.place, task.id, task.job, task.source, task.state, task.outcome, task.attempts, \
             task.attempts_counted, task.losses_counted, task.module_unavailable_counted, task.run_at, \
             task.order_key, task.expires_at, task.configuration, content.revision, content.priority, \
             content.max_attempts, content.retry_base_ms, content.retry_cap_ms, content.memory_bytes_max, \
             content.unique_key IS NOT NULL, task.beside ",
            $rest
        )
    };
}

/// The columns of a [`TaskSummary`](crate::verbs::task::TaskSummary).
macro_rules! summary {
    ($from:literal) => {
        concat!(
            "SELECT task.place, task.id, job.name, source.name, revision.sha256, task.state, task.outcome, \
             content.priority, content.label, content.tags, task.created_at, task.run_at, task.expires_at, \
             task.finished_at, task.attempts, content.max_attempts, content.parent, lease.attempt, \
             lease.claimed_at, lease.cancel_requested, \
             (SELECT started_at FROM attempt WHERE key = task.place * 1048576 + min(task.attempts, 1048575)), \
             schedule_name.name, origin.occurrence ",
            $from,
            " CROSS JOIN content ON content.place = task.place CROSS JOIN job ON job.id = task.job \
             CROSS JOIN source ON source.id = task.source CROSS JOIN revision ON revision.id = content.revision \
             LEFT JOIN lease ON lease.place = task.place LEFT JOIN origin ON origin.place = task.place \
             LEFT JOIN schedule_name ON schedule_name.id = origin.schedule"
        )
    };
}

/// The columns of a [`ScheduleRow`](crate::verbs::schedules::ScheduleRow), and the number of its name.
macro_rules! schedule {
    ($rest:literal) => {
        concat!(
            "SELECT schedule.id, schedule.name, schedule_name.name, schedule.owner_set, schedule.definition, schedule.revision, \
             schedule.paused, schedule.created_at, schedule.changed_at, schedule.since, schedule.evaluated_to, \
             schedule.next_at, schedule.runs, schedule.missed, schedule.ended, schedule.last_problem, \
             schedule.last_problem_at FROM ",
            $rest
        )
    };
}

/// The columns of a [`RevisionRow`](crate::verbs::deployments::RevisionRow).
macro_rules! deployed {
    ($also:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT job.name, revision.sha256, deployed.oci_manifest, deployed.version, deployed.git_commit, deployed.builder, \
             deployed.key_id, deployed.key_fingerprint, deployed.taken_from, deployed.first_deployed_at, \
             deployed.last_deployed_at, actor.name, deployed.superseded_at, ifnull(revision_use.open, 0)",
            $also,
            " FROM ",
            $from,
            " CROSS JOIN job ON job.id = deployed.job CROSS JOIN revision ON revision.id = deployed.revision \
             CROSS JOIN actor ON actor.id = deployed.deployed_by LEFT JOIN revision_use \
             ON revision_use.job = deployed.job AND revision_use.revision = deployed.revision",
            $rest
        )
    };
}

/// Entries of the audit, the newest first.
macro_rules! audit {
    ($index:literal, $also:literal) => {
        concat!(
            "SELECT audit.number, audit.at, actor.name, audit.action, audit.object_kind, audit.object, audit.detail \
             FROM audit ",
            $index,
            " CROSS JOIN actor ON actor.id = audit.actor WHERE audit.number < ?1",
            $also,
            " ORDER BY audit.number DESC LIMIT ?2"
        )
    };
}

statements! {
    BEGIN = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    BEGIN_READING = "BEGIN";
    LOOK_AT_LOG = "PRAGMA wal_checkpoint(NOOP)";
    MOVE_LOG = "PRAGMA wal_checkpoint(PASSIVE)";
    EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)";

    // What the writer knows by heart.
    STORE = "SELECT paused, last_place, created_max, clock_back_ms FROM store WHERE only = 1";
    WRITE_STORE = "UPDATE store SET paused = ?1, last_place = ?2, created_max = ?3, clock_back_ms = ?4 WHERE only = 1";
    JOBS = "SELECT id, name, paused, concurrency_max, queued, running, completed, failed, cancelled, expired, key_running_max FROM job ORDER BY id";
    ADD_JOB = "INSERT INTO job (name, paused, queued, running, completed, failed, cancelled, expired) \
               VALUES (?1, 0, 0, 0, 0, 0, 0, 0)";
    WRITE_JOB = "UPDATE job SET paused = ?2, concurrency_max = ?3, queued = ?4, running = ?5, completed = ?6, failed = ?7, \
                 cancelled = ?8, expired = ?9, key_running_max = ?10 WHERE id = ?1";
    SOURCES = "SELECT id, name FROM source ORDER BY id";
    ADD_SOURCE = "INSERT INTO source (name) VALUES (?1)";
    REVISIONS = "SELECT id, sha256 FROM revision ORDER BY id";
    ADD_REVISION = "INSERT INTO revision (sha256) VALUES (?1)";
    REVISION_USES = "SELECT job, revision, open, kept FROM revision_use";
    WRITE_REVISION_USE = "INSERT OR REPLACE INTO revision_use (job, revision, open, kept) VALUES (?1, ?2, ?3, ?4)";
    REMOVE_REVISION_USE = "DELETE FROM revision_use WHERE job = ?1 AND revision = ?2";
    HOSTS = "SELECT id, name FROM host ORDER BY id";
    ADD_HOST = "INSERT INTO host (name) VALUES (?1)";
    ACTORS = "SELECT id, name FROM actor ORDER BY id";
    ADD_ACTOR = "INSERT INTO actor (name) VALUES (?1)";
    LEASES = "SELECT place, attempt, lease, lease_until, claimed_at, host, cancel_requested, progress_percent, progress_message \
              FROM lease ORDER BY place";
    KEPT = "SELECT value FROM kept WHERE name = ?1";
    WRITE_TRIAL = "INSERT OR REPLACE INTO kept (name, value) VALUES ('write-trial', zeroblob(?1))";
    REMOVE_TRIAL = "DELETE FROM kept WHERE name = 'write-trial'";
    ADD_KEPT = "INSERT INTO kept (name, value) VALUES (?1, ?2)";

    // Who may ask for something, and who wanted what.
    TOKENS = "SELECT token.id, token.source, token.jobs, token.roles, token.secret_sha256, token.created_at, actor.name, \
              token.expires_at, token.revoked_at, token.last_used_at FROM token CROSS JOIN actor ON actor.id = token.created_by \
              ORDER BY token.number";
    TOKENS_IN_USE = "SELECT count(*) FROM token WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1)";
    TOKEN_REVOKED_AT = "SELECT revoked_at FROM token WHERE id = ?1";
    ADD_TOKEN = "INSERT INTO token (id, source, jobs, roles, secret_sha256, created_at, created_by, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    REVOKE_TOKEN = "UPDATE token SET revoked_at = ?2 WHERE id = ?1";
    TOUCH_TOKEN = "UPDATE token SET last_used_at = max(ifnull(last_used_at, ?2), ?2) WHERE id = ?1";
    ADD_AUDIT = "INSERT INTO audit (at, actor, action, object_kind, object, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    ACTOR_ID = "SELECT id FROM actor WHERE name = ?1";
    AUDIT = audit!("NOT INDEXED", "");
    AUDIT_BY_ACTOR = audit!("INDEXED BY audit_actor", " AND audit.actor = ?3");
    AUDIT_BY_OBJECT = audit!("INDEXED BY audit_object", " AND audit.object_kind = ?3 AND audit.object = ?4");
    PRUNE_AUDIT = "DELETE FROM audit WHERE number IN \
                   (SELECT number FROM audit INDEXED BY audit_at WHERE at < ?1 ORDER BY at, number LIMIT ?2)";

    // Schedules.
    SCHEDULES = schedule!("schedule CROSS JOIN schedule_name ON schedule_name.id = schedule.name ORDER BY schedule.id");
    SCHEDULE_BY_ID = schedule!("schedule CROSS JOIN schedule_name ON schedule_name.id = schedule.name WHERE schedule.id = ?1");
    SCHEDULE_BY_NAME = schedule!("schedule_name CROSS JOIN schedule ON schedule.name = schedule_name.id \
                                  WHERE schedule_name.name = ?1");
    COUNT_SCHEDULES = "SELECT count(*) FROM schedule";
    SCHEDULE_NAME_ID = "SELECT id FROM schedule_name WHERE name = ?1";
    ADD_SCHEDULE_NAME = "INSERT INTO schedule_name (name) VALUES (?1)";
    ADD_SCHEDULE = "INSERT INTO schedule (name, definition, revision, paused, created_at, changed_at, since, evaluated_to, runs, missed) \
                    VALUES (?1, '', 0, 0, ?2, ?2, ?2, ?2, 0, 0)";
    WRITE_SCHEDULE = "UPDATE schedule SET owner_set = ?2, definition = ?3, revision = ?4, paused = ?5, changed_at = ?6, since = ?7, \
                      evaluated_to = ?8, next_at = ?9, runs = ?10, missed = ?11, ended = ?12, last_problem = ?13, \
                      last_problem_at = ?14 WHERE id = ?1";
    DELETE_SCHEDULE = "DELETE FROM schedule WHERE id = ?1";
    DELETE_OCCURRENCES = "DELETE FROM occurrence WHERE schedule = ?1";
    OCCURRENCE = "SELECT 1 FROM occurrence WHERE schedule = ?1 AND at = ?2";
    OCCURRENCES = "SELECT at, fate, task FROM occurrence WHERE schedule = ?1 ORDER BY at DESC LIMIT ?2";
    ADD_OCCURRENCE = "INSERT INTO occurrence (schedule, at, fate, task) VALUES (?1, ?2, ?3, ?4)";
    SCHEDULE_OPEN = "SELECT count(*), count(lease.place) FROM schedule_open LEFT JOIN lease ON lease.place = schedule_open.place \
                     WHERE schedule_open.schedule = ?1";
    OPEN_PLACES = "SELECT place FROM schedule_open WHERE schedule = ?1 ORDER BY place";

    // Deployments.
    DEPLOYMENT = "SELECT revision, former, rolled_back FROM deployment WHERE job = ?1";
    CURRENT_OF_JOB = "SELECT revision.sha256, former.sha256, deployment.rolled_back FROM deployment \
                      CROSS JOIN revision ON revision.id = deployment.revision \
                      LEFT JOIN revision AS former ON former.id = deployment.former WHERE deployment.job = ?1";
    PUT_DEPLOYMENT = "INSERT OR REPLACE INTO deployment (job, revision, former, rolled_back, since, actor) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    REMOVE_DEPLOYMENT = "DELETE FROM deployment WHERE job = ?1";
    PUT_DEPLOYED = "INSERT INTO deployed (job, revision, oci_manifest, version, git_commit, builder, key_id, key_fingerprint, taken_from, \
                    first_deployed_at, last_deployed_at, deployed_by, change) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12) \
                    ON CONFLICT (job, revision) DO UPDATE SET oci_manifest = ?3, version = ?4, git_commit = ?5, builder = ?6, \
                    key_id = ?7, key_fingerprint = ?8, taken_from = ?9, last_deployed_at = ?10, deployed_by = ?11, change = ?12, \
                    superseded_at = NULL";
    MAKE_CURRENT = "UPDATE deployed SET change = ?3, superseded_at = NULL WHERE job = ?1 AND revision = ?2";
    SUPERSEDE = "UPDATE deployed SET superseded_at = ?2 \
                 WHERE job = ?1 AND revision = (SELECT revision FROM deployment WHERE job = ?1)";
    REMOVE_DEPLOYED = "DELETE FROM deployed WHERE job = ?1 AND revision = ?2";
    COLLECTABLE = "SELECT job, revision, oci_manifest, superseded_at FROM deployed INDEXED BY deployed_newest WHERE job > ?1 \
                   ORDER BY job, change DESC";
    ADD_CHANGE = "INSERT INTO deployment_history (job, at, actor, change, revision, version, former, allowed_widenings) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    REMOVE_OLD_CHANGES = "DELETE FROM deployment_history WHERE number IN (SELECT number FROM deployment_history \
                          INDEXED BY deployment_history_job WHERE job = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)";
    JOB_ID = "SELECT id FROM job WHERE name = ?1";
    DEPLOYED = deployed!("", "deployed INDEXED BY deployed_newest", " ORDER BY deployed.job, deployed.change DESC");
    DEPLOYED_OF_JOB = deployed!("", "deployed INDEXED BY deployed_newest", " WHERE deployed.job = ?1 ORDER BY deployed.change DESC");
    DEPLOYED_REVISION = deployed!("", "deployed", " WHERE deployed.job = ?1 AND deployed.revision = ?2");
    DEPLOYMENTS = deployed!(", deployment.since, (SELECT name FROM actor AS who WHERE who.id = deployment.actor)",
                            "deployment CROSS JOIN deployed ON deployed.job = deployment.job AND deployed.revision = deployment.revision",
                            " ORDER BY deployment.job");
    HISTORY = "SELECT history.at, actor.name, history.change, revision.sha256, history.version, former.sha256, \
               history.allowed_widenings FROM deployment_history AS history INDEXED BY deployment_history_job \
               CROSS JOIN actor ON actor.id = history.actor CROSS JOIN revision ON revision.id = history.revision \
               LEFT JOIN revision AS former ON former.id = history.former WHERE history.job = ?1 ORDER BY history.number DESC";

    // One task.
    ROW_BY_PLACE = row!("FROM task CROSS JOIN content ON content.place = task.place WHERE task.place = ?1");
    ROW_BY_ID = row!("FROM task INDEXED BY task_id CROSS JOIN content ON content.place = task.place WHERE task.id = ?1");
    ROW_BY_UNIQUE_KEY = row!("FROM unique_key CROSS JOIN task ON task.place = unique_key.place \
                              CROSS JOIN content ON content.place = task.place WHERE unique_key.job = ?1 AND unique_key.key = ?2");
    KNOWN = "SELECT task.id, idempotency_key.fingerprint FROM idempotency_key CROSS JOIN task ON task.place = idempotency_key.place \
             WHERE idempotency_key.source = ?1 AND idempotency_key.key = ?2";
    UNIQUE_KEY = "SELECT unique_key FROM content WHERE place = ?1";
    WRITE_TASK = "UPDATE task SET state = ?2, outcome = ?3, attempts = ?4, attempts_counted = ?5, losses_counted = ?6, \
                  module_unavailable_counted = ?7, run_at = ?8, order_key = ?9, expires_at = ?10, finished_at = ?11, \
                  configuration = ?12 WHERE place = ?1";
    ADD_OUTCOME = "INSERT INTO outcome (outcome, place) VALUES (?1, ?2)";
    REMOVE_OUTCOME = "DELETE FROM outcome WHERE outcome = ?1 AND place = ?2";
    ADD_EXPIRY = "INSERT INTO expiry (expires_at, place) VALUES (?1, ?2)";
    REMOVE_EXPIRY = "DELETE FROM expiry WHERE expires_at = ?1 AND place = ?2";
    HOLD_UNIQUE_KEY = "INSERT INTO unique_key (job, key, place) SELECT ?1, unique_key, place FROM content WHERE place = ?2";
    LET_GO_OF_UNIQUE_KEY = "DELETE FROM unique_key WHERE job = ?1 AND key = (SELECT unique_key FROM content WHERE place = ?2)";
    OPEN_RUN = "INSERT INTO schedule_open (schedule, place) SELECT schedule, place FROM origin WHERE place = ?1";
    CLOSE_RUN = "DELETE FROM schedule_open WHERE schedule = (SELECT schedule FROM origin WHERE place = ?1) AND place = ?1";
    CLEAR_CONFIGURATION = "DELETE FROM configuration WHERE place = ?1";

    // Tasks come in.
    ADD_TASK = "INSERT INTO task (place, id, job, source, state, outcome, attempts, attempts_counted, losses_counted, \
                module_unavailable_counted, run_at, order_key, created_at, finished_at, expires_at, configuration, beside) \
                VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, ?5, ?6, ?7, ?7, ?8, ?9, ?10)";
    ADD_CONTENT = "INSERT INTO content (place, revision, priority, max_attempts, retry_base_ms, retry_cap_ms, memory_bytes_max, \
                   timeout_ms, parent, label, tags, idempotency_key, unique_key, payload) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    ADD_ORIGIN = "INSERT INTO origin (place, depth, actor, schedule, occurrence) VALUES (?1, ?2, ?3, ?4, ?5)";
    ADD_SCHEDULED = "INSERT INTO scheduled (schedule, place) VALUES (?1, ?2)";
    ADD_CONFIGURATION = "INSERT INTO configuration (place, sealed) VALUES (?1, ?2)";
    ADD_IDEMPOTENCY_KEY = "INSERT INTO idempotency_key (source, key, place, fingerprint) VALUES (?1, ?2, ?3, ?4)";
    ADD_CONCURRENCY_KEY = "INSERT INTO concurrency_key (place, key) VALUES (?1, ?2)";
    ADD_LABEL = "INSERT INTO label (label, place) VALUES (?1, ?2)";
    ADD_TAG = "INSERT OR IGNORE INTO tag (tag, place) VALUES (?1, ?2)";
    ADD_READY = "INSERT INTO ready (job, order_key, place) VALUES (?1, ?2, ?3)";
    ADD_WAITING = "INSERT INTO waiting (run_at, place, job, order_key) VALUES (?1, ?2, ?3, ?4)";
    REMOVE_READY = "DELETE FROM ready WHERE job = ?1 AND order_key = ?2 AND place = ?3";
    REMOVE_WAITING = "DELETE FROM waiting WHERE run_at = ?1 AND place = ?2";

    // Attempts begin.
    DUE = "SELECT run_at, place, job, order_key FROM waiting WHERE run_at <= ?1 ORDER BY run_at, place LIMIT ?2";
    NEXT_DUE = "SELECT run_at FROM waiting ORDER BY run_at LIMIT 1";
    READY = "SELECT order_key, place FROM ready WHERE job = ?1 AND (order_key, place) > (?2, ?3) \
             ORDER BY order_key, place LIMIT ?4";
    REMOVE_READY_TO = "DELETE FROM ready WHERE job = ?1 AND (order_key, place) <= (?2, ?3)";
    READY_ROW = row!(", content.timeout_ms, content.parent, content.tags, content.payload FROM task \
                      CROSS JOIN content ON content.place = task.place WHERE task.place = ?1");
    DEPTH = "SELECT depth FROM origin WHERE place = ?1";
    CONCURRENCY_KEY = "SELECT key FROM concurrency_key WHERE place = ?1";
    ADD_BLOCKED = "INSERT INTO blocked (job, key, order_key, place) VALUES (?1, ?2, ?3, ?4)";
    FIRST_BLOCKED = "SELECT order_key, place FROM blocked WHERE job = ?1 AND key = ?2 ORDER BY order_key, place LIMIT 1";
    REMOVE_BLOCKED = "DELETE FROM blocked WHERE job = ?1 AND key = ?2 AND order_key = ?3 AND place = ?4";
    CONFIGURATION = "SELECT sealed FROM configuration WHERE place = ?1";
    ADD_LEASE = "INSERT INTO lease (place, attempt, lease, lease_until, claimed_at, host, cancel_requested) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)";

    // Attempts go on and end.
    EXTEND_LEASE = "UPDATE lease SET lease_until = ?2 WHERE place = ?1";
    WRITE_PROGRESS = "UPDATE lease SET progress_percent = ?2, progress_message = ?3 WHERE place = ?1";
    REQUEST_CANCEL = "UPDATE lease SET cancel_requested = 1 WHERE place = ?1";
    REMOVE_LEASE = "DELETE FROM lease WHERE place = ?1";
    ADD_ATTEMPT = "INSERT OR REPLACE INTO attempt (key, number, outcome, revision, host, started_at, finished_at, wait_ms, wall_us, cpu_us, \
                   peak_memory_bytes, http_calls, http_bytes_in, http_bytes_out, log_bytes, log_lines_dropped, output_bytes, \
                   progress_percent, progress_message, error_code, error_message, error_hint, result) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";
    NEXT_LINE = "SELECT first_line + lines_count FROM log WHERE place = ?1 AND attempt = ?2 ORDER BY first_line DESC LIMIT 1";
    ADD_LOG = "INSERT INTO log (place, attempt, first_line, lines_count, lines) VALUES (?1, ?2, ?3, ?4, ?5)";

    // Time passes.
    PAST_EXPIRY = "SELECT place FROM expiry WHERE expires_at <= ?1 AND \
                   NOT EXISTS (SELECT 1 FROM lease WHERE lease.place = expiry.place) ORDER BY expires_at, place LIMIT ?2";
    OLDEST = "SELECT place, job, source, state, outcome, finished_at FROM task NOT INDEXED WHERE place > ?1 ORDER BY place LIMIT ?2";
    CONTENTS = "SELECT place, revision, label, tags, idempotency_key FROM content WHERE place BETWEEN ?1 AND ?2";
    DELETE_LABEL = "DELETE FROM label WHERE label = ?1 AND place = ?2";
    DELETE_IDEMPOTENCY_KEY = "DELETE FROM idempotency_key WHERE source = ?1 AND key = ?2";
    DELETE_TAG = "DELETE FROM tag WHERE tag = ?1 AND place = ?2";
    DELETE_LOGS = "DELETE FROM log WHERE place BETWEEN ?1 AND ?2";
    DELETE_CONFIGURATIONS = "DELETE FROM configuration WHERE place BETWEEN ?1 AND ?2";
    DELETE_SCHEDULED = "DELETE FROM scheduled WHERE (schedule, place) IN \
                        (SELECT schedule, place FROM origin WHERE place BETWEEN ?1 AND ?2 AND schedule NOT NULL)";
    DELETE_ORIGINS = "DELETE FROM origin WHERE place BETWEEN ?1 AND ?2";
    DELETE_CONCURRENCY_KEYS = "DELETE FROM concurrency_key WHERE place BETWEEN ?1 AND ?2";
    DELETE_ATTEMPTS = "DELETE FROM attempt WHERE key BETWEEN ?1 AND ?2";
    DELETE_CONTENTS = "DELETE FROM content WHERE place BETWEEN ?1 AND ?2";
    DELETE_TASKS = "DELETE FROM task WHERE place BETWEEN ?1 AND ?2";
    /// Each of so many pages is one that moves within the file, so the step stays small.
    GIVE_BACK_PAGES = "PRAGMA incremental_vacuum(256)";

    // What is to be seen.
    SUMMARY_BY_ID = concat!(summary!("FROM task INDEXED BY task_id"), " WHERE task.id = ?1");
    SUMMARY_BY_PLACE = concat!(summary!("FROM task NOT INDEXED"), " WHERE task.place = ?1");
    ORIGIN = "SELECT origin.depth, actor.name FROM origin LEFT JOIN actor ON actor.id = origin.actor WHERE origin.place = ?1";
    ATTEMPTS = "SELECT attempt.number, attempt.outcome, attempt.started_at, attempt.finished_at, attempt.wait_ms, attempt.wall_us, \
                attempt.cpu_us, attempt.peak_memory_bytes, attempt.http_calls, attempt.http_bytes_in, attempt.http_bytes_out, \
                attempt.log_bytes, attempt.log_lines_dropped, attempt.output_bytes, revision.sha256, host.name, \
                attempt.error_code, attempt.error_message, attempt.error_hint, attempt.progress_percent, \
                attempt.progress_message FROM attempt CROSS JOIN revision ON revision.id = attempt.revision \
                CROSS JOIN host ON host.id = attempt.host WHERE attempt.key BETWEEN ?1 AND ?2 ORDER BY attempt.key";
    RUNNING_ATTEMPT = "SELECT lease.attempt, lease.claimed_at, host.name, lease.progress_percent, lease.progress_message \
                       FROM lease CROSS JOIN host ON host.id = lease.host WHERE lease.place = ?1";
    RESULT = "SELECT result FROM attempt WHERE key = ?1";
    LOG_STATE = "SELECT task.place, task.state, EXISTS (SELECT 1 FROM lease WHERE lease.place = task.place) \
                 FROM task INDEXED BY task_id WHERE task.id = ?1";
    LOG = "SELECT attempt, first_line, lines FROM log INDEXED BY log_place \
           WHERE place = ?1 AND (attempt, first_line) >= (?2, ?3) ORDER BY attempt, first_line";
    LOG_BEFORE = "SELECT first_line FROM log INDEXED BY log_place WHERE place = ?1 AND attempt = ?2 AND first_line <= ?3 \
                  ORDER BY first_line DESC LIMIT 1";
    SOURCE_ID = "SELECT id FROM source WHERE name = ?1";
    PAGE_COUNT = "PRAGMA page_count";
    FREE_PAGES = "PRAGMA freelist_count";
    PAGE_SIZE = "PRAGMA page_size";

    // Places, the newest first, by each thing that a list can ask for.
    PLACES = "SELECT place FROM task NOT INDEXED WHERE place <= ?1 ORDER BY place DESC LIMIT ?2";
    PLACES_BY_JOB_STATE = "SELECT place FROM task INDEXED BY task_job_state WHERE job = ?3 AND state = ?4 AND place <= ?1 \
                           ORDER BY place DESC LIMIT ?2";
    PLACES_BY_SOURCE = "SELECT place FROM task INDEXED BY task_source WHERE source = ?3 AND place <= ?1 \
                        ORDER BY place DESC LIMIT ?2";
    PLACES_BY_LABEL = "SELECT place FROM label WHERE label = ?3 AND place <= ?1 \
                       ORDER BY place DESC LIMIT ?2";
    PLACES_BY_OUTCOME = "SELECT place FROM outcome WHERE outcome = ?3 AND place <= ?1 \
                         ORDER BY place DESC LIMIT ?2";
    PLACES_BY_TAG = "SELECT place FROM tag WHERE tag = ?3 AND place <= ?1 ORDER BY place DESC LIMIT ?2";
    PLACES_BY_SCHEDULE = "SELECT place FROM scheduled WHERE schedule = ?3 AND place <= ?1 ORDER BY place DESC LIMIT ?2";
    PLACES_RUNNING = "SELECT place FROM lease WHERE place <= ?1 ORDER BY place DESC LIMIT ?2";
    CREATED_FROM_PLACE = "SELECT place, created_at FROM task NOT INDEXED WHERE place >= ?1 ORDER BY place LIMIT 1";
    LISTED = "SELECT job.name, task.state, task.created_at, task.attempts, lease.claimed_at FROM task NOT INDEXED \
              CROSS JOIN job ON job.id = task.job LEFT JOIN lease ON lease.place = task.place WHERE task.place = ?1";
    RAN = "SELECT started_at, finished_at FROM attempt WHERE key = ?1";
}
