//! Schedules: what runs by itself, and who may say so.

use super::{
    ended,
    tokens::{create, with},
};
use crate::host::TestHost;
use crate::http::Http;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const ADMIN: &str =
    "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"deploy\", \"admin\"]";

/// What charge-accounts has to be given before anybody can ask for it.
const CHARGES: &str = "
[configuration.values]
\"accounts.url\" = \"https://accounts.example\"
\"accounts.token\" = \"a\"
\"payments.url\" = \"https://pay.example\"
\"payments.token\" = \"p\"
";

/// Runs each second, with the moment in its payload.
fn each_second() -> Value {
    json!({ "job": "echo", "runEveryMs": 1_000, "payload": { "at": "${occurrence}" }, "missed": "all" })
}

fn nightly() -> Value {
    json!({ "job": "echo", "cron": "30 2 * * *", "timeZone": "Europe/Berlin" })
}

fn charges(month: &str) -> Value {
    json!({ "job": "charge-accounts", "cron": "0 6 1 * *", "payload": { "month": month } })
}

/// Waits until it is so.
#[track_caller]
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let ends = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < ends, "{what} never happens");
        thread::sleep(Duration::from_millis(20));
    }
}

fn put(http: &Http, name: &str, definition: &Value) -> Value {
    http.post(&format!("/v1/schedules/{name}/put"), definition).is(200).json()
}

fn tasks_of(http: &Http, schedule: &str) -> Vec<Value> {
    let page = http.get(&format!("/v1/tasks?schedule={schedule}&limit=500")).is(200).json();
    page["tasks"].as_array().expect("a page").clone()
}

#[test]
fn a_schedule_runs_by_itself() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let answer = put(&http, "each-second", &each_second());
    assert_eq!((&answer["applied"], &answer["changes"][0]["change"]), (&json!(true), &json!("created")));
    let first = until("a run", || tasks_of(&http, "each-second").pop());
    let task = ended(&http, first["taskId"].as_str().expect("an id"));
    assert_eq!((&task["source"], &task["schedule"]), (&json!("scheduler"), &json!("each-second")));
    assert_eq!(task["requestedBy"], Value::Null, "nobody but the host");
    // Its payload has the moment to the second.
    let at = task["occurrence"].as_str().expect("a moment");
    assert_eq!(task["result"]["at"], json!(format!("{}Z", &at[..19])));

    let shown = until("two runs", || {
        let shown = http.get("/v1/schedules/each-second").is(200).json();
        (shown["schedule"]["runs"].as_u64() > Some(1)).then_some(shown)
    });
    assert_eq!(shown["definition"]["runEveryMs"], 1_000);
    assert_eq!(shown["occurrences"][0]["fate"], "enqueued");
    assert_eq!(shown["schedule"]["when"], "every 1s");
    let listed = http.get("/v1/schedules").is(200).json();
    assert_eq!(listed["schedules"][0]["name"], "each-second");

    http.post("/v1/schedules/each-second/delete", &json!({})).is(200);
    http.get("/v1/schedules/each-second").is_problem(404, "unknown_schedule");
    assert!(!tasks_of(&http, "each-second").is_empty(), "its tasks stay");
    let audit = http.get("/v1/audit?kind=schedule&object=each-second").is(200).json();
    let actions: Vec<&str> = audit["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(actions, ["schedule-deleted", "schedule-created"]);
    serving.stop();
}

#[test]
fn what_a_schedule_is_to_be_is_applied_as_a_whole() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let apply = |schedules: Value, preview: bool, seen: Value| {
        let request = json!({ "set": "company", "schedules": schedules, "preview": preview, "seen": seen });
        http.post("/v1/schedules/apply", &request)
    };
    let changes = |answer: &Value| -> Vec<(String, String)> {
        let text = |change: &Value, field: &str| change[field].as_str().unwrap_or_default().to_owned();
        let changes = answer["changes"].as_array().expect("a list");
        changes.iter().map(|change| (text(change, "name"), text(change, "change"))).collect()
    };
    let both = json!({ "nightly": nightly(), "other": nightly() });
    let previewed = apply(both.clone(), true, Value::Null).is(200).json();
    assert_eq!(previewed["applied"], false);
    assert_eq!(http.get("/v1/schedules").is(200).json()["schedules"], json!([]), "it only says so");
    let applied = apply(both.clone(), false, json!({})).is(200).json();
    assert_eq!(changes(&applied), changes(&previewed));
    let again = apply(both, false, Value::Null).is(200).json();
    assert!(changes(&again).iter().all(|(_, change)| change == "unchanged"), "{again}");

    // One that is wrong keeps the others from being applied.
    let wrong = json!({ "nightly": { "job": "echo", "cron": "0 3 * * *" }, "other": { "job": "echo", "cron": "0 0 30 2 *" } });
    let problem = apply(wrong, false, Value::Null).is_problem(422, "schedule_invalid");
    assert_eq!(problem["pointer"], "/schedules/other/cron");
    assert_eq!(http.get("/v1/schedules/nightly").is(200).json()["schedule"]["revision"], 1);

    // Leaving one out deletes it; only what was seen is changed.
    let changed = json!({ "nightly": { "job": "echo", "cron": "30 3 * * *", "timeZone": "Europe/Berlin" } });
    apply(changed.clone(), false, json!({ "nightly": 1 })).is_problem(409, "schedule_changed");
    apply(changed.clone(), false, json!({ "nightly": 2, "other": 1 })).is_problem(409, "schedule_changed");
    let answer = apply(changed, false, json!({ "nightly": 1, "other": 1 })).is(200).json();
    let expected = [("nightly", "changed"), ("other", "deleted")];
    assert_eq!(changes(&answer), expected.map(|(name, change)| (name.to_owned(), change.to_owned())));
    assert_eq!(
        (&answer["changes"][0]["before"]["cron"], &answer["changes"][0]["restarts"]),
        (&json!("30 2 * * *"), &json!(true))
    );

    // What stands by itself is not the set's, and the other way round.
    http.post("/v1/schedules/nightly/put", &nightly()).is_problem(409, "schedule_of_another_set");
    http.post("/v1/schedules/nightly/delete", &json!({})).is_problem(409, "schedule_of_another_set");
    put(&http, "by-hand", &nightly());
    apply(json!({ "by-hand": nightly() }), false, Value::Null).is_problem(409, "schedule_of_another_set");
    serving.stop();
}

#[test]
fn what_a_schedule_cannot_be_is_said_before_anything_is_stored() {
    let host = TestHost::with_jobs(&["echo", "edge-logs", "send-email"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let refused = |definition: Value, status: u16, code: &str, pointer: &str| {
        let problem = http.post("/v1/schedules/wrong/put", &definition).is_problem(status, code);
        assert_eq!(problem["pointer"], json!(pointer), "{problem}");
        problem
    };
    refused(json!({ "job": "echo", "cron": "0 0 30 2 *" }), 422, "schedule_invalid", "/cron");
    let problem = refused(
        json!({ "job": "echo", "cron": "0 0 * * *", "timeZone": "Europe/Berln" }),
        422,
        "schedule_invalid",
        "/timeZone",
    );
    assert_eq!(
        problem["hint"].as_str().map(|hint| hint.starts_with("did you mean `Europe/Berlin`")),
        Some(true),
        "{problem}"
    );
    let backwards = json!({ "job": "echo", "cron": "0 0 * * *", "startAt": "2035-01-02T00:00:00Z", "endAt": "2035-01-01T00:00:00Z" });
    refused(backwards, 422, "schedule_invalid", "/endAt");
    refused(json!({ "job": "echo", "runEveryMs": 1 }), 422, "schedule_invalid", "/runEveryMs");
    refused(json!({ "job": "echo", "runAt": "2015-05-17T08:05:32Z" }), 422, "schedule_invalid", "/runAt");
    refused(json!({ "job": "echo", "corn": "0 0 * * *" }), 422, "schedule_invalid", "/corn");
    refused(json!({ "job": "ehco", "cron": "0 0 * * *" }), 404, "unknown_job", "/job");
    refused(json!({ "job": "send-email", "cron": "0 0 * * *" }), 403, "source_not_allowed", "/job");
    let payload = json!({ "job": "edge-logs", "cron": "0 0 * * *", "payload": { "files": "a.log" } });
    refused(payload, 422, "payload_invalid", "/payload/files");
    http.post("/v1/schedules/Wrong/put", &nightly()).is_problem(422, "schedule_invalid");
    http.post("/v1/schedules/apply", &json!({ "schedules": {} })).is_problem(400, "missing_field");
    http.post("/v1/schedules/apply", &json!({ "set": "company", "schedules": [] }))
        .is_problem(400, "wrong_type");
    http.post("/v1/schedules/apply", &json!({ "set": "company", "schedule": {} }))
        .is_problem(400, "unknown_field");
    http.get("/v1/schedules/nigthly").is_problem(404, "unknown_schedule");
    assert_eq!(http.get("/v1/schedules").is(200).json()["schedules"], json!([]));
    serving.stop();
}

#[test]
fn a_schedule_is_no_way_around_who_may_ask_for_a_job() {
    let host = TestHost::with_jobs(&["charge-accounts", "echo"]);
    let serving = host.serve(&format!("{ADMIN}\n{CHARGES}"));
    let admin = serving.http();
    put(&admin, "month-end", &charges("${occurrence -1 month %Y-%m}"));
    put(&admin, "harmless", &nightly());
    put(&admin, "once-charges", &charges("2015-05"));

    // It may change, trigger and backfill whatever its source could ask for itself.
    let (_, token) = create(
        &serving,
        &[
            "--source",
            "dashboard",
            "--role",
            "read",
            "--role",
            "operate",
            "--role",
            "deploy",
            "--role",
            "enqueue",
        ],
    );
    let dashboard = with(&serving, &token);
    put(&dashboard, "harmless", &json!({ "job": "echo", "cron": "30 3 * * *" }));
    dashboard.post("/v1/schedules/harmless/trigger", &json!({})).is(200);
    let before = (admin.get("/v1/schedules").is(200).body, tasks_of(&admin, "month-end"));

    let refused = |path: &str, body: &Value| {
        let problem = dashboard.post(path, body).is_problem(403, "source_not_allowed");
        assert!(problem["detail"].as_str().unwrap_or_default().contains("charge-accounts"), "{problem}");
    };
    // A new one, under a new name; one that is there, changed, deleted or turned into another job's.
    refused("/v1/schedules/mine/put", &charges("2015-04"));
    refused("/v1/schedules/month-end/put", &charges("2015-04"));
    refused("/v1/schedules/month-end/put", &nightly());
    refused("/v1/schedules/harmless/put", &charges("2015-04"));
    refused("/v1/schedules/month-end/delete", &json!({}));
    refused("/v1/schedules/month-end/trigger", &json!({}));
    let time = json!({ "from": "2015-01-01T00:00:00Z", "to": "2015-06-01T00:00:00Z" });
    refused("/v1/schedules/month-end/backfill", &time);
    let preview = json!({ "from": "2015-01-01T00:00:00Z", "to": "2015-06-01T00:00:00Z", "preview": true });
    refused("/v1/schedules/month-end/backfill", &preview);
    refused(
        "/v1/schedules/apply",
        &json!({ "set": "mine", "schedules": { "a": nightly(), "b": charges("2015-04") } }),
    );
    // What comes late, or only once, is no better.
    let mut once = charges("2015-04");
    once.as_object_mut().expect("an object").remove("cron");
    once["runAt"] = json!("2035-01-01T00:00:00Z");
    refused("/v1/schedules/mine/put", &once);
    // A job's own name as a source is no token's, and a task is not the schedule's because it says so.
    let envelope = json!({ "configuration": {}, "jobName": "charge-accounts", "source": "scheduler", "jobPayload": { "month": "2015-04" } });
    dashboard.post("/v1/tasks", &json!({ "envelope": envelope })).is_problem(403, "source_mismatch");
    // A retry makes a task of what was there, and needs one that was.
    let ids: Vec<Value> = tasks_of(&admin, "month-end");
    assert_eq!(ids, before.1);
    assert_eq!(admin.get("/v1/schedules").is(200).body, before.0, "nothing was changed");

    // A credential that is for other jobs is not for this one, admin or not.
    let (_, token) = create(&serving, &["--source", "ops", "--role", "admin", "--jobs", "echo"]);
    let of_echo = with(&serving, &token);
    let problem =
        of_echo.post("/v1/schedules/month-end/trigger", &json!({})).is_problem(403, "source_not_allowed");
    assert!(problem["detail"].as_str().unwrap_or_default().contains("is for the jobs `echo`"), "{problem}");
    of_echo.post("/v1/schedules/harmless/trigger", &json!({})).is(200);

    // Without the role nobody comes as far.
    let (_, token) = create(&serving, &["--source", "api", "--role", "enqueue", "--role", "read"]);
    let reader = with(&serving, &token);
    reader.get("/v1/schedules").is(200);
    for path in [
        "harmless/put",
        "harmless/delete",
        "harmless/trigger",
        "harmless/backfill",
        "harmless/pause",
        "apply",
    ] {
        reader.post(&format!("/v1/schedules/{path}"), &json!({})).is_problem(403, "role_missing");
    }
    serving.stop();
}

#[test]
fn whoever_is_the_admin_brings_about_what_only_the_scheduler_may_and_the_audit_says_who() {
    let host = TestHost::with_jobs(&["charge-accounts"]);
    let serving = host.serve(&format!("{ADMIN}\n{CHARGES}"));
    let http = serving.http();
    put(&http, "month-end", &charges("${occurrence -1 month %Y-%m}"));
    let answer = http.post("/v1/schedules/month-end/trigger", &json!({})).is(200).json();
    assert_eq!(answer["fate"], "enqueued");
    let task = http.get(&format!("/v1/tasks/{}", answer["taskId"].as_str().expect("an id"))).is(200).json();
    assert_eq!((&task["source"], &task["requestedBy"]), (&json!("scheduler"), &json!("settings")));
    assert_eq!((&task["schedule"], &task["occurrence"]), (&json!("month-end"), &Value::Null));
    let audit = http.get("/v1/audit?action=schedule-triggered").is(200).json();
    assert_eq!(
        (&audit["entries"][0]["actor"], &audit["entries"][0]["object"]),
        (&json!("settings"), &json!("month-end"))
    );
    http.post("/v1/pause", &json!({})).is(200);

    let time = |from: &str, to: &str| json!({ "from": from, "to": to });
    let months = time("2015-01-01T06:00:00Z", "2015-04-01T06:00:00Z");
    let filled = http.post("/v1/schedules/month-end/backfill", &months).is(200).json();
    let fates = |answer: &Value| -> Vec<(String, String)> {
        let text = |run: &Value, field: &str| run[field].as_str().unwrap_or_default().to_owned();
        answer["runs"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|run| (text(run, "at"), text(run, "fate")))
            .collect()
    };
    let of = |fate: &str| {
        ["2015-01-01", "2015-02-01", "2015-03-01"]
            .map(|day| (format!("{day}T06:00:00.000Z"), fate.to_owned()))
    };
    assert_eq!(fates(&filled), of("enqueued"));
    assert_eq!(
        fates(&http.post("/v1/schedules/month-end/backfill", &months).is(200).json()),
        of("known"),
        "each once, for ever"
    );
    let task = filled["runs"][0]["taskId"].as_str().expect("an id");
    let task = http.get(&format!("/v1/tasks/{task}")).is(200).json();
    assert_eq!(task["occurrence"], "2015-01-01T06:00:00.000Z");

    let problem = |request: Value, pointer: &str| {
        let problem =
            http.post("/v1/schedules/month-end/backfill", &request).is_problem(422, "backfill_invalid");
        assert_eq!(problem["pointer"], json!(pointer), "{problem}");
    };
    problem(time("2015-01-01T00:00:00Z", "2099-01-01T00:00:00Z"), "/to");
    problem(time("2015-02-01T00:00:00Z", "2015-01-01T00:00:00Z"), "/from");
    put(
        &http,
        "minutely",
        &json!({ "job": "charge-accounts", "cron": "* * * * *", "payload": { "month": "2015-05" } }),
    );
    let much =
        http.post("/v1/schedules/minutely/backfill", &time("2015-01-01T00:00:00Z", "2015-02-01T00:00:00Z"));
    much.is_problem(422, "backfill_invalid");
    assert_eq!(tasks_of(&http, "minutely"), Vec::<Value>::new(), "nothing half-done");
    http.post("/v1/schedules/month-end/backfill", &json!({ "from": "2015-01-01T00:00:00Z" }))
        .is_problem(400, "missing_field");
    serving.stop();
}

#[test]
fn a_schedule_stands_still_and_goes_on() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    put(&http, "each-second", &each_second());
    until("a run", || tasks_of(&http, "each-second").pop());
    let paused = http.post("/v1/schedules/each-second/pause", &json!({})).is(200).json();
    assert_eq!(paused, json!({ "schedule": "each-second", "paused": true }));
    let runs = || http.get("/v1/schedules/each-second").is(200).json()["schedule"]["runs"].clone();
    let before = runs();
    assert_eq!(http.get("/v1/schedules/each-second").is(200).json()["schedule"]["nextAt"], Value::Null);
    // It stands still also for the next host, and is triggered all the same.
    serving.stop();
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let triggered = http.post("/v1/schedules/each-second/trigger", &json!({})).is(200).json();
    let task = ended(&http, triggered["taskId"].as_str().expect("an id"));
    assert_eq!(task["occurrence"], Value::Null);
    let runs = || http.get("/v1/schedules/each-second").is(200).json()["schedule"]["runs"].clone();
    assert_eq!(runs(), before, "what people bring about does not count");
    http.post("/v1/schedules/each-second/resume", &json!({})).is(200);
    until("a run", || (runs() != before).then_some(()));
    serving.stop();
}

#[test]
fn the_next_runs_are_said() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let definition = json!({
        "job": "echo", "cron": "0 0 1 1 *", "timeZone": "Pacific/Chatham", "startAt": "2030-06-01T00:00:00Z", "runTimes": 2,
    });
    put(&http, "yearly", &definition);
    let next = http.get("/v1/schedules/yearly/next?count=9").is(200).json();
    let times = ["2030-12-31T10:15:00.000Z", "2031-12-31T10:15:00.000Z"];
    assert_eq!(next, json!({ "times": times, "zone": "Pacific/Chatham" }), "as often as it runs");
    for count in ["0", "1001", "x"] {
        http.get(&format!("/v1/schedules/yearly/next?count={count}")).is_problem(400, "bad_filter");
    }
    serving.stop();
}

#[test]
fn a_run_waits_for_a_module_that_is_gone_for_now() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let events = http.follow("/v1/events?kind=host-error", &[]);
    let module = host.path("modules/echo.wasm");
    let away = host.path("modules/echo.away");
    put(&http, "each-second", &each_second());
    std::fs::rename(&module, &away).expect("it is there");
    let hindered = until("somebody is told", || {
        let problem = http.get("/v1/schedules/each-second").is(200).json()["schedule"]["lastProblem"].clone();
        (!problem.is_null()).then_some(problem)
    });
    assert!(hindered["message"].as_str().unwrap_or_default().starts_with("unknown_job"), "{hindered}");
    std::fs::rename(&away, &module).expect("it is there");
    let before = tasks_of(&http, "each-second").len();
    until("it goes on", || (tasks_of(&http, "each-second").len() > before).then_some(()));
    drop(events);
    let stderr = serving.stop();
    assert!(stderr.contains("runs of a schedule wait"), "{stderr}");
}

/// Each second since the schedule was made has one task, however often the host was killed.
#[test]
fn each_occurrence_becomes_one_task_although_the_host_is_killed() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    put(&serving.http(), "each-second", &each_second());
    until("a run", || tasks_of(&serving.http(), "each-second").pop());
    drop(serving);
    for _ in 0..4 {
        let serving = host.serve(ADMIN);
        let before = tasks_of(&serving.http(), "each-second").len();
        until("another run", || (tasks_of(&serving.http(), "each-second").len() > before).then_some(()));
        // Killed, not stopped.
        drop(serving);
    }
    let serving = host.serve(ADMIN);
    let http = serving.http();
    http.post("/v1/schedules/each-second/pause", &json!({})).is(200);
    let shown = http.get("/v1/schedules/each-second").is(200).json();
    let mut seconds: Vec<i64> = tasks_of(&http, "each-second")
        .iter()
        .map(|task| {
            let at = task["occurrence"].as_str().expect("a moment");
            mainworker_domain::lifecycle::Timestamp::parse(at).expect("a moment").as_ms() / 1_000
        })
        .collect();
    seconds.sort_unstable();
    let expected: Vec<i64> = (seconds[0]..).take(seconds.len()).collect();
    assert_eq!(seconds, expected, "one for each second");
    assert_eq!(shown["schedule"]["runs"], json!(seconds.len()));
    serving.stop();
}

#[test]
fn a_credential_for_some_jobs_does_nothing_with_others() {
    let host = TestHost::with_jobs(&["charge-accounts", "echo"]);
    let serving = host.serve(&format!("{ADMIN}\n{CHARGES}"));
    let admin = serving.http();
    admin.post("/v1/pause", &json!({})).is(200);
    put(&admin, "month-end", &charges("2015-05"));
    let triggered = admin.post("/v1/schedules/month-end/trigger", &json!({})).is(200).json();
    let task = triggered["taskId"].as_str().expect("an id").to_owned();

    let (_, token) = create(
        &serving,
        &["--source", "ops", "--role", "admin", "--role", "operate", "--role", "read", "--jobs", "echo"],
    );
    let of_echo = with(&serving, &token);
    let refused = |path: &str| {
        of_echo.post(path, &json!({})).is_problem(403, "source_not_allowed");
    };
    for path in
        ["/v1/jobs/charge-accounts/pause", "/v1/jobs/charge-accounts/resume", "/v1/pause", "/v1/resume"]
    {
        refused(path);
    }
    refused("/v1/schedules/month-end/pause");
    refused("/v1/schedules/month-end/resume");
    refused(&format!("/v1/tasks/{task}/cancel"));
    let many = json!({ "filter": { "job": "charge-accounts" } });
    let answer = of_echo.post("/v1/tasks/cancel", &many).is(200).json();
    assert_eq!((&answer["changed"], &answer["refused"]), (&json!(0), &json!({ "source_not_allowed": 1 })));
    admin.post(&format!("/v1/tasks/{task}/cancel"), &json!({})).is(200);
    refused(&format!("/v1/tasks/{task}/retry"));
    of_echo.post("/v1/jobs/echo/pause", &json!({})).is(200);

    // Nor does it make itself another one.
    for jobs in [Value::Null, json!(["charge-accounts"]), json!(["echo", "charge-accounts"])] {
        let request = json!({ "source": "ops", "roles": ["admin"], "jobs": jobs });
        let problem = of_echo.post("/v1/tokens", &request).is_problem(422, "token_invalid");
        assert_eq!(problem["pointer"], "/jobs");
    }
    of_echo.post("/v1/tokens", &json!({ "source": "ops", "roles": ["read"], "jobs": ["echo"] })).is(201);
    serving.stop();
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = host.serve(ADMIN);
    let (id, token) = create(&serving, &["--source", "ci", "--role", "read"]);
    let (_, other) = create(&serving, &["--source", "ci", "--role", "read"]);
    let events = with(&serving, &token).follow("/v1/events", &[]);
    let mut others = with(&serving, &other).follow("/v1/events?kind=task-enqueued", &[]);
    serving.http().post(&format!("/v1/tokens/{id}/revoke"), &json!({})).is(200);
    put(&serving.http(), "each-second", &each_second());
    let told = events.rest();
    assert!(!told.iter().any(|event| event.kind == "task-enqueued"), "{told:?}");
    others.expect("task-enqueued");
    serving.stop();
}
