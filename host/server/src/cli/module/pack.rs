//! `mainworker module pack`: a component of any toolchain, and its manifest → module.

use super::packing::{Packer, read_manifest, summary, write_module};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::read_limited;
use crate::terminal;
use clap::Args;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Makes a module of a component that exports `mainworker:job/handler`: asks it for its schemas, where it has any, and
/// appends them with the manifest. `module build` does the same for Rust crates.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker module pack app.wasm job.toml                        writes NAME.wasm beside app.wasm
  mainworker module pack dist/app.wasm job.toml -o modules/thumbnails.wasm")]
pub struct PackArgs {
    /// The component, as its compiler left it
    #[arg(value_name = "WASM")]
    component: PathBuf,
    /// The job's manifest
    #[arg(value_name = "JOB_TOML")]
    manifest: PathBuf,
    /// Where to write the module [default: NAME.wasm beside the component, with the manifest's name]
    #[arg(long, short, value_name = "OUT")]
    out: Option<PathBuf>,
}

pub(super) fn pack(args: &PackArgs) -> Result<ExitCode, Failure> {
    let manifest = read_manifest(&args.manifest)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => args.component.with_file_name(format!("{}.wasm", manifest.job.name)),
    };
    let component = read_limited(&args.component)?;
    if is_same_file(&args.component, &out) {
        return Err(Failure::usage(
            "out_is_input",
            format!(
                "writing the module to `{}`: that is the component itself, expected another file",
                out.display()
            ),
            hints::of_pack_out(&out),
        ));
    }
    let module = Packer::start()?.pack(&args.component.display(), &component, manifest)?;
    write_module(&out, &module)?;
    terminal::note(&summary(&out, &module));
    Ok(ExitCode::Completed)
}

/// Whether both paths lead to one file, through whatever links.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    identity(one).is_some_and(|one| Some(one) == identity(other))
}
