//! What a person sees of a call that the host denied: the rule, and the lines that would allow it.

use crate::host::TestHost;
use crate::services::{Service, answer};
use serde_json::{Value, json};

fn server() -> Service {
    Service::start(|request| match request.header("authorization") {
        Some(told) if told.contains("mwsecret-") => answer(401, "", "no token"),
        _ => answer(200, "", "fine"),
    })
}

/// Settings that allow requests to `server`.
fn allowing(server: &Service) -> String {
    format!("[http]\nallow = [\"{}\"]\nallow-private = [\"127.0.0.1\"]", server.origin())
}

/// A job that may get what is below `/public` of `server`.
fn reader(server: &Service) -> TestHost {
    let grant = json!({ "to": server.origin(), "methods": ["GET"], "paths": ["/public"] });
    let host = TestHost::with_probes(json!({ "grants": { "http": [grant] } }));
    host.settings(&allowing(server));
    host
}

/// What is seen of an attempt that fails since it was denied something. The report has the same hint.
#[track_caller]
fn seen(host: &TestHost, server: &Service, payload: &Value) -> String {
    let shown = host.probe(payload.clone()).finish().exits(1).stderr();
    let report = host.probe(payload.clone()).arg("--json").finish().exits(1).report();
    let hint = report["error"]["hint"].as_str().expect("a hint");
    let (shown, hint) = (without_placeholders(&shown), without_placeholders(hint));
    assert!(shown.contains(&format!("\nhint: {hint}\n")), "{shown}\nbut: {hint}");
    shown.replace(server.authority(), "[server]")
}

/// Each attempt has others.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split("mwsecret-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
        format!("{text}[placeholder]{rest}")
    })
}

/// A request that the job cannot do without.
fn request(method: &str, authority: &str, path: &str) -> Value {
    json!({ "probe": "sends_http", "method": method, "authority": authority, "path": path, "needs-answer": 1 })
}

#[test]
fn an_origin_that_no_grant_names() {
    let server = server();
    let host = reader(&server);
    insta::assert_snapshot!(seen(&host, &server, &request("GET", "api.example", "/public/x")), @r#"
     warn host denied GET http://api.example/public/x: no grant of the job names this origin
     warn host to allow it, in job.toml:
     warn host [grants]
     warn host http = [{ to = "http://api.example", methods = ["GET"], paths = ["/public/x"] }]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://api.example/public/x: no grant of the job names this origin; to allow it, in job.toml:
    [grants]
    http = [{ to = "http://api.example", methods = ["GET"], paths = ["/public/x"] }]
    prober failed in [time and memory]
    "#);
    let port = server.authority().rsplit(':').next().unwrap();
    let other = seen(&host, &server, &request("GET", &format!("localhost:{port}"), "/public"));
    insta::assert_snapshot!(other.replace(port, "[port]"), @r#"
     warn host denied GET http://localhost:[port]/public: no grant of the job names this origin
     warn host to allow it, in job.toml:
     warn host [grants]
     warn host http = [{ to = "http://localhost:[port]", methods = ["GET"], paths = ["/public"] }]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://localhost:[port]/public: no grant of the job names this origin; to allow it, in job.toml:
    [grants]
    http = [{ to = "http://localhost:[port]", methods = ["GET"], paths = ["/public"] }]
    prober failed in [time and memory]
    "#);
}

#[test]
fn another_method_or_path() {
    let server = server();
    let host = reader(&server);
    let seen = |method: &str, path: &str| seen(&host, &server, &request(method, server.authority(), path));
    insta::assert_snapshot!(seen("POST", "/public"), @r#"
     warn host denied POST http://[server]/public: the job's grant for `http://[server]` is for `GET`
     warn host to allow it, in job.toml:
     warn host # in the grant for "http://[server]"
     warn host methods = ["GET", "POST"]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied POST http://[server]/public: the job's grant for `http://[server]` is for `GET`; to allow it, in job.toml:
    # in the grant for "http://[server]"
    methods = ["GET", "POST"]
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("GET", "/private"), @r#"
     warn host denied GET http://[server]/private: the job's grant for `http://[server]` is for paths below `/public`
     warn host to allow it, in job.toml:
     warn host # in the grant for "http://[server]"
     warn host paths = ["/public", "/private"]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://[server]/private: the job's grant for `http://[server]` is for paths below `/public`; to allow it, in job.toml:
    # in the grant for "http://[server]"
    paths = ["/public", "/private"]
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("GET", "/publications"), @r#"
     warn host denied GET http://[server]/publications: the job's grant for `http://[server]` is for paths below `/public`
     warn host to allow it, in job.toml:
     warn host # in the grant for "http://[server]"
     warn host paths = ["/public", "/publications"]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://[server]/publications: the job's grant for `http://[server]` is for paths below `/public`; to allow it, in job.toml:
    # in the grant for "http://[server]"
    paths = ["/public", "/publications"]
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("GET", "/public/%2e%2e/private"), @r#"
     warn host denied GET http://[server]/public/%2e%2e/private: its path has a segment `.` or `..`, which servers read differently
     warn host write the path without `.` and `..`
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://[server]/public/%2e%2e/private: its path has a segment `.` or `..`, which servers read differently; write the path without `.` and `..`
    prober failed in [time and memory]
    "#);
    // What is behind the path may be a secret.
    insta::assert_snapshot!(seen("GET", "/private?key=1234"), @r#"
     warn host denied GET http://[server]/private: the job's grant for `http://[server]` is for paths below `/public`
     warn host to allow it, in job.toml:
     warn host # in the grant for "http://[server]"
     warn host paths = ["/public", "/private"]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://[server]/private: the job's grant for `http://[server]` is for paths below `/public`; to allow it, in job.toml:
    # in the grant for "http://[server]"
    paths = ["/public", "/private"]
    prober failed in [time and memory]
    "#);
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[test]
fn a_url_that_is_not_plain() {
    let server = server();
    let host = reader(&server);
    let seen = |authority: &str| seen(&host, &server, &request("GET", authority, "/public"));
    insta::assert_snapshot!(seen(&format!("someone@{}", server.authority())), @r#"
     warn host denied GET to a URL that is not plain: it has a user name before the host
     warn host write the URL's host as a plain name or address in lower case
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET to a URL that is not plain: it has a user name before the host; write the URL's host as a plain name or address in lower case
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("2130706433"), @r#"
     warn host denied GET to a URL that is not plain: its host ends with a number and is no address of four decimal numbers
     warn host write the URL's host as a plain name or address in lower case
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET to a URL that is not plain: its host ends with a number and is no address of four decimal numbers; write the URL's host as a plain name or address in lower case
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("api.example."), @r#"
     warn host denied GET to a URL that is not plain: its host ends with a dot
     warn host write the URL's host as a plain name or address in lower case
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET to a URL that is not plain: its host ends with a dot; write the URL's host as a plain name or address in lower case
    prober failed in [time and memory]
    "#);
}

#[test]
fn an_origin_that_the_settings_do_not_name() {
    let server = server();
    let grant = json!({ "to": server.origin(), "methods": ["GET"], "optional": true });
    let host = TestHost::with_probes(json!({ "grants": { "http": [grant] } }));
    insta::assert_snapshot!(seen(&host, &server, &request("GET", server.authority(), "/")), @r#"
     warn host denied GET http://[server]/: the host's settings do not allow this origin
     warn host to allow it, in the settings:
     warn host [http]
     warn host allow = ["http://[server]"]
    error[job_failed]: it cannot do without an answer: {"error":"HttpRequestDenied"}
    hint: denied GET http://[server]/: the host's settings do not allow this origin; to allow it, in the settings:
    [http]
    allow = ["http://[server]"]
    prober failed in [time and memory]
    "#);
}

#[test]
fn an_address_that_is_not_public() {
    let server = server();
    let host = reader(&server);
    host.settings(&format!("[http]\nallow = [\"{}\"]", server.origin()));
    insta::assert_snapshot!(seen(&host, &server, &request("GET", server.authority(), "/public")), @r#"
     warn host denied GET http://[server]/public: its host is at 127.0.0.1, a loopback address
     warn host to allow it, in the settings:
     warn host [http]
     warn host allow-private = ["127.0.0.1"]
    error[job_failed]: it cannot do without an answer: {"error":"DestinationIpProhibited"}
    hint: denied GET http://[server]/public: its host is at 127.0.0.1, a loopback address; to allow it, in the settings:
    [http]
    allow-private = ["127.0.0.1"]
    prober failed in [time and memory]
    "#);
    assert_eq!(server.lines(), Vec::<String>::new());
}

/// Where a cloud keeps its credentials, even if somebody wrote it into a grant.
#[test]
fn the_metadata_service_of_a_cloud() {
    let server = server();
    let origin = "http://169.254.169.254";
    let grant = json!({ "to": origin, "methods": ["GET"] });
    let host = TestHost::with_probes(json!({ "grants": { "http": [grant] } }));
    host.settings(&format!("[http]\nallow = [\"{origin}\"]"));
    insta::assert_snapshot!(seen(&host, &server, &request("GET", "169.254.169.254", "/latest")), @r#"
     warn host denied GET http://169.254.169.254/latest: its host is at 169.254.169.254, the metadata service of a cloud
     warn host to allow it, in the settings:
     warn host # whoever reaches it can have the credentials of this machine
     warn host [http]
     warn host allow-private = ["169.254.169.254"]
    error[job_failed]: it cannot do without an answer: {"error":"DestinationIpProhibited"}
    hint: denied GET http://169.254.169.254/latest: its host is at 169.254.169.254, the metadata service of a cloud; to allow it, in the settings:
    # whoever reaches it can have the credentials of this machine
    [http]
    allow-private = ["169.254.169.254"]
    prober failed in [time and memory]
    "#);
}

/// A job that may send its secret to `server` in a header, and requests to `also` too.
fn sender(server: &Service, also: &Service) -> TestHost {
    let grant = |server: &Service| json!({ "to": server.origin(), "methods": ["POST"] });
    let secret = json!({ "secret": true, "from": "host", "only-to": [server.origin()], "in": ["header"] });
    let host = TestHost::with_probes(json!({
        "configuration": { "secret": secret },
        "grants": { "http": [grant(server), grant(also)] },
    }));
    host.write("secrets/secret", crate::host::CANARY).settings(&format!(
        "[http]\nallow = [\"{}\", \"{}\"]\nallow-private = [\"127.0.0.1\"]\n[configuration]\nfiles-dir = \"secrets\"",
        server.origin(),
        also.origin()
    ));
    host
}

#[test]
fn a_secret_that_is_for_another_origin() {
    let (mine, other) = (server(), server());
    let host = sender(&mine, &other);
    let payload = |to: &Service| json!({ "probe": "sends_secret", "authority": to.authority(), "authorization": "Bearer {}", "needs-success": 1 });
    drop(host.probe(payload(&mine)).finish().exits(0));
    let shown = seen(&host, &other, &payload(&other)).replace(mine.authority(), "[mine]");
    insta::assert_snapshot!(shown, @r#"
     warn host the secret `secret` was not put into POST http://[server]/: the job may not send it to this origin
     warn host to allow it, in job.toml:
     warn host # for the key "secret"
     warn host only-to = ["http://[mine]", "http://[server]"]
    error[job_failed]: the server answered with status 401
    hint: the secret `secret` was not put into POST http://[server]/: the job may not send it to this origin; to allow it, in job.toml:
    # for the key "secret"
    only-to = ["http://[mine]", "http://[server]"]
    prober failed in [time and memory]
    "#);
    let got = other.received().pop().unwrap();
    assert!(got.header("authorization").unwrap().starts_with("Bearer mwsecret-"), "{got:?}");
}

#[test]
fn a_secret_in_another_place() {
    // Whatever it is sent, it is not content.
    let server = Service::start(|_| answer(401, "", "no token"));
    let host = sender(&server, &server);
    let said = |place: &str, text: &str| {
        let payload = json!({ "probe": "sends_secret", "authority": server.authority(), place: text, "needs-success": 1 });
        let seen = seen(&host, &server, &payload);
        let got = server.received().pop().unwrap().text();
        assert!(got.contains("mwsecret-") && !got.contains(crate::host::CANARY), "{got}");
        seen
    };
    insta::assert_snapshot!(said("query", "/?key={}"), @r#"
     warn host the secret `secret` was not put into the query of POST http://[server]/: the job may send it in `header`
     warn host to allow it, in job.toml:
     warn host # for the key "secret"
     warn host in = ["header", "query"]
    error[job_failed]: the server answered with status 401
    hint: the secret `secret` was not put into the query of POST http://[server]/: the job may send it in `header`; to allow it, in job.toml:
    # for the key "secret"
    in = ["header", "query"]
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(said("json", "{\"key\":\"{}\"}"), @r#"
     warn host the secret `secret` was not put into the body of POST http://[server]/: the job may send it in `header`
     warn host to allow it, in job.toml:
     warn host # for the key "secret"
     warn host in = ["header", "body"]
    error[job_failed]: the server answered with status 401
    hint: the secret `secret` was not put into the body of POST http://[server]/: the job may send it in `header`; to allow it, in job.toml:
    # for the key "secret"
    in = ["header", "body"]
    prober failed in [time and memory]
    "#);
    insta::assert_snapshot!(said("query", "/keys/{}"), @r"
     warn host the secret `secret` was not put into the path of POST http://[server]/keys/[placeholder]: the job may send it in `header`
     warn host put it into a header, the query or the body; paths are shown in logs
    error[job_failed]: the server answered with status 401
    hint: the secret `secret` was not put into the path of POST http://[server]/keys/[placeholder]: the job may send it in `header`; put it into a header, the query or the body; paths are shown in logs
    prober failed in [time and memory]
    ");
}

#[test]
fn a_task_of_a_job_that_no_grant_names() {
    let server = server();
    let host = TestHost::with_probes(json!({ "grants": { "schedule": ["echo"] } }));
    let payload = json!({ "probe": "asks_for_tasks", "job": "charge-accounts", "payload": {}, "fail": 1 });
    insta::assert_snapshot!(seen(&host, &server, &payload), @r#"
     warn host denied a task of `charge-accounts`: the job may ask for `echo`
     warn host to allow it, in job.toml:
     warn host [grants]
     warn host schedule = ["echo", "charge-accounts"]
    error[job_failed]: asked for tasks and then failed
    hint: denied a task of `charge-accounts`: the job may ask for `echo`; to allow it, in job.toml:
    [grants]
    schedule = ["echo", "charge-accounts"]
    prober failed in [time and memory]
    "#);
}

/// A job that goes on all the same has no hint; its log says what was denied.
#[test]
fn a_denial_that_a_job_can_live_with() {
    let server = server();
    let host = reader(&server);
    let printed = host.probe(json!({ "probe": "sends_http", "authority": "api.example" })).finish().exits(0);
    assert_eq!(printed.stdout(), "{\"error\":\"HttpRequestDenied\"}\n");
    insta::assert_snapshot!(printed.stderr(), @r#"
     warn host denied GET http://api.example/: no grant of the job names this origin
     warn host to allow it, in job.toml:
     warn host [grants]
     warn host http = [{ to = "http://api.example", methods = ["GET"], paths = ["/"] }]
    prober completed in [time and memory]
    "#);
}

/// Whoever does what the hints say, one after the other, gets an answer.
#[test]
fn the_lines_of_the_hints_are_what_was_missing() {
    let server = server();
    let wish = request("GET", server.authority(), "/public");
    let nothing = json!({ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true });
    let host = TestHost::with_probes(json!({ "grants": { "http": [nothing] } }));
    let lines = |exit: i32, after: &str| {
        let said = host.probe(wish.clone()).finish().exits(exit).stderr();
        let hint = said.split("\nhint: ").nth(1).expect("a hint").split(after).nth(1).expect("lines");
        let end = hint.find("\nprober ").unwrap_or(hint.len());
        hint[..end].to_owned()
    };
    let manifest: Value = toml::from_str(&lines(1, "in job.toml:\n")).expect("the lines are TOML");
    let asking = TestHost::with_probes(manifest);
    std::fs::copy(asking.path("modules/prober.wasm"), host.path("modules/prober.wasm")).unwrap();
    let allow = lines(5, "add to the settings:\n");
    host.settings(&allow);
    let private = lines(1, "in the settings:\n");
    host.settings(&format!("{allow}\n{}", private.strip_prefix("[http]\n").unwrap()));
    drop(host.probe(wish.clone()).finish().exits(0));
    assert_eq!(server.lines(), ["GET /public"]);
}
