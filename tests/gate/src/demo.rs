//! `cargo demo`: from a fresh checkout to a finished job, showing each command, so that the reader can go on alone.
//!
//! The sample log is made here, so its sums are known here too: what the job returns is compared with them. A demo
//! that shows wrong numbers would be worse than none.

use crate::console::{Console, Tone};
use crate::process::Invocation;
use crate::steps::toolchain;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::path::Path;

pub mod outcome;
pub mod sample;

const LINES: u32 = 20_000;

/// Does all of it.
pub fn run(console: Console) -> Result<()> {
    let workspace = Workspace::load()?;
    let root = &workspace.root;
    let mut done = Vec::new();
    let mut execute = |invocation: Invocation| {
        done.push(invocation.line());
        invocation.run(console, root)
    };

    heading(console, "1. The host and two jobs are built (the first time, this takes some minutes)");
    toolchain::ensure_target(console, root)?;
    execute(Invocation::cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    let program = workspace.mainworker()?;
    let mainworker = || Invocation::program(&program).shown_as(workspace.shown(&program));
    let modules = workspace.shown(&workspace.modules());
    execute(mainworker().args(["module", "build", "echo", "edge-logs", "--out", &modules]))?;

    let folder = workspace.target.join("demo");
    let shown = workspace.shown(&folder);
    heading(console, &format!("2. A sample: access logs of an edge server, in {shown}/edge-logs"));
    let expected = prepare(&folder)?;
    console.note(&format!("{LINES} lines in two files, one of them gzipped; {} are broken", expected.broken));

    heading(console, "3. An envelope asks for the job; the host runs it in its own sandbox");
    console.line(&indented(&std::fs::read_to_string(folder.join("envelope.json"))?));
    let run = mainworker().args([
        "run",
        &format!("{shown}/envelope.json"),
        "--untrusted",
        "--modules",
        &modules,
        "--settings",
        &format!("{shown}/mainworker.toml"),
        "--data",
        &format!("{shown}/data"),
    ]);
    done.push(run.line());
    let result = run.capture(console, root)?;
    let result: Value = serde_json::from_str(&result).context("the job's result is no JSON")?;

    heading(console, "4. The result");
    console.line(&outcome::table(&result)?);
    outcome::compare(&result, &expected)?;
    console.note("these are the sums that the generator of the sample kept");

    heading(console, "To repeat it");
    for line in done {
        console.line(&format!("    {line}"));
    }
    Ok(())
}

fn heading(console: Console, text: &str) {
    console.line("");
    console.line(&console.paint(Tone::Strong, text));
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Writes logs, settings and envelope, and tells what the job has to find. What an earlier demo left is removed first:
/// an old log in the folder would be added up as well.
fn prepare(folder: &Path) -> Result<sample::Expected> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    let logs = folder.join("edge-logs");
    let reports = folder.join("reports");
    for made in [&logs, &reports, &folder.join("data")] {
        std::fs::create_dir_all(made).with_context(|| format!("cannot make `{}`", made.display()))?;
    }
    let sample = sample::generate(LINES);
    std::fs::write(logs.join("edge-1.log"), &sample.plain)?;
    std::fs::write(logs.join("edge-2.log.gz"), sample::gzip(&sample.gzipped)?)?;
    std::fs::write(folder.join("mainworker.toml"), settings(&logs, &reports)?)?;
    std::fs::write(folder.join("envelope.json"), envelope()?)?;
    Ok(sample.expected)
}

/// What this host grants: one folder to read, one to write. Everything else is denied by default.
fn settings(logs: &Path, reports: &Path) -> Result<String> {
    let mount = |path: &Path, access: &str| -> Result<toml::Value> {
        let Some(path) = path.to_str() else { bail!("`{}` is not UTF-8", path.display()) };
        Ok(toml::toml! { path = path access = access }.into())
    };
    let files = toml::Table::from_iter([
        ("edge-logs".to_owned(), mount(logs, "read")?),
        ("reports".to_owned(), mount(reports, "read-write")?),
    ]);
    // Who may ask the host if it is started as a service. A demo's token is no secret.
    let server =
        toml::toml! { token = "demo" source = "dashboard" roles = ["enqueue", "read", "operate", "deploy"] };
    let tables = [("files".to_owned(), files.into()), ("server".to_owned(), server.into())];
    Ok(toml::to_string(&toml::Table::from_iter(tables))?)
}

fn envelope() -> Result<String> {
    let accounts: serde_json::Map<String, Value> = sample::STREAMS
        .iter()
        .filter_map(|(stream, account)| Some(((*stream).to_owned(), (*account)?.into())))
        .collect();
    let envelope = json!({
        "configuration": {},
        "jobName": "edge-logs",
        "source": "dashboard",
        "jobPayload": { "files": ["*.log", "*.log.gz"], "format": "auto", "accounts": accounts },
    });
    Ok(serde_json::to_string_pretty(&envelope)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_grant_two_folders_and_survive_odd_paths() {
        let text = settings(Path::new("/tmp/a \"b\"/logs"), Path::new("/tmp/r")).expect("settings");
        let table: toml::Table = text.parse().expect("toml");
        assert_eq!(table["files"]["edge-logs"]["path"].as_str(), Some("/tmp/a \"b\"/logs"));
        assert_eq!(table["files"]["edge-logs"]["access"].as_str(), Some("read"));
        assert_eq!(table["files"]["reports"]["access"].as_str(), Some("read-write"));
        assert_eq!(table["server"]["source"].as_str(), Some("dashboard"));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn the_envelope_has_the_four_fields() {
        let envelope: Value = serde_json::from_str(&envelope().expect("envelope")).expect("json");
        let keys: Vec<_> = envelope.as_object().expect("object").keys().cloned().collect();
        assert_eq!(keys.len(), 4);
        assert_eq!(envelope["jobPayload"]["accounts"]["sunrise"], "acme-tv");
        assert_eq!(envelope["jobPayload"]["accounts"].get("forgotten"), None);
    }
}
