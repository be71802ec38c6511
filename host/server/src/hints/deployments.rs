//! For publishing and deploying.

use crate::deployments::DeploymentRefused;
use crate::vouched::NotVouched;
use mainworker_domain::job_name::JobName;
use mainworker_publishing::key::KeyError;
use mainworker_publishing::place::RegistryHost;
use mainworker_publishing::publication::PublicationError;
use mainworker_publishing::repository::RepositoryError;
use mainworker_publishing::trust::Distrust;
use semver::Version;

/// For a host that has nothing to run.
pub fn of_nothing_deployed() -> String {
    "nothing is deployed to this host: `mainworker deploy NAME --from PLACE`; or `serve --dev` to run modules of a folder".to_owned()
}

/// For a revision that tasks name and that is not here any more.
pub fn of_revision_away(job: &JobName) -> String {
    format!(
        "`mainworker deploy {job}@sha256:… --from PLACE` brings it back; with `[run] revision = \"newest\"` in job.toml tasks take whichever is current"
    )
}

/// For a revision that is not any more what was kept of it.
pub fn of_damaged_revision(job: &JobName, version: &Version) -> String {
    format!("`mainworker deploy {job}@{version} --from PLACE` mends it")
}

/// For a module that nobody vouches for.
pub fn of_not_vouched(error: &NotVouched) -> Option<String> {
    match error {
        NotVouched::Publication(error) => of_publication(error),
        NotVouched::Distrust(distrust) => Some(of_distrust(distrust)),
        NotVouched::Module(refusal) => Some(super::of_module(refusal)),
        NotVouched::OtherModule { .. } => Some(REPUBLISH.to_owned()),
    }
}

const REPUBLISH: &str = "somebody changed what was published: look who can write there, and publish the job anew under the next version";

const BY_MANIFEST: &str =
    "a digest is that of an OCI manifest, as `mainworker publish` prints it, not of a module";

/// For what a repository does not give or take.
pub(super) fn of_publication(error: &PublicationError) -> Option<String> {
    Some(match error {
        PublicationError::Repository(error) => return of_repository(error),
        PublicationError::NoSuchVersion { versions, nearest, .. } if versions.is_empty() => {
            match nearest.as_slice() {
                [] => "`mainworker publish MODULE --to PLACE` publishes it".to_owned(),
                nearest => format!("did you mean `{}`?", nearest.join("` or `")),
            }
        }
        PublicationError::NoSuchVersion { versions, .. } => {
            let versions: Vec<String> =
                versions.iter().rev().take(5).map(|version| format!("`{version}`")).collect();
            format!("there are {}", versions.join(", "))
        }
        PublicationError::NotAPublication { .. } => {
            "only what `mainworker publish` wrote can be deployed".to_owned()
        }
        PublicationError::Untested { .. } => {
            "write samples: `mainworker module check --help` shows one".to_owned()
        }
        PublicationError::Tag(_) => "shorten `version` in job.toml".to_owned(),
        PublicationError::TooLarge { .. } | PublicationError::TooManyBundles { .. } => {
            "publish the job anew under the next version".to_owned()
        }
        PublicationError::Statement(_) | PublicationError::Bundle(_) => return None,
    })
}

/// For a registry or a directory.
pub(super) fn of_repository(error: &RepositoryError) -> Option<String> {
    Some(match error {
        RepositoryError::Unavailable { .. } => {
            "try again; for a registry without TLS the settings say `plain-http = true` under `[registries.\"HOST\"]`"
                .to_owned()
        }
        RepositoryError::Denied { .. } => {
            "`[registries.\"HOST\"]` in the settings has `username` and `password-file`; `publish` takes MAINWORKER_REGISTRY_USERNAME and MAINWORKER_REGISTRY_PASSWORD".to_owned()
        }
        RepositoryError::TagMoved { .. } => {
            "a version is not moved: raise `version` in job.toml and publish that".to_owned()
        }
        RepositoryError::NotARepository { .. } => {
            "name a folder that `mainworker publish` wrote, or, to publish into it, an empty one".to_owned()
        }
        RepositoryError::Missing { .. } => {
            format!("look whether it is the right place; {BY_MANIFEST}")
        }
        RepositoryError::Malformed { .. } => format!("{BY_MANIFEST}; otherwise {REPUBLISH}"),
        RepositoryError::OtherContent { .. } | RepositoryError::TooLarge { .. } => REPUBLISH.to_owned(),
    })
}

/// For what nobody who is trusted signed.
pub(super) fn of_distrust(distrust: &Distrust) -> String {
    match distrust {
        Distrust::SignatureMissing { .. } | Distrust::StatementMissing(_) => {
            "publish it with `mainworker publish MODULE --to PLACE --key FILE`".to_owned()
        }
        Distrust::KeyUnknown { .. } => {
            "if the key is one of yours, name it under `[trust.keys]`: `mainworker key show FILE` prints its public half".to_owned()
        }
        Distrust::KeyExpired { key, .. } | Distrust::KeyNotYetValid { key, .. } => format!(
            "publish it with another key, or change `valid-from` and `valid-until` under `[trust.keys.{key}]`"
        ),
        Distrust::KeyRevoked { .. } => {
            "look what else that key signed; publish the job anew with another key".to_owned()
        }
        Distrust::KeyNotForJob { key, .. } => {
            format!("`jobs` under `[trust.keys.{key}]` says for which jobs it is trusted")
        }
        Distrust::BuilderNotAllowed { key, .. } => {
            format!("`builders` under `[trust.keys.{key}]` says who it is trusted to speak for")
        }
        Distrust::Revoked { .. } => "publish a newer version".to_owned(),
        Distrust::VersionTooLow { .. } => {
            "deploy a newer version; `[trust.minimum-versions]` says how old it may be".to_owned()
        }
        Distrust::Untested { .. } => {
            "let its samples pass and publish it anew: `mainworker module check`".to_owned()
        }
        Distrust::NameImitates { job, key, .. } => {
            format!("if it is meant, name it in full: `jobs = [\"*\", \"{job}\"]` under `[trust.keys.{key}]`")
        }
        Distrust::SignatureUnreadable(_)
        | Distrust::SignatureInvalid { .. }
        | Distrust::StatementInvalid { .. }
        | Distrust::ModuleMismatch { .. }
        | Distrust::ManifestMismatch { .. }
        | Distrust::ManifestUnreadable(_)
        | Distrust::VersionMismatch { .. }
        | Distrust::ClaimsMismatch { .. } => REPUBLISH.to_owned(),
        Distrust::JobMismatch { found, .. } => {
            format!("if you named the digest, it is that of `{found}`; otherwise {REPUBLISH}")
        }
    }
}

/// For a revision that is not deployed, or not rolled back to.
pub fn of_deployment(refused: &DeploymentRefused) -> Option<String> {
    Some(match refused {
        DeploymentRefused::OfFolder => {
            "start the host without `--dev`; with it, put the module into its folder".to_owned()
        }
        DeploymentRefused::Invalid { pointer: "/revision", .. } => {
            "such as `1.4.0`; `mainworker revisions JOB` lists them".to_owned()
        }
        DeploymentRefused::Invalid { .. } | DeploymentRefused::TwoWishes => {
            "such as `mainworker deploy edge-logs@1.4.0 --from oci://registry.example/jobs`".to_owned()
        }
        DeploymentRefused::Place(_) => {
            "such as `--from oci://registry.example/jobs` or `--from /srv/published`".to_owned()
        }
        DeploymentRefused::PlaceNotAllowed { .. } => {
            "`from` under `[trust]` in the settings of the host names the places".to_owned()
        }
        DeploymentRefused::Registry { host, .. } => {
            format!("mend `[registries.\"{host}\"]` in the settings of the host, or the permissions there")
        }
        DeploymentRefused::TookTooLong { .. } => {
            "look what is wrong with that registry, and try again".to_owned()
        }
        DeploymentRefused::NotVouched(error) => return of_not_vouched(error),
        DeploymentRefused::Widened(not_allowed) => super::of_not_allowed(not_allowed),
        DeploymentRefused::Downgrade { job, found, .. } => {
            format!(
                "`mainworker rollback {job} {found}` goes back to it if it ran here; `mainworker revisions {job}` lists what did"
            )
        }
        DeploymentRefused::NotReady(failure) => return failure.hint.clone(),
        DeploymentRefused::NotKept(PublicationError::Repository(RepositoryError::Unavailable { .. })) => {
            "make room where the host's data folder is".to_owned()
        }
        DeploymentRefused::NotKept(_) => {
            "`modules/index.json` in the host's data folder is damaged: bring it back from a backup, or move it away, start the host, and bring back each revision that `mainworker revisions JOB` lists: `mainworker deploy JOB@VERSION --from PLACE`".to_owned()
        }
        DeploymentRefused::Stale { job, .. } => {
            format!("look what it is, and deploy again: `mainworker revisions {job}`")
        }
        DeploymentRefused::NotDeployed { nearest, .. } => match nearest.as_slice() {
            [] => "`mainworker deploy NAME --from PLACE` deploys one".to_owned(),
            nearest => format!("did you mean `{}`?", nearest.join("` or `")),
        },
        DeploymentRefused::Undeployed { job } => {
            format!(
                "`mainworker rollback {job} VERSION` brings a revision back that `mainworker revisions {job}` lists; `mainworker deploy {job} --from PLACE` a new one"
            )
        }
        DeploymentRefused::RolledBackAlready { job, .. } => {
            format!("name it: `mainworker rollback {job} sha256:…`; `mainworker revisions {job}` lists them")
        }
        DeploymentRefused::UnknownRevision { job, .. } => format!("`mainworker revisions {job}` lists them"),
        DeploymentRefused::NoFormer { job, kept: 2.. } => {
            format!("name one: `mainworker rollback {job} VERSION`; `mainworker revisions {job}` lists them")
        }
        DeploymentRefused::NoFormer { job, .. } => {
            format!(
                "`mainworker undeploy {job}` takes the job away; `mainworker deploy {job} --from PLACE` brings a newer revision"
            )
        }
        DeploymentRefused::UnknownDeployment { .. } => {
            "`mainworker revisions JOB` shows what is deployed".to_owned()
        }
        DeploymentRefused::TooMany { .. } => "wait until some of them are done".to_owned(),
        DeploymentRefused::Store(error) => super::of_store(error),
    })
}

/// For a job that had a module once.
pub fn of_job_away(job: &str) -> String {
    format!(
        "`mainworker revisions {job}` lists what was deployed, `mainworker rollback {job} VERSION` brings it back"
    )
}

/// For a signing key that cannot be had.
pub fn of_signing_key() -> String {
    "`mainworker key generate FILE` makes one; with `--key env` it stands in MAINWORKER_SIGNING_KEY"
        .to_owned()
}

/// For a text that is no key of the kind that is wanted.
pub fn of_key(error: &KeyError) -> String {
    match error {
        KeyError::OtherLabel { expected: "PRIVATE KEY", found } if found == "PUBLIC KEY" => {
            "name the private half, the file without `.pub`".to_owned()
        }
        KeyError::OtherLabel { found, .. } if found == "EC PRIVATE KEY" => {
            "`openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW` makes the kind that is read here of it".to_owned()
        }
        KeyError::Encrypted => {
            "`openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW` takes the passphrase away: keep it where CI keeps secrets"
                .to_owned()
        }
        _ => of_signing_key(),
    }
}

/// For versions of which a known key signed none.
pub fn of_unknown_former() -> String {
    "if a key of yours signed it, name that under `[trust.keys]` of a settings file for `--settings`: `mainworker key show FILE` prints its public half; if not, look who can write there".to_owned()
}

/// For a registry that cannot be asked at all.
pub fn of_registry(host: &RegistryHost) -> String {
    format!(
        "`[registries.\"{host}\"]` in the settings says how it is asked; MAINWORKER_REGISTRY_USERNAME and MAINWORKER_REGISTRY_PASSWORD say as whom"
    )
}

/// For a builder that nobody names.
pub fn of_unknown_builder() -> String {
    "such as `--builder https://ci.example/jobs`, or the variable MAINWORKER_BUILDER".to_owned()
}

/// For a commit that nobody names.
pub fn of_unknown_commit() -> String {
    "run it in the repository, or name the commit: `--commit $(git rev-parse HEAD)`".to_owned()
}

/// For a commit without a time.
pub fn of_unknown_commit_time() -> String {
    "`export SOURCE_DATE_EPOCH=$(git show -s --format=%ct COMMIT)` says it".to_owned()
}
