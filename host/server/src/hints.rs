//! What to try next, for each thing that can go wrong. The only place with advice but for rejections: theirs is where the
//! client library finds it too, so that both say the same.

mod api;
mod client;
mod deployments;
mod difference;
mod new;
mod sample;

pub use api::of_api;
pub use client::{
    of_client, of_confirmation, of_file_of_schedules, of_host, of_left_task, of_payload_to_put,
    of_schedule_in_file, of_schedule_to_put, of_tasks_out_of_reach, of_unsure_run, of_unsure_schedule,
    of_unsure_schedules, of_unsure_task,
};
pub use deployments::{
    of_damaged_revision, of_deployment, of_job_away, of_key, of_not_vouched, of_nothing_deployed,
    of_registry, of_revision_away, of_signing_key, of_unknown_builder, of_unknown_commit,
    of_unknown_commit_time, of_unknown_former,
};
pub use difference::{of_no_widening, of_not_allowed, of_two_jobs};
pub use mainworker_client::hints::of_rejection;
pub use new::of_new;
pub use sample::{
    of_failed_samples, of_missing_samples, of_nothing_to_check, of_output, of_pack_out, of_sample,
    of_samples_of_many, of_schemas, of_unreadable_samples,
};

use crate::failure::Failure;
use crate::socket::SocketError;
use crate::tls::TlsError;
use mainworker_client::hints::of_missing_key;
use mainworker_domain::catalog::{CONTRACT, DescriptionError};
use mainworker_domain::egress::EgressRefusal;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::{Limit, Unit};
use mainworker_domain::manifest::Access;
use mainworker_domain::outcome::{AttemptEnd, LimitBreach};
use mainworker_domain::rejection::Rejection;
use mainworker_domain::table::{TableError, TableProblem};
use mainworker_queue::sqlite::OpenError;
use mainworker_queue::store::StoreError;
use mainworker_queue::verbs::tokens::TokenRefusal;
use mainworker_sandbox::attempt::{AttemptReport, Denied};
use mainworker_sandbox::capabilities::http::{Trouble, Unanswered};
use mainworker_sandbox::refusal::{GrantRefusal, ModuleRefusal};
use std::path::Path;

/// For a schedule that whoever asks may not change or trigger.
pub fn of_whose_schedule(rejection: &Rejection) -> String {
    match rejection {
        Rejection::SourceNotAllowed { job, .. } => format!(
            "whoever has the role `admin` may, such as the operator with `--data DIR`; or a token of a source that the job.toml of `{job}` lists"
        ),
        other => of_rejection(other),
    }
}

/// For a job that does not let the scheduler ask for it.
pub fn of_job_to_schedule(failure: &Failure, job: &JobName) -> Option<String> {
    (failure.code == "source_not_allowed").then(|| {
        format!("add `scheduler` to `[schedulable-by] sources` in the job.toml of `{job}`: a schedule asks as that")
    })
}

/// For a module that sees something of the host and that nobody vouches for.
pub fn of_untrusted_module() -> String {
    "`--untrusted` runs it all the same; without `--modules` the revision that `mainworker deploy` brought runs".to_owned()
}

/// For modules of a folder on a host that somebody may rely on.
pub fn of_modules_without_dev() -> String {
    "`mainworker deploy` brings modules that somebody vouches for; `--dev` reads a folder, on a host for trying things out"
        .to_owned()
}

/// For a token that is not made.
pub fn of_token_not_made() -> String {
    "a token has a source such as `api` and roles: `mainworker token create --source api --role enqueue`"
        .to_owned()
}

/// For a token that the store does not take.
pub fn of_token_refusal(refusal: &TokenRefusal) -> String {
    match refusal {
        TokenRefusal::IdTaken => "try again: another id is drawn each time".to_owned(),
        TokenRefusal::TooMany { .. } => {
            "revoke those that nobody uses: `mainworker token list` shows when each was used last".to_owned()
        }
    }
}

/// For a certificate and a key that cannot be used.
pub fn of_tls(error: &TlsError) -> String {
    match error {
        TlsError::Unreadable { what: "key", .. } => {
            "mend `key` under `[server.tls]`, or the permissions there".to_owned()
        }
        TlsError::Unreadable { .. } => {
            "mend `cert` under `[server.tls]`, or the permissions there".to_owned()
        }
        TlsError::Foreign { what: "key", path, .. } => {
            format!("`openssl pkey -noout -in {}` reads a key without a password", path.display())
        }
        TlsError::Foreign { path, .. } => {
            format!("`openssl x509 -noout -subject -in {}` reads a certificate", path.display())
        }
        TlsError::Exposed { path, .. } => format!("`chmod 600 {}`", path.display()),
        TlsError::Apart { cert, key } => format!(
            "these print the same for a pair: `openssl x509 -noout -pubkey -in {}`, `openssl pkey -pubout -in {}`",
            cert.display(),
            key.display()
        ),
        TlsError::Unusable { .. } => "take a certificate with an ECDSA, Ed25519 or RSA key".to_owned(),
    }
}

/// For a host that has no token yet.
pub fn of_first_token(data_dir: &Path) -> String {
    format!(
        "`mainworker token create --data {} --source api --role enqueue` makes the first one",
        data_dir.display()
    )
}

/// For a socket that cannot be made.
pub fn of_host_socket(error: &SocketError) -> String {
    match error {
        SocketError::Taken { path, .. } => {
            format!("look what it is, and move it away: `ls -l {}`", path.display())
        }
        SocketError::Failed { .. } => {
            "name a folder of this machine's own disk with `--data DIR`; `/proc` has to be there".to_owned()
        }
    }
}

/// For a store that cannot be opened.
pub fn of_open_store(error: &OpenError) -> String {
    match error {
        OpenError::InUse { pid: Some(pid), .. } => {
            format!(
                "ask that host over HTTP or its socket, stop it with `kill {pid}`, or name another folder with `--data DIR`"
            )
        }
        OpenError::InUse { pid: None, .. } => "name another folder with `--data DIR`".to_owned(),
        OpenError::NotADatabase { .. } | OpenError::AnotherProgram { .. } => {
            "name another folder with `--data DIR`; that file is left as it is".to_owned()
        }
        OpenError::NewerSchema { .. } => {
            "run the version of `mainworker` that wrote it, or a newer one".to_owned()
        }
        OpenError::Damaged { path, .. } => format!(
            "keep a copy of the folder; `sqlite3 {} .recover` saves what can be read, a backup is better",
            path.display()
        ),
        OpenError::ReadOnly { path, .. } => {
            format!(
                "make `{}` writable for the host, or name another folder with `--data DIR`",
                path.display()
            )
        }
        OpenError::Full { .. } => {
            "free some space there, or name another folder with `--data DIR`".to_owned()
        }
        OpenError::Failed { .. } => "check the folder, or name another with `--data DIR`".to_owned(),
    }
}

/// For a store that did not do what it was asked.
pub fn of_store(error: &StoreError) -> String {
    match error {
        StoreError::Full { .. } => "free some space where the data folder is; `[retention]` in the settings keeps less".to_owned(),
        StoreError::ReadOnly { .. } => "make the data folder writable for the host".to_owned(),
        StoreError::Damaged { .. } => {
            "stop the host and keep a copy of the data folder; `sqlite3 queue.sqlite3 'PRAGMA integrity_check'` says more".to_owned()
        }
        StoreError::Failed { .. } | StoreError::Closed { .. } => {
            "the host's own log says more; `/readyz` tells when it takes tasks again".to_owned()
        }
    }
}

/// For a module that is not taken.
pub fn of_module(refusal: &ModuleRefusal) -> String {
    match refusal {
        ModuleRefusal::TooLarge { .. } => {
            "build it with the profile `job`, which strips debug sections: `mainworker module build`".to_owned()
        }
        ModuleRefusal::NotWasm(_) | ModuleRefusal::CoreModule => {
            "`mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest".to_owned()
        }
        ModuleRefusal::ManifestMissing => {
            "`mainworker module build CRATE` adds the manifest of a Rust job; for a component of another toolchain `mainworker module pack WASM JOB_TOML`".to_owned()
        }
        ModuleRefusal::ManifestRepeated { .. } => "build the module anew and pack it once".to_owned(),
        ModuleRefusal::Description(DescriptionError::Manifest(error)) => match error {
            mainworker_domain::manifest::ManifestError::Table(error) => of_table(error),
            mainworker_domain::manifest::ManifestError::Toml(_) => "mend the TOML at that place".to_owned(),
        },
        ModuleRefusal::Description(DescriptionError::Schema { .. }) => {
            "describe the payload with plain types; `#[derive(JsonSchema)]` on them makes such a schema".to_owned()
        }
        ModuleRefusal::Description(_)
        | ModuleRefusal::OtherContract { .. }
        | ModuleRefusal::HandlerMissing { found: Some(_), .. } => {
            format!("rebuild it with the guest SDK of this host, which speaks `{CONTRACT}`")
        }
        ModuleRefusal::HandlerMissing { found: None, .. } => {
            "mark the job's function with `#[mainworker::job]`, or export the interface `handler` of `wit/`".to_owned()
        }
        ModuleRefusal::ImportNotAsked { ask, .. } => format!("add to job.toml:\n{ask}"),
        ModuleRefusal::ImportUnknown { .. } => {
            "remove what imports it; `host/ARCHITECTURE.md` lists what a job can be granted".to_owned()
        }
        ModuleRefusal::OtherName { expected, .. } => {
            format!("name the file after its job, or build `{expected}` again")
        }
        ModuleRefusal::NotCompilable(_) => {
            "the component may use a WebAssembly feature that is off here, such as gc, threads or async".to_owned()
        }
    }
}

/// For grants that are refused.
pub fn of_grant(refusal: &GrantRefusal) -> String {
    match refusal {
        GrantRefusal::MountNotGiven { mount, access, nearest, .. } => {
            let word = access.as_str();
            let lines = format!("add to the settings:\n[files.{mount}]\npath = \"/…\"\naccess = \"{word}\"");
            match nearest {
                Some(nearest) => format!("the settings have `{nearest}`; or {lines}"),
                None => lines,
            }
        }
        GrantRefusal::MountReadOnly { mount, .. } => {
            format!("in the settings:\n[files.{mount}]\naccess = \"{}\"", Access::ReadWrite.as_str())
        }
        GrantRefusal::MountUnavailable { mount, .. } => {
            format!("check `path` under `[files.{mount}]`; `mainworker settings check` opens every mount")
        }
        GrantRefusal::FreeSpace { .. } => {
            "free some space there, or lower `free-space` under `[limits]` in the settings".to_owned()
        }
        GrantRefusal::Egress(EgressRefusal::NotAllowed { origin, .. }) => {
            format!("add to the settings:\n[http]\nallow = [\"{origin}\"]")
        }
        GrantRefusal::Egress(EgressRefusal::Unset { key, from, .. }) => {
            format!("{}; or make the grant `optional = true` in job.toml", of_missing_key(key, *from, false))
        }
        GrantRefusal::Egress(EgressRefusal::NotAnOrigin { key, .. }) => {
            format!("give `{key}` a URL such as `https://api.example.com/v1`")
        }
        GrantRefusal::OverCeiling(over) => format!(
            "in the settings:\n[limits]\n{} = {}",
            over.limit.spec().key,
            toml_value(over.limit, over.asked)
        ),
    }
}

/// For an attempt that did not complete: whatever is the likeliest to help. `mounts` are those that it was given.
pub fn of_attempt(
    attempt: &AttemptReport,
    job: &str,
    mounts: &[String],
    owner: Option<&str>,
    runbook: Option<&str>,
) -> Option<String> {
    if matches!(attempt.end, AttemptEnd::Cancelled | AttemptEnd::Interrupted) {
        // Nothing went wrong.
        return None;
    }
    of_end(&attempt.end, job)
        .or_else(|| of_denials(&attempt.denials))
        .or_else(|| of_unanswered(&attempt.unanswered))
        .or_else(|| of_files(&attempt.end, mounts))
        .or_else(|| of_job(owner, runbook))
}

/// For an attempt that was over the time that its task was asked for with, which is not the job's to change.
pub fn of_timeout(end: &AttemptEnd, timeout_ms: Option<u64>) -> Option<String> {
    let timeout_ms = timeout_ms?;
    match end {
        AttemptEnd::OverLimit(breach)
            if matches!(breach.limit, Limit::Wall | Limit::Cpu) && breach.allowed == timeout_ms =>
        {
            Some(format!(
                "the task itself was asked for with `timeoutMs` {timeout_ms} (`--timeout`); ask with more, or without"
            ))
        }
        _ => None,
    }
}

/// For an attempt that did not complete.
fn of_end(end: &AttemptEnd, job: &str) -> Option<String> {
    Some(match end {
        AttemptEnd::OverLimit(breach) => of_breach(breach),
        AttemptEnd::ResultNotJson { .. } => "return one JSON value, as `#[mainworker::job]` does".to_owned(),
        AttemptEnd::Trapped(trap) if trap.cause.contains("stack") => {
            "the job recurses too deeply; use a loop with a list of its own".to_owned()
        }
        AttemptEnd::Trapped(_) => format!("run the job's native tests: `cargo test -p {job}`"),
        AttemptEnd::HostError { .. } => {
            "this is a defect of the host: please report it with the log above".to_owned()
        }
        _ => return None,
    })
}

/// For an attempt that did not complete and was denied something. The first denial is the likeliest reason.
fn of_denials(denials: &[Denied]) -> Option<String> {
    let first = denials.first()?;
    Some(format!("{}; {}", first.denial, first.remedy))
}

/// For an attempt that failed after a request of it was not answered. The last one is what it failed at, most likely.
fn of_unanswered(unanswered: &[Unanswered]) -> Option<String> {
    let Unanswered { origin, trouble, .. } = unanswered.last()?;
    let authority = origin.split_once("://").map_or(origin.as_str(), |(_, authority)| authority);
    let name = authority.split(':').next().unwrap_or(authority);
    Some(match trouble {
        Trouble::Name => format!("check the name: `getent hosts {name}` on this machine"),
        Trouble::Connection => format!("check that the service runs and is reached from this machine: `curl -v {origin}`"),
        Trouble::Time => format!("the service may be slow or behind a firewall: `curl -v {origin}` from this machine"),
        Trouble::Certificate => {
            "if its authority is the company's own, in the settings:\n[http]\nca-file = \"/…/authorities.pem\"".to_owned()
        }
        Trouble::Tls => format!("see what it speaks: `openssl s_client -connect {authority}`; `http://` if it is no TLS"),
        Trouble::Http => format!("see what it answers: `curl -v --http1.1 {origin}`"),
        Trouble::BrokenOff => format!("the service ended the connection: its own log says why; `curl -v {origin}`"),
        Trouble::Host => "`mainworker settings check` reads what `[http]` names".to_owned(),
    })
}

/// WASI's numbers for a file that is not there, and for one that may not be reached or changed, as the standard library of a
/// guest writes them at the end of a message.
const FILE_ERRORS: [&str; 4] = ["(os error 44)", "(os error 63)", "(os error 69)", "(os error 76)"];

/// For an attempt that failed at a file. A job cannot tell a file that is not there from one that it was not granted.
fn of_files(end: &AttemptEnd, mounts: &[String]) -> Option<String> {
    let AttemptEnd::Failed { message } = end else { return None };
    if !FILE_ERRORS.iter().any(|error| message.contains(error)) {
        return None;
    }
    let given = match mounts {
        [] => "the job was given no mount, so there are no files".to_owned(),
        mounts => format!("the job's files are below `/{}` and nowhere else", mounts.join("`, `/")),
    };
    Some(format!(
        "{given}; to ask for more, in job.toml:\n[grants]\nfiles = [{{ mount = \"NAME\", access = \"read\" }}]"
    ))
}

/// For an attempt whose job says itself that it did not work, and nobody else knows more.
fn of_job(owner: Option<&str>, runbook: Option<&str>) -> Option<String> {
    match (owner, runbook) {
        (Some(owner), Some(runbook)) => Some(format!("see {runbook}, or ask `{owner}`, who owns the job")),
        (None, Some(runbook)) => Some(format!("see {runbook}")),
        (Some(owner), None) => Some(format!("ask `{owner}`, who owns the job")),
        (None, None) => None,
    }
}

fn of_breach(breach: &LimitBreach) -> String {
    let spec = breach.limit.spec();
    if breach.limit == Limit::FreeSpace {
        return "free some space there, or lower `free-space` under `[limits]` in the settings".to_owned();
    }
    // Half as much again, so that the proposal is not over its limit at the next small change.
    let enough = breach.observed.max(breach.allowed).saturating_mul(3) / 2;
    let asked = match spec.unit {
        Unit::Bytes => enough.next_multiple_of(1 << 20),
        Unit::Milliseconds => enough.next_multiple_of(1_000),
        Unit::Count => enough,
    };
    if asked > spec.ceiling {
        return "the job needs less: work in parts, or keep its data in a mount".to_owned();
    }
    format!(
        "if it needs that much, in job.toml:\n[limits]\n{} = {}",
        spec.key,
        toml_value(breach.limit, asked)
    )
}

fn toml_value(limit: Limit, value: u64) -> String {
    match limit.spec().unit {
        Unit::Count => value.to_string(),
        _ => format!("\"{}\"", limit.format(value)),
    }
}

/// For a key or value in `job.toml` or the settings.
pub fn of_table(error: &TableError) -> String {
    match &error.problem {
        TableProblem::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
        TableProblem::UnknownKey { known, .. } if known.iter().any(|key| key == "only-to") => {
            "a key with dots is quoted: `\"accounts.url\" = { … }`".to_owned()
        }
        TableProblem::UnknownKey { nearest: None, .. } => match error.path.strip_prefix("configuration.") {
            Some(key) => {
                format!("the value of a configuration key goes under `[configuration.values]`: `{key} = …`")
            }
            None => "remove it".to_owned(),
        },
        TableProblem::MissingKey => format!("add `{}`", error.path),
        TableProblem::WrongType { .. } | TableProblem::Invalid { .. } => format!("change `{}`", error.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::rejection::Rejection;

    #[test]
    fn a_sample_that_is_sent_as_an_envelope_is_known_by_each_of_its_fields() {
        for field in crate::sample::FIELDS {
            let hint = of_rejection(&Rejection::UnknownField { field: field.to_owned(), nearest: None });
            assert!(hint.contains("`mainworker module check` runs it"), "{field}: {hint}");
        }
    }

    #[test]
    fn a_file_that_a_job_cannot_see_says_where_its_files_are() {
        let failed = |message: &str| AttemptEnd::Failed { message: message.to_owned() };
        let missing = failed("reading the log: No such file or directory (os error 44)");
        let mounts = ["edge-logs".to_owned(), "reports".to_owned()];
        let hint = of_files(&missing, &mounts).unwrap();
        assert!(
            hint.starts_with("the job's files are below `/edge-logs`, `/reports` and nowhere else"),
            "{hint}"
        );
        assert!(of_files(&missing, &[]).unwrap().starts_with("the job was given no mount"));
        assert_eq!(of_files(&failed("the service is down"), &mounts), None);
    }
}
