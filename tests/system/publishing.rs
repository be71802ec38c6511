//! Publishing modules, deploying them, and all that is not taken.

mod attacks;
mod deploying;
mod lost;
mod outside;
mod published;
mod recipe;
mod trusted;

use crate::host::{Invocation, TestHost};
use crate::jobs;
use crate::serving::Serving;
use serde_json::{Value, json};

/// The commit that modules are said to be of.
const COMMIT: &str = "4f1f5b3c0d1e2a3b4c5d6e7f8091a2b3c4d5e6f7";
const BUILDER: &str = "https://ci.example/jobs";
/// Lets the token do what these tests do.
const ROLES: &str =
    "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"deploy\", \"admin\"]";

/// A world with a key `ci.key`, where modules are published to the folder `published`.
struct World {
    host: TestHost,
}

impl World {
    fn new() -> Self {
        let host = TestHost::with_jobs(&[]);
        drop(host.mainworker(&["key", "generate", "ci.key"]).finish().exits(0));
        Self { host }
    }

    /// Writes `echo` as a module file of this version, with a sample; `change` is done to its manifest.
    fn echo(&self, version: &str, change: impl FnOnce(&mut Value)) -> &Self {
        self.module("echo", version, change)
    }

    /// The same under another name.
    fn module(&self, name: &str, version: &str, change: impl FnOnce(&mut Value)) -> &Self {
        let bytes = jobs::changed("echo", |manifest| {
            manifest["job"]["name"] = json!(name);
            manifest["job"]["version"] = json!(version);
            change(manifest);
        });
        let sample = json!({
            "envelope": { "configuration": {}, "jobName": name, "source": "api", "jobPayload": { "n": 1 } },
            "expect": { "outcome": "completed", "result": { "n": 1 } },
        });
        self.host.write(&format!("made/{name}.wasm"), bytes);
        self.host.write(&format!("made/{name}.samples/says-it-back.json"), sample.to_string());
        self
    }

    /// `mainworker publish` of a module file that was written.
    fn publish(&self, name: &str) -> Invocation<'_> {
        self.publish_with(name, "ci.key")
    }

    /// The same with another key.
    fn publish_with(&self, name: &str, key: &str) -> Invocation<'_> {
        let module = format!("made/{name}.wasm");
        let args =
            ["publish", &module, "--to", "published", "--key", key, "--commit", COMMIT, "--builder", BUILDER];
        self.host.mainworker(&args).env("SOURCE_DATE_EPOCH", "1700000000")
    }

    /// Publishes `echo` in this version, as it is.
    #[track_caller]
    fn published(&self, version: &str) -> &Self {
        self.echo(version, |_| ());
        drop(self.publish("echo").finish().exits(0));
        self
    }

    /// Settings that trust the key for all jobs, with these lines more under `[trust.keys.ci]` and behind it.
    fn settings(lines: &str) -> String {
        format!(
            "{ROLES}\n[trust]\nfrom = [\"published\"]\n[trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n{lines}\n"
        )
    }

    /// A host that trusts the key.
    fn serve(&self) -> Serving<'_> {
        self.host.serve_deployed(&Self::settings(""))
    }
}

impl Serving<'_> {
    /// `mainworker deploy` from the published folder.
    fn deploy(&self, what: &str) -> Invocation<'_> {
        self.command(&["deploy", what, "--from", "published"])
    }

    /// The result of a task of `echo`.
    #[track_caller]
    fn echoes(&self) -> Value {
        let envelope =
            json!({ "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": { "n": 7 } });
        let queued = self.command(&["queue", "-", "--wait", "--json"]).stdin(envelope.to_string());
        queued.finish().exits(0).json()
    }
}
