//! Hosts that are away, are somebody else, or do not let one in: always exit code 6, nothing on stdout, and a hint.

use super::{COMMANDS, ID};
use crate::api::echo;
use crate::host::{CANARY, TestHost};
use crate::services::{NOBODY, Service, answer};
use crate::serving::ALL_ROLES;
use serde_json::json;
use std::thread;

/// What each command says of the host at `url`: all say the same but for what they were doing.
#[track_caller]
fn refused(host: &TestHost, url: &str, token: &str) -> String {
    host.write("envelope.json", echo(json!({}))["envelope"].to_string());
    // Each waits some seconds for a host that may come back.
    let said: Vec<String> = thread::scope(|scope| {
        let asked = COMMANDS.map(|command| {
            let mut asked = host.mainworker(command).env("MAINWORKER_HOST", url);
            if !token.is_empty() {
                asked = asked.env("MAINWORKER_TOKEN", token);
            }
            let (mut command, _) = asked.by_hand();
            scope.spawn(move || command.output().expect("it starts"))
        });
        let ended = asked.map(|asked| asked.join().expect("it ends"));
        let said = ended.into_iter().zip(COMMANDS).map(|(output, command)| {
            let stderr = String::from_utf8(output.stderr).expect("stderr is text");
            assert_eq!(output.status.code(), Some(6), "{command:?}: {stderr}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{command:?}");
            assert!(token.is_empty() || !stderr.contains(token), "{command:?}: {stderr}");
            assert!(stderr.contains("\nhint: "), "{command:?}: {stderr}");
            stderr.trim_end().to_owned()
        });
        said.collect()
    });
    let mut differing: Vec<String> = Vec::new();
    for text in said {
        // What was being done is between the code and the host.
        let begin = text.find("]: ").map_or(0, |at| at + 3);
        let end = text.find(" at `http").unwrap_or(begin);
        let text =
            format!("{}[doing it]{}", &text[..begin], &text[end..]).replace(url, "[url]").replace(ID, "[id]");
        if !differing.contains(&text) {
            differing.push(text);
        }
    }
    differing.join("\n")
}

#[test]
fn a_host_that_is_away() {
    let host = TestHost::new();
    insta::assert_snapshot!(refused(&host, &format!("http://{NOBODY}"), CANARY), @"
    error[unreachable]: [doing it] at `[url]`: tcp connect error: Connection refused (os error 111)
    hint: `mainworker serve` starts one here; `--host URL` or `MAINWORKER_HOST` names another
    ");
}

#[test]
fn somebody_else() {
    let host = TestHost::new();
    let page = Service::start(|_| answer(200, "content-type: text/html\r\n", "<p>Welcome!</p>"));
    insta::assert_snapshot!(refused(&host, &page.origin(), CANARY), @"
    error[not_a_host]: [doing it] at `[url]`: found 200 OK with `text/html`: expected value at line 1 column 1, expected an answer of MainWorker's HTTP API
    hint: something else answers there; `mainworker serve` starts one here; `--host URL` or `MAINWORKER_HOST` names another
    error[not_a_host]: [doing it] at `[url]`: found 200 OK with no stream of events, expected an answer of MainWorker's HTTP API
    hint: something else answers there; `mainworker serve` starts one here; `--host URL` or `MAINWORKER_HOST` names another
    ");
    let lost = Service::start(|_| answer(302, "location: http://127.0.0.2:9/login\r\n", ""));
    insta::assert_snapshot!(refused(&host, &lost.origin(), CANARY), @"
    error[not_a_host]: [doing it] at `[url]`: found 302 Found to `http://127.0.0.2:9/login`, expected an answer of MainWorker's HTTP API
    hint: something else answers there; `mainworker serve` starts one here; `--host URL` or `MAINWORKER_HOST` names another
    ");
}

#[test]
fn a_token_that_is_not_the_hosts() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let url = format!("http://{}", serving.address());
    insta::assert_snapshot!(refused(&host, &url, &format!("{CANARY}-or-so")[3..]), @"
    error[unauthenticated]: [doing it] at `[url]`: the token is not one of this host
    hint: whoever has the role `admin` makes another: `mainworker token create`
    ");
    insta::assert_snapshot!(refused(&host, &url, ""), @"
    error[unauthenticated]: [doing it] at `[url]`: the request has no credential, expected `Authorization: Bearer TOKEN`
    hint: send the header `Authorization: Bearer TOKEN`; the commands take `--token` or `MAINWORKER_TOKEN`
    ");
    serving.stop();
}

#[test]
fn a_token_that_may_not() {
    let host = TestHost::new();
    let serving = host.serve("server.source = \"api\"\nserver.roles = [\"deploy\"]");
    host.write("envelope.json", echo(json!({}))["envelope"].to_string());
    for command in COMMANDS {
        // Whatever it may not do, its own tasks it may see: there are none.
        let exit = if matches!(command[0], "status" | "log") { 1 } else { 6 };
        let exit = if command == ["list"] { 0 } else { exit };
        let ended = serving.command(command).finish().exits(exit);
        let code = if exit == 6 { "error[role_missing]: " } else { "error[unknown_task]: " };
        assert!(exit == 0 || ended.stderr().starts_with(code), "{command:?}: {}", ended.stderr());
        assert!(exit == 0 || ended.stderr().contains("\nhint: "), "{command:?}: {}", ended.stderr());
    }
    serving.stop();
}

/// A task that may have been taken can be made sure of.
#[test]
fn a_host_that_goes_away_before_it_answers() {
    let host = TestHost::new();
    let gone = Service::start(|_| Vec::new());
    host.write("envelope.json", echo(json!({}))["envelope"].to_string());
    let asked = host.mainworker(&["queue", "envelope.json"]).env("MAINWORKER_HOST", &gone.origin());
    let said = asked.env("MAINWORKER_TOKEN", CANARY).finish().exits(6).stderr();
    assert!(said.contains("whether it was done is not known"), "{said}");
    let requests = gone.received();
    assert!(requests.len() > 1, "it is harmless to try again");
    let key = requests[0].json()["options"]["idempotencyKey"].as_str().expect("a key").to_owned();
    assert!(requests.iter().all(|request| request.json()["options"]["idempotencyKey"] == json!(key)));
    assert!(said.contains(&format!("`--idempotency-key {key}` makes sure of it")), "{said}");
}
