//! `host.sock` in the data folder: whoever may open it operates the host.

use crate::api::echo;
use crate::host::{CANARY, TestHost};
use crate::http::Http;
use crate::serving::{ALL_ROLES, Serving};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;

/// A host whose settings have no token.
fn closed(host: &TestHost) -> Serving<'_> {
    host.write("closed.toml", "");
    host.serve_written("closed.toml")
}

/// A request over the socket, as it is; status and body of the answer.
#[track_caller]
fn ask(host: &TestHost, line: &str, headers: &str, body: &str) -> (u16, Value) {
    let (status, body) = ask_text(host, line, headers, body);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// The same, whatever the body is.
#[track_caller]
pub(crate) fn ask_text(host: &TestHost, line: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(host.path("data/host.sock")).expect("somebody listens");
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

#[test]
fn the_operator_needs_no_token_and_makes_the_first_one() {
    let host = TestHost::new();
    let serving = closed(&host);
    let found = fs::symlink_metadata(host.path("data/host.sock")).expect("it is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);

    let create = ["token", "create", "--data", "data", "--source", "api", "--role", "enqueue"];
    let made = host.mainworker(&create).finish().exits(0);
    let api = Http::new(serving.address()).with_token(made.stdout().trim_end());
    api.post("/v1/pause", &json!({})).is_problem(403, "role_missing");
    host.mainworker(&["pause", "--data", "data"]).finish().exits(0);
    let id = api.post("/v1/tasks", &echo(json!({}))).is(202).json()["taskId"].clone();
    let listed = host.mainworker(&["list", "--data", "data", "--json"]).finish().exits(0);
    assert!(
        listed.stdout().contains(id.as_str().expect("an id")),
        "the operator sees all: {}",
        listed.stdout()
    );
    host.mainworker(&["cancel", "--data", "data", id.as_str().expect("an id")]).finish().exits(0);
    let audit = host.mainworker(&["audit", "--data", "data", "--json"]).finish().exits(0);
    let actions: Vec<String> = audit
        .stdout()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|entry| format!("{} {}", entry["actor"], entry["action"]))
        .collect();
    let by = |action: &str| format!("\"operator\" \"{action}\"");
    assert_eq!(actions, [by("task-cancelled"), by("paused"), by("token-created")]);

    let stderr = serving.stop();
    assert!(stderr.contains("`mainworker token create --data data --source api --role enqueue`"), "{stderr}");
    assert!(!host.path("data/host.sock").exists(), "it goes with its host");
}

#[test]
fn the_operator_is_no_source() {
    let host = TestHost::new();
    let serving = closed(&host);
    for source in ["api", "operator"] {
        let mut request = echo(json!({}));
        request["envelope"]["source"] = json!(source);
        host.write("envelope.json", request["envelope"].to_string());
        let refused =
            host.mainworker(&["queue", "envelope.json", "--data", "data"]).finish().exits(6).stderr();
        assert!(refused.contains("error[role_missing]"), "{refused}");
        assert!(
            refused.contains("hint: an envelope names its source, and only a token stands for one"),
            "{refused}"
        );
        assert_eq!(ask(&host, "POST /v1/tasks", "", &request.to_string()).0, 403);
    }
    serving.stop();
}

#[test]
fn a_token_that_is_shown_there_counts_as_anywhere() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let code = |header: &str| {
        let (status, body) = ask(&host, "GET /v1/tokens", header, "");
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code(""), (200, String::new()));
    assert_eq!(code(&format!("authorization: Bearer {CANARY}\r\n")), (403, "role_missing".to_owned()));
    assert_eq!(code("authorization: Bearer wrong\r\n"), (401, "unauthenticated".to_owned()));
    assert_eq!(code("authorization: \r\n"), (401, "unauthenticated".to_owned()));
    let task = format!("authorization: Bearer {CANARY}\r\n");
    assert_eq!(ask(&host, "POST /v1/tasks", &task, &echo(json!({})).to_string()).0, 202);

    // A variable is for hosts that are named otherwise; a flag is meant.
    let stats = ["token", "list", "--data", "data"];
    host.mainworker(&stats).env("MAINWORKER_TOKEN", "wrong").finish().exits(0);
    host.mainworker(&stats).arg("--token").arg("wrong").finish().exits(6);
    host.mainworker(&stats).arg("--host").arg("http://127.0.0.1:1").finish().exits(2);
    serving.stop();
}

#[test]
fn a_host_that_was_killed_leaves_nothing_in_the_way() {
    let host = TestHost::new();
    let serving = closed(&host);
    kill_process(serving.pid(), Signal::KILL).expect("it runs");
    drop(serving);
    assert!(host.path("data/host.sock").exists(), "nobody was left to remove it");
    let away = host.mainworker(&["stats", "--data", "data"]).finish().exits(6).stderr();
    assert!(
        away.contains("nobody listens there any more") && away.contains("hint: no host runs on"),
        "{away}"
    );
    // Without a host the folder itself is opened.
    let create = ["token", "create", "--data", "data", "--source", "ops", "--role", "read"];
    host.mainworker(&create).finish().exits(0);
    let serving = closed(&host);
    host.mainworker(&["stats", "--data", "data"]).finish().exits(0);
    serving.stop();
}

#[test]
fn what_is_in_its_place_is_not_touched() {
    let host = TestHost::new();
    host.write("closed.toml", "");
    host.folder("data").write("data/host.sock", "somebody's");
    let args =
        ["serve", "--settings", "closed.toml", "--dev", "--modules", "modules", "--data", "data", "--listen"];
    let serve = || host.mainworker(&args).arg("127.0.0.1:0").finish().exits(2).stderr();
    let said = serve();
    assert!(
        said.contains("error[socket_unusable]: making the socket `data/host.sock`: found a file"),
        "{said}"
    );
    assert_eq!(fs::read(host.path("data/host.sock")).unwrap(), b"somebody's");
    let asked = host.mainworker(&["stats", "--data", "data"]).finish().exits(6).stderr();
    assert!(asked.contains("expected a socket"), "{asked}");
    fs::remove_file(host.path("data/host.sock")).unwrap();
    symlink(host.path("elsewhere"), host.path("data/host.sock")).unwrap();
    assert!(serve().contains("found a symbolic link"));
    assert!(!host.path("elsewhere").exists());
    fs::remove_file(host.path("data/host.sock")).unwrap();
    let asked = host.mainworker(&["stats", "--data", "data"]).finish().exits(6).stderr();
    assert!(asked.contains("there is no socket"), "{asked}");
}

#[test]
fn somebody_else_who_listens_there_is_no_host() {
    let host = TestHost::new();
    host.folder("data");
    let listener = UnixListener::bind(host.path("data/host.sock")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    let asked = host.mainworker(&["stats", "--data", "data"]).finish().exits(6).stderr();
    assert!(asked.contains("hint: "), "{asked}");
}

#[test]
fn a_host_of_one_s_own_is_found() {
    let host = TestHost::new();
    let serving = closed(&host);
    // The folder of a user who names none.
    symlink("data", host.path("mainworker")).unwrap();
    let state = host.path("").to_string_lossy().into_owned();
    let stats = || host.mainworker(&["stats"]).env("XDG_STATE_HOME", &state);
    stats().finish().exits(0);
    // What says otherwise goes before it.
    stats().env("MAINWORKER_HOST", &format!("http://{}", serving.address())).finish().exits(6);
    serving.stop();
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_none_here() {
    let host = TestHost::new();
    let long = format!("{}/{}", "a".repeat(100), "b".repeat(100));
    host.folder(&long);
    fs::set_permissions(host.path(&long), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&long, host.path("data")).unwrap();
    let serving = closed(&host);
    let data = host.path(&long).to_string_lossy().into_owned();
    host.mainworker(&["stats", "--data", &data]).finish().exits(0);
    serving.stop();
}

/// Whatever the umask is, and from the first moment.
#[test]
fn nobody_else_may_open_it() {
    let host = TestHost::new();
    host.write("closed.toml", "");
    let (command, _) = host.mainworker(&[]).by_hand();
    let program = command.get_program().to_owned();
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "umask 0; exec \"$0\" serve --dev --settings closed.toml --modules modules --data data --listen 127.0.0.1:0"])
        .arg(program)
        .env_clear()
        .current_dir(command.get_current_dir().expect("the world"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = shell.spawn().expect("it starts");
    let mut said = [0; 9];
    child.stdout.take().expect("it is piped").read_exact(&mut said).expect("it is ready");
    assert_eq!(&said, b"listening");
    let mode = fs::symlink_metadata(host.path("data/host.sock")).expect("it is there").permissions().mode();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(mode & 0o7777, 0o600);
}
