//! What schedules: typed tasks for a host, the client of its HTTP API, and the shapes that go over the wire.
//!
//! A [`Scheduler`] asks for work as one source. A payload of `mainworker-models` says by its type which job it is for and what
//! that returns; any other payload is sent with the job's name.
//!
//! ```
//! use mainworker_client::{Client, Scheduler};
//! use mainworker_models::Email;
//! # let host = scripted::host(&[
//! #     ("404 Not Found", "application/problem+json", r#"{"type":"","title":"","status":404,"code":"not_found","detail":""}"#),
//! #     ("202 Accepted", "application/json", r#"{"taskId":"t1"}"#),
//! #     ("200 OK", "text/event-stream", "event: end\ndata: {\"state\":\"completed\",\"outcome\":\"completed\"}\n\n"),
//! #     ("200 OK", "application/json", scripted::COMPLETED),
//! # ]);
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let scheduler = Scheduler::new(Client::new(&host, Some("the-token".into()))?, "api");
//!
//! let email = Email::Welcome { account: "acme".to_owned() }.to("ada@acme.example".parse()?);
//! let task = scheduler.task(&email).label("welcome").priority(7).send().await?;
//! let report = task.result().await?;
//! println!("sent as {}", report.message_id);
//! # assert_eq!(report.message_id, "m-1");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # mod scripted {
//! #     /// A task that has ended.
//! #     pub const COMPLETED: &str = r#"{"taskId":"t1","job":"send-email","revision":"sha256:0","source":"api","state":"completed",
//! #         "outcome":"completed","result":{"messageId":"m-1"},"error":null,"progress":null,"priority":0,"label":null,"tags":[],
//! #         "createdAt":"","runAt":"","expiresAt":null,"startedAt":null,"finishedAt":null,"maxAttempts":5,"cancelRequested":false,
//! #         "parent":null,"attempts":[]}"#;
//! #     /// A host that gives these answers, each on a connection of its own.
//! #     pub fn host(answers: &'static [(&str, &str, &str)]) -> String {
//! #         use std::io::{Read, Write};
//! #         let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! #         let host = format!("http://{}", listener.local_addr().unwrap());
//! #         std::thread::spawn(move || {
//! #             for (status, kind, body) in answers {
//! #                 let (mut socket, _) = listener.accept().unwrap();
//! #                 let _ = socket.read(&mut [0; 4096]).unwrap();
//! #                 let length = body.len();
//! #                 write!(socket, "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
//! #             }
//! #         });
//! #         host
//! #     }
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! **Before it is sent**, a task passes the checks that the host makes, by the same code (`mainworker-domain`): size and shape of
//! the envelope, options, the job, its sources, the payload against the job's schema. What a job takes is asked of the host when
//! it is first sent to, kept for a minute ([`SchedulerOptions::description_age_ms`]), and then only asked whether it changed: in
//! between a task costs one request. A task that does not fit what is kept is held against what the host says now before it is
//! refused, so a new revision of a job is no false refusal. A host that does not say in time decides by itself.
//!
//! **A rejection** is one type, [`Rejected`], with the same code, pointer, detail and hint whether this library found it or the
//! host answered with it. [`ScheduleError`] adds what is no rejection: there was no answer, or the host is in trouble.
//!
//! **Repeating is safe.** Each task has an idempotency key, drawn if none is given, and is tried again within
//! [`ClientOptions`]. A host that stays away is an error for which [`ScheduleError::is_final`] is false: keep what was to be
//! sent, with a key of your own, and send it again later. `examples/sign_up.rs` does.
//!
//! [`blocking`] is the same without async. [`Client`] is what all of this stands on, and what asks about everything else: lists,
//! events, tokens, the host.

#![forbid(unsafe_code)]

mod answer;
pub mod blocking;
mod client;
mod deployments;
mod error;
mod feed;
mod follow;
pub mod hints;
mod jobs;
mod options;
mod problem;
mod retries;
mod scheduler;
mod schedules;
mod socket;
mod sse;
mod target;
mod tasks;
mod tokens;
mod transport;
pub mod wire;

pub use client::Client;
pub use error::ClientError;
pub use follow::{EventFollower, Followed, Happened, LogFollower};
pub use mainworker_domain::lifecycle::Timestamp;
pub use mainworker_domain::outcome::Outcome;
pub use mainworker_domain::rejection::{Rejected, RejectionCode};
pub use mainworker_domain::task_options::{TaskOptions, UniquePolicy};
pub use mainworker_models::JobPayload;
pub use options::{Chance, ClientOptions, Wait};
pub use problem::NoRejection;
pub use scheduler::{
    Clock, ResultError, ScheduleError, Scheduler, SchedulerOptions, TaskBuilder, TaskHandle,
};
pub use tasks::{NewTask, Pages};
pub use tokens::AuditQuery;
