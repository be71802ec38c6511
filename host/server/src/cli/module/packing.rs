//! From component and manifest to module: what `module build` and `module pack` have in common.
//!
//! The component is asked once for its schemas in an empty sandbox, gets the manifest section appended, and is admitted
//! like any module before it is written. A module file is written aside and renamed, so that a host never reads half of one.

use crate::cli::run::start_sandbox;
use crate::failure::Failure;
use crate::hints;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::{Manifest, ManifestError};
use mainworker_domain::quantity::approximate_bytes;
use mainworker_sandbox::module::Sandbox;
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::ModuleRefusal;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::runtime::Runtime;

/// Makes modules of components.
#[derive(Debug)]
pub(super) struct Packer {
    pub(super) runtime: Runtime,
    pub(super) sandbox: Sandbox,
}

impl Packer {
    /// A packer with a sandbox of its own, at the default limits and without kept modules.
    pub(super) fn start() -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(|error| Failure::host(format!("starting threads: {error}")))?;
        Ok(Self { runtime, sandbox: start_sandbox(&LimitValues::default(), None)? })
    }

    /// The module of a component, which is called `name` in messages.
    pub(super) fn pack(
        &self,
        name: &dyn Display,
        component: &[u8],
        manifest: Manifest,
    ) -> Result<ModuleFile, Failure> {
        let refused = |refusal: ModuleRefusal| Failure::module(name, &refusal);
        // Its exports and imports first: what cannot be linked cannot answer either, and says so less clearly.
        let undescribed = ModuleDescription { manifest, payload_schema: None, result_schema: None };
        ModuleFile::pack(component, &undescribed).map_err(refused)?;
        let schemas = self.runtime.block_on(self.sandbox.schemas(component)).map_err(|error| {
            Failure::usage("schemas_unavailable", format!("packing `{name}`: {error}"), hints::of_schemas())
        })?;
        let description = ModuleDescription {
            payload_schema: schemas.payload,
            result_schema: schemas.result,
            ..undescribed
        };
        ModuleFile::pack(component, &description).map_err(refused)
    }
}

/// Reads a `job.toml`.
pub(super) fn read_manifest(path: &Path) -> Result<Manifest, Failure> {
    let invalid = |problem: String, hint: String| {
        Failure::usage("manifest_invalid", format!("reading `{}`: {problem}", path.display()), hint)
    };
    let text =
        fs::read_to_string(path).map_err(|error| invalid(error.to_string(), "check the file".to_owned()))?;
    Manifest::parse_toml(&text).map_err(|error| {
        let hint = match &error {
            ManifestError::Table(error) => hints::of_table(error),
            ManifestError::Toml(_) => "mend the TOML at that place".to_owned(),
        };
        invalid(error.to_string(), hint)
    })
}

/// Writes a module file for whoever runs the host.
pub(super) fn write_module(path: &Path, module: &ModuleFile) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Asked first: what the system says of a temporary file has that file's name in it.
    let written =
        fs::metadata(folder).and_then(|_| tempfile::NamedTempFile::new_in(folder)).and_then(|mut aside| {
            aside.write_all(module.bytes())?;
            aside.as_file().sync_all()?;
            // A temporary file is for its owner alone.
            fs::set_permissions(aside.path(), fs::Permissions::from_mode(0o644))?;
            aside.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
    written.map_err(|error| unwritable(path, &error))
}

/// Said of a path that a command was to write.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage("out_unwritable", format!("writing `{}`: {error}", path.display()), hints::of_output())
}

/// One line about a module that has been written.
pub(super) fn summary(path: &Path, module: &ModuleFile) -> String {
    let job = &module.revision().manifest().job;
    format!(
        "{} {} · {} · {} · {}",
        job.name,
        job.version,
        approximate_bytes(module.bytes().len() as u64),
        module.revision().digest(),
        path.display()
    )
}
