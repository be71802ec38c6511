//! For answers of a running host, and for those that did not come.

use mainworker_client::ClientError;
use mainworker_client::wire::Problem;
use mainworker_domain::schedule::ScheduleError;

const WHICH_HOST: &str =
    "`mainworker serve` starts one here; `--host URL` or `MAINWORKER_HOST` names another";

/// For a request that did not bring what was asked for.
pub fn of_client(error: &ClientError) -> Option<String> {
    Some(match error {
        ClientError::InvalidBase { .. } => {
            "`--host URL` or `MAINWORKER_HOST` names the host: `http://` or `https://`, a name or an address, a port; or `unix:` and the path of its socket".to_owned()
        }
        ClientError::InvalidToken => {
            "`--token` or `MAINWORKER_TOKEN` is the `token` under `[server]` in the settings of the host, on one line".to_owned()
        }
        ClientError::InvalidName { what: "the task id", .. } => {
            "`mainworker list` shows the ids of tasks".to_owned()
        }
        ClientError::InvalidName { what: "the schedule", .. } => {
            "`mainworker schedule list` lists the schedules".to_owned()
        }
        ClientError::InvalidName { .. } => "`mainworker jobs` lists the jobs".to_owned(),
        ClientError::Authorities { .. } => {
            "install the system's certificate authorities, or name a file of them with `--ca-file FILE`".to_owned()
        }
        ClientError::Unreachable { origin, problem, .. } if origin.starts_with("unix:") => of_socket(problem),
        ClientError::Unreachable { problem, .. } if problem.contains("CaUsedAsEndEntity") => {
            "the certificate of the host is that of an authority; one for a host is made with `-addext basicConstraints=critical,CA:FALSE`".to_owned()
        }
        ClientError::Unreachable { problem, .. } if problem.contains("certificate") => {
            "if its authority is the company's own, `--ca-file FILE` or `MAINWORKER_CA_FILE` names it".to_owned()
        }
        ClientError::Unreachable { origin, problem, .. }
            if origin.starts_with("http://") && problem.contains("invalid HTTP version") =>
        {
            "what listens there may speak TLS; try `https://`".to_owned()
        }
        ClientError::Unreachable { problem, .. } if problem.contains("corrupt message") => {
            "what listens there may speak no TLS; try `http://`".to_owned()
        }
        ClientError::Unreachable { .. } => WHICH_HOST.to_owned(),
        ClientError::Timeout { .. } => "the host may be busy, or something else may listen there; try again, or `--host URL`".to_owned(),
        ClientError::Unauthenticated { hint: Some(hint), .. } | ClientError::RoleMissing { hint: Some(hint), .. } => {
            hint.clone()
        }
        ClientError::Unauthenticated { hint: None, .. } => {
            "`MAINWORKER_TOKEN` or `--token` is the `token` under `[server]` in the settings of the host".to_owned()
        }
        ClientError::RoleMissing { hint: None, .. } => {
            "add the role to `roles` under `[server]` in the settings of the host".to_owned()
        }
        ClientError::NotAHost { .. } => format!("something else answers there; {WHICH_HOST}"),
        ClientError::TooLarge { .. } => return None,
        ClientError::Problem(problem) => return of_problem(problem),
    })
}

/// For a socket that leads to no host.
fn of_socket(problem: &str) -> String {
    if problem.contains("denied") {
        "whoever runs the host may open its socket: `sudo -u USER mainworker …`; others ask over HTTP with a token: `--host URL`".to_owned()
    } else if problem.contains("expected a socket") {
        "`--data DIR` names the data folder of a host, and not a file in it".to_owned()
    } else {
        "no host runs on that data folder: `mainworker serve --data DIR` starts one; `--host URL` asks another"
            .to_owned()
    }
}

/// What a host hints at, so that no line of it looks like one of this program.
pub fn of_host(hint: &str) -> String {
    hint.replace('\n', "\n  ")
}

/// The host knows best. Where it says nothing, or what only a program can do, there may be a command.
fn of_problem(problem: &Problem) -> Option<String> {
    // What was seen and sent is the command's own affair, so it knows better.
    let is_own = matches!(problem.code.as_str(), "schedule_changed" | "backfill_invalid");
    let is_of_requests = |hint: &String| hint.contains("`GET /") || hint.contains("`/openapi.json`");
    if let Some(hint) = problem.hint.as_ref().filter(|hint| !is_own && !is_of_requests(hint)) {
        return Some(of_host(hint));
    }
    let hint = match problem.code.as_str() {
        "unknown_job" => "`mainworker jobs` lists the jobs of the host",
        "unknown_task" => "`mainworker list` lists tasks; those that ended long ago are deleted",
        "not_cancellable" => "it has ended already; `mainworker status ID` says how",
        "not_retryable" => "`mainworker status ID` says how it stands",
        "schedule_changed" => "run the command again: it shows the difference to what there is now",
        "unknown_schedule" => "`mainworker schedule list` lists the schedules",
        "schedule_of_another_set" => {
            "change it in the file of its set, and `mainworker schedule apply FILE`; `mainworker schedule list --json` says which set that is"
        }
        "schedule_invalid" => {
            "`mainworker schedule apply --help` shows a file, `schedule put --help` the flags"
        }
        "backfill_invalid" => {
            "`--from` is before `--to`, which is at most now: `mainworker schedule backfill --help`"
        }
        "configuration_gone" => "send a new task with its configuration",
        "queue_full" | "rate_limited" | "stopping" | "store_unavailable" => "try again later",
        _ => return problem.hint.clone(),
    };
    Some(hint.to_owned())
}

/// For a task that may have been taken, though no answer said so.
pub fn of_unsure_task(key: &str) -> String {
    format!("the same command with `--idempotency-key {key}` makes sure of it, and of no second task")
}

/// For a task that goes on without anybody who waits for it.
pub fn of_left_task(id: &str) -> String {
    format!("the task goes on: `mainworker log -f {id}` follows it, `mainworker cancel {id}` stops it")
}

/// For a file that cannot be read.
pub fn of_file_of_schedules() -> String {
    "name a file, or `-` for standard input".to_owned()
}

/// For a file of schedules that cannot be meant.
pub fn of_schedule_in_file(error: &ScheduleError) -> String {
    nearest(error)
        .unwrap_or_else(|| "mend it there; `mainworker schedule apply --help` shows a file".to_owned())
}

/// For one definition that cannot be meant.
pub fn of_schedule_to_put(error: &ScheduleError) -> String {
    nearest(error).unwrap_or_else(|| "`mainworker schedule put --help` says what it takes".to_owned())
}

fn nearest(error: &ScheduleError) -> Option<String> {
    let names = error.nearest.join("` or `");
    (!names.is_empty()).then(|| format!("did you mean `{names}`?"))
}

/// For a payload that is no JSON.
pub fn of_payload_to_put() -> String {
    r#"such as `--payload '{"files": ["*.log"]}'` or `--payload @payload.json`"#.to_owned()
}

/// For schedules that may have been applied, though no answer said so.
pub fn of_unsure_schedules() -> String {
    "run the command again: it shows what is left to do".to_owned()
}

/// For a schedule that may be gone, though no answer said so.
pub fn of_unsure_schedule(name: &str) -> String {
    format!("`mainworker schedule show {name}` says whether it is there")
}

/// For a run that may have been brought about, though no answer said so.
pub fn of_unsure_run(name: &str) -> String {
    format!("`mainworker list --schedule {name} --limit 1` shows its newest task")
}

/// For many tasks that nobody confirmed.
pub fn of_confirmation(verb: &str) -> String {
    format!("`--yes` does it; to see them first, `mainworker list` takes the same filters as `{verb}`")
}

/// For tasks that a request did not come to: the newest that fit, which cannot be changed, took all its time.
pub fn of_tasks_out_of_reach() -> String {
    "the newest that fit took all the time of the host; `--to TIME` leaves them out".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str, hint: Option<&str>) -> ClientError {
        let hint = hint.map(str::to_owned);
        ClientError::Problem(Box::new(Problem { code: code.to_owned(), hint, ..Problem::default() }))
    }

    #[test]
    fn the_host_knows_best_unless_it_speaks_of_requests() {
        let said = of_client(&problem("unknown_job", Some("did you mean `echo`?")));
        assert_eq!(said.as_deref(), Some("did you mean `echo`?"));
        let said = of_client(&problem("unknown_job", Some("`GET /v1/jobs` lists the jobs")));
        assert_eq!(said.as_deref(), Some("`mainworker jobs` lists the jobs of the host"));
        let said = of_client(&problem("something_new", Some("`GET /v1/new` helps")));
        assert_eq!(said.as_deref(), Some("`GET /v1/new` helps"), "where there is no command for it");
        assert_eq!(of_client(&problem("something_new", None)), None);
        let said = of_client(&problem("schedule_changed", Some("ask for a preview again")));
        assert_eq!(
            said.as_deref(),
            Some("run the command again: it shows the difference to what there is now")
        );
    }
}
