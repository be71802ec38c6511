//! `mainworker schedule`, beside hosts that answer as they are told.

use crate::finished::Finished;
use crate::host::{CANARY, TestHost};
use crate::services::{NOBODY, Service, answer};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Every command, with all that it needs beside a host.
const COMMANDS: [&[&str]; 11] = [
    &["schedule", "list"],
    &["schedule", "show", "pings"],
    &["schedule", "next", "pings"],
    &["schedule", "apply", "schedules.toml"],
    &["schedule", "apply", "schedules.toml", "--preview"],
    &["schedule", "put", "pings", "--job", "echo", "--every", "5m"],
    &["schedule", "delete", "pings"],
    &["schedule", "pause", "pings"],
    &["schedule", "resume", "pings"],
    &["schedule", "trigger", "pings"],
    &["schedule", "backfill", "pings", "--from", "2015-05-17T00:00:00Z", "--to", "2015-05-17T03:00:00Z"],
];

/// Two schedules.
pub(super) const FILE: &str = r#"
set = "company"

[schedule.charges]
job = "charge-accounts"
cron = "0 6 1 * *"
time-zone = "Europe/Berlin"
payload = { month = "${occurrence -1 month %Y-%m}" }

[schedule.pings]
job = "echo"
run-every = "10m"
"#;

/// An answer of a host, and its status.
pub(super) type Said = (u16, Value);

/// A host that gives these answers, one after the other.
pub(super) fn answering(answers: Vec<Said>) -> Service {
    let answers = Mutex::new(answers.into_iter());
    Service::start(move |_| {
        let next = answers.lock().expect("nobody panics with it").next();
        let (status, body) = next.expect("it is asked once more than it should be");
        answer(status, "content-type: application/json\r\nconnection: close\r\n", &body.to_string())
    })
}

fn problem(status: u16, code: &str, detail: &str, pointer: Option<&str>) -> Said {
    let stated = json!({
        "type": "about:blank", "title": "As Told", "status": status, "code": code, "detail": detail, "pointer": pointer,
    });
    (status, stated)
}

fn before_pings() -> Value {
    json!({ "job": "echo", "runEveryMs": 300_000, "payload": {} })
}

fn of_one(name: &str, change: &str, before: &Value, after: &Value) -> Value {
    json!({
        "name": name, "change": change, "revision": (!before.is_null()).then_some(4), "before": before, "after": after,
        "restarts": change == "changed", "nextAt": (!after.is_null()).then_some("2026-06-01T04:00:00.000Z"),
    })
}

/// What a host makes of [`FILE`]: one is new, one changes, one goes, one stays.
pub(super) fn changes(applied: bool) -> Said {
    let charges = json!({
        "job": "charge-accounts", "cron": "0 6 1 * *", "timeZone": "Europe/Berlin",
        "payload": { "month": "${occurrence -1 month %Y-%m}" },
    });
    let pings = json!({ "job": "echo", "runEveryMs": 600_000, "payload": {} });
    let changes = [
        of_one("charges", "created", &Value::Null, &charges),
        of_one("pings", "changed", &before_pings(), &pings),
        of_one("same", "unchanged", &pings, &pings),
        of_one("old", "deleted", &before_pings(), &Value::Null),
    ];
    (200, json!({ "applied": applied, "changes": changes }))
}

/// The command, with [`FILE`] there.
fn ask<'a>(host: &'a TestHost, service: &Service, args: &[&str]) -> Finished<'a> {
    host.write("schedules.toml", FILE);
    let args = [&["schedule"], args].concat();
    let asked = host.mainworker(&args).env("MAINWORKER_HOST", &service.origin());
    asked.env("MAINWORKER_TOKEN", CANARY).finish()
}

/// Where no terminal is, what is shown is applied.
#[test]
fn the_difference_is_shown_first_and_is_what_is_applied() {
    let host = TestHost::with_jobs(&[]);
    let service = answering(vec![changes(false), changes(true)]);
    let applied = ask(&host, &service, &["apply", "schedules.toml"]).exits(0);
    insta::assert_snapshot!(applied.stdout(), @r#"
    + charges
        job = "charge-accounts"
        cron = "0 6 1 * *"
        time-zone = "Europe/Berlin"
        payload.month = "${occurrence -1 month %Y-%m}"
        next run: Mon 2026-06-01 06:00:00 CEST (2026-06-01T04:00:00.000Z)
    ~ pings
        run-every: "5m" → "10m"
        its times begin anew: intervals count from now, and nothing before now runs
        next run: 2026-06-01T04:00:00.000Z
    - old
        job = "echo"
        run-every = "5m"
    1 to create · 1 to change · 1 to delete · 1 unchanged
    applied: 1 created · 1 changed · 1 deleted · 1 unchanged
    "#);
    assert_eq!(applied.stderr(), "");
    assert_eq!(service.lines(), ["POST /v1/schedules/apply"; 2]);
    let requests: Vec<Value> = service.received().iter().map(|request| request.json()).collect();
    let [preview, apply] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((&preview["preview"], preview.get("seen")), (&json!(true), None));
    // Those that were there, with the revisions that were shown: what is new was not.
    assert_eq!(apply["seen"], json!({ "pings": 4, "same": 4, "old": 4 }));
    assert_eq!(apply["preview"], false);
    for request in [preview, apply] {
        assert_eq!(request["set"], "company");
        assert_eq!(
            request["schedules"]["pings"],
            json!({ "job": "echo", "runEveryMs": 600_000, "payload": {} })
        );
        assert_eq!(request["schedules"]["charges"]["timeZone"], "Europe/Berlin");
    }
    // Said that it is meant, or to be told as JSON, it is the same.
    for flags in [&["--yes"][..], &["--json"]] {
        let service = answering(vec![changes(false), changes(true)]);
        let again = ask(&host, &service, &[&["apply", "schedules.toml"], flags].concat()).exits(0);
        assert_eq!(service.received()[1].json()["seen"], apply["seen"]);
        let expected = if flags == ["--json"] { changes(true).1 } else { Value::Null };
        assert_eq!(serde_json::from_str(again.stdout()).unwrap_or(Value::Null), expected, "{flags:?}");
    }
}

#[test]
fn a_preview_applies_nothing() {
    let host = TestHost::with_jobs(&[]);
    let service = answering(vec![changes(false)]);
    let shown = ask(&host, &service, &["apply", "schedules.toml", "--preview"]).exits(0);
    assert!(
        shown.stdout().ends_with("\n1 to create · 1 to change · 1 to delete · 1 unchanged\n"),
        "{}",
        shown.stdout()
    );
    assert_eq!(shown.stderr(), "nothing was applied: this is a preview");
    assert_eq!(service.only().json()["preview"], true);
    let service = answering(vec![changes(false)]);
    let shown = ask(&host, &service, &["apply", "schedules.toml", "--preview", "--json"]).exits(0);
    assert_eq!(shown.json(), changes(false).1);
}

#[test]
fn nothing_to_do_is_said() {
    let host = TestHost::with_jobs(&[]);
    let same = |names: &[&str]| {
        let changes: Vec<Value> =
            names.iter().map(|name| of_one(name, "unchanged", &before_pings(), &before_pings())).collect();
        (200, json!({ "applied": false, "changes": changes }))
    };
    for (names, said) in [
        (
            &["charges", "pings"][..],
            "nothing to do: the 2 schedules of the set `company` are as the file says\n",
        ),
        (&["pings"], "nothing to do: the schedule of the set `company` is as the file says\n"),
        (&[], "nothing to do: the set `company` has no schedules\n"),
    ] {
        let service = answering(vec![same(names)]);
        assert_eq!(ask(&host, &service, &["apply", "schedules.toml", "--yes"]).exits(0).stdout(), said);
        assert_eq!(service.only().json()["preview"], true, "it is not asked to apply anything");
    }
}

/// What is wrong with a file is told by its own lines, and nobody is asked for anything.
#[test]
fn a_file_that_cannot_be_meant_is_2() {
    let host = TestHost::with_jobs(&[]);
    let said: Vec<String> = [
        FILE.replace("cron =", "corn ="),
        FILE.replace("Europe/Berlin", "Europe/Berln"),
        FILE.replace("\"10m\"", "10"),
        FILE.replace("0 6 1", "0 26 1"),
        FILE.replace("-1 month", "-1 moon"),
        FILE.replace("set = \"company\"", "sets = \"company\""),
        FILE.replace("payload = {", "payload = "),
        "#".repeat((1 << 20) + 1),
    ]
    .into_iter()
    .map(|text| {
        host.write("wrong.toml", text);
        let asked = host
            .mainworker(&["schedule", "apply", "wrong.toml"])
            .env("MAINWORKER_HOST", "http://127.0.0.2:9");
        let refused = asked.finish().exits(2);
        assert_eq!(refused.stdout(), "");
        refused.stderr()
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    error[schedule_invalid]: reading `wrong.toml`: `schedule.charges.corn` (line 6): found the unknown key `corn`, expected one of `job`, `cron`, `run-every`, `run-at`, `time-zone`, `start-at`, `end-at`, `run-times`, `jitter`, `missed`, `missed-window`, `overlap`, `payload`, `options`, `summary`
    hint: did you mean `cron`?
    error[schedule_invalid]: reading `wrong.toml`: `schedule.charges.time-zone` (line 7): found `Europe/Berln`, expected a time zone of the IANA database such as `Europe/Berlin` or `UTC`
    hint: did you mean `Europe/Berlin` or `Europe/Dublin` or `Europe/Jersey`?
    error[schedule_invalid]: reading `wrong.toml`: `schedule.pings.run-every` (line 12): found a number, expected a duration such as `30s`, `10m` or `3d`
    hint: mend it there; `mainworker schedule apply --help` shows a file
    error[schedule_invalid]: reading `wrong.toml`: `schedule.charges.cron` (line 6): found `26`, expected 0 to 23 as the hour
    hint: mend it there; `mainworker schedule apply --help` shows a file
    error[schedule_invalid]: reading `wrong.toml`: `schedule.charges.payload.month` (line 8): found `${occurrence -1 moon %Y-%m}` (`moon` is none of second, minute, hour, day, week, month, year), expected a place for the time such as `${occurrence}`, `${occurrence %Y-%m}` or `${occurrence -1 month %Y-%m}`; `$${occurrence` stands for the text itself
    hint: mend it there; `mainworker schedule apply --help` shows a file
    error[schedule_invalid]: reading `wrong.toml`: `sets` (line 2): found the unknown key `sets`, expected one of `set`, `schedule`
    hint: did you mean `set`?
    error[schedule_invalid]: reading `wrong.toml`: line 8: found a problem at column 18: unexpected key or value, expected newline, `#`, expected TOML
    hint: mend it there; `mainworker schedule apply --help` shows a file
    error[schedule_invalid]: reading `wrong.toml`: found 1048577 bytes, expected a file of at most 1048576 bytes
    hint: mend it there; `mainworker schedule apply --help` shows a file
    ");
    let unreadable = [&["apply", "nowhere.toml"][..], &["apply", "modules"], &["put", "x", "nowhere.json"]];
    let said: Vec<String> = unreadable
        .iter()
        .map(|args| host.mainworker(&[&["schedule"], *args].concat()).finish().exits(2).stderr())
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    error[file_unreadable]: reading `nowhere.toml`: No such file or directory (os error 2)
    hint: name a file, or `-` for standard input
    error[file_unreadable]: reading `modules`: Is a directory (os error 21)
    hint: name a file, or `-` for standard input
    error[file_unreadable]: reading `nowhere.json`: No such file or directory (os error 2)
    hint: name a file, or `-` for standard input
    ");
    host.write("latin.toml", b"set = \"caf\xe9\"");
    let said = host.mainworker(&["schedule", "apply", "latin.toml"]).finish().exits(2).stderr();
    assert!(said.starts_with("error[file_unreadable]: reading `latin.toml`: it is not UTF-8\n"), "{said}");
}

#[test]
fn what_the_host_does_not_take_is_told_with_its_place_in_the_file() {
    let host = TestHost::with_jobs(&[]);
    let mut said = Vec::new();
    for (exit, problem) in [
        (
            3,
            problem(
                422,
                "payload_invalid",
                "the payload has no `month`",
                Some("/schedules/charges/payload/month"),
            ),
        ),
        (3, problem(404, "unknown_job", "there is no job `echo` here", Some("/schedules/pings/job"))),
        (2, problem(422, "schedule_invalid", "found no run", Some("/schedules/charges/cron"))),
        (
            1,
            problem(
                409,
                "schedule_of_another_set",
                "`pings` belongs to the set `ops`",
                Some("/schedules/pings"),
            ),
        ),
        (3, problem(403, "source_not_allowed", "`api` may not", None)),
    ] {
        let refused = ask(&host, &answering(vec![problem]), &["apply", "schedules.toml"]).exits(exit);
        assert_eq!(refused.stdout(), "");
        said.push(refused.stderr());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    error[payload_invalid]: the payload has no `month`
      at `schedule.charges.payload.month` in `schedules.toml`, line 8
    error[unknown_job]: there is no job `echo` here
      at `schedule.pings.job` in `schedules.toml`, line 11
    hint: `mainworker jobs` lists the jobs of the host
    error[schedule_invalid]: found no run
      at `schedule.charges.cron` in `schedules.toml`, line 6
    hint: `mainworker schedule apply --help` shows a file, `schedule put --help` the flags
    error[schedule_of_another_set]: `pings` belongs to the set `ops`
      at `schedule.pings` in `schedules.toml`, line 10
    hint: change it in the file of its set, and `mainworker schedule apply FILE`; `mainworker schedule list --json` says which set that is
    error[source_not_allowed]: `api` may not
    ");
}

/// Somebody else was quicker: what was shown is not what would be done.
#[test]
fn schedules_that_changed_since_they_were_shown_are_left_alone() {
    let host = TestHost::with_jobs(&[]);
    let changed =
        problem(409, "schedule_changed", "`pings` has the revision 5, expected 4", Some("/seen/pings"));
    let service = answering(vec![changes(false), changed]);
    let refused = ask(&host, &service, &["apply", "schedules.toml", "--yes"]).exits(1);
    assert!(!refused.stdout().contains("applied"), "{}", refused.stdout());
    insta::assert_snapshot!(refused.stderr(), @"
    error[schedule_changed]: `pings` has the revision 5, expected 4
      at /seen/pings
    hint: run the command again: it shows the difference to what there is now
    ");
}

/// An answer that is lost is not asked for again: what was done would be in its own way.
#[test]
fn an_answer_that_is_lost_is_told() {
    let host = TestHost::with_jobs(&[]);
    let answers = Mutex::new(vec![changes(false).1.to_string()]);
    let service = Service::start(move |_| match answers.lock().expect("nobody panics with it").pop() {
        Some(body) => answer(200, "content-type: application/json\r\nconnection: close\r\n", &body),
        None => Vec::new(),
    });
    let refused = ask(&host, &service, &["apply", "schedules.toml", "--yes"]).exits(6);
    assert_eq!(service.received().len(), 2);
    let said = refused.stderr();
    assert!(said.contains("whether it was done is not known"), "{said}");
    assert!(said.ends_with("\nhint: run the command again: it shows what is left to do"), "{said}");
    let gone = Service::start(|_| Vec::new());
    let said = ask(&host, &gone, &["trigger", "pings"]).exits(6).stderr();
    assert!(
        said.ends_with("\nhint: `mainworker list --schedule pings --limit 1` shows its newest task"),
        "{said}"
    );
    assert_eq!(gone.received().len(), 1, "it would be another run");
}

#[test]
fn hosts_that_are_away_or_somebody_else_are_6() {
    let host = TestHost::with_jobs(&[]);
    host.write("schedules.toml", FILE);
    let page = Service::start(|_| answer(200, "content-type: text/html\r\n", "<p>Welcome!</p>"));
    let odd = Service::start(|_| answer(200, "content-type: application/json\r\n", r#"{"schedules":7}"#));
    for (url, code) in [
        (format!("http://{NOBODY}"), "unreachable"),
        (page.origin(), "not_a_host"),
        (odd.origin(), "not_a_host"),
    ] {
        std::thread::scope(|scope| {
            for command in COMMANDS {
                let asked =
                    host.mainworker(command).env("MAINWORKER_HOST", &url).env("MAINWORKER_TOKEN", CANARY);
                let (mut command, _) = asked.by_hand();
                scope.spawn(move || {
                    let output = command.output().expect("it starts");
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    assert_eq!(output.status.code(), Some(6), "{command:?}: {stderr}");
                    assert!(output.stdout.is_empty(), "{command:?}");
                    assert!(stderr.starts_with(&format!("error[{code}]: ")), "{command:?}: {stderr}");
                    assert!(stderr.contains("\nhint: ") && !stderr.contains(CANARY), "{command:?}: {stderr}");
                });
            }
        });
    }
}

#[test]
fn a_schedule_that_there_is_not_is_1() {
    let host = TestHost::with_jobs(&[]);
    for command in COMMANDS.iter().filter(|command| command[2..].first() == Some(&"pings")) {
        let unknown = problem(404, "unknown_schedule", "there is no schedule `pings` here", None);
        let refused = ask(&host, &answering(vec![unknown]), &command[1..]).exits(1);
        assert_eq!(refused.stdout(), "", "{command:?}");
        let said = "error[unknown_schedule]: there is no schedule `pings` here\nhint: `mainworker schedule list` lists the schedules";
        assert_eq!(refused.stderr(), said, "{command:?}");
    }
    let nobody = Service::start(|_| Vec::new());
    let no_name = ask(&host, &nobody, &["pause", ".."]).exits(2).stderr();
    insta::assert_snapshot!(no_name, @"
    error[name_invalid]: the schedule is `..`, expected one as the host gave it
    hint: `mainworker schedule list` lists the schedules
    ");
    assert!(nobody.received().is_empty());
}

#[test]
fn a_run_that_is_not_taken_is_3_and_one_that_is_left_out_is_1() {
    let host = TestHost::with_jobs(&[]);
    for (status, code) in
        [(422, "payload_invalid"), (404, "unknown_job"), (429, "queue_full"), (409, "unique_conflict")]
    {
        let refused = move || problem(status, code, "not this one", None);
        // A full queue is asked again.
        let service = Service::start(move |_| {
            let (status, body) = refused();
            answer(status, "content-type: application/json\r\nconnection: close\r\n", &body.to_string())
        });
        let said = ask(&host, &service, &["trigger", "pings"]).exits(3).stderr();
        assert!(said.starts_with(&format!("error[{code}]: not this one")), "{said}");
    }
    let left_out = || vec![(200, json!({ "fate": "overlapped", "taskId": null }))];
    let ended = ask(&host, &answering(left_out()), &["trigger", "pings", "--wait"]).exits(1);
    assert_eq!(ended.stdout(), "");
    assert!(ended.stderr().starts_with("left out, since an earlier run is not over: "), "{}", ended.stderr());
    let ended = ask(&host, &answering(left_out()), &["trigger", "pings", "--json"]).exits(1);
    assert_eq!(ended.json(), left_out()[0].1);
    let enqueued = vec![(200, json!({ "fate": "enqueued", "taskId": super::ID }))];
    assert_eq!(
        ask(&host, &answering(enqueued), &["trigger", "pings"]).exits(0).stdout(),
        format!("{}\n", super::ID)
    );
}

#[test]
fn a_backfill_tells_what_became_of_each_run() {
    let host = TestHost::with_jobs(&[]);
    let run = |at: &str, fate: &str, task: Option<&str>, problem: Option<&str>| json!({ "at": at, "fate": fate, "taskId": task, "problem": problem });
    let runs = [
        run("2015-05-17T00:00:00.000Z", "known", None, None),
        run("2015-05-17T01:00:00.000Z", "enqueued", Some(super::ID), None),
        run("2015-05-17T02:00:00.000Z", "refused", None, Some("payload_invalid: no `n`\u{1b}[2J")),
    ];
    let answer = |applied: bool, runs: &[Value]| (200, json!({ "applied": applied, "runs": runs }));
    let times = ["--from", "2015-05-17T00:00:00Z", "--to", "2015-05-17T03:00:00Z"];
    let flags = [&["backfill", "pings"], &times[..]].concat();
    let service = answering(vec![answer(true, &runs)]);
    let ended = ask(&host, &service, &flags).exits(3);
    insta::assert_snapshot!(ended.stdout(), @r#"
     RUN                       FATE      TASK                                  PROBLEM
     2015-05-17T00:00:00.000Z  known
     2015-05-17T01:00:00.000Z  enqueued  01978f3c-7d1a-7c2e-9f00-0123456789ab
     2015-05-17T02:00:00.000Z  refused                                         payload_invalid: no `n`\u{1b}[2J
    1 enqueued · 1 known · 1 refused
    "#);
    assert_eq!(
        service.only().json(),
        json!({ "from": "2015-05-17T00:00:00.000Z", "to": "2015-05-17T03:00:00.000Z", "preview": false })
    );
    let service = answering(vec![answer(false, &[run("2015-05-17T00:00:00.000Z", "due", None, None)])]);
    let ended = ask(&host, &service, &[&flags[..], &["--preview"]].concat()).exits(0);
    assert!(ended.stdout().ends_with("1 due · nothing was done, this is a preview\n"), "{}", ended.stdout());
    assert_eq!(service.only().json()["preview"], true);
    let none = ask(&host, &answering(vec![answer(true, &[])]), &flags).exits(0);
    assert_eq!((none.stdout(), none.stderr().as_str()), ("", "no run falls into this time"));
    let invalid = problem(400, "backfill_invalid", "found a time to come", Some("/to"));
    let said = ask(&host, &answering(vec![invalid]), &flags).exits(2).stderr();
    insta::assert_snapshot!(said, @"
    error[backfill_invalid]: found a time to come
      at /to
    hint: `--from` is before `--to`, which is at most now: `mainworker schedule backfill --help`
    ");
}

/// Names, summaries and problems of others are text, whatever is in them.
#[test]
fn what_a_terminal_would_obey_is_shown() {
    let host = TestHost::with_jobs(&[]);
    let info = json!({
        "name": "pings", "set": "company", "job": "echo", "when": "every 5m", "summary": "a\u{1b}[2Jb", "revision": 2,
        "paused": true, "nextAt": null, "runs": 12, "missed": 3, "ended": null,
        "lastProblem": { "at": "2015-05-17T08:05:32.000Z", "message": "no room\u{202e}\nerror[fake]: x" },
        "createdAt": "2015-05-17T08:05:32.000Z", "changedAt": "2015-05-17T08:05:32.000Z",
    });
    let list = (200, json!({ "schedules": [info] }));
    let listed = ask(&host, &answering(vec![list]), &["list"]).exits(0);
    insta::assert_snapshot!(listed.stdout(), @"
    NAME   JOB   WHEN      NEXT  IN  STATE            RUNS  MISSED
    pings  echo  every 5m            paused, problem    12       3
    ");
    let shown = (
        200,
        json!({
            "schedule": info, "definition": { "job": "echo", "runEveryMs": 300_000, "payload": { "a": "\u{9b}" } },
            "occurrences": [
                { "at": "2015-05-17T08:05:32.000Z", "fate": "enqueued", "taskId": super::ID, "state": "failed", "outcome": "trapped" },
                { "at": "2015-05-17T08:00:32.000Z", "fate": "overlapped", "taskId": null, "state": null, "outcome": null },
            ],
            "running": 1, "queued": 0,
        }),
    );
    let next = (200, json!({ "times": ["2015-05-17T08:10:32.000Z"], "zone": "UTC" }));
    let card = ask(&host, &answering(vec![shown, next]), &["show", "pings"]).exits(0);
    assert!(!card.stdout().contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{:?}", card.stdout());
    // How long ago it was is another on each day.
    let ago =
        card.stdout().split(['(', ')']).find(|part| part.ends_with(" ago")).expect("it says how long ago");
    insta::assert_snapshot!(super::steady(&card.stdout().replace(ago, "[ago]"), &[super::ID]), @r#"
    schedule pings
    summary a\u{1b}[2Jb
    job echo
    when every 5m
    state paused, problem
    set company
    created [moment] ([ago])
    changed [moment] ([ago]), revision 2
    runs 12 · 3 missed
    open 1 running · 0 queued
    problem [moment] ([ago]): no room\u{202e}
    error[fake]: x
    next no run by itself before it is resumed
    [moment]
    definition job = "echo"
    run-every = "5m"
    payload.a = "\u{9b}"

    RUN FATE TASK STATE OUTCOME
    [moment] enqueued [task 0] failed trapped
    [moment] overlapped
    "#);
}

#[test]
fn next_times_are_on_both_clocks() {
    let host = TestHost::with_jobs(&[]);
    let times = ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"];
    let next = |zone: &str, times: &[&str]| answering(vec![(200, json!({ "times": times, "zone": zone }))]);
    let berlin = next("Europe/Berlin", &times);
    insta::assert_snapshot!(ask(&host, &berlin, &["next", "pings", "-n", "2"]).exits(0).stdout(), @"
    Europe/Berlin                 UTC
    Sun 2026-10-25 02:30:00 CEST  2026-10-25T00:30:00.000Z
    Sun 2026-10-25 02:30:00 CET   2026-10-25T01:30:00.000Z
    ");
    assert_eq!(berlin.lines(), ["GET /v1/schedules/pings/next?count=2"]);
    let utc = ask(&host, &next("UTC", &times), &["next", "pings"]).exits(0);
    insta::assert_snapshot!(utc.stdout(), @"
    UTC
    2026-10-25T00:30:00.000Z
    2026-10-25T01:30:00.000Z
    ");
    let none = ask(&host, &next("UTC", &[]), &["next", "pings"]).exits(0);
    assert_eq!((none.stdout(), none.stderr().as_str()), ("", "there is no further run"));
    let answer = ask(&host, &next("UTC", &times), &["next", "pings", "--json"]).exits(0).json();
    assert_eq!(answer, json!({ "times": times, "zone": "UTC" }));
}
