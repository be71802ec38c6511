//! `mainworker diff`: what a new revision of a job may do that the old one could not.

use crate::host::{Invocation, TestHost};
use crate::jobs;
use crate::odd_modules::{HANDLER, component, description, section};
use serde_json::{Value, json};

/// The manifest of a job that asks for what the probes import.
const OLD: &str = r#"
[job]
name = "prober"
version = "0.1.0"
summary = "Tries what it should not"
owner = "billing"
[schedulable-by]
sources = ["api", "dashboard"]
[configuration]
"mail.url" = { from = "host" }
"mail.token" = { from = "host", secret = true, only-to = ["config:mail.url"], in = ["header"] }
[grants]
files = [{ mount = "reports", access = "read" }]
http = [
    { to = "config:mail.url", methods = ["GET"], paths = ["/messages"], optional = true },
    { to = "https://*.hooks.example", methods = ["POST"], optional = true },
]
schedule = ["echo"]
"#;

/// More of nearly everything, and less of some.
const NEW: &str = r#"
[job]
name = "prober"
version = "0.2.0"
summary = "Tries what it should not"
[schedulable-by]
sources = ["api", "job:echo"]
[configuration]
"mail.url" = { from = "host", required = true }
"mail.token" = { from = "host", secret = true }
[grants]
files = [{ mount = "reports", access = "read-write", optional = true }]
http = [
    { to = "config:mail.url", methods = ["GET", "POST"], paths = ["/messages"], optional = true },
    { to = "https://eu.hooks.example", methods = ["POST"], paths = ["/in"] },
]
schedule = ["echo", "send-email"]
[limits]
memory = "128MiB"
[retry]
max-attempts = 2
"#;

/// A world with these manifests packed as `old.wasm` and `new.wasm`.
fn world(old: &str, new: &str) -> TestHost {
    let host = TestHost::with_jobs(&[]);
    host.write("app.wasm", jobs::probes());
    for (name, manifest) in [("old", old), ("new", new)] {
        let (toml, wasm) = (format!("{name}.toml"), format!("{name}.wasm"));
        host.write(&toml, manifest);
        host.mainworker(&["module", "pack", "app.wasm", &toml, "-o", &wasm]).finish().exits(0);
    }
    host
}

fn diff<'a>(host: &'a TestHost, args: &[&str]) -> Invocation<'a> {
    host.mainworker(&[&["diff", "old.wasm", "new.wasm"], args].concat())
}

#[test]
fn all_that_differs_is_told_and_what_is_more_is_refused() {
    let host = world(OLD, NEW);
    let before = host.files();
    let refused = diff(&host, &[]).finish().exits(5);
    insta::assert_snapshot!(refused.stdout(), @r"
    + source:job:echo
        the job `echo` may ask for it
    + configuration:mail.token:host:masked
        sees what the host has for `mail.token`, masked wherever it is shown
    + files:reports:read-write
        reads and writes the mount `reports`, if the host gives it
    + http:POST:config:mail.url/messages
        sends POST requests to where `mail.url` leads, `/messages` and below, if the host gives it
    + schedule:send-email
        asks for tasks of the job `send-email`
    + limit:memory=128MiB
        `memory` up to 128MiB, was 64MiB
    - source:dashboard
        `dashboard` may ask for it
    - http:POST:https://*.hooks.example
        sends POST requests to https://*.hooks.example, any path, if the host gives it
    - retry:max-attempts=5
        up to 5 attempts at a task, now 2
    ~ version
        0.1.0 → 0.2.0
    ~ owner
        billing → (none)
    ~ http:POST:https://eu.hooks.example/in:required
        a host that does not give it refuses to run the job
    ~ configuration:mail.url:required
        every envelope, on a host without it, is rejected
    ");
    insta::assert_snapshot!(refused.stderr(), @r"
    error[widening_not_allowed]: the new revision of `prober` may do what nobody allowed: source:job:echo, configuration:mail.token:host:masked, files:reports:read-write, http:POST:config:mail.url/messages, schedule:send-email, limit:memory=128MiB
    hint: if all of this is meant, add `--allow-widening source:job:echo --allow-widening configuration:mail.token:host:masked --allow-widening files:reports:read-write --allow-widening http:POST:config:mail.url/messages --allow-widening schedule:send-email --allow-widening limit:memory=128MiB`
    ");

    let told = diff(&host, &["--json"]).finish().exits(5);
    assert_eq!(told.stderr(), refused.stderr());
    let json = told.json();
    assert_eq!((&json["job"], &json["old"]["version"]), (&json!("prober"), &json!("0.1.0")));
    assert!(json["new"]["revision"].as_str().unwrap().starts_with("sha256:"), "{json}");
    let named = |list: &str| -> Vec<String> {
        let names = json[list].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    let shown = |sign: &str| -> Vec<String> {
        refused.stdout().lines().filter_map(|line| line.strip_prefix(sign)).map(str::to_owned).collect()
    };
    for (list, sign) in [("widenings", "+ "), ("narrowings", "- "), ("notes", "~ ")] {
        assert_eq!(named(list), shown(sign));
    }

    // What the hint says, said in a shell, allows it.
    let stderr = refused.stderr();
    let flags = stderr.split_once("meant, add `").unwrap().1.trim_end().trim_end_matches('`');
    assert_eq!(flags.matches("--allow-widening ").count(), named("widenings").len());
    let flags: Vec<&str> = flags.split(' ').collect();
    let allowed = diff(&host, &flags).finish().exits(0);
    assert_eq!(allowed.stderr(), "");
    assert_eq!(allowed.stdout().matches(" (allowed)\n").count(), named("widenings").len());
    let allowed = diff(&host, &flags).arg("--json").finish().exits(0).json();
    assert!(allowed["widenings"].as_array().unwrap().iter().all(|it| it["allowed"] == json!(true)));
    assert_eq!(host.files(), before, "something was written");
}

#[test]
fn each_widening_has_to_be_allowed_by_its_name() {
    let host = world(OLD, &OLD.replace(r#"["echo"]"#, r#"["echo", "send-email", "archive-stream"]"#));
    let refused = diff(&host, &["--allow-widening", "schedule:send-emial"]).finish().exits(5);
    insta::assert_snapshot!(refused.stderr(), @r"
    warning: `--allow-widening schedule:send-emial` allows nothing: there is no such widening
    hint: did you mean `schedule:send-email`?
    error[widening_not_allowed]: the new revision of `prober` may do what nobody allowed: schedule:archive-stream, schedule:send-email
    hint: if all of this is meant, add `--allow-widening schedule:archive-stream --allow-widening schedule:send-email`
    ");
    let email = ["--allow-widening", "schedule:send-email"];
    let refused = diff(&host, &email).finish().exits(5);
    insta::assert_snapshot!(refused.stderr(), @r"
    error[widening_not_allowed]: the new revision of `prober` may do what nobody allowed: schedule:archive-stream
    hint: if all of this is meant, add `--allow-widening schedule:archive-stream`
    ");
    insta::assert_snapshot!(refused.stdout(), @r"
    + schedule:archive-stream
        asks for tasks of the job `archive-stream`
    + schedule:send-email (allowed)
        asks for tasks of the job `send-email`
    ");
    // One that is nowhere is told and harms nothing.
    let both = [&email[..], &["--allow-widening=schedule:archive-stream", "--allow-widening", "x"]].concat();
    insta::assert_snapshot!(diff(&host, &both).finish().exits(0).stderr(), @"warning: `--allow-widening x` allows nothing: there is no such widening");
}

#[test]
fn what_is_less_or_the_same_needs_nobody() {
    let host = world(NEW, OLD);
    host.write("narrow.toml", OLD.split("[grants]").next().unwrap().replace(r#", "dashboard""#, "") + "[grants]\nhttp = [{ to = \"https://eu.hooks.example\", methods = [\"POST\"], optional = true }]\nschedule = [\"echo\"]\n");
    host.mainworker(&["module", "pack", "app.wasm", "narrow.toml", "-o", "narrow.wasm"]).finish().exits(0);
    let narrowed = host.mainworker(&["diff", "new.wasm", "narrow.wasm"]).finish().exits(0);
    assert_eq!(narrowed.stderr(), "");
    insta::assert_snapshot!(narrowed.stdout(), @r"
    - source:dashboard
        `dashboard` may ask for it
    - files:reports:read
        reads the mount `reports`
    - http:GET:config:mail.url/messages
        sends GET requests to where `mail.url` leads, `/messages` and below, if the host gives it
    - http:POST:https://*.hooks.example
        sends POST requests to https://*.hooks.example, any path, if the host gives it
    ");

    let same = host.mainworker(&["diff", "new.wasm", "new.wasm"]).finish().exits(0);
    assert_eq!(same.stdout(), "");
    insta::assert_snapshot!(same.stderr(), @"prober 0.1.0 may do what it could do before, and nothing else");
    let same = host.mainworker(&["diff", "new.wasm", "./new.wasm", "--json"]).finish().exits(0);
    assert_eq!(same.stderr(), "");
    let json = same.json();
    assert_eq!(json["old"], json["new"]);
    assert_eq!(
        (&json["widenings"], &json["narrowings"], &json["notes"]),
        (&json!([]), &json!([]), &json!([]))
    );
}

#[test]
fn a_payload_schema_that_takes_less_is_told_with_its_places() {
    let module = |change: &dyn Fn(&mut Value)| {
        let mut description = description();
        description["payloadSchema"] = json!({
            "type": "object", "required": ["files"], "additionalProperties": false,
            "properties": { "files": { "type": "array", "items": { "type": "string" } }, "mode": { "enum": ["a", "b"] } },
        });
        change(&mut description);
        component(&format!("{HANDLER} {}", section(&description)))
    };
    let host = TestHost::with_jobs(&[]);
    host.write("old.wasm", module(&|_| {}))
        .write(
            "new.wasm",
            module(&|new| {
                new["payloadSchema"]["required"] = json!(["files", "mode"]);
                new["payloadSchema"]["properties"]["mode"]["enum"] = json!(["b", "c"]);
                new["resultSchema"] = json!({ "type": "object" });
            }),
        )
        .write(
            "wider.wasm",
            module(&|new| {
                new["payloadSchema"]["required"] = json!([]);
                new["payloadSchema"]["properties"]["mode"]["enum"] = json!(["c", "b", "a"]);
                new["payloadSchema"]["properties"]["limit"] = json!({ "type": "integer", "minimum": 0 });
            }),
        );
    let refused = diff(&host, &[]).finish().exits(5);
    insta::assert_snapshot!(refused.stdout(), @r#"
    + payload-schema
        payloads that the old revision takes may be refused
        /properties/mode: `"a"` is no longer taken
        /required/1: the field `mode` has to be there now
    ~ result-schema
        there was none
    "#);
    insta::assert_snapshot!(refused.stderr(), @r"
    error[widening_not_allowed]: the new revision of `odd` may do what nobody allowed: payload-schema
    hint: if all of this is meant, add `--allow-widening payload-schema`
    ");
    let json = diff(&host, &["--json", "--allow-widening", "payload-schema"]).finish().exits(0).json();
    assert_eq!(json["widenings"][0]["places"][0]["pointer"], json!("/properties/mode"));
    host.mainworker(&["diff", "old.wasm", "wider.wasm"]).finish().exits(0);
}

#[test]
fn modules_that_cannot_be_compared() {
    let host = world(OLD, &OLD.replace("prober", "sender"));
    insta::assert_snapshot!(diff(&host, &[]).finish().exits(2).stderr(), @r"
    error[other_job]: `old.wasm` is a module of the job `prober`, `new.wasm` one of `sender`, expected two of one job
    hint: name two revisions of one job; `mainworker module inspect FILE` shows all that one asks for
    ");
    let said = |args: &[&str], exit: i32| {
        let printed = host.mainworker(&[&["diff"], args].concat()).finish().exits(exit);
        assert_eq!(printed.stdout(), "");
        printed.stderr()
    };
    insta::assert_snapshot!(said(&["old.wasm", "nowhere.wasm"], 5), @r"
    error[module_unavailable]: reading the module `nowhere.wasm`: No such file or directory (os error 2)
    hint: check the path and its permissions; `mainworker module build` makes modules
    ");
    assert!(said(&["app.wasm", "old.wasm"], 5).starts_with("error[module_manifest_missing]"));
    assert!(said(&["old.wasm"], 2).contains("<NEW>"));
    said(&["old.wasm", "old.wasm", "old.wasm"], 2);
}
