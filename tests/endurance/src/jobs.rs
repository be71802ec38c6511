//! The jobs of the load: `echo`, and the probes of `tests/guests` under manifests of this crate.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::borrow::Cow;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A job that is one of the probes, with what is its own in its manifest.
#[derive(Clone, Debug)]
pub struct Probes {
    /// The job's name.
    pub name: &'static str,
    /// The rest of its `job.toml`, after `[job]`.
    pub manifest: Cow<'static, str>,
}

/// Probes that may ask for tasks of [`CHILD`].
pub const PROBER: Probes = Probes { name: "prober", manifest: Cow::Borrowed(PROBER_MANIFEST) };

const PROBER_MANIFEST: &str = r#"
[schedulable-by]
sources = ["api"]
[configuration]
"plain" = {}
"secret" = { secret = true }
[grants]
schedule = ["child"]
http = [{ to = "https://nobody.invalid", methods = ["GET"], optional = true }]
[retry]
max-attempts = 2
base = "20ms"
cap = "200ms"
"#;

/// Probes that only [`PROBER`] asks for. Two run at a time.
pub const CHILD: Probes = Probes { name: "child", manifest: Cow::Borrowed(CHILD_MANIFEST) };

const CHILD_MANIFEST: &str = r#"
[schedulable-by]
sources = ["job:prober"]
[configuration]
"plain" = {}
[grants]
schedule = ["child"]
http = [{ to = "https://nobody.invalid", methods = ["GET"], optional = true }]
[run]
max-concurrency = 2
"#;

/// Where the program and the modules are that are tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// `mainworker`.
    pub binary: PathBuf,
    /// The folder with `echo.wasm`, as `mainworker module build` makes it.
    pub modules: PathBuf,
}

impl Tried {
    /// As named, or what stands beside this program: where cargo puts both.
    ///
    /// # Errors
    /// One that is not there.
    pub fn find(binary: Option<PathBuf>, modules: Option<PathBuf>) -> Result<Self> {
        let this = env::current_exe().context("this program does not know where it is")?;
        let beside = this.parent().unwrap_or(Path::new("."));
        let binary = binary.unwrap_or_else(|| beside.join("mainworker"));
        let modules = modules.unwrap_or_else(|| beside.join("../modules"));
        let missing = |path: &Path| !path.is_file();
        if missing(&binary) {
            bail!(
                "`{}` is not there: `cargo gate host` builds it, or name another with `--binary`",
                binary.display()
            );
        }
        if missing(&modules.join("echo.wasm")) {
            bail!("`{}` has no `echo.wasm`: `cargo gate jobs` builds it", modules.display());
        }
        Ok(Self { binary: binary.canonicalize()?, modules: modules.canonicalize()? })
    }

    /// Copies `echo` into `folder`.
    ///
    /// # Errors
    /// A file that cannot be copied.
    pub fn put_echo(&self, folder: &Path) -> Result<()> {
        let from = self.modules.join("echo.wasm");
        fs::copy(&from, folder.join("echo.wasm"))
            .with_context(|| format!("cannot copy `{}`", from.display()))?;
        Ok(())
    }

    /// Packs the probes as these jobs into `folder`.
    ///
    /// # Errors
    /// Probes that do not compile, or that the program refuses.
    pub fn put_probes(&self, jobs: &[Probes], folder: &Path) -> Result<()> {
        let component = build_probes()?;
        for job in jobs {
            let manifest = folder.join(format!("{}.toml", job.name));
            let heading =
                format!("[job]\nname = \"{}\"\nversion = \"0.1.0\"\nsummary = \"Probes\"\n", job.name);
            fs::write(&manifest, heading + &job.manifest)?;
            let packed = Command::new(&self.binary)
                .args(["module", "pack"])
                .args([&component, &manifest])
                .arg("--out")
                .arg(folder.join(format!("{}.wasm", job.name)))
                .stdin(Stdio::null())
                .output()?;
            let said = String::from_utf8_lossy(&packed.stderr);
            ensure!(packed.status.success(), "the probes are not packed as `{}`: {said}", job.name);
            fs::remove_file(&manifest)?;
        }
        Ok(())
    }
}

/// Compiles the probes, and gives the component.
fn build_probes() -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let build = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--quiet", "--locked", "--package", "guests"])
        .args(["--target", "wasm32-wasip2", "--profile", "job", "--message-format", "json"])
        .stdin(Stdio::null())
        .output()
        .context("cargo cannot be started")?;
    ensure!(build.status.success(), "the probes do not compile: {}", String::from_utf8_lossy(&build.stderr));
    // Only cargo knows which folder it built into.
    let mut files = build.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
        files.map(PathBuf::from).find(|file| file.ends_with("guests.wasm"))
    });
    files.next_back().context("cargo names no component of the probes")
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
