//! Runs a target over files, folders, or stdin.

use std::io::{self, Read as _, Write as _};
use std::panic::{UnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The main function of every target. Arguments are files and folders; `-` is stdin.
///
/// From a file a panic is reported with the file's name, and the others still run. From stdin it ends the process by
/// signal, which is how AFL-style tools know a crash.
pub fn main<T>(target: fn(&[u8]) -> T) -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    match replay(target, &args.iter().map(PathBuf::from).collect::<Vec<_>>()) {
        Ok(Outcome { inputs, panicked }) if inputs > 0 => {
            let _ = writeln!(io::stdout(), "{inputs} inputs, {} panicked", panicked.len());
            for path in &panicked {
                let _ = writeln!(io::stderr(), "error: panicked on `{}`", path.display());
            }
            if panicked.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(_) => {
            let _ = writeln!(io::stderr(), "error: no input\nhint: give files or folders, or `-` for stdin");
            ExitCode::from(2)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

struct Outcome {
    inputs: usize,
    panicked: Vec<PathBuf>,
}

fn replay<T>(target: fn(&[u8]) -> T, args: &[PathBuf]) -> io::Result<Outcome> {
    let mut outcome = Outcome { inputs: 0, panicked: Vec::new() };
    for arg in args {
        if arg.as_os_str() == "-" {
            let mut data = Vec::new();
            io::stdin().read_to_end(&mut data)?;
            outcome.inputs += 1;
            if panics(|| target(&data)) {
                std::process::abort();
            }
            continue;
        }
        for path in files(arg)? {
            let data = std::fs::read(&path)?;
            outcome.inputs += 1;
            if panics(|| target(&data)) {
                outcome.panicked.push(path);
            }
        }
    }
    Ok(outcome)
}

fn panics<T>(call: impl FnOnce() -> T + UnwindSafe) -> bool {
    catch_unwind(call).is_err()
}

/// A file itself, or all files below a folder, in the order of their names.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()));
    if !path.is_dir() {
        path.metadata().map_err(named)?;
        return Ok(vec![path.to_path_buf()]);
    }
    let mut entries = Vec::new();
    for entry in path.read_dir().map_err(named)? {
        entries.push(entry?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

/// Holds every seed in `folder` to what its name promises; the first that breaks it is the error. For tests.
pub fn check_promises(folder: &str, accepts: fn(&[u8]) -> bool) -> Result<usize, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let mut kept = 0;
    for path in files(&root).map_err(|error| error.to_string())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let promise = match name.split('-').next() {
            Some("good") => true,
            Some("bad") => false,
            _ => continue,
        };
        let data = std::fs::read(&path).map_err(|error| error.to_string())?;
        if accepts(&data) != promise {
            return Err(format!("`{folder}/{name}` is {}", if promise { "refused" } else { "accepted" }));
        }
        kept += 1;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_on_json(data: &[u8]) {
        assert!(!data.starts_with(b"{"), "an object");
    }

    #[test]
    fn a_panic_is_counted_with_its_file_and_the_rest_still_runs() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/envelope");
        let outcome = replay(fails_on_json, &[corpus]).expect("readable");
        assert!(!outcome.panicked.is_empty());
        assert!(outcome.inputs > outcome.panicked.len());
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let error = replay(fails_on_json, &["no/such/file".into()]).err().expect("missing").to_string();
        assert!(error.contains("no/such/file"), "{error}");
    }

    #[test]
    fn a_broken_promise_is_found() {
        assert!(check_promises("envelope", |_| true).is_err());
        assert!(check_promises("envelope", |_| false).is_err());
    }
}
