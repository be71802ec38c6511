//! `mainworker key`: the keys with which modules are signed.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::small_file;
use crate::terminal;
use clap::{Args, Subcommand};
use mainworker_publishing::key::{KeyError, PublicKey, SigningKey};
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of a file with a key. An EC key in PEM has some hundred.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;

/// Bytes of a path that is repeated in an error. A line of a key in PEM has 64.
const PATH_SHOWN_BYTES_MAX: usize = 60;

/// Make and show keys with which modules are signed: ECDSA on P-256, PKCS#8 in PEM, as OpenSSL makes them too.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key: FILE for whoever signs, FILE.pub for whoever trusts
    #[command(after_help = "Examples:
  mainworker key generate ci-2026.key

OpenSSL makes the same: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ci-2026.key` and
`openssl pkey -in ci-2026.key -pubout -out ci-2026.key.pub`. Nothing is ever written over.")]
    Generate(GenerateArgs),
    /// Show the fingerprint and the public half of a key
    #[command(after_help = "Examples:
  mainworker key show ci-2026.key
  mainworker key show ci-2026.key.pub --json")]
    Show(ShowArgs),
}

/// Where to.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// The file of the private key; the public one is beside it with `.pub` at its end
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the fingerprint as JSON
    #[arg(long)]
    json: bool,
}

/// Which one.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A private or a public key in PEM
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn key(command: &KeyCommand) -> Result<ExitCode, Failure> {
    match command {
        KeyCommand::Generate(args) => generate(args),
        KeyCommand::Show(args) => show(args),
    }
}

fn generate(args: &GenerateArgs) -> Result<ExitCode, Failure> {
    let key = SigningKey::generate(&mut SysRng).map_err(|error| unusable(&args.file, &error))?;
    let pem = key.to_pem().map_err(|error| unusable(&args.file, &error))?;
    let mut public = args.file.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    // The public half first: a private key that nobody can name is worth less than the other way round.
    write_new(&public, 0o644, key.public_key().to_pem())?;
    if let Err(failure) = write_new(&args.file, 0o600, pem.expose_secret()) {
        let _ = std::fs::remove_file(&public);
        return Err(failure);
    }
    let fingerprint = key.public_key().fingerprint().to_string();
    if args.json {
        let shown = json!({ "file": args.file, "public": public, "fingerprint": fingerprint });
        terminal::print_json(&shown.to_string())?;
    } else {
        terminal::print(&fingerprint)?;
        terminal::note(&format!(
            "`{}` signs and belongs to CI alone; `{}` is for `[trust.keys]` of the hosts",
            args.file.display(),
            public.display()
        ));
    }
    Ok(ExitCode::Completed)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(
        |error| {
            let hint = if error.kind() == io::ErrorKind::AlreadyExists {
                "nothing is written over: name another file"
            } else {
                "name a folder that is there and can be written to"
            };
            Failure::usage("key_unwritable", format!("writing the key `{}`: {error}", path.display()), hint)
        },
    )
}

fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let pem = read(&args.file)?;
    let public = match PublicKey::from_pem(pem.expose_secret()) {
        Ok(public) => public,
        Err(public_error) => match SigningKey::from_pem(&pem) {
            Ok(key) => key.public_key().clone(),
            // What it is not is said of what it most likely is.
            Err(private_error) => {
                let error =
                    if pem.expose_secret().contains("PRIVATE KEY") { private_error } else { public_error };
                return Err(unusable(&args.file, &error));
            }
        },
    };
    let fingerprint = public.fingerprint().to_string();
    if args.json {
        terminal::print_json(&json!({ "fingerprint": fingerprint, "pem": public.to_pem() }).to_string())?;
    } else {
        terminal::print(&fingerprint)?;
        terminal::print(public.to_pem().trim_end())?;
    }
    Ok(ExitCode::Completed)
}

/// Reads a file with a key.
pub(super) fn read(path: &Path) -> Result<SecretString, Failure> {
    let unreadable = |error: io::Error| {
        // Somebody may have put the key itself there; it is not shown.
        let is_a_path = path.as_os_str().len() <= PATH_SHOWN_BYTES_MAX;
        let shown = if is_a_path { path.display().to_string() } else { "***".to_owned() };
        let message = format!("reading the key `{shown}`: {error}");
        Failure::usage("key_unreadable", message, hints::of_signing_key())
    };
    small_file::read_text(path, KEY_FILE_BYTES_MAX).map(SecretString::from).map_err(unreadable)
}

/// A key that is none. Nothing of it is shown.
pub(super) fn unusable(path: &Path, error: &KeyError) -> Failure {
    let message = format!("the key `{}`: {error}", path.display());
    Failure::usage("key_unusable", message, hints::of_key(error))
}
