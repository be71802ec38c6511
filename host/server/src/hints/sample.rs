//! For samples and for the commands that make jobs and modules.

use super::of_table;
use crate::sample::SampleError;
use crate::sample::contradiction::Contradiction;
use mainworker_domain::denial::Remedy;

/// For samples that do not hold.
pub fn of_failed_samples() -> String {
    "`mainworker module check MODULE` shows what they expect and what came".to_owned()
}

/// For a sample that is not run.
pub fn of_sample(error: &SampleError) -> String {
    match error {
        SampleError::Unreadable(_) => "check the file and its permissions".to_owned(),
        SampleError::Malformed { .. } => "check the file with `jq .`".to_owned(),
        SampleError::Table(error) => match error.path.as_str() {
            "/" | "envelope" | "expect" | "expect.outcome" => {
                "a sample is {\"envelope\": {…}, \"expect\": {\"outcome\": \"completed\"}}; `mainworker module check --help` \
                 shows a whole one"
                    .to_owned()
            }
            path if path.ends_with(".copy") => {
                "put the file into a folder below the samples, such as `samples/files/`, and write its path from there"
                    .to_owned()
            }
            _ => of_table(error),
        },
        SampleError::Contradiction(contradiction) => of_contradiction(contradiction),
    }
}

fn of_contradiction(contradiction: &Contradiction) -> String {
    match contradiction {
        Contradiction::KeyNotNamed { nearest: Some(nearest), .. }
        | Contradiction::MountNotAsked { nearest: Some(nearest), .. }
        | Contradiction::ScheduleNotGranted { nearest: Some(nearest), .. } => {
            format!("did you mean `{nearest}`?")
        }
        Contradiction::OtherJob { expected, .. } => {
            format!("write `\"jobName\": \"{expected}\"`, or put the sample beside the other job")
        }
        Contradiction::KeyNotNamed { key, nearest: None } => {
            format!("remove it, or add to job.toml:\n[configuration]\n\"{key}\" = {{ from = \"host\" }}")
        }
        Contradiction::KeyFromEnvelope { key } => {
            format!(
                "move it to `/envelope/configuration`, or in job.toml:\n[configuration]\n\"{key}\" = {{ from = \"either\" }}"
            )
        }
        Contradiction::KeyFromHost { key } => {
            format!(
                "move it to `/given/configuration`, or in job.toml:\n[configuration]\n\"{key}\" = {{ from = \"either\" }}"
            )
        }
        Contradiction::MountNotAsked { mount, nearest: None } => format!(
            "remove it, or add to job.toml:\n[grants]\nfiles = [{{ mount = \"{mount}\", access = \"read\" }}]"
        ),
        Contradiction::MountMissing { mount } => {
            format!("add `\"{mount}\": {{}}` under `/given/files`, with the files that the job finds there")
        }
        Contradiction::MountNotGiven { mount } => {
            format!("add `\"{mount}\": {{}}` under `/given/files`: the mount as the job finds it")
        }
        Contradiction::MountReadOnly { mount } => format!(
            "remove it, or in job.toml:\n[grants]\nfiles = [{{ mount = \"{mount}\", access = \"read-write\" }}]"
        ),
        Contradiction::RequestDenied { denial, .. } => match denial.remedy() {
            // The sample's host allows what the manifest asks for.
            Remedy::JobToml(lines) => format!("remove it, or in job.toml:\n{lines}"),
            Remedy::Settings(_) | Remedy::Code(_) => {
                "record the request that the job sends instead".to_owned()
            }
        },
        Contradiction::ScheduleNotGranted { job, nearest: None, .. } => {
            format!("remove it, or in job.toml:\n[grants]\nschedule = [\"{job}\"]")
        }
        Contradiction::AttemptBeyond { attempt, .. } => {
            format!("lower it, or in job.toml:\n[retry]\nmax-attempts = {attempt}")
        }
    }
}

/// For a component that does not say its schemas.
pub fn of_schemas() -> &'static str {
    "`#[mainworker::job]` answers by itself; other components return two JSON Schemas, or do not export `schema`"
}

/// For a file or folder that a command cannot write.
pub fn of_output() -> &'static str {
    "name another place with `--out`"
}

/// For a module that would take the place of its component.
pub fn of_pack_out(out: &std::path::Path) -> String {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    format!(
        "keep the component under another name, or `-o {}`",
        out.with_file_name(format!("{stem}.module.wasm")).display()
    )
}

/// For samples that could be of any module of a folder.
pub fn of_samples_of_many() -> &'static str {
    "name one module, or put the samples of each beside it as `NAME.samples`"
}

/// For a folder in which there is nothing to check.
pub fn of_nothing_to_check() -> &'static str {
    "name a module, a folder of modules, or a job crate; `mainworker module build` makes modules"
}

/// For a folder without samples.
pub fn of_missing_samples() -> &'static str {
    "a sample is a file `samples/NAME.json` beside the crate's `job.toml`; `mainworker module check --help` shows one"
}

/// For a folder of samples that cannot be listed.
pub fn of_unreadable_samples() -> &'static str {
    "check the folder and its permissions, or name another with `--samples DIR`"
}
