//! Step `jobs`: the host builds every job of the workspace into a module.

use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result, bail};

pub(super) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let mainworker = workspace.mainworker()?;
    let modules = workspace.modules();
    Invocation::program(&mainworker)
        .shown_as(workspace.shown(&mainworker))
        .args(["module", "build", "--out", &workspace.shown(&modules)])
        .run(gate.console, &workspace.root)?;
    // "Every job" is checked here against cargo's own list, so that none can be left out in silence.
    for (package, folder) in workspace.jobs() {
        let name = job_name(&workspace.read(&format!("{folder}/job.toml"))?)
            .with_context(|| format!("`{folder}/job.toml`"))?;
        if !modules.join(format!("{name}.wasm")).is_file() {
            bail!("crate `{}` was not built: `{name}.wasm` is missing from the modules", package.name);
        }
        gate.console.note(&format!("{name}.wasm is there"));
    }
    Invocation::program(&mainworker)
        .shown_as(workspace.shown(&mainworker))
        .args(["module", "check", &workspace.shown(&modules)])
        .run(gate.console, &workspace.root)
}

fn job_name(manifest: &str) -> Result<String> {
    let table: toml::Table = manifest.parse()?;
    let name = table.get("job").and_then(|job| job.get("name")).and_then(toml::Value::as_str);
    Ok(name.context("`job.name` is missing")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::job_name;

    #[test]
    fn a_module_is_named_after_its_job() {
        assert_eq!(job_name("[job]\nname = \"edge-logs\"").expect("valid"), "edge-logs");
        assert!(job_name("[job]").is_err());
        assert!(job_name("not toml").is_err());
    }
}
