//! A service that answers a job when the test says so: what a job waits for in it ends at that moment and not by time.

use endurance::jobs::Probes;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

pub(crate) struct Service {
    listener: TcpListener,
}

/// A request that waits for its answer.
pub(crate) struct Waiting(TcpStream);

impl Service {
    pub(crate) fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a port") }
    }

    fn authority(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    /// The probes as the job `waiter`, which may ask this service.
    pub(crate) fn waiter(&self) -> Probes {
        let manifest = format!(
            "[schedulable-by]\nsources = [\"api\"]\n[configuration]\n\"plain\" = {{}}\n[grants]\nschedule = [\"nobody\"]\n\
             http = [{{ to = \"http://{}\", methods = [\"GET\"] }}]\n",
            self.authority()
        );
        Probes { name: "waiter", manifest: manifest.into() }
    }

    /// The settings that allow it.
    pub(crate) fn settings(&self) -> String {
        format!("[http]\nallow = [\"http://{}\"]\nallow-private = [\"127.0.0.1\"]\n", self.authority())
    }

    /// The payload of a task that waits for its answer, after it has logged `ready`.
    pub(crate) fn payload(&self) -> Value {
        json!({ "probe": "sends_http", "authority": self.authority(), "path": "/", "announce": 1, "needs-answer": 1 })
    }

    /// Waits for a request.
    pub(crate) fn request(&self) -> Waiting {
        Waiting(self.listener.accept().expect("a connection").0)
    }
}

impl Waiting {
    pub(crate) fn answer(mut self) {
        let mut head = [0; 4096];
        let _ = self.0.read(&mut head).expect("a request");
        self.0
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            .expect("it waits");
    }
}
