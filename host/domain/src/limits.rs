//! Every limit on what a client, a job author or a guest controls, with its unit and its reason.
//!
//! Two kinds. The constants at the top bound what is read at all; they are the same for every job. The [`LIMITS`] bound
//! one attempt: each has a default, a ceiling that the host's settings may move, and a name ([`Limit`]) that an attempt
//! stopped by it is reported with. A manifest may ask for more than the default, never for more than the ceiling.

use crate::quantity::{format_bytes, format_ms, parse_bytes, parse_ms};
use crate::table::{Table, TableError};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of a whole envelope. Four times what its parts may have, so that white space is never the reason.
pub const ENVELOPE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of `jobPayload` as written. A payload says what to do; data goes through mounts.
pub const PAYLOAD_BYTES_MAX: u64 = 256 << 10;
/// Bytes of `configuration` as written.
pub const CONFIGURATION_BYTES_MAX: u64 = 64 << 10;
/// Levels of nesting in an envelope. Readers of JSON recurse; half of what serde_json itself allows.
pub const JSON_DEPTH_MAX: usize = 64;
/// Bytes of a module file. Compiling takes time and memory in proportion and cannot be interrupted; a Python
/// interpreter with its library is 20 MiB.
pub const MODULE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a repository's whole list of tags: a hundred thousand of them.
pub const TAG_LIST_BYTES_MAX: u64 = 8 << 20;
/// Widenings that one deployment can be allowed by name. A manifest has some dozen powers.
pub const WIDENINGS_MAX: usize = 1_000;
/// Bytes of the manifest section in a module: a manifest and two schemas.
pub const MANIFEST_SECTION_BYTES_MAX: u64 = 256 << 10;
/// Bytes of one schema. Large enough for a hundred fields with descriptions.
pub const SCHEMA_BYTES_MAX: u64 = 64 << 10;
/// Sub-schemas that checking one value may visit, every `$ref` written out. A payload of its largest size has 128 thousand
/// values, each of which could meet them all; without the bound a few kilobytes of nested references would cost more than
/// the lifetime of the host.
pub const SCHEMA_NODES_MAX: usize = 1_000;
/// Steps of comparing two schemas of one job. Schemas of usual size take some thousands; choices within choices could take
/// more than there is time, and what was not compared is told as a change.
pub const SCHEMA_COMPARISON_STEPS_MAX: usize = 200_000;
/// Levels of two schemas that are compared. Payloads are as deep as an envelope, so what is below hardly matters.
pub const SCHEMA_COMPARISON_DEPTH_MAX: usize = JSON_DEPTH_MAX;
/// Places of a schema that a change is told of. Whoever changed more reads the schemas.
pub const SCHEMA_CHANGES_MAX: usize = 50;
/// Entries of a list in a manifest (sources, mounts, origins, jobs). More is a generator gone wrong.
pub const MANIFEST_ENTRIES_MAX: usize = 64;
/// Destinations, each with one of its methods and one of its path prefixes, that the `http` grants of a manifest name in all.
/// Each is a capability that somebody reads before it is approved; the largest job that is known has a dozen.
pub const HTTP_CAPABILITIES_MAX: usize = 1_000;
/// Keys under `[configuration]` of a manifest.
pub const CONFIGURATION_KEYS_MAX: usize = 128;
/// Bytes of one configuration value from a provider; as much as a whole envelope's configuration.
pub const CONFIGURATION_VALUE_BYTES_MAX: u64 = CONFIGURATION_BYTES_MAX;
/// Milliseconds between two looks at what runs outside wasm: the free space of writable mounts.
pub const WATCH_INTERVAL_MS: u64 = 250;
/// Bytes of one read of a file on behalf of a guest.
pub const READ_BYTES: usize = 64 << 10;
/// Bytes of one read ahead of a guest. With four times as much a log was read no faster.
pub const READ_AHEAD_BYTES: usize = 256 << 10;
/// Streams of one attempt that are read ahead at a time; each holds up to two pieces, so 4 MiB of host memory in all.
pub const READ_AHEAD_STREAMS_MAX: usize = 8;
/// Milliseconds between two ticks of the epoch, at which a guest that computes is looked at.
pub const EPOCH_TICK_MS: u64 = 10;
/// Milliseconds that an attempt may take to notice its wall deadline before it is dropped where it is. More than a
/// tick and a scheduling delay, so that the guest's own backtrace is usually there.
pub const WALL_GRACE_MS: u64 = 200;
/// Bytes of one text that a guest gives to progress, of a failure's message or of one log line; the rest is cut.
pub const TEXT_BYTES_MAX: usize = 8 << 10;
/// Seconds that a guest can ask to be retried after: 30 days, the longest a task may wait.
pub const RETRY_AFTER_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// HTTP requests of one attempt that are under way at a time, until their responses were read or dropped; further ones
/// wait. Each holds host memory: its own body, and some pieces of its response.
pub const HTTP_IN_FLIGHT_MAX: usize = 8;
/// Names that the host looks up at a time, for all attempts. Each may hold a thread until the system's resolver gives up.
pub const NAME_LOOK_UPS_MAX: usize = 256;
/// Bytes of the payloads of all tasks that one attempt asks for, which are held until it ends.
pub const SCHEDULED_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a file of certificate authorities. A system's whole list is a quarter of a megabyte.
pub const CA_FILE_BYTES_MAX: u64 = 4 << 20;
/// Milliseconds to connect, TLS included, unless the job says otherwise.
pub const HTTP_CONNECT_MS: u64 = 10_000;
/// Milliseconds until a response begins, and between two pieces of it, unless the job says otherwise.
pub const HTTP_RESPONSE_MS: u64 = 60_000;
/// Milliseconds of any HTTP timeout that a job can ask for; its wall limit ends it earlier.
pub const HTTP_TIMEOUT_MS_MAX: u64 = 3_600_000;
/// Bytes of a response that hyper hands on at a time, and so of a piece that waits for the guest.
pub const HTTP_PIECE_BYTES_MAX: usize = 128 << 10;
/// Pieces of a response that wait for the guest.
pub const HTTP_PIECES_WAITING_MAX: usize = 4;
/// Denials that a report remembers; the log has them all.
pub const DENIALS_MAX: usize = 20;
/// Tags of a task, and characters of one, of a label and of a key.
pub const TAGS_MAX: usize = 16;
/// See [`TAGS_MAX`].
pub const TAG_CHARS_MAX: usize = 64;
/// See [`TAGS_MAX`].
pub const LABEL_CHARS_MAX: usize = 200;
/// See [`TAGS_MAX`].
pub const KEY_CHARS_MAX: usize = 200;
/// Milliseconds that a task can be delayed: 30 days, as for [`RETRY_AFTER_MS_MAX`].
pub const DELAY_MS_MAX: u64 = RETRY_AFTER_MS_MAX;
/// Milliseconds from now to the last `runAt` or `expiresAt` that can be meant: ten years. What is farther away is a mistake
/// in a unit.
pub const HORIZON_MS_MAX: u64 = 3_653 * 24 * HOUR;
/// Tasks above one that a job asks for, each of which asked for the next. Chains that are meant have two or three; one without
/// an end is stopped here.
pub const TASK_DEPTH_MAX: u32 = 10;
/// Tokens that are neither revoked nor expired. Each request that has one looks for it among all of them; more is a generator
/// gone wrong.
pub const TOKENS_MAX: usize = 1_000;
/// Attempts that a host can be told to run at a time. The engine keeps 256 memories, and a composed job may have two.
pub const SLOTS_MAX: u64 = 128;
/// Tasks of one batch. One transaction; a client that has more sends several.
pub const BATCH_TASKS_MAX: usize = 10_000;
/// Bytes of a request with a batch. The payloads of a full one may have 6 KiB each; all of it is held until it is stored.
pub const BATCH_BYTES_MAX: u64 = 64 << 20;
/// Bytes that the options of a task may take in a request, beside its envelope. Three times what they can need with every
/// character escaped.
pub const OPTIONS_BYTES_MAX: u64 = 64 << 10;
/// The most urgent priority; 0 is the least.
pub const PRIORITY_MAX: u8 = 9;
/// Milliseconds that each step of priority is worth in the queue: the most urgent task overtakes those of the least
/// priority that came up to nine minutes earlier, and no others, so nothing waits for ever.
pub const PRIORITY_STEP_MS: i64 = 60_000;
/// Attempts at a task that a manifest may ask for.
pub const ATTEMPTS_MAX: u32 = 100;
/// Tasks of one rate. A host takes some ten thousand a second; more is no limit.
pub const RATE_TASKS_MAX: u64 = 1_000_000;
/// Milliseconds of one rate at the least: whoever is refused is told in whole seconds when to come again.
pub const RATE_PER_MS_MIN: u64 = SECOND;
/// Milliseconds of one rate at the most: a day. What was taken is known to the running host alone, and a longer time is for a
/// schedule.
pub const RATE_PER_MS_MAX: u64 = 24 * HOUR;
/// Characters of a JSON pointer in a manifest. Ten names of twenty characters.
pub const POINTER_CHARS_MAX: usize = 200;
/// Losses after which a task runs alone on its host. One may be chance, two of the same task hardly are; alone, the next
/// takes no other task with it and shows whose fault it was.
pub const LOSSES_UNTIL_ALONE: u32 = 2;
/// Attempts that may end because the module could not be read. They use up no attempt of the job's policy, since the job
/// did not run; with the usual waits they last for some hours, then somebody must be told.
pub const MODULE_UNAVAILABLE_MAX: u32 = 20;
/// Schedules of one host. Each is asked for its next run whenever one of them is due; more is a generator gone wrong.
pub const SCHEDULES_MAX: usize = 1_000;
/// Entries of what was deployed of one job, the newest. All of them are one answer, and more than anybody reads; the audit
/// goes further back.
pub const DEPLOYMENT_HISTORY_MAX: usize = 200;

/// Bytes of a file of schedules. A thousand of them with a kilobyte each.
pub const SCHEDULE_FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one schedule as JSON: its payload and its options, and as much again for what stands around them.
pub const SCHEDULE_BYTES_MAX: u64 = 512 << 10;
/// Milliseconds between two runs of a schedule at the least. What must happen more often belongs into one job that stays.
pub const RUN_EVERY_MS_MIN: u64 = SECOND;
/// Milliseconds between two runs of an interval at the most: a leap year. A longer one is a mistake in a unit.
pub const RUN_EVERY_MS_MAX: u64 = 366 * 24 * HOUR;
/// Runs that a schedule can be limited to: thirty years of one a second.
pub const RUN_TIMES_MAX: u64 = 1_000_000_000;
/// Milliseconds that a run may be put off to spread the load: an hour, and always less than the time between two runs, so
/// that runs begin in their order. Who wants more wants another time.
pub const JITTER_MS_MAX: u64 = HOUR;
/// Milliseconds that a run may be late and is still on time. A host that was restarted has not missed what fell due
/// meanwhile.
pub const MISSED_AFTER_MS: u64 = 60 * SECOND;
/// Milliseconds that missed runs are caught up for, unless the schedule says otherwise: a day.
pub const MISSED_WINDOW_MS: u64 = 24 * HOUR;
/// Milliseconds that missed runs can be caught up for: three months, the longest that a host is off and comes back.
pub const MISSED_WINDOW_MS_MAX: u64 = 90 * 24 * HOUR;
/// Runs that one look at a schedule, or a backfill, can bring about. They are enqueued in one transaction, and a queue
/// that a catch-up fills helps nobody.
pub const OCCURRENCES_AT_ONCE_MAX: usize = 1_000;
/// Dropped runs that are counted; of more it is only said that there are more. Counting looks each one up.
pub const DROPPED_COUNT_MAX: u64 = 10_000;
/// Places for the time of a run in one payload, and in one text. Each is tried for every day of a year when it is defined.
pub const OCCURRENCE_PLACES_MAX: usize = 50;
/// Characters of the format at one such place, for the same reason.
pub const OCCURRENCE_FORMAT_CHARS_MAX: usize = 100;
/// Characters of a cron expression. A list of all minutes, twice.
pub const CRON_CHARS_MAX: usize = 400;
/// Bytes of an OCI manifest or image index. What registries take at the most.
pub const OCI_MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Bytes of the config of a published module: the names of its imports and exports. A hundred interfaces need some kilobytes.
pub const OCI_CONFIG_BYTES_MAX: u64 = 256 << 10;
/// Bytes of `index.json` of a directory with publications. Some thirty thousand versions.
pub const LAYOUT_INDEX_BYTES_MAX: u64 = 16 << 20;
/// Milliseconds that a publisher waits for another one at the same directory. A module is written in less than a second; a
/// publisher that was stopped in between must not hold up a host.
pub const LAYOUT_LOCK_MS_MAX: u64 = 30 * SECOND;
/// Bytes of a signed statement with its signature. The lists of a large job have some ten kilobytes.
pub const BUNDLE_BYTES_MAX: u64 = 1 << 20;
/// Signed statements that one release can have. Two for each key that signed it; more is somebody who fills a repository.
pub const BUNDLES_MAX: usize = 32;
/// Versions of a job that are pulled to find one that a known key signed, to compare a new one with. Each may be a module of the
/// largest size.
pub const VERSIONS_COMPARED_MAX: usize = 8;
/// Entries of each list in a signed statement: all powers of the largest manifest, or the samples of a job.
pub const STATEMENT_ENTRIES_MAX: usize = 1_000;
/// Characters of one text in a signed statement. A URL of the largest size that is sent has as many.
pub const STATEMENT_TEXT_CHARS_MAX: usize = 8_000;

const _: () = assert!(PAYLOAD_BYTES_MAX + CONFIGURATION_BYTES_MAX < ENVELOPE_BYTES_MAX);
const _: () = assert!(PAYLOAD_BYTES_MAX + OPTIONS_BYTES_MAX < SCHEDULE_BYTES_MAX);
const _: () = assert!(2 * SCHEMA_BYTES_MAX < MANIFEST_SECTION_BYTES_MAX);

/// A limit on one attempt. Its name is what `job.toml` and the settings call it under `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Time from start to end.
    Wall,
    /// Time on a processor, inside the sandbox.
    Cpu,
    /// Linear memory, all of the attempt's together.
    Memory,
    /// Elements of all tables together.
    TableElements,
    /// Instances inside the component.
    Instances,
    /// Open handles: files, streams, timers.
    ResourceHandles,
    /// What one call to the host may carry.
    HostCall,
    /// Random bytes that one call may ask for.
    Random,
    /// The result.
    Output,
    /// The log, stdout and stderr included.
    Log,
    /// Lines of the log.
    LogLines,
    /// Progress reports shown.
    Progress,
    /// Free space that a writable mount must keep.
    FreeSpace,
    /// HTTP requests.
    HttpCalls,
    /// The body of one HTTP request, secrets put in.
    HttpRequest,
    /// The body of one HTTP response.
    HttpResponse,
    /// The URL of one HTTP request.
    HttpUrl,
    /// The headers of one HTTP request or response.
    HttpHeaders,
    /// Tasks asked for.
    ScheduledTasks,
}

/// What a limit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, written `64MiB`.
    Bytes,
    /// Milliseconds, written `15m`.
    Milliseconds,
    /// A number of things.
    Count,
}

/// One row of [`LIMITS`].
#[derive(Clone, Copy, Debug)]
pub struct LimitSpec {
    /// Which limit.
    pub limit: Limit,
    /// Its key under `[limits]`.
    pub key: &'static str,
    /// The code of an attempt that was stopped by it.
    pub code: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// The least value that can be meant.
    pub least: u64,
    /// What a job gets that asks for nothing.
    pub default: u64,
    /// The most a job can ask for, unless the settings say otherwise.
    pub ceiling: u64,
    /// Whether a manifest may ask for it; the others are the host's alone.
    pub in_manifest: bool,
    /// What happens at the limit, and why it is where it is.
    pub reason: &'static str,
}

const MIB: u64 = 1 << 20;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600_000;

/// All limits on one attempt.
#[rustfmt::skip]
pub const LIMITS: [LimitSpec; 19] = [
    LimitSpec { limit: Limit::Wall, key: "wall", code: "wall_ms", unit: Unit::Milliseconds, least: 1, default: 60 * SECOND, ceiling: 24 * HOUR, in_manifest: true,
        reason: "the attempt ends as timed-out; a minute is long for most jobs and short for somebody who waits" },
    LimitSpec { limit: Limit::Cpu, key: "cpu", code: "cpu_ms", unit: Unit::Milliseconds, least: 1, default: 10 * SECOND, ceiling: 24 * HOUR, in_manifest: true,
        reason: "the attempt ends as over-cpu; a job that computes longer should say so. File access on other threads is not counted" },
    LimitSpec { limit: Limit::Memory, key: "memory", code: "memory_bytes", unit: Unit::Bytes, least: MIB, default: 64 * MIB, ceiling: 1024 * MIB, in_manifest: true,
        reason: "the attempt ends as out-of-memory; the ceiling is also the size of a pooled memory slot" },
    LimitSpec { limit: Limit::TableElements, key: "table-elements", code: "table_elements", unit: Unit::Count, least: 1_000, default: 100_000, ceiling: 1_000_000, in_manifest: true,
        reason: "8 bytes of host memory each; a Rust job has a few hundred, an interpreter some ten thousand" },
    LimitSpec { limit: Limit::Instances, key: "instances", code: "instances", unit: Unit::Count, least: 8, default: 64, ceiling: 256, in_manifest: true,
        reason: "a Rust job has four; composed components have a few more" },
    LimitSpec { limit: Limit::ResourceHandles, key: "resource-handles", code: "resource_handles", unit: Unit::Count, least: 16, default: 10_000, ceiling: 100_000, in_manifest: true,
        reason: "each is a host object, often a file descriptor" },
    LimitSpec { limit: Limit::HostCall, key: "host-call", code: "host_call_bytes", unit: Unit::Bytes, least: 64 << 10, default: 16 * MIB, ceiling: 128 * MIB, in_manifest: true,
        reason: "the host copies what a call carries before it looks at it" },
    LimitSpec { limit: Limit::Random, key: "random", code: "random_bytes", unit: Unit::Bytes, least: 64, default: MIB, ceiling: 64 * MIB, in_manifest: true,
        reason: "made in host memory before the guest gets them" },
    LimitSpec { limit: Limit::Output, key: "output", code: "output_bytes", unit: Unit::Bytes, least: 2, default: MIB, ceiling: 16 * MIB, in_manifest: true,
        reason: "results are stored with the task and shown; data goes through mounts" },
    LimitSpec { limit: Limit::Log, key: "log", code: "log_bytes", unit: Unit::Bytes, least: 1 << 10, default: MIB, ceiling: 16 * MIB, in_manifest: true,
        reason: "kept with the attempt; further lines are counted, the attempt goes on" },
    LimitSpec { limit: Limit::LogLines, key: "log-lines", code: "log_lines", unit: Unit::Count, least: 10, default: 10_000, ceiling: 100_000, in_manifest: true,
        reason: "as for log: further lines are counted, the attempt goes on" },
    LimitSpec { limit: Limit::Progress, key: "progress", code: "progress_per_second", unit: Unit::Count, least: 1, default: 10, ceiling: 100, in_manifest: false,
        reason: "reports a second that are shown; between them only the newest is kept, the attempt goes on" },
    LimitSpec { limit: Limit::FreeSpace, key: "free-space", code: "free_space_bytes", unit: Unit::Bytes, least: 0, default: 64 * MIB, ceiling: u64::MAX, in_manifest: false,
        reason: "free bytes that a writable mount's file system keeps; below it the attempt is refused or stopped, so that a job cannot fill the host's disk" },
    LimitSpec { limit: Limit::HttpCalls, key: "http-calls", code: "http_calls", unit: Unit::Count, least: 1, default: 100, ceiling: 100_000, in_manifest: true,
        reason: "the attempt ends as over-limit; denied requests count too, so that nobody can search for a way out" },
    LimitSpec { limit: Limit::HttpRequest, key: "http-request", code: "http_request_bytes", unit: Unit::Bytes, least: 1 << 10, default: MIB, ceiling: 16 * MIB, in_manifest: true,
        reason: "held in host memory until it is whole, since secrets are put in and its length is said first" },
    LimitSpec { limit: Limit::HttpResponse, key: "http-response", code: "http_response_bytes", unit: Unit::Bytes, least: 1 << 10, default: 16 * MIB, ceiling: 1024 * MIB, in_manifest: true,
        reason: "passed on piece by piece; an endless one ends here" },
    LimitSpec { limit: Limit::HttpUrl, key: "http-url", code: "http_url_bytes", unit: Unit::Bytes, least: 256, default: 8 << 10, ceiling: 32 << 10, in_manifest: true,
        reason: "what servers take at the most" },
    LimitSpec { limit: Limit::HttpHeaders, key: "http-headers", code: "http_header_bytes", unit: Unit::Bytes, least: 8 << 10, default: 32 << 10, ceiling: 128 << 10, in_manifest: true,
        reason: "what servers take at the most; those of a response are held in host memory" },
    LimitSpec { limit: Limit::ScheduledTasks, key: "scheduled-tasks", code: "scheduled_tasks", unit: Unit::Count, least: 1, default: 1_000, ceiling: 10_000, in_manifest: true,
        reason: "held until the attempt ends; the job is told and can go on. A job that asks for more should ask for one that works on a part" },
];

impl Limit {
    /// The row of this limit.
    pub fn spec(self) -> &'static LimitSpec {
        // The order of the rows is the order of the variants; a test holds it so.
        &LIMITS[self as usize]
    }

    /// `value` as a person would write it.
    pub fn format(self, value: u64) -> String {
        match self.spec().unit {
            Unit::Bytes => format_bytes(value),
            Unit::Milliseconds => format_ms(value),
            Unit::Count => value.to_string(),
        }
    }
}

/// Values for some limits, as a manifest or the settings give them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitValues(BTreeMap<Limit, u64>);

impl LimitValues {
    /// Reads a `[limits]` table. `manifest` says whether a job asks (then the host's own limits are unknown keys).
    ///
    /// # Errors
    /// An unknown key, a value that is not of the limit's unit, or one that cannot be meant.
    pub fn read(value: &Value, path: &str, manifest: bool) -> Result<Self, TableError> {
        let known: Vec<&str> =
            LIMITS.iter().filter(|spec| spec.in_manifest || !manifest).map(|spec| spec.key).collect();
        let table = Table::open(value, path, &known)?;
        let mut values = BTreeMap::new();
        for spec in &LIMITS {
            let read = match spec.unit {
                Unit::Count => table.count(spec.key)?,
                Unit::Bytes => match table.string(spec.key)? {
                    None => None,
                    Some(text) => {
                        Some(parse_bytes(text).map_err(|e| table.invalid(spec.key, text, e.to_string()))?)
                    }
                },
                Unit::Milliseconds => match table.string(spec.key)? {
                    None => None,
                    Some(text) => {
                        Some(parse_ms(text).map_err(|e| table.invalid(spec.key, text, e.to_string()))?)
                    }
                },
            };
            let Some(read) = read else { continue };
            if read < spec.least {
                let least = spec.limit.format(spec.least);
                return Err(table.invalid(
                    spec.key,
                    &spec.limit.format(read),
                    format!("expected at least `{least}`"),
                ));
            }
            values.insert(spec.limit, read);
        }
        if manifest
            && let (Some(cpu), Some(wall)) = (values.get(&Limit::Cpu), values.get(&Limit::Wall))
            && cpu > wall
        {
            return Err(table.invalid(
                "cpu",
                &format_ms(*cpu),
                format!("expected no more than `wall`, `{}`: a job has one thread", format_ms(*wall)),
            ));
        }
        Ok(Self(values))
    }

    /// The value given for `limit`.
    pub fn get(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table as [`LimitValues::read`] takes it.
    pub fn to_json(&self) -> Value {
        let entries = self.0.iter().map(|(&limit, &value)| {
            let spec = limit.spec();
            let value = match spec.unit {
                Unit::Count => Value::from(value),
                _ => Value::from(limit.format(value)),
            };
            (spec.key.to_owned(), value)
        });
        Value::Object(entries.collect())
    }
}

/// The limits of one attempt, all of them set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([u64; LIMITS.len()]);

/// A limit that a manifest asks for and the host does not give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job asks for `{}` = {}, the host's ceiling is {}",
    limit.spec().key, limit.format(*asked), limit.format(*ceiling)
)]
pub struct OverCeiling {
    /// Which limit.
    pub limit: Limit,
    /// What the manifest asks for.
    pub asked: u64,
    /// What the host allows.
    pub ceiling: u64,
}

impl Limits {
    /// The limits of an attempt whose manifest asks for `asked` on a host with these `ceilings`.
    ///
    /// What the manifest does not ask for is the default or the ceiling, whichever is less. A limit that is asked for
    /// beyond the ceiling is refused rather than lowered: a job that silently got less would fail at night.
    ///
    /// # Errors
    /// The first limit that is over its ceiling.
    pub fn effective(asked: &LimitValues, ceilings: &LimitValues) -> Result<Self, OverCeiling> {
        let mut limits = [0; LIMITS.len()];
        for (slot, spec) in limits.iter_mut().zip(&LIMITS) {
            let ceiling = ceilings.get(spec.limit).unwrap_or(spec.ceiling);
            *slot = match asked.get(spec.limit) {
                Some(asked) if asked > ceiling => {
                    return Err(OverCeiling { limit: spec.limit, asked, ceiling });
                }
                Some(asked) => asked,
                // The host's own limits are what the settings say, not at most the default.
                None if !spec.in_manifest => ceilings.get(spec.limit).unwrap_or(spec.default),
                None => spec.default.min(ceiling),
            };
        }
        let limits = Self(limits);
        let cpu_of_wall = limits.get(Limit::Cpu).min(limits.get(Limit::Wall));
        Ok(limits.with(Limit::Cpu, cpu_of_wall))
    }

    /// The value of `limit`, in its unit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// The value of `limit` as a size in memory.
    pub fn get_usize(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// The same limits but for one.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        self.0[limit as usize] = value;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(LIMITS.map(|spec| spec.default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_stand_in_the_order_of_the_variants_and_are_consistent() {
        for (index, spec) in LIMITS.iter().enumerate() {
            assert_eq!(spec.limit as usize, index, "{}", spec.key);
            assert!(spec.least <= spec.default && spec.default <= spec.ceiling, "{}", spec.key);
            assert!(!spec.reason.is_empty());
        }
    }

    #[test]
    fn a_job_gets_what_it_asks_for_up_to_the_ceiling() {
        let asked = LimitValues::read(&json!({ "memory": "128MiB", "wall": "5s" }), "limits", true).unwrap();
        let limits = Limits::effective(&asked, &LimitValues::default()).unwrap();
        assert_eq!(limits.get(Limit::Memory), 128 << 20);
        assert_eq!(limits.get(Limit::Cpu), 5_000, "no more processor time than there is time");

        let ceilings = LimitValues::read(&json!({ "memory": "100MiB" }), "limits", false).unwrap();
        let refused = Limits::effective(&asked, &ceilings).unwrap_err();
        assert_eq!(refused.to_string(), "the job asks for `memory` = 128MiB, the host's ceiling is 100MiB");
    }

    #[test]
    fn impossible_limits_are_refused() {
        for bad in [
            json!({ "memory": "1KiB" }),
            json!({ "wall": "0s" }),
            json!({ "cpu": "2m", "wall": "1m" }),
            json!({ "memory": 64 }),
            json!({ "free-space": "1MiB" }),
            json!({ "memry": "64MiB" }),
        ] {
            assert!(LimitValues::read(&bad, "limits", true).is_err(), "{bad} was taken");
        }
    }
}
