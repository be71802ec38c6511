//! What a manifest makes of powers, and how two of them differ.

use crate::{http, job, names, narrowed, told, widened};
use mainworker_domain::capability::{Difference, capabilities};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::limits::{LIMITS, LimitValues, Limits};
use mainworker_domain::manifest::Manifest;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn all_that_a_manifest_asks_for_is_named() {
    let manifest = Manifest::parse_toml(
        r#"
        [job]
        name = "edge-logs"
        version = "0.1.0"
        summary = "Adds up the bytes served per account"
        [schedulable-by]
        sources = ["scheduler", "job:edge-logs", "dashboard"]
        [configuration]
        "accounts.url" = { required = true, from = "host" }
        "accounts.token" = { from = "host", secret = true, only-to = ["config:accounts.url", "https://*.auth.example"], in = ["query", "header"] }
        "login" = { secret = true, from = "envelope" }
        [grants]
        files = [
            { mount = "edge-logs", access = "read" },
            { mount = "reports", access = "read-write", optional = true },
        ]
        http = [
            { to = "config:accounts.url", methods = ["GET"], paths = ["/streams/", "/streams/live"] },
            { to = "https://hooks.example", methods = ["POST", "GET"], paths = ["/"], optional = true },
        ]
        schedule = ["send-email"]
        [limits]
        memory = "128MiB"
        wall = "1h 30m"
        cpu = "5s"
        [retry]
        max-attempts = 9
        [run]
        max-concurrency = 2
        revision = "newest"
        "#,
    )
    .unwrap();
    let description = ModuleDescription { manifest, payload_schema: None, result_schema: None };
    let lines: Vec<String> =
        capabilities(&description).iter().map(|it| format!("{it}\n    {}", it.about())).collect();
    assert_eq!(
        lines.join("\n"),
        r"source:dashboard
    `dashboard` may ask for it
source:job:edge-logs
    the job `edge-logs` may ask for it
source:scheduler
    `scheduler` may ask for it
configuration:accounts.token:host:only-to=config:accounts.url:in=header,query
    sends what the host has for `accounts.token` to where `accounts.url` leads in header or query, unseen
configuration:accounts.token:host:only-to=https://*.auth.example:in=header,query
    sends what the host has for `accounts.token` to https://*.auth.example in header or query, unseen
configuration:accounts.url:host:in-plain
    sees what the host has for `accounts.url`, which is shown as it is
configuration:login:envelope:masked
    sees what the envelope has for `login`, masked wherever it is shown
files:edge-logs:read
    reads the mount `edge-logs`
files:reports:read-write
    reads and writes the mount `reports`, if the host gives it
http:GET:config:accounts.url/streams
    sends GET requests to where `accounts.url` leads, `/streams` and below
http:GET:https://hooks.example
    sends GET requests to https://hooks.example, any path, if the host gives it
http:POST:https://hooks.example
    sends POST requests to https://hooks.example, any path, if the host gives it
schedule:send-email
    asks for tasks of the job `send-email`
limit:memory=128MiB
    `memory` up to 128MiB
limit:wall=1h30m
    `wall` up to 1h 30m
retry:max-attempts=9
    up to 9 attempts at a task
run:revision=newest
    runs tasks that were accepted for former revisions"
    );
}

#[test]
fn names_have_no_spaces_whatever_a_manifest_says() {
    let odd = job(json!({
        "run": { "concurrency-key": "/a b\n%/ü~0", "rate-limit": { "tasks": 600, "per": "1h 30m" }, "max-concurrency": 3 },
        "limits": { "wall": "1h 1m 1s" },
    }));
    let usual = job(json!({}));
    let difference = Difference::between(Some(&odd), &usual);
    let names: Vec<&str> = difference.widenings.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["run:max-concurrency=none", "run:concurrency-key=none", "run:rate-limit=none"]);
    let names: Vec<&str> = difference.narrowings.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["limit:wall=1h1m1s"]);
    let names: Vec<String> =
        Difference::between(Some(&usual), &odd).narrowings.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["run:max-concurrency=none", "run:concurrency-key=none", "run:rate-limit=none"]);
    let faster = job(json!({ "run": { "concurrency-key": "/a b\n%/ü~0", "max-concurrency-per-key": 2,
        "rate-limit": { "tasks": 700, "per": "1h 30m" }, "max-concurrency": 3 } }));
    let names: Vec<String> =
        Difference::between(Some(&odd), &faster).widenings.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["run:concurrency-key=/a%20b%0A%25/%C3%BC~0:2", "run:rate-limit=700/1h30m"]);
}

#[test]
fn a_first_revision_widens_by_all_it_may() {
    let first =
        job(json!({ "limits": { "memory": "1MiB", "http-calls": 500 }, "run": { "max-concurrency": 1 } }));
    let difference = Difference::between(None, &first);
    let lines: Vec<String> =
        difference.widenings.iter().map(|it| format!("{}: {}", it.name, it.about)).collect();
    assert_eq!(
        lines,
        [
            "source:api: `api` may ask for it",
            "limit:http-calls=500: `http-calls` up to 500, the default is 100"
        ]
    );
    assert!(difference.narrowings.is_empty() && difference.notes.is_empty());
}

/// What each row allows, the row before does not.
#[test]
fn a_key_is_seen_and_shown_more_and_more() {
    let rows = [
        json!({ "secret": true, "from": "host", "only-to": ["https://a.x.com"], "in": ["header"] }),
        json!({ "secret": true, "from": "host", "only-to": ["https://a.x.com"], "in": ["header", "body"] }),
        json!({ "secret": true, "from": "host", "only-to": ["https://*.x.com"], "in": ["body", "header"] }),
        json!({ "secret": true, "from": "host" }),
        json!({ "from": "host" }),
        json!({ "from": "either" }),
    ];
    let key = |row: &Value| json!({ "configuration": { "k": row } });
    let names: Vec<Vec<String>> = rows.windows(2).map(|pair| widened(key(&pair[0]), key(&pair[1]))).collect();
    assert_eq!(
        names,
        [
            ["configuration:k:host:only-to=https://a.x.com:in=header,body"],
            ["configuration:k:host:only-to=https://*.x.com:in=header,body"],
            ["configuration:k:host:masked"],
            ["configuration:k:host:in-plain"],
            ["configuration:k:either:in-plain"],
        ]
    );
    for pair in rows.windows(2) {
        assert_eq!(widened(key(&pair[1]), key(&pair[0])), [""; 0], "{pair:?}");
        assert_eq!(narrowed(key(&pair[0]), key(&pair[1])), [""; 0], "{pair:?}");
    }
}

#[test]
fn where_a_value_comes_from_is_a_power_of_its_own() {
    let key = |from: &str| json!({ "configuration": { "k": { "from": from } } });
    assert_eq!(widened(key("envelope"), key("host")), ["configuration:k:host:in-plain"]);
    assert_eq!(widened(key("host"), key("envelope")), ["configuration:k:envelope:in-plain"]);
    assert_eq!(widened(key("envelope"), key("either")), ["configuration:k:either:in-plain"]);
    assert_eq!(widened(key("either"), key("host")), [""; 0]);
    assert_eq!(narrowed(key("either"), key("envelope")), ["configuration:k:either:in-plain"]);
}

#[test]
fn quantities_are_compared_with_what_is_so_when_nothing_is_said() {
    let limits = |limits: Value| json!({ "limits": limits });
    assert_eq!(widened(limits(json!({ "memory": "32MiB" })), json!({})), ["limit:memory=64MiB"]);
    assert_eq!(widened(json!({}), limits(json!({ "memory": "64MiB" }))), [""; 0]);
    assert_eq!(
        told(&job(json!({})), &job(limits(json!({ "memory": "65MiB" })))),
        ["+ limit:memory=65MiB: `memory` up to 65MiB, was 64MiB"]
    );
    assert_eq!(
        told(&job(limits(json!({ "memory": "65MiB" }))), &job(json!({}))),
        ["- limit:memory=65MiB: `memory` up to 65MiB, now 64MiB"]
    );
    // No more processor time than there is time.
    assert_eq!(widened(limits(json!({ "wall": "5s" })), json!({})), ["limit:cpu=10s", "limit:wall=1m"]);
    assert_eq!(widened(json!({}), json!({ "retry": { "max-attempts": 6 } })), ["retry:max-attempts=6"]);
    assert_eq!(widened(json!({}), json!({ "run": { "max-concurrency": 900 } })), [""; 0]);
    let run = |run: Value| json!({ "run": run });
    assert_eq!(
        widened(run(json!({ "max-concurrency": 2 })), run(json!({ "max-concurrency": 3 }))),
        ["run:max-concurrency=3"]
    );
    assert_eq!(
        widened(run(json!({ "concurrency-key": "/a" })), run(json!({ "concurrency-key": "/b" }))),
        ["run:concurrency-key=/b:1"]
    );
    let rate = |tasks: u64, per: &str| run(json!({ "rate-limit": { "tasks": tasks, "per": per } }));
    assert_eq!(widened(rate(10, "1m"), rate(5, "30s")), [""; 0]);
    assert_eq!(widened(rate(10, "1m"), rate(10, "59s")), ["run:rate-limit=10/59s"]);
    // As many in the long run, but all of them at once.
    assert_eq!(widened(rate(10, "1m"), rate(600, "1h")), ["run:rate-limit=600/1h"]);
    assert_eq!(widened(json!({}), run(json!({ "revision": "newest" }))), ["run:revision=newest"]);
}

#[test]
fn what_is_no_power_is_told() {
    let old = job(json!({
        "grants": { "files": [{ "mount": "m", "access": "read", "optional": true }, { "mount": "n", "access": "read" }] },
        "configuration": { "k": { "from": "envelope" }, "l": { "required": true } },
        "retry": { "base": "10s" },
    }));
    let mut new = job(json!({
        "job": { "name": "sums", "version": "0.9.0", "summary": "Adds \u{202e}more", "owner": "billing" },
        "grants": { "files": [{ "mount": "m", "access": "read" }, { "mount": "n", "access": "read", "optional": true }] },
        "configuration": { "k": { "from": "envelope", "required": true }, "l": {} },
        "retry": { "base": "1ms" },
    }));
    new.result_schema = Some(json!({ "type": "object" }));
    assert_eq!(
        told(&old, &new),
        [
            "~ version: 1.0.0 → 0.9.0, which goes back",
            "~ summary: Adds numbers → Adds \u{202e}more",
            "~ owner: (none) → billing",
            "~ files:m:read:required: a host that does not give it refuses to run the job",
            "~ files:n:read:optional: a host that does not give it runs the job all the same",
            "~ configuration:k:required: an envelope without it is rejected",
            "~ configuration:l:optional: envelopes are taken without it",
            "~ retry:base: 10s → 1ms",
            "~ result-schema: there was none",
        ]
    );
}

#[test]
fn what_is_needed_now_is_told_of_a_part_too() {
    let hooks =
        |to: &str, optional: bool| http(json!([{ "to": to, "methods": ["POST"], "optional": optional }]));
    let noted = |old: Value, new: Value| {
        let notes = Difference::between(Some(&job(old)), &job(new)).notes;
        notes.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    let (all, one) = ("https://*.x.com", "https://a.x.com");
    assert_eq!(noted(hooks(all, true), hooks(one, false)), ["http:POST:https://a.x.com:required"]);
    assert_eq!(noted(hooks(all, false), hooks(one, true)), ["http:POST:https://a.x.com:optional"]);
    assert_eq!(noted(hooks(all, false), hooks(one, false)), [""; 0]);
    assert_eq!(noted(hooks(one, true), hooks(all, false)), [""; 0]);
}

#[test]
fn what_is_approved_is_named_exactly() {
    let old = job(json!({}));
    let new = job(json!({ "grants": { "schedule": ["send-email", "send-invoice"] } }));
    let difference = Difference::between(Some(&old), &new);
    let unapproved = |allowed: &[&str]| {
        let allowed: Vec<String> = allowed.iter().map(|&name| name.to_owned()).collect();
        let names = difference.unapproved(&allowed).into_iter().map(|it| it.name.clone());
        let wrong = difference.not_widenings(&allowed);
        let wrong = wrong.iter().map(|it| (it.name.to_owned(), it.nearest.map(str::to_owned)));
        (names.collect::<Vec<_>>(), wrong.collect::<Vec<_>>())
    };
    let (email, invoice) = ("schedule:send-email".to_owned(), "schedule:send-invoice".to_owned());
    assert_eq!(unapproved(&[&email, &invoice]), (vec![], vec![]));
    assert_eq!(unapproved(&[&invoice]), (vec![email.clone()], vec![]));
    assert_eq!(
        unapproved(&[&invoice, "schedule:send-emial", "schedule:*"]),
        (
            vec![email.clone()],
            vec![("schedule:send-emial".to_owned(), Some(email)), ("schedule:*".to_owned(), None),]
        )
    );
}

/// A part of a manifest that nothing else covers, and the name of what it allows.
fn parts() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "source": "dashboard" }), "source:dashboard"),
        (json!({ "source": "job:other" }), "source:job:other"),
        (json!({ "key": ["a.plain", { "from": "host" }] }), "configuration:a.plain:host:in-plain"),
        (json!({ "key": ["b", { "secret": true }] }), "configuration:b:either:masked"),
        (
            json!({ "key": ["c", { "secret": true, "from": "envelope", "only-to": ["https://c.example"], "in": ["body"] }] }),
            "configuration:c:envelope:only-to=https://c.example:in=body",
        ),
        (json!({ "file": { "mount": "in", "access": "read" } }), "files:in:read"),
        (json!({ "file": { "mount": "out", "access": "read-write" } }), "files:out:read-write"),
        (
            json!({ "http": { "to": "https://*.x.com", "methods": ["GET"], "paths": ["/a"] } }),
            "http:GET:https://*.x.com/a",
        ),
        (json!({ "http": { "to": "https://x.com", "methods": ["GET"] } }), "http:GET:https://x.com"),
        (json!({ "http": { "to": "https://*.x.com", "methods": ["POST"] } }), "http:POST:https://*.x.com"),
        (json!({ "schedule": "send-email" }), "schedule:send-email"),
        (json!({ "limit": ["memory", "128MiB"] }), "limit:memory=128MiB"),
        (json!({ "limit": ["wall", "2h"] }), "limit:wall=2h"),
        (json!({ "attempts": 100 }), "retry:max-attempts=100"),
    ]
}

fn of_parts(chosen: &[bool]) -> (ModuleDescription, BTreeSet<String>) {
    let mut manifest = json!({
        "schedulable-by": { "sources": ["api"] }, "configuration": {}, "limits": {},
        "grants": { "files": [], "http": [], "schedule": [] },
    });
    let mut names = BTreeSet::new();
    let push = |list: &mut Value, value: &Value| list.as_array_mut().unwrap().push(value.clone());
    for ((part, name), _) in parts().iter().zip(chosen).filter(|(_, chosen)| **chosen) {
        names.insert((*name).to_owned());
        let (kind, value) = part.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "source" => push(&mut manifest["schedulable-by"]["sources"], value),
            "key" => manifest["configuration"][value[0].as_str().unwrap()] = value[1].clone(),
            "file" => push(&mut manifest["grants"]["files"], value),
            "http" => push(&mut manifest["grants"]["http"], value),
            "schedule" => push(&mut manifest["grants"]["schedule"], value),
            "limit" => manifest["limits"][value[0].as_str().unwrap()] = value[1].clone(),
            _ => manifest["retry"] = json!({ "max-attempts": value }),
        }
    }
    (job(manifest), names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn widenings_are_what_was_added_and_narrowings_what_went(
        old in prop::collection::vec(any::<bool>(), parts().len()),
        new in prop::collection::vec(any::<bool>(), parts().len()),
    ) {
        let ((old, old_names), (new, new_names)) = (of_parts(&old), of_parts(&new));
        let difference = Difference::between(Some(&old), &new);
        let widenings: BTreeSet<String> = difference.widenings.iter().map(|it| it.name.clone()).collect();
        let narrowings: BTreeSet<String> = difference.narrowings.iter().map(|it| it.name.clone()).collect();
        prop_assert_eq!(widenings, new_names.difference(&old_names).cloned().collect());
        prop_assert_eq!(narrowings, old_names.difference(&new_names).cloned().collect());
        prop_assert!(Difference::between(Some(&new), &new).is_empty());
        // A first revision widens by all it may, and all it may is what it was given.
        let first = Difference::between(None, &new);
        let first: Vec<String> = first.widenings.into_iter().map(|it| it.name).collect();
        prop_assert_eq!(&first, &names(&new));
        prop_assert_eq!(first.into_iter().filter(|name| name != "source:api").collect::<BTreeSet<_>>(), new_names);
    }

    /// What a host with any ceilings gives is the measure.
    #[test]
    fn a_limit_that_is_higher_anywhere_is_a_widening(
        old in limits(), new in limits(), ceilings in limits(),
    ) {
        let read = |limits: &Value| LimitValues::read(limits, "limits", true);
        let ceilings = LimitValues::read(&ceilings, "limits", false).unwrap();
        if let (Ok(old_values), Ok(new_values)) = (read(&old), read(&new)) {
            let told = widened(json!({ "limits": old }), json!({ "limits": new }));
            if let (Ok(before), Ok(after)) =
                (Limits::effective(&old_values, &ceilings), Limits::effective(&new_values, &ceilings))
            {
                for spec in LIMITS {
                    let is_told = told.iter().any(|name| name.starts_with(&format!("limit:{}=", spec.key)));
                    prop_assert!(
                        after.get(spec.limit) <= before.get(spec.limit) || is_told,
                        "{} is not told of {:?}", spec.key, told
                    );
                }
            }
        }
    }
}

fn limits() -> impl Strategy<Value = Value> {
    let seconds = || prop::option::of(prop::sample::select(vec![1, 5, 10, 20, 60, 90, 3_600]));
    (seconds(), seconds(), prop::option::of(1..200u64), prop::option::of(1..200u64)).prop_map(
        |(wall, cpu, memory, calls)| {
            let mut limits = json!({});
            for (key, seconds) in [("wall", wall), ("cpu", cpu)] {
                if let Some(seconds) = seconds {
                    limits[key] = json!(format!("{seconds}s"));
                }
            }
            if let Some(memory) = memory {
                limits["memory"] = json!(format!("{memory}MiB"));
            }
            if let Some(calls) = calls {
                limits["http-calls"] = json!(calls);
            }
            limits
        },
    )
}
