//! `mainworker schedule` for a host that serves: a file is applied, looked at, changed and emptied.

use crate::host::TestHost;
use crate::serving::Serving;
use serde_json::{Value, json};

const FILE: &str = r#"
set = "company"

[schedule.monthly]
job = "echo"
cron = "0 6 1 * *"
time-zone = "Europe/Berlin"
summary = "Begins each month"
payload = { month = "${occurrence -1 month %Y-%m}" }
options = { label = "Charges", tags = ["billing"] }

[schedule.pings]
job = "echo"
run-every = "6h"
payload = { ping = true }
"#;

/// Who changes schedules has the role `deploy` as well.
const ROLES: &str =
    "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"deploy\"]";

/// What a command prints on stdout.
#[track_caller]
fn said(serving: &Serving<'_>, args: &[&str]) -> String {
    let printed = serving.command(&[&["schedule"], args].concat()).finish().exits(0);
    assert_eq!(printed.stderr(), "", "{args:?}");
    printed.stdout().to_owned()
}

#[track_caller]
fn json_of(serving: &Serving<'_>, args: &[&str]) -> Value {
    let text = said(serving, &[args, &["--json"]].concat());
    serde_json::from_str(&text).expect("JSON")
}

/// Without the times of next runs, which are those of the clock.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("next run: ") {
        Some((before, _)) => format!("{before}next run: [moment]"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_is_applied_changed_and_emptied() {
    let host = TestHost::new();
    let serving = host.serve(ROLES);
    host.write("schedules.toml", FILE);
    let apply = |flags: &[&str]| said(&serving, &[&["apply", "schedules.toml"], flags].concat());

    let preview = serving.command(&["schedule", "apply", "schedules.toml", "--preview"]).finish().exits(0);
    assert_eq!(preview.stderr(), "nothing was applied: this is a preview");
    assert_eq!(json_of(&serving, &["list"])["schedules"], json!([]));
    insta::assert_snapshot!(timeless(&apply(&[])), @r#"
    + monthly
        job = "echo"
        cron = "0 6 1 * *"
        time-zone = "Europe/Berlin"
        payload.month = "${occurrence -1 month %Y-%m}"
        options.label = "Charges"
        options.tags = ["billing"]
        summary = "Begins each month"
        next run: [moment]
    + pings
        job = "echo"
        run-every = "6h"
        payload.ping = true
        next run: [moment]
    2 to create
    applied: 2 created
    "#);
    assert_eq!(apply(&[]), "nothing to do: the 2 schedules of the set `company` are as the file says\n");

    // Another time, another payload, one that is new, one that is gone.
    let changed = FILE
        .replace("0 6 1", "0 7 1")
        .replace("tags = [\"billing\"]", "tags = [\"billing\", \"june\"]")
        .replace("[schedule.pings]", "[schedule.pongs]");
    host.write("schedules.toml", changed);
    insta::assert_snapshot!(timeless(&apply(&[])), @r#"
    ~ monthly
        cron: "0 6 1 * *" → "0 7 1 * *"
        options.tags: ["billing"] → ["billing", "june"]
        its times begin anew: intervals count from now, and nothing before now runs
        next run: [moment]
    + pongs
        job = "echo"
        run-every = "6h"
        payload.ping = true
        next run: [moment]
    - pings
        job = "echo"
        run-every = "6h"
    1 to create · 1 to change · 1 to delete
    applied: 1 created · 1 changed · 1 deleted
    "#);
    host.write("schedules.toml", "set = \"company\"");
    assert!(apply(&[]).ends_with("applied: 2 deleted\n"));
    assert_eq!(apply(&[]), "nothing to do: the set `company` has no schedules\n");
    serving.stop();
}

#[test]
fn schedules_are_looked_at() {
    let host = TestHost::new();
    let serving = host.serve(ROLES);
    let nothing = serving.command(&["schedule", "list"]).finish().exits(0);
    assert!(
        nothing.stdout().is_empty() && nothing.stderr().starts_with("there is no schedule; "),
        "{}",
        nothing.stderr()
    );
    host.write("schedules.toml", FILE);
    said(&serving, &["apply", "schedules.toml"]);
    let table = said(&serving, &["list"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "JOB", "WHEN", "NEXT", "IN", "STATE", "RUNS", "MISSED"]);
    assert_eq!((&rows[1][..2], &rows[2][..2]), (&["monthly", "echo"][..], &["pings", "echo"][..]));
    assert!(
        table.lines().nth(1).is_some_and(|line| line.contains("cron `0 6 1 * *` Europe/Berlin")),
        "{table}"
    );
    assert!(rows[1..].iter().all(|row| row.ends_with(&["active", "0", "0"])), "{table}");
    let list = json_of(&serving, &["list"]);
    let names: Vec<_> =
        list["schedules"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["monthly", "pings"]);

    let next = json_of(&serving, &["next", "monthly", "-n", "3"]);
    assert_eq!(
        (next["zone"].clone(), next["times"].as_array().map(Vec::len)),
        (json!("Europe/Berlin"), Some(3))
    );
    let times = said(&serving, &["next", "monthly", "-n", "3"]);
    let lines: Vec<&str> = times.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["Europe/Berlin", "UTC"]);
    assert_eq!(lines.len(), 4);
    for (line, time) in lines[1..].iter().zip(next["times"].as_array().expect("times")) {
        assert!(
            line.contains("-01 06:00:00 CE") && line.trim_end().ends_with(time.as_str().expect("text")),
            "{times}"
        );
    }

    let card = said(&serving, &["show", "monthly"]);
    for line in [
        "schedule       monthly",
        "summary        Begins each month",
        "when           cron `0 6 1 * *` Europe/Berlin",
        "state          active",
        "set            company",
        "definition     job = \"echo\"",
        "               payload.month = \"${occurrence -1 month %Y-%m}\"",
    ] {
        assert!(card.lines().any(|shown| shown == line), "no `{line}` in\n{card}");
    }
    let first = next["times"][0].as_str().expect("text");
    assert!(card.contains(&format!("({first})\n")), "{card}");
    assert_eq!(json_of(&serving, &["show", "monthly"])["definition"]["timeZone"], "Europe/Berlin");
    serving.stop();
}

#[test]
fn a_run_is_brought_about_by_hand() {
    let host = TestHost::new();
    let serving = host.serve(ROLES);
    host.write("schedules.toml", FILE);
    said(&serving, &["apply", "schedules.toml"]);
    let ended = serving.command(&["schedule", "trigger", "pings", "--wait"]).finish().exits(0);
    assert_eq!(ended.stdout(), "{\"ping\":true}\n");
    assert!(
        ended.stderr().lines().last().is_some_and(|line| line.starts_with("echo completed in ")),
        "{}",
        ended.stderr()
    );
    let id = said(&serving, &["trigger", "monthly"]).trim_end().to_owned();
    let listed = serving.command(&["list", "--schedule", "monthly", "--json"]).finish().exits(0);
    let listed: Value = serde_json::from_str(listed.stdout()).expect("one JSON value");
    assert_eq!((listed[0]["taskId"].clone(), listed.as_array().map(Vec::len)), (json!(id), Some(1)));
    assert_eq!((&listed[0]["schedule"], &listed[0]["source"]), (&json!("monthly"), &json!("scheduler")));
    let card = serving.command(&["status", &id]).finish().exits(0);
    assert!(
        card.stdout().lines().any(|line| line.starts_with("schedule       monthly")),
        "{}",
        card.stdout()
    );
    serving.stop();
}

#[test]
fn a_schedule_stands_still_and_goes_on() {
    let host = TestHost::new();
    let serving = host.serve(ROLES);
    let put = [
        "put",
        "pings",
        "--job",
        "echo",
        "--every",
        "6h",
        "--payload",
        r#"{"n": 1.50}"#,
        "--overlap",
        "skip",
    ];
    insta::assert_snapshot!(timeless(&said(&serving, &put)), @r#"
    + pings
        job = "echo"
        run-every = "6h"
        overlap = "skip"
        payload.n = 1.50
        next run: [moment]
    "#);
    assert_eq!(said(&serving, &put), "nothing to do: the schedule `pings` says that already\n");
    assert_eq!(said(&serving, &["pause", "pings"]), "paused the schedule `pings`\n");
    assert!(said(&serving, &["list"]).contains(" paused "));
    let card = said(&serving, &["show", "pings"]);
    assert!(card.contains("next           no run by itself before it is resumed\n"), "{card}");
    // People may all the same.
    said(&serving, &["trigger", "pings"]);
    assert_eq!(said(&serving, &["resume", "pings"]), "resumed the schedule `pings`\n");
    assert!(said(&serving, &["list"]).contains(" active "));

    host.write("pings.json", r#"{ "job": "echo", "runEveryMs": 43200000, "payload": { "n": 1.5 } }"#);
    insta::assert_snapshot!(timeless(&said(&serving, &["put", "pings", "pings.json"])), @r#"
    ~ pings
        run-every: "6h" → "12h"
        overlap: "skip" → "allow" (default)
        payload.n: 1.50 → 1.5
        its times begin anew: intervals count from now, and nothing before now runs
        next run: [moment]
    "#);
    // What belongs to nobody is not taken by a file.
    host.write("schedules.toml", FILE);
    let refused = serving.command(&["schedule", "apply", "schedules.toml"]).finish().exits(1);
    assert!(refused.stderr().starts_with("error[schedule_of_another_set]: "), "{}", refused.stderr());
    let deleted = serving.command(&["schedule", "delete", "pings"]).finish().exits(0);
    assert_eq!(deleted.stdout(), "deleted the schedule `pings`\n");
    let gone = serving.command(&["schedule", "delete", "pings"]).finish().exits(1);
    assert!(gone.stderr().starts_with("error[unknown_schedule]: "), "{}", gone.stderr());
    serving.stop();
}

#[test]
fn a_time_that_is_over_is_made_up_for() {
    let host = TestHost::new();
    let serving = host.serve(ROLES);
    said(
        &serving,
        &["put", "hourly", "--job", "echo", "--cron", "0 * * * *", "--payload", r#"{"at": "${occurrence}"}"#],
    );
    let times = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T03:00:00Z"];
    let backfill = [&["backfill", "hourly"], &times[..]].concat();
    let preview = said(&serving, &[&backfill[..], &["--preview"]].concat());
    assert!(preview.ends_with("3 due · nothing was done, this is a preview\n"), "{preview}");
    assert!(
        preview.contains("2026-01-01T00:00:00.000Z") && !preview.contains("2026-01-01T03:00:00.000Z"),
        "{preview}"
    );
    assert_eq!(json_of(&serving, &["show", "hourly"])["occurrences"], json!([]));
    let done = said(&serving, &backfill);
    assert!(done.ends_with("\n3 enqueued\n"), "{done}");
    let again = said(&serving, &backfill);
    assert!(again.ends_with("\n3 known\n"), "each of them once: {again}");
    let ahead =
        serving.command(&["schedule", "backfill", "hourly", "--from", "1h", "--to", "2100-01-01T00:00:00Z"]);
    let refused = ahead.finish().exits(2);
    assert!(refused.stderr().starts_with("error[backfill_invalid]: "), "{}", refused.stderr());
    serving.stop();
}

/// A file that a host refuses is told with its line.
#[test]
fn a_payload_that_does_not_fit_is_told_with_its_line() {
    let host = TestHost::with_jobs(&["echo", "archive-stream"]);
    let serving = host.serve(ROLES);
    host.write(
        "schedules.toml",
        "set = \"video\"\n[schedule.archive]\njob = \"archive-stream\"\nrun-every = \"1h\"\npayload = { playlist = 7 }\n",
    );
    let refused = serving.command(&["schedule", "apply", "schedules.toml"]).finish().exits(3);
    assert_eq!(refused.stdout(), "");
    insta::assert_snapshot!(refused.stderr(), @"
    error[payload_invalid]: schedule `archive`: the payload of `archive-stream` is not what it accepts: at `/jobPayload/playlist` found a number, expected a string
      at `schedule.archive.payload.playlist` in `schedules.toml`, line 5
    hint: `mainworker jobs show archive-stream` shows the payload's schema
    ");
    serving.stop();
}
