//! `mainworker schedule put`: one schedule, from a file of JSON or from flags.

use super::difference::{is_any, shown};
use super::{read_text, rejected};
use crate::cli::remote::{Moment, RemoteArgs, ahead, host_now, milliseconds, now, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::{PAYLOAD_BYTES_MAX, SCHEDULE_BYTES_MAX};
use mainworker_domain::schedule::{Definition, Missed, Overlap, ScheduleError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};

const USAGE: &str = "mainworker schedule put <NAME> <FILE|->
       mainworker schedule put <NAME> --job <JOB> <--cron <EXPRESSION>|--every <DURATION>|--at <TIME>> [OPTIONS]";

/// Which one, and what it is to say.
#[derive(Args, Debug)]
#[command(override_usage = USAGE)]
#[command(group = ArgGroup::new("what").args(["file", "job"]).required(true))]
#[command(group = ArgGroup::new("when").args(["cron", "every", "at"]).conflicts_with("file"))]
pub struct PutArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// Its definition as JSON: a file, or - for standard input
    #[arg(value_name = "FILE|-")]
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: FlagArgs,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Args, Debug)]
struct FlagArgs {
    /// The job
    #[arg(long, value_name = "JOB", requires = "when", help_heading = "Definition")]
    job: Option<String>,
    /// At the times of this expression: minute, hour, day, month, weekday
    #[arg(long, value_name = "EXPRESSION", help_heading = "Definition")]
    cron: Option<String>,
    /// On whose clock [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "cron", conflicts_with_all = ["every", "at"], help_heading = "Definition")]
    time_zone: Option<String>,
    /// At equal distances from now on
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, help_heading = "Definition")]
    every: Option<u64>,
    /// Once, then
    #[arg(long, value_name = "TIME|DURATION", value_parser = ahead, help_heading = "Definition")]
    at: Option<Moment>,
    /// What the job is given [default: {}]
    #[arg(long, value_name = "JSON|@FILE", requires = "job", help_heading = "Definition")]
    payload: Option<String>,
    /// What becomes of runs whose time passed while the host was off [default: once]
    #[arg(long, value_name = "POLICY", value_parser = PossibleValuesParser::new(Missed::WORDS), requires = "job", help_heading = "Definition")]
    missed: Option<String>,
    /// How late such a run may be, with `--missed all` [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, requires = "missed", help_heading = "Definition")]
    missed_window: Option<u64>,
    /// What happens to a run while an earlier one is not over [default: allow]
    #[arg(long, value_name = "POLICY", value_parser = PossibleValuesParser::new(Overlap::ALL.map(Overlap::as_str)), requires = "job", help_heading = "Definition")]
    overlap: Option<String>,
    /// One line for people
    #[arg(long, value_name = "TEXT", requires = "job", help_heading = "Definition")]
    summary: Option<String>,
}

/// A definition as the API takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    job: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_every_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed_window_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

pub(super) fn put(args: &PutArgs) -> Result<ExitCode, Failure> {
    // What cannot be meant is said before any host is asked for its time.
    let here = read_definition(args, now())?;
    let answer = args.remote.ask(async |client| {
        let definition = if args.flags.at.is_some_and(Moment::is_away) {
            read_definition(args, host_now(client).await)?
        } else {
            here
        };
        // Its defaults are left out, so that the same definition said otherwise is no change.
        let definition = RawValue::from_string(definition.to_json())
            .map_err(|error| Failure::host(format!("sending the definition: {error}")))?;
        client.put_schedule(&args.name, &definition).await.map_err(rejected)
    })?;
    if args.json {
        print_json(&answer)?;
    } else if is_any(&answer.changes) {
        terminal::print_styled(&shown(&answer.changes))?;
    } else {
        terminal::print(&format!("nothing to do: the schedule `{}` says that already", args.name))?;
    }
    Ok(ExitCode::Completed)
}

fn read_definition(args: &PutArgs, now: Timestamp) -> Result<Definition, Failure> {
    match (&args.file, &args.flags.job) {
        (Some(file), _) => of_file(file),
        (None, Some(job)) => of_flags(job, &args.flags, now),
        (None, None) => Err(Failure::host("found neither a file nor a job, expected one of them")),
    }
}

fn of_file(path: &Path) -> Result<Definition, Failure> {
    let text = read_text(path, SCHEDULE_BYTES_MAX)?;
    Definition::parse(&text, jiff::tz::db()).map_err(|error| {
        let message = format!("reading `{}`: {error}", path.display());
        Failure::usage(error.code(), message, hints::of_schedule_to_put(&error))
    })
}

fn of_flags(job: &str, flags: &FlagArgs, now: Timestamp) -> Result<Definition, Failure> {
    let fields = Fields {
        job,
        cron: flags.cron.as_deref(),
        time_zone: flags.time_zone.as_deref(),
        run_every_ms: flags.every,
        run_at: flags.at.map(|at| at.after(now).to_string()),
        payload: flags.payload.as_deref().map(payload).transpose()?,
        missed: flags.missed.as_deref(),
        missed_window_ms: flags.missed_window,
        overlap: flags.overlap.as_deref(),
        summary: flags.summary.as_deref(),
    };
    let text = serde_json::to_string(&fields)
        .map_err(|error| Failure::host(format!("sending the definition: {error}")))?;
    Definition::parse(&text, jiff::tz::db()).map_err(|error| {
        let message = format!("{}found {}, expected {}", flag(&error), error.found, error.expected);
        Failure::usage(error.code(), message, hints::of_schedule_to_put(&error))
    })
}

/// Which flag an error is about, with a colon after it.
fn flag(error: &ScheduleError) -> String {
    let field = error.pointer().and_then(|pointer| pointer.split('/').nth(1)).unwrap_or_default();
    let flag = match field {
        "job" => "--job",
        "cron" => "--cron",
        "timeZone" => "--time-zone",
        "runEveryMs" => "--every",
        "runAt" => "--at",
        "payload" => "--payload",
        "missed" => "--missed",
        "missedWindowMs" => "--missed-window",
        "overlap" => "--overlap",
        "summary" => "--summary",
        _ => return error.place.to_string(),
    };
    format!("`{flag}`: ")
}

fn payload(given: &str) -> Result<Box<RawValue>, Failure> {
    let text = match given.strip_prefix('@') {
        Some(path) => read_text(Path::new(path), PAYLOAD_BYTES_MAX)?,
        None => given.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| {
        let message =
            format!("`--payload`: found no JSON: {error}; expected an object, or `@` and a file with one");
        Failure::usage("schedule_invalid", message, hints::of_payload_to_put())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: PutArgs,
    }

    const NOW: Timestamp = Timestamp::from_ms(1_431_849_932_017);

    fn read(flags: &[&str]) -> Result<Result<String, String>, clap::Error> {
        let args = Command::try_parse_from([&["put", "x"], flags].concat())?.args;
        let job = args.flags.job.clone().expect("the flags name a job");
        let definition = of_flags(&job, &args.flags, NOW);
        Ok(definition.map(|definition| definition.to_json()).map_err(|failure| failure.message))
    }

    #[test]
    fn flags_are_a_definition() {
        let flags = ["--cron", "0 6 1 * *", "--time-zone", "europe/berlin", "--payload", r#"{"a":1.50}"#];
        let others = ["--missed", "all", "--missed-window", "3d", "--overlap", "skip", "--summary", "Übers"];
        let read_all = read(&[&["--job", "echo"], &flags[..], &others].concat()).unwrap();
        assert_eq!(
            read_all.unwrap(),
            r#"{"cron":"0 6 1 * *","job":"echo","missed":"all","missedWindowMs":259200000,"overlap":"skip","summary":"Übers","timeZone":"Europe/Berlin","payload":{"a":1.50}}"#
        );
        assert_eq!(
            read(&["--job", "echo", "--every", "5m"]).unwrap().unwrap(),
            r#"{"job":"echo","runEveryMs":300000,"payload":{}}"#
        );
        assert_eq!(
            read(&["--job", "echo", "--at", "2h"]).unwrap().unwrap(),
            r#"{"job":"echo","runAt":"2015-05-17T10:05:32.017Z","payload":{}}"#
        );
    }

    #[test]
    fn a_mistake_is_told_with_its_flag() {
        for (flags, told) in [
            (&["--every", "1ms"][..], "`--every`: found `1ms`, expected 1s to "),
            (&["--cron", "61 * * * *"], "`--cron`: found "),
            (
                &["--cron", "* * * * *", "--time-zone", "Europe/Berln"],
                "`--time-zone`: found `Europe/Berln`, expected ",
            ),
            (&["--every", "5m", "--payload", "[]"], "`--payload`: found an array, expected "),
            (&["--every", "5m", "--payload", "{"], "`--payload`: found no JSON: EOF"),
            (
                &["--every", "5m", "--missed", "skip", "--missed-window", "1h"],
                "`--missed-window`: found a value",
            ),
        ] {
            let said = read(&[&["--job", "echo"], flags].concat()).unwrap().unwrap_err();
            assert!(said.starts_with(told), "{flags:?}: {said}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_no_command() {
        for flags in [
            &[][..],
            &["--job", "echo"],
            &["--cron", "* * * * *"],
            &["--job", "echo", "--every", "5m", "--at", "2h"],
            &["--job", "echo", "--every", "5m", "--time-zone", "UTC"],
            &["file.json", "--job", "echo", "--every", "5m"],
            &["file.json", "--every", "5m"],
            &["file.json", "--summary", "x"],
            &["--job", "echo", "--every", "5m", "--missed", "some"],
        ] {
            assert!(read(flags).is_err(), "{flags:?}");
        }
    }
}
