//! What bounds a client of the API, beside the sizes of what it sends (`mainworker_domain::limits`).

use std::time::Duration;

/// Connections at a time. Further ones wait to be accepted. A client library keeps one or a few; each costs some tens of
/// kilobytes and a file descriptor.
pub(super) const CONNECTIONS_MAX: usize = 1_024;
/// Connections over the socket in the data folder at a time, beside those of the network: commands of whoever operates the
/// host, each of which holds one.
pub(super) const SOCKET_CONNECTIONS_MAX: usize = 64;
/// Credentials that are not good from one address (IPv6: one network of 64 bits) in a row: a service whose token has ended
/// tries often before somebody looks, and all behind one proxy are one address.
pub(super) const CREDENTIALS_FAILED_MAX: u64 = 100;
/// After that one in so many milliseconds.
pub(super) const CREDENTIALS_PAUSE_MS: u64 = 1_000;
/// The same of all addresses together: what many can try that are one.
pub(super) const CREDENTIALS_FAILED_OVER_ALL_MAX: u64 = 1_000;
/// After that one in so many milliseconds.
pub(super) const CREDENTIALS_OVER_ALL_PAUSE_MS: u64 = 20;
/// Places in which failures are counted, of 8 bytes each. Addresses that share one share what they may fail.
pub(super) const CREDENTIAL_PLACES: usize = 4_096;
/// Streams of events and followed logs at a time, for all clients. Each holds a connection for as long as it likes.
pub(super) const STREAMS_MAX: usize = 256;
/// Streams of one credential at a time: nobody takes all places.
pub(super) const STREAMS_OF_ONE_MAX: usize = STREAMS_MAX / 2;
/// Bytes of a request's line and headers. Filters make the longest lines.
pub(super) const HEADER_BYTES_MAX: usize = 32 << 10;
/// Headers of a request. It is hyper's own bound; another one would cost each request an allocation.
pub(super) const HEADERS_MAX: usize = 100;
/// Bytes that a connection buffers before it is read from or written to again.
pub(super) const BUFFER_BYTES_MAX: usize = 64 << 10;
/// From when a connection could send the next request until its headers are here: how long it may be idle, and how long
/// somebody who sends letter by letter may hold it.
pub(super) const HEADER_READ: Duration = Duration::from_secs(10);
/// From when a connection is taken until TLS is agreed on: some round trips to the other side of the world, and a slow machine.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until the body of a request is here: a batch of its largest size at 1 MiB a second.
pub(super) const BODY_READ: Duration = Duration::from_secs(64);
/// From the headers of a request to the beginning of its answer.
pub(super) const REQUEST: Duration = Duration::from_secs(120);
/// Until a client takes more of what it is sent. One that does not read holds its connection no longer.
pub(super) const WRITE_STALL: Duration = Duration::from_secs(30);
/// Between two comments on a stream that has nothing to say, so that proxies and clients know that it lives.
pub(super) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a stream may take to tell what is left once the host stops. Well within [`STOP`].
pub(super) const LAST_READ: Duration = Duration::from_secs(5);
/// From the wish to stop until requests under way are dropped where they are.
pub(super) const STOP: Duration = Duration::from_secs(10);
/// From one part of many tasks to be changed at once to the next; what is left is for another request.
pub(super) const BULK: Duration = Duration::from_secs(30);
/// Bytes of all larger bodies that are held at a time. More than any single one; further ones wait.
pub(super) const BODIES_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a body that is refused and still read, so that its sender reads the answer instead of a closed connection.
pub(super) const DISCARDED_BYTES_MAX: u64 = 4 << 20;
/// How long a body that is refused is still read.
pub(super) const DISCARD: Duration = Duration::from_secs(2);
/// Bytes of a body that is neither a task nor a batch of them; and of one that is held without asking for room.
pub(super) const SMALL_BODY_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a body with definitions of schedules: the largest file of them, whose keys and durations are longer as JSON.
pub(super) const SCHEDULES_BODY_BYTES_MAX: u64 = 4 << 20;
/// Next runs of a schedule, unless it is said otherwise.
pub(super) const NEXT_TIMES: usize = 5;
/// Next runs of a schedule at the most: of a daily one those of more than two years, with all changes of the clock.
pub(super) const NEXT_TIMES_MAX: usize = 1_000;
/// Tasks on a page, unless it is said otherwise.
pub(super) const PAGE_TASKS: usize = 50;
/// Tasks on a page at the most, and in each step of what is done to many.
pub(super) const PAGE_TASKS_MAX: usize = 500;
/// Tasks that one page looks at. A filter that few tasks fit gives short pages instead of slow ones.
pub(super) const PAGE_TASKS_EXAMINED_MAX: usize = 20_000;
/// Bytes of log lines after which a page ends.
pub(super) const LOG_PAGE_BYTES: usize = 256 << 10;
/// Whoever is asked to wait should wait so many seconds.
pub(super) const RETRY_AFTER_SECONDS: u32 = 2;
