//! One attempt at a probe: what it is given, and what is left of it.

use super::harness::manifest_json;
use mainworker_domain::configuration::GrantedValue;
use mainworker_domain::event::Said;
use mainworker_domain::limits::{Limit, LimitValues};
use mainworker_domain::manifest::{Access, Manifest};
use mainworker_domain::origin::OriginPattern;
use mainworker_domain::outcome::AttemptEnd;
use mainworker_sandbox::attempt::{AttemptReport, AttemptRequest, AttemptTask, Stop};
use mainworker_sandbox::capabilities::clock::Clock;
use mainworker_sandbox::capabilities::files::Mount;
use mainworker_sandbox::capabilities::http::{Network, Roots, Transport};
use mainworker_sandbox::capabilities::schedule::Intake;
use mainworker_sandbox::capabilities::{Granted, Offer, check};
use mainworker_sandbox::listener::Listener;
use mainworker_sandbox::module::{Module, Sandbox};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An attempt that is being prepared.
pub(crate) struct Run {
    sandbox: &'static Sandbox,
    module: Arc<Module>,
    payload: Value,
    manifest: Value,
    offer: Offer,
    limits: Vec<(Limit, u64)>,
    configuration: mainworker_domain::configuration::Granted,
    clock: Option<Arc<dyn Clock>>,
    intake: Option<Arc<dyn Intake>>,
    attempt: u32,
    said: Option<UnboundedSender<Said>>,
    stop: Arc<Stop>,
}

/// Nothing of this machine but one loopback address, where the tests' servers are.
fn on_loopback() -> Offer {
    let mut offer = Offer::default();
    let here = "127.0.0.1/32".parse().expect("an address range");
    offer.http.transport = Arc::new(Network::new(vec![here], Roots::System));
    offer
}

impl Run {
    pub(crate) fn of(sandbox: &'static Sandbox, module: Arc<Module>, payload: Value) -> Self {
        Self {
            sandbox,
            module,
            payload,
            manifest: manifest_json(),
            offer: on_loopback(),
            limits: Vec::new(),
            configuration: mainworker_domain::configuration::Granted::new(),
            clock: None,
            intake: None,
            attempt: 1,
            said: None,
            stop: Arc::default(),
        }
    }

    /// Limits that the manifest asks for.
    pub(crate) fn limits(mut self, limits: &LimitValues) -> Self {
        self.manifest["limits"] = limits.to_json();
        self
    }

    /// A limit as it is in force, whatever a manifest may ask for.
    pub(crate) fn limit(mut self, limit: Limit, value: u64) -> Self {
        self.limits.push((limit, value));
        self
    }

    /// A mount that the manifest asks for and the host gives.
    pub(crate) fn mount(mut self, name: &str, path: &Path, access: Access) -> Self {
        self.offer.mounts.insert(name.to_owned(), Mount { path: path.to_owned(), access });
        self.ask("files", json!({ "mount": name, "access": access.as_str() }));
        self
    }

    fn ask(&mut self, capability: &str, grant: Value) {
        match self.manifest["grants"][capability].as_array_mut() {
            Some(grants) => grants.push(grant),
            None => self.manifest["grants"][capability] = json!([grant]),
        }
    }

    /// Requests that the manifest asks for; what the settings allow is another matter.
    pub(crate) fn asks_http(mut self, grant: Value) -> Self {
        self.ask("http", grant);
        self
    }

    /// Origins that the settings allow.
    pub(crate) fn allows(mut self, origin: &str) -> Self {
        self.offer.http.allow.push(OriginPattern::parse(origin).expect("an origin"));
        self
    }

    /// An origin that the manifest asks for, for GET and POST, and that the settings allow.
    pub(crate) fn http(self, origin: &str) -> Self {
        self.asks_http(json!({ "to": origin, "methods": ["GET", "POST"] })).allows(origin)
    }

    /// What sends the requests.
    pub(crate) fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.offer.http.transport = Arc::new(transport);
        self
    }

    /// A key of the manifest.
    pub(crate) fn key(mut self, key: &str, grant: Value) -> Self {
        self.manifest["configuration"][key] = grant;
        self
    }

    /// What takes the tasks that the job asks for.
    pub(crate) fn intake(mut self, intake: impl Intake + 'static) -> Self {
        self.intake = Some(Arc::new(intake));
        self
    }

    /// A granted configuration value.
    pub(crate) fn value(mut self, key: &str, value: GrantedValue) -> Self {
        self.configuration.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    pub(crate) fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// A parameter of the probe.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.payload[key] = value.into();
        self
    }

    /// What it says while it runs.
    pub(crate) fn listen(&mut self) -> Listening {
        let (sender, receiver) = unbounded_channel();
        self.said = Some(sender);
        Listening(receiver)
    }

    /// The way to stop it.
    pub(crate) fn stop(&self) -> Arc<Stop> {
        Arc::clone(&self.stop)
    }

    fn granted(&self) -> Granted {
        let manifest = Manifest::from_json(&self.manifest).expect("the manifest is valid");
        let mut granted =
            check(&manifest, Some(&self.configuration), &self.offer).expect("the grants are given");
        granted.intake.clone_from(&self.intake);
        for &(limit, value) in &self.limits {
            granted.limits = granted.limits.with(limit, value);
        }
        if let Some(clock) = &self.clock {
            granted.clock = Arc::clone(clock);
        }
        granted
    }

    /// Runs it to its end.
    pub(crate) async fn end(self) -> AttemptReport {
        let request = AttemptRequest {
            granted: self.granted(),
            module: self.module,
            task: AttemptTask {
                id: "0199aaaa-0000-7000-8000-000000000001".to_owned(),
                source: "api".to_owned(),
                attempt: self.attempt,
                max_attempts: 5,
                tags: vec!["probe".to_owned()],
            },
            payload: self.payload.to_string(),
            configuration: self.configuration,
            listener: self.said.map(|said| Arc::new(said) as Arc<dyn Listener>),
            stop: self.stop,
        };
        self.sandbox.attempt(request).await
    }

    /// Runs it to a result.
    pub(crate) async fn result(self) -> Value {
        result(&self.end().await)
    }
}

/// The result of an attempt that must have completed.
pub(crate) fn result(report: &AttemptReport) -> Value {
    match &report.end {
        AttemptEnd::Completed { result } => serde_json::from_str(result).expect("a result is JSON"),
        end => panic!("expected a result, the attempt ended as {}: {}", end.outcome(), end.message()),
    }
}

/// What a running attempt tells.
pub(crate) struct Listening(UnboundedReceiver<Said>);

impl Listening {
    /// Waits until the probe has logged that it is where the test wants it.
    pub(crate) async fn ready(&mut self) {
        while let Some(said) = self.0.recv().await {
            if matches!(&said, Said::Line(line) if line.message == "ready") {
                return;
            }
        }
        panic!("the attempt ended before it was ready");
    }

    /// Everything that was told and not yet read. Whole, once the attempt is over.
    pub(crate) fn all(&mut self) -> Vec<Said> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

impl Listening {
    /// Waits until nobody can tell anything any more.
    pub(crate) async fn closed(&mut self) {
        while self.0.recv().await.is_some() {}
    }
}
