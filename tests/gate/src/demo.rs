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
const FILES: [&str; 2] = ["edge-1.log", "edge-2.log.gz"];

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

    heading(console, "3. An envelope asks for the job; it runs in its own sandbox, on a copy of the logs");
    console.line(&indented(&std::fs::read_to_string(folder.join("envelope.json"))?));
    let module = format!("{modules}/edge-logs.wasm");
    let samples = format!("{shown}/samples");
    let check = mainworker().args(["module", "check", &module, "--samples", &samples, "--json"]);
    done.push(check.line());
    let checked = check.capture(console, root)?;
    let checked: Value = serde_json::from_str(&checked).context("what was checked is no JSON")?;
    let result = checked["modules"][0]["samples"][0]["result"].clone();

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
    let samples = folder.join("samples");
    for made in [&logs, &reports, &folder.join("data"), &samples.join("logs")] {
        std::fs::create_dir_all(made).with_context(|| format!("cannot make `{}`", made.display()))?;
    }
    let sample = sample::generate(LINES);
    let [plain, gzipped] = FILES;
    std::fs::write(logs.join(plain), &sample.plain)?;
    std::fs::write(logs.join(gzipped), sample::gzip(&sample.gzipped)?)?;
    std::fs::write(folder.join("mainworker.toml"), settings(&logs, &reports)?)?;
    let envelope = envelope();
    std::fs::write(folder.join("envelope.json"), serde_json::to_string_pretty(&envelope)?)?;
    for name in FILES {
        std::fs::copy(logs.join(name), samples.join("logs").join(name))?;
    }
    std::fs::write(samples.join("demo.json"), serde_json::to_string_pretty(&in_sample(&envelope))?)?;
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

/// The envelope with all that a host would give: the job gets copies, and nothing of this machine.
fn in_sample(envelope: &Value) -> Value {
    let copies = FILES.iter().map(|name| ((*name).to_owned(), json!({ "copy": format!("logs/{name}") })));
    let copies: serde_json::Map<String, Value> = copies.collect();
    json!({
        "about": "what the demo's logs add up to",
        "envelope": envelope,
        "given": { "files": { "edge-logs": copies, "reports": {} } },
        "expect": { "outcome": "completed" },
    })
}

fn envelope() -> Value {
    let accounts: serde_json::Map<String, Value> = sample::STREAMS
        .iter()
        .filter_map(|(stream, account)| Some(((*stream).to_owned(), (*account)?.into())))
        .collect();
    json!({
        "configuration": {},
        "jobName": "edge-logs",
        "source": "dashboard",
        "jobPayload": { "files": ["*.log", "*.log.gz"], "format": "auto", "accounts": accounts },
    })
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
        let envelope = envelope();
        let keys: Vec<_> = envelope.as_object().expect("object").keys().cloned().collect();
        assert_eq!(keys.len(), 4);
        assert_eq!(envelope["jobPayload"]["accounts"]["sunrise"], "acme-tv");
        assert_eq!(envelope["jobPayload"]["accounts"].get("forgotten"), None);
    }
}
