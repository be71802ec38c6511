//! The examples of the client library, as processes beside a host that serves.

use crate::api::ended;
use crate::host::{CANARY, TestHost};
use crate::http::{Answer, Http};
use crate::jobs;
use crate::services::{Service, json as answers};
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, and the end of what does not happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// The examples by name, built with what `cargo test` builds the workspace with, so that the gate builds nothing twice.
fn built(name: &str) -> &'static PathBuf {
    static BUILT: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
        let build = Command::new(env!("CARGO"))
            .current_dir(jobs::workspace())
            .args(["build", "--quiet", "--workspace", "--examples", "--message-format", "json"])
            .output()
            .expect("cargo starts");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let messages = build.stdout.split(|&byte| byte == b'\n');
        let executables = messages.filter_map(|line| {
            let message: Value = serde_json::from_slice(line).ok()?;
            let executable = PathBuf::from(message["executable"].as_str()?);
            Some((message["target"]["name"].as_str()?.to_owned(), executable))
        });
        executables.collect()
    });
    BUILT.get(name).expect("cargo names the program")
}

/// A running example. Killed when it is dropped.
struct Shown {
    child: Child,
    http: Http,
}

impl Shown {
    fn start(name: &str, host: SocketAddr) -> Self {
        let mut child = Command::new(built(name))
            .arg("127.0.0.1:0")
            .env_clear()
            .env("MAINWORKER_HOST", format!("http://{host}"))
            .env("MAINWORKER_TOKEN", CANARY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        let address = line.trim_end().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        Self { child, http: Http::new(address.unwrap_or_else(|| panic!("it said `{line}`"))) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what} after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sign_up_is_welcomed_whether_or_not_the_host_is_there() {
    let email = Service::start(|_| answers(201, &json!({ "id": "m-1" })));
    let host = TestHost::with_jobs(&["send-email"]);
    let origin = email.origin();
    host.write("secrets/email.token", format!("email-{CANARY}\n"));
    host.settings(&format!(
        "{ALL_ROLES}\n[http]\nallow = [\"{origin}\"]\nallow-private = [\"127.0.0.1\"]\n\
         [configuration]\nfiles-dir = \"secrets\"\n[configuration.values]\n\"email.url\" = \"{origin}/v1\"\n"
    ));
    let serving = host.serve_written("mainworker.toml");
    let address = serving.address();
    let api = Shown::start("sign_up", address);
    let sign_up = |account: &str, email: &str| {
        api.http.post("/sign-ups", &json!({ "account": account, "email": email }))
    };

    let good = sign_up("acme", "ada@acme.example").is(201).json();
    let task = ended(&serving.http(), good["taskId"].as_str().expect("a task"));
    assert_eq!((&task["result"], &task["label"]), (&json!({ "messageId": "m-1" }), &json!("welcome")));
    assert_eq!(
        email.only().json(),
        json!({ "template": "welcome", "to": "ada@acme.example", "variables": { "account": "acme" } })
    );

    let bad = sign_up("globex", "nobody").is(422).json();
    assert_eq!(
        (&bad["code"], &bad["pointer"]),
        (&json!("payload_invalid"), &json!("/jobPayload/to")),
        "{bad}"
    );
    assert!(bad["hint"].is_string(), "{bad}");

    serving.stop();
    let kept = sign_up("initech", "peter@initech.example").is(201).json();
    assert_eq!(kept["taskId"], Value::Null, "the host is away");
    let kept = format!("/sign-ups/{}", kept["id"].as_str().expect("an id"));
    let serving = host.serve_at("mainworker.toml", &address.to_string());
    let task =
        wait_for("welcome", || api.http.get(&kept).is(200).json()["taskId"].as_str().map(str::to_owned));
    assert_eq!(ended(&serving.http(), &task)["state"], "completed");
    let tasks = serving.http().get("/v1/tasks").json();
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(2), "one for each: {tasks}");
    drop(api);
    serving.stop();
}

/// An answer that is HTML and lets no foreign script run.
#[track_caller]
fn html(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    answer.body.clone()
}

#[test]
fn the_page_runs_edge_logs_and_shows_what_comes_of_it() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let line =
        "127.0.0.1 - - [17/May/2015:08:05:32 +0000] \"GET /<i>&co/1.ts HTTP/1.1\" 200 500 \"-\" \"-\"\n";
    host.write("logs/edge-1.log", line.repeat(4)).folder("reports");
    let dashboard = ALL_ROLES.replace("\"api\"", "\"dashboard\"");
    let serving: Serving<'_> = host.serve(&format!("{dashboard}\n{}", crate::edge_logs::MOUNTS));
    let page = Shown::start("edge_logs_page", serving.address());
    let form = |files: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        page.http.ask("POST", "/runs", &headers, &format!("files={files}"))
    };

    let front = html(&page.http.get("/"), 200);
    assert!(front.contains("<form method=\"post\" action=\"/runs\">"), "{front}");
    assert!(page.http.get("/page.js").is(200).body.contains("EventSource"));

    serving.http().post("/v1/pause", &json!({})).is(200);
    let run = form("*.log").is(303).header("location").expect("a place").to_owned();
    let running = html(&page.http.get(&run), 200);
    assert!(running.contains(&format!("data-events=\"{run}/events\"")), "{running}");
    let events = page.http.follow(&format!("{run}/events"), &[]);
    serving.http().post("/v1/resume", &json!({})).is(200);
    let events = events.rest();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"line") && kinds.last() == Some(&"end"), "{kinds:?}");

    let done = html(&page.http.get(&run), 200);
    assert!(done.contains("4 lines, 0 of them broken"), "{done}");
    assert!(done.contains("&lt;i&gt;&amp;co (no account)<td>2000 bytes") && !done.contains("<i>"), "{done}");

    let refused = html(&form(""), 422);
    assert!(refused.contains("payload_invalid") && refused.contains("<p role=\"alert\">"), "{refused}");
    html(&page.http.get("/runs/nothing"), 404);
    drop(page);
    serving.stop();
}
