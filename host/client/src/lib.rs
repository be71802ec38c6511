//! What schedules: the client of a host's HTTP API, and the shapes that go over the wire in both directions.
//!
//! A [`Client`] keeps its connections, tries again what may be tried again, and gives up after a bounded time. A task that
//! it hands over has an idempotency key, so that however often it is sent it is one task.
//!
//! ```
//! use mainworker_client::Client;
//! use mainworker_domain::task_options::TaskOptions;
//! use serde_json::value::RawValue;
//!
//! # // A host that answers these three requests.
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let host = format!("http://{}", listener.local_addr()?);
//! # std::thread::spawn(move || {
//! #     use std::io::{Read, Write};
//! #     let task = concat!(r#"{"taskId":"t1","job":"echo","revision":"sha256:0","source":"api","state":"completed","#,
//! #         r#""outcome":"completed","result":{"hello":"world"},"error":null,"progress":null,"priority":0,"label":null,"#,
//! #         r#""tags":[],"createdAt":"","runAt":"","expiresAt":null,"startedAt":null,"finishedAt":null,"maxAttempts":5,"#,
//! #         r#""cancelRequested":false,"parent":null,"attempts":[]}"#);
//! #     for (kind, body) in [
//! #         ("application/json", r#"{"taskId":"t1"}"#),
//! #         ("text/event-stream", "event: end\ndata: {\"state\":\"completed\",\"outcome\":\"completed\"}\n\n"),
//! #         ("application/json", task),
//! #     ] {
//! #         let (mut socket, _) = listener.accept().unwrap();
//! #         let mut request = [0; 4096];
//! #         let _ = socket.read(&mut request).unwrap();
//! #         let length = body.len();
//! #         write!(socket, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
//! #     }
//! # });
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let client = Client::new(&host, Some("the-token".into()))?;
//! let envelope = r#"{"configuration":{},"jobName":"echo","source":"api","jobPayload":{"hello":"world"}}"#;
//! let envelope = RawValue::from_string(envelope.to_owned())?;
//! let options = TaskOptions { label: Some("first try".to_owned()), ..TaskOptions::default() };
//!
//! let accepted = client.enqueue(&envelope, &options).await?;
//! let task = client.wait(&accepted.task_id).await?;
//! assert_eq!(task.state, "completed");
//! assert_eq!(task.result.unwrap().get(), r#"{"hello":"world"}"#);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod answer;
mod client;
mod error;
mod feed;
mod follow;
pub mod hints;
mod jobs;
mod options;
mod problem;
mod retries;
mod schedules;
mod sse;
mod target;
mod tasks;
mod tokens;
mod transport;
pub mod wire;

pub use client::Client;
pub use error::ClientError;
pub use follow::{EventFollower, Followed, Happened, LogFollower};
pub use mainworker_domain::rejection::{Rejected, RejectionCode};
pub use options::{Chance, ClientOptions, Wait};
pub use problem::NoRejection;
pub use tasks::{NewTask, Pages};
pub use tokens::AuditQuery;
