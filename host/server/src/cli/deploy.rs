//! `mainworker deploy`: a running host takes a module and runs it from now on.

use super::difference::warn_of_no_widening;
use super::remote::{RemoteArgs, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal::{self, TransferView};
use clap::Args;
use mainworker_client::Client;
use mainworker_client::wire::{DeploymentInfo, DeploymentRequest, DifferenceInfo};
use mainworker_domain::nearest::nearest;
use mainworker_domain::outcome::Outcome;
use mainworker_publishing::place::{Place, Wanted, WantedRevision};
use std::path::{Path, absolute};
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks at how far a deployment is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Asks a running host to take a module from a registry or a directory, to verify who published it and that it was tested, to
/// compile it, and to run it for its job from now on. The host does not restart. Tasks that are queued keep the revision they
/// were accepted with, unless their job.toml wants the newest. A revision that was deployed before, and of which the host has lost
/// something, is brought back by its version or digest, whether it is current or not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker deploy edge-logs --from oci://registry.example/jobs
  mainworker deploy edge-logs@1.4.0 --from /srv/published --data /var/lib/mainworker
  mainworker deploy edge-logs@1.4.0 --from /srv/published --allow-widening http:POST:https://api.example.com

The host takes modules only from places under `[trust] from` of its settings, signed with a key under `[trust.keys]`. Without a
version it takes the highest. What the module may do that the current revision may not must have been seen by somebody: when it
was published, or here, each with `--allow-widening`.

Exit codes: 0 it is current · 1 something else was deployed meanwhile · 5 it is refused · 6 the host or the registry is unreachable, or the credential lacks the role `deploy`.")]
pub struct DeployArgs {
    /// The job, with a version or the digest of an OCI manifest: NAME, NAME@1.2.3, NAME@sha256:…
    #[arg(value_name = "NAME[@VERSION|@DIGEST]", value_parser = Wanted::parse)]
    wanted: Wanted,
    /// From where: oci://HOST/REPO, or a folder of the host's machine
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Let it do this, which the current revision may not; once for each
    #[arg(long, value_name = "NAME")]
    allow_widening: Vec<String>,
    /// Print the deployment as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn deploy(args: &DeployArgs) -> Result<ExitCode, Failure> {
    let (version, digest) = match &args.wanted.revision {
        WantedRevision::Newest => (None, None),
        WantedRevision::Version(version) => (Some(version.to_string()), None),
        WantedRevision::Manifest(digest) => (None, Some(digest.to_string())),
    };
    let request = DeploymentRequest {
        job: args.wanted.job.to_string(),
        version,
        digest,
        from: as_the_host_finds_it(&args.from),
        allow_widening: args.allow_widening.clone(),
    };
    let ended = args.remote.ask(async |client| {
        let accepted = client.deploy(&request).await?;
        follow(client, &accepted.deployment_id).await
    })?;
    if args.json {
        print_json(&ended)?;
    } else {
        show_difference(&ended);
        warn_of_names(args, &ended);
    }
    match &ended.error {
        None if args.json => Ok(ExitCode::Completed),
        None => {
            terminal::print(&summary(&ended))?;
            Ok(ExitCode::Completed)
        }
        Some(error) => Err(Failure {
            code: error.code.clone(),
            exit: match error.code.as_str() {
                "deployment_changed" => ExitCode::NotCompleted,
                "repository_unavailable" | "repository_denied" => ExitCode::Unreachable,
                _ => ExitCode::Refused,
            },
            outcome: Outcome::Refused,
            hint: error.hint.as_deref().map(hints::of_host),
            ..Failure::host(&error.message)
        }),
    }
}

/// A folder has another name for a process that stands elsewhere.
fn as_the_host_finds_it(from: &str) -> String {
    match Place::parse(from) {
        Ok(Place::Directory(path)) => {
            absolute(Path::new(&path)).map_or_else(|_| from.to_owned(), |path| path.display().to_string())
        }
        // The host says what is wrong with it.
        _ => from.to_owned(),
    }
}

async fn follow(client: &Client, id: &str) -> Result<DeploymentInfo, Failure> {
    let mut view = None;
    loop {
        let info = client.deployment(id).await?;
        if matches!(info.state.as_str(), "deployed" | "already" | "restored" | "refused") {
            if let Some(view) = view {
                TransferView::end(view);
            }
            return Ok(info);
        }
        let view = view.get_or_insert_with(|| TransferView::start(&info.job));
        view.show(info.bytes, info.bytes_total, &info.state);
        sleep(LOOK_EVERY).await;
    }
}

fn summary(info: &DeploymentInfo) -> String {
    let shown = |text: &Option<String>| {
        text.as_deref().map(|text| terminal::printable_line(text).into_owned()).unwrap_or_default()
    };
    let (version, revision) = (shown(&info.version), shown(&info.revision));
    match info.state.as_str() {
        "restored" => {
            format!("{} {version} is here again, revision {revision}; what is current is as it was", info.job)
        }
        "already" => format!("{} {version} is current already, revision {revision}", info.job),
        _ => format!("deployed {} {version}, revision {revision}", info.job),
    }
}

/// A name that allows nothing may be a mistyped one.
fn warn_of_names(args: &DeployArgs, info: &DeploymentInfo) {
    // Before that it is not known what there is to allow.
    if info.revision.is_none() {
        return;
    }
    let is_widening = |name: &&String| info.widenings.iter().any(|widening| widening.name == **name);
    for name in args.allow_widening.iter().filter(|name| !is_widening(name)) {
        let nearest = nearest(name, info.widenings.iter().map(|widening| widening.name.as_str()));
        warn_of_no_widening(name, nearest);
    }
}

/// What the revision does more, less and otherwise than the one before it.
fn show_difference(info: &DeploymentInfo) {
    let lines = |sign: char, list: &[DifferenceInfo]| {
        for one in list {
            let (name, about) = (terminal::printable_line(&one.name), terminal::printable_line(&one.about));
            let seen = match one.seen_by.as_deref() {
                Some("statement") => " (seen by whoever published it)",
                Some("request") => " (allowed here)",
                _ => "",
            };
            terminal::note(&format!("  {sign} {name}: {about}{seen}"));
        }
    };
    lines('+', &info.widenings);
    lines('-', &info.narrowings);
    lines('~', &info.notes);
}
