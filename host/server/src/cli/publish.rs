//! `mainworker publish`: modules are tested, what they are is signed, and both are put where hosts take them from.
//!
//! test → compare with what is published → content → sign → push. All modules go each of these steps before one of them goes the
//! next, so nothing is pushed as long as something is wrong with any of them. A version that is there with the same module is left
//! as it is, whatever commit it was built from.

mod built_from;
mod former;
mod there;

use super::difference::{self, AllowArgs};
use super::key;
use super::module::{Tested, test};
use crate::deployments::repositories::registry;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::settings::{RegistrySettings, Settings};
use crate::terminal::{self, TransferView};
use crate::vouched::{NotVouched, capability_names};
use built_from::BuiltFrom;
use clap::Args;
use mainworker_domain::capability::{Difference, NotAllowed};
use mainworker_domain::catalog::CONTRACT;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_publishing::key::SigningKey;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Place, RegistryHost, RepositoryName, Wanted, WantedRevision};
use mainworker_publishing::publication::{self, Facts, Publication, PublicationError, Published, Unsigned};
use mainworker_publishing::registry::{Credentials, Registry};
use mainworker_publishing::repository::{Repository, digest_of};
use mainworker_publishing::statement::{SampleFile, SchemaDigests};
use mainworker_publishing::trust::TrustPolicy;
use secrecy::SecretString;
use semver::Version;
use serde_json::json;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::runtime::Builder;

/// The variable with the signing key.
const KEY_VARIABLE: &str = "MAINWORKER_SIGNING_KEY";

/// Tests modules with their samples, compares what they may do with what is published, signs what they are and that they were
/// tested, and puts them into a registry or a directory. A version that is there is not moved.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker publish target/modules/echo.wasm --to oci://registry.example/jobs --key ci.key --builder https://ci.example/jobs
  mainworker publish target/modules/*.wasm --to published --key env
  mainworker publish edge-logs.wasm --to published --key ci.key --allow-widening http:POST:https://api.example.com

What a module may do that the highest version below it may not has to be allowed, each with `--allow-widening`; that is signed with
the rest. A first version lists all that it may do. Versions count that this key signed, or one of `[trust.keys]` in the settings.

Environment: MAINWORKER_SIGNING_KEY (with `--key env`), MAINWORKER_BUILDER, MAINWORKER_REGISTRY_USERNAME and
MAINWORKER_REGISTRY_PASSWORD, SOURCE_DATE_EPOCH (otherwise the time of the commit).

Exit codes: 0 published, or there already · 1 a sample does not hold · 2 usage, a sample that cannot be read · 5 a module or a widening is
refused, or the version is there with other content · 6 the registry cannot be reached.")]
pub struct PublishArgs {
    /// Module files, each with its samples beside it as NAME.samples
    #[arg(value_name = "MODULE", required = true)]
    modules: Vec<PathBuf>,
    /// Where to: oci://HOST/REPO, or a directory
    #[arg(long, value_name = "PLACE", value_parser = Place::parse)]
    to: Place,
    /// The signing key: a file in PEM, or `env` for the variable MAINWORKER_SIGNING_KEY
    #[arg(long, value_name = "FILE|env", allow_hyphen_values = true)]
    key: PathBuf,
    /// Folder of the samples of the one module [default: NAME.samples beside NAME.wasm, or samples beside it]
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,
    /// The commit that the modules were built from [default: that of the repository here]
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// Who builds, a URI [default: the variable MAINWORKER_BUILDER]
    #[arg(long, value_name = "URI")]
    builder: Option<String>,
    #[command(flatten)]
    allow: AllowArgs,
    /// Settings file, for `[registries]` and `[trust.keys]` [default: mainworker.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn publish(args: &PublishArgs) -> Result<ExitCode, Failure> {
    if args.samples.is_some() && args.modules.len() > 1 {
        let problem = format!("{} modules, expected one beside `--samples`", args.modules.len());
        return Err(Failure::usage("samples_of_many", problem, hints::of_samples_of_many()));
    }
    let signing = signing_key(&args.key)?;
    let built = BuiltFrom::find(args.commit.as_deref(), args.builder.as_deref())?;
    let settings = Settings::load(args.settings.as_deref())?;
    let known = former::known(signing.public_key(), &settings.trust.policy)?;
    let publisher = Publisher { args, signing, built, known };
    let tested = test(&args.modules, args.samples.as_deref())?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::host(format!("starting threads: {error}")))?;
    let published = runtime.block_on(async {
        match &args.to {
            Place::Directory(path) => {
                let layout = Layout::create(path).await.map_err(PublicationError::from).map_err(failed)?;
                publisher.publish_to(&layout, tested).await
            }
            Place::Registry { host, repository } => {
                let own = settings.registries.get(host).cloned().unwrap_or_default();
                let registry = writing(host, repository, &own)?;
                publisher.publish_to(&registry, tested).await
            }
        }
    })?;
    print(args, &published)?;
    Ok(ExitCode::Completed)
}

/// A registry as CI asks it: what its environment says goes before the settings.
fn writing(
    host: &RegistryHost,
    repository: &RepositoryName,
    settings: &RegistrySettings,
) -> Result<Registry, Failure> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let username = variable("MAINWORKER_REGISTRY_USERNAME");
    let credentials = username.map(|username| Credentials {
        username,
        password: SecretString::from(variable("MAINWORKER_REGISTRY_PASSWORD").unwrap_or_default()),
    });
    registry(host, repository, settings, credentials)
        .map_err(|problem| Failure::usage("registry_unusable", problem, hints::of_registry(host)))
}

fn signing_key(from: &Path) -> Result<SigningKey, Failure> {
    let pem = if from == Path::new("env") {
        let pem = env::var(KEY_VARIABLE).ok().filter(|pem| !pem.is_empty()).ok_or_else(|| {
            let problem = format!("the variable {KEY_VARIABLE} is empty or not there, expected a key in PEM");
            Failure::usage("key_unreadable", problem, hints::of_signing_key())
        })?;
        SecretString::from(pem)
    } else {
        key::read(from)?
    };
    let key = SigningKey::from_pem(&pem).map_err(|error| key::unusable(from, &error))?;
    warn_of_readers(from);
    Ok(key)
}

/// Whoever reads the key publishes. No file is of this name where the key is in a variable.
fn warn_of_readers(key: &Path) {
    if key != Path::new("env")
        && let Ok(found) = fs::metadata(key)
        && found.mode() & 0o077 != 0
    {
        let told = format!("others may read the signing key, its mode is {:04o}", found.mode() & 0o7777);
        terminal::print_warning(&told, Some("`chmod 600` it; others may have read it already"));
    }
}

/// A module that is signed and not yet pushed.
struct Ready {
    job: JobName,
    version: String,
    publication: Publication,
    /// The manifest that it is there with.
    there: Option<Digest>,
    difference: Difference,
    /// The version that it was compared with; none for a first one.
    former: Option<Version>,
}

/// What became of it.
struct Done {
    ready: Ready,
    published: Published,
}

/// Who publishes.
struct Publisher<'a> {
    args: &'a PublishArgs,
    signing: SigningKey,
    built: BuiltFrom,
    /// Whose versions are compared with.
    known: TrustPolicy,
}

impl Publisher<'_> {
    async fn publish_to(
        &self,
        repository: &impl Repository,
        tested: Vec<Tested>,
    ) -> Result<Vec<Done>, Failure> {
        let mut ready = Vec::new();
        for tested in tested {
            ready.push(self.prepare(repository, tested).await?);
        }
        check_allowed(self.args, &ready)?;
        let mut done = Vec::new();
        for ready in ready {
            let Ready { job, publication, .. } = &ready;
            let published = match ready.there {
                Some(manifest) => Published {
                    manifest,
                    tag: publication.tag().to_owned(),
                    was_tagged: true,
                    was_there: true,
                },
                None => push(repository, job, publication).await?,
            };
            done.push(Done { ready, published });
        }
        Ok(done)
    }

    async fn prepare(
        &self,
        repository: &impl Repository,
        Tested { module, samples, folder }: Tested,
    ) -> Result<Ready, Failure> {
        let description = module.revision().description();
        let job = &description.manifest.job;
        let former = former::former(repository, &self.known, &module).await?;
        let difference = Difference::between(former.as_ref().map(|former| &former.description), description);
        let approved = difference.widenings.iter().map(|widening| &widening.name);
        let approved = approved.filter(|name| self.args.allow.allowed.contains(name)).cloned().collect();
        let facts = Facts {
            job: job.name.clone(),
            version: job.version.clone(),
            world: CONTRACT.to_owned(),
            exports: module.exports().to_vec(),
            imports: module.imports().to_vec(),
            capabilities: capability_names(module.revision()),
            schemas: SchemaDigests::of(description),
            approved_widenings: approved,
            previous: former.as_ref().map(|former| former.manifest),
            source: self.built.source.clone(),
            builder: self.built.builder.clone(),
            created: self.built.created,
            samples: sample_files(&folder, &samples)?,
            passed: samples,
        };
        let unsigned = Unsigned::new(module.bytes().to_vec(), facts).map_err(failed)?;
        let publication = unsigned.sign(&self.signing).map_err(failed)?;
        let wanted = Wanted { job: job.name.clone(), revision: WantedRevision::Version(job.version.clone()) };
        let there =
            there::left_as_it_is(repository, &publication, &wanted, &self.known).await.map_err(failed)?;
        let (job, version) = (job.name.clone(), job.version.to_string());
        let former = former.map(|former| former.version);
        Ok(Ready { job, version, publication, there, difference, former })
    }
}

async fn push(
    repository: &impl Repository,
    job: &JobName,
    publication: &Publication,
) -> Result<Published, Failure> {
    let view = TransferView::start(job.as_str());
    let progress = |bytes, bytes_total| view.show(bytes, bytes_total, "pushing");
    let pushed = publication::publish(repository, publication, &progress).await;
    view.end();
    pushed.map_err(failed)
}

fn sample_files(folder: &Path, names: &[String]) -> Result<Vec<SampleFile>, Failure> {
    let file = |name: &String| {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(|error| {
            let problem = format!("reading the sample `{}`: {error}", path.display());
            Failure::usage("samples_unreadable", problem, hints::of_unreadable_samples())
        })?;
        Ok(SampleFile { name: name.clone(), digest: digest_of(&bytes) })
    };
    names.iter().map(file).collect()
}

/// Each widening is named; what is named and is none is told.
fn check_allowed(args: &PublishArgs, ready: &[Ready]) -> Result<(), Failure> {
    let later = || ready.iter().filter(|one| one.former.is_some());
    for name in &args.allow.allowed {
        if !later().any(|one| one.difference.widenings.iter().any(|widening| widening.name == *name)) {
            let nearest = later().find_map(|one| {
                let others = one.difference.not_widenings(&args.allow.allowed);
                others.into_iter().find(|other| other.name == name).and_then(|other| other.nearest)
            });
            difference::warn_of_no_widening(name, nearest);
        }
    }
    let refused = later().filter(|one| one.there.is_none());
    let refused: Vec<(&Ready, NotAllowed)> = refused
        .filter_map(|one| Some((one, one.difference.check(&one.job, &args.allow.allowed).err()?)))
        .collect();
    for (one, _) in &refused {
        if let Some(former) = &one.former {
            show(&one.job, former, &one.difference, &args.allow.allowed);
        }
    }
    if args.json && !refused.is_empty() {
        let shown = |(one, not_allowed): &(&Ready, NotAllowed)| {
            let NotAllowed { job, names } = not_allowed;
            json!({ "job": job.as_str(), "version": one.version, "notAllowed": names })
        };
        let refused: Vec<_> = refused.iter().map(shown).collect();
        let shown = json!({ "to": args.to.to_string(), "published": [], "refused": refused });
        terminal::print_json(&shown.to_string())?;
    }
    match refused.into_iter().next() {
        None => Ok(()),
        Some((_, refused)) => Err(refused.into()),
    }
}

fn show(job: &JobName, former: &Version, difference: &Difference, allowed: &[String]) {
    terminal::note(&format!("{job}, beside {former}:\n{}", difference::shown(difference, allowed)));
}

fn print(args: &PublishArgs, done: &[Done]) -> Result<(), Failure> {
    if args.json {
        let list = |Done { ready, published }: &Done| {
            json!({
                "job": ready.job.as_str(),
                "version": ready.version,
                "tag": published.tag,
                "module": ready.publication.module().descriptor.digest.to_string(),
                "manifest": published.manifest.to_string(),
                "wasThere": published.was_there,
                "isFirst": ready.former.is_none(),
                "comparedWith": ready.former.as_ref().map(Version::to_string),
                "widenings": ready.difference.widenings.iter().map(|one| &one.name).collect::<Vec<_>>(),
            })
        };
        let shown: Vec<_> = done.iter().map(list).collect();
        return terminal::print_json(&json!({ "to": args.to.to_string(), "published": shown }).to_string());
    }
    for Done { ready, published } in done {
        let Ready { job, version, difference, former, .. } = ready;
        let release = format!("{job} {version}, manifest {}", published.manifest);
        if published.was_there {
            terminal::print(&format!("there already: {release}"))?;
            continue;
        }
        match former {
            _ if published.was_tagged => {
                terminal::note(&format!("{job} {version} is there; it is signed with this key too now"));
            }
            None => {
                let all = difference::shown(difference, &[]);
                terminal::note(&format!("{job} is published for the first time; all that it may do:\n{all}"));
            }
            Some(_) if difference.is_empty() => {}
            Some(former) => show(job, former, difference, &args.allow.allowed),
        }
        terminal::print(&format!("published {release}"))?;
    }
    Ok(())
}

fn failed(error: PublicationError) -> Failure {
    Failure::from(NotVouched::from(error))
}
