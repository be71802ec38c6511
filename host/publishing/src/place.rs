//! Where publications are taken from or put, and which of them, as people write both.
//!
//! What two programs could read differently is refused rather than interpreted: a registry and its repository are written
//! in one way, and a tag or a digest is never part of a place.

use mainworker_domain::address::{AddressKind, special};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::{JobName, NotAJobName};
use mainworker_domain::origin::{Host, Origin, OriginError, Scheme};
use semver::Version;
use std::fmt;
use std::path::PathBuf;

/// What the place of a registry begins with.
const SCHEME: &str = "oci://";
/// Bytes of a registry's host, `/` and the repository, as registries limit it.
const NAME_BYTES_MAX: usize = 255;
/// Bytes of a tag (OCI distribution specification).
const TAG_BYTES_MAX: usize = 128;
/// Characters of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 200;

/// A place with publications.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A repository in a registry.
    Registry {
        /// Which registry.
        host: RegistryHost,
        /// Which of its repositories.
        repository: RepositoryName,
    },
    /// A directory with an OCI image layout.
    Directory(PathBuf),
}

/// A registry, as `HOST` or `HOST:PORT`: lower case, the port only where it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegistryHost {
    host: Host,
    port: Option<u16>,
}

/// The name of a repository in a registry, such as `jobs` or `company/jobs`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryName(String);

/// Said of a text that is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no place of publications: {problem}; expected `oci://HOST[:PORT]/REPOSITORY` or a directory"
)]
pub struct NotAPlace {
    /// What was given, shortened, without a user name or a password.
    pub found: String,
    /// What is wrong with it.
    pub problem: PlaceProblem,
}

/// What is wrong with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceProblem {
    /// No text at all.
    #[error("it is empty")]
    Empty,
    /// A zero byte, which no path has.
    #[error("it has a zero byte")]
    ZeroByte,
    /// `http://`, `docker://` and others.
    #[error("it begins with another scheme than `oci://`")]
    Scheme,
    /// `oci:DIR`, as `skopeo` writes a directory.
    #[error("it begins with `oci:` and not with `oci://`, and a directory is written without it")]
    LayoutScheme,
    /// `user:password@`.
    #[error("it has a user name before the host; credentials stand in the settings")]
    Userinfo,
    /// `?` or `#`.
    #[error("it has a query or a fragment")]
    Query,
    /// A host that is none.
    #[error(transparent)]
    Host(#[from] OriginError),
    /// `oci://jobs/echo`: other programs look for `jobs/echo` at docker.io.
    #[error(
        "its host has neither a dot nor a port and is not `localhost`, so that others take it for a repository's name"
    )]
    HostAmbiguous,
    /// Only a host.
    #[error("it has no repository")]
    NoRepository,
    /// `:TAG` behind the repository.
    #[error("it has a tag; a revision is named as NAME@VERSION instead")]
    Tag,
    /// `@sha256:…` behind the repository.
    #[error("it has a digest; a revision is named as NAME@sha256:HEX instead")]
    Digest,
    /// `Jobs`.
    #[error("its repository has upper-case letters, which no registry takes")]
    UpperCase,
    /// Anything else that no registry takes.
    #[error("its repository is not of a-z and 0-9 in parts joined by `/`, `.`, `-`, `_` or `__`")]
    Repository,
    /// More than registries take.
    #[error("its host and repository have more than {NAME_BYTES_MAX} bytes")]
    Length,
}

impl Place {
    /// Reads `oci://HOST[:PORT]/REPOSITORY`, or the path of a directory.
    ///
    /// # Errors
    /// A text that is neither, or that another program could read as something else.
    pub fn parse(text: &str) -> Result<Self, NotAPlace> {
        Self::read(text).map_err(|problem| NotAPlace { found: shown(text), problem })
    }

    fn read(text: &str) -> Result<Self, PlaceProblem> {
        if text.is_empty() {
            return Err(PlaceProblem::Empty);
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return if text.contains('\0') {
                Err(PlaceProblem::ZeroByte)
            } else if text.starts_with("oci:") {
                Err(PlaceProblem::LayoutScheme)
            } else if text.contains("://") {
                Err(PlaceProblem::Scheme)
            } else {
                Ok(Self::Directory(PathBuf::from(text)))
            };
        };
        let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(PlaceProblem::Userinfo);
        }
        if rest.contains(['?', '#']) {
            return Err(PlaceProblem::Query);
        }
        let host = RegistryHost::read(authority)?;
        let repository = RepositoryName::read(behind.strip_prefix('/').unwrap_or_default())?;
        if authority.len() + 1 + repository.0.len() > NAME_BYTES_MAX {
            return Err(PlaceProblem::Length);
        }
        Ok(Self::Registry { host, repository })
    }
}

impl RegistryHost {
    /// Reads `HOST` or `HOST:PORT`, as the settings name a registry.
    ///
    /// # Errors
    /// A text that is no host, or that another program could read as something else.
    pub fn parse(text: &str) -> Result<Self, PlaceProblem> {
        if text.contains('@') { Err(PlaceProblem::Userinfo) } else { Self::read(text) }
    }

    fn read(text: &str) -> Result<Self, PlaceProblem> {
        let origin = Origin::of_authority(Scheme::Https, text)?;
        // An address of version 6 ends with a bracket unless a port follows.
        let has_port = text.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let is_plain_name =
            matches!(&origin.host, Host::Name(name) if !name.contains('.') && name != "localhost");
        if is_plain_name && !has_port {
            return Err(PlaceProblem::HostAmbiguous);
        }
        Ok(Self { host: origin.host, port: has_port.then_some(origin.port) })
    }

    /// The server that it is, spoken to in this way.
    pub fn origin(&self, scheme: Scheme) -> Origin {
        Origin { scheme, host: self.host.clone(), port: self.port.unwrap_or(scheme.default_port()) }
    }

    /// Whether it is this machine itself, so that nobody between could read or change what is sent.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::V4(address) => special((*address).into()) == Some(AddressKind::Loopback),
            Host::V6(address) => special((*address).into()) == Some(AddressKind::Loopback),
        }
    }
}

impl RepositoryName {
    fn read(text: &str) -> Result<Self, PlaceProblem> {
        let last = text.rsplit('/').next().unwrap_or(text);
        if text.is_empty() {
            Err(PlaceProblem::NoRepository)
        } else if text.contains('@') {
            Err(PlaceProblem::Digest)
        } else if last.contains(':') {
            Err(PlaceProblem::Tag)
        } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Err(PlaceProblem::UpperCase)
        } else if text.split('/').all(is_repository_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PlaceProblem::Repository)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, as the OCI distribution specification has it.
fn is_repository_part(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bounded = |b: Option<u8>| b.is_some_and(is_word);
    let is_joint = |joint: &str| {
        matches!(joint, "." | "_" | "__") || (!joint.is_empty() && joint.bytes().all(|b| b == b'-'))
    };
    bounded(text.bytes().next())
        && bounded(text.bytes().last())
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|joint| joint.is_empty() || is_joint(joint))
}

/// The text for an error: shortened, and without what stands before an `@` in an authority.
fn shown(text: &str) -> String {
    let short = |text: &str| text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    let Some((scheme, rest)) = text.split_once("://") else { return short(text) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => short(&format!("{scheme}://***{}", &rest[at..])),
        None => short(text),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { host, repository } => write!(f, "{SCHEME}{host}/{repository}"),
            Self::Directory(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job of a place, and which of its revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The job.
    pub job: JobName,
    /// Which revision of it.
    pub revision: WantedRevision,
}

/// Which revision of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedRevision {
    /// The one with the highest version.
    Newest,
    /// The one of this version.
    Version(Version),
    /// The one whose OCI manifest this is.
    Manifest(Digest),
}

/// Said of a text that names no revision of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWanted {
    /// What stands before the `@` is no job.
    #[error(transparent)]
    Job(#[from] NotAJobName),
    /// What stands behind it is neither.
    #[error(
        "`{found}` is no revision: expected a version such as `1.2.3`, or `sha256:` and 64 lower-case hexadecimal digits"
    )]
    Revision {
        /// What was given, shortened.
        found: String,
    },
}

impl Wanted {
    /// Reads `NAME`, `NAME@VERSION` or `NAME@sha256:HEX`.
    ///
    /// # Errors
    /// A text that is none of them.
    pub fn parse(text: &str) -> Result<Self, NotWanted> {
        let Some((job, revision)) = text.split_once('@') else {
            return Ok(Self { job: JobName::parse(text)?, revision: WantedRevision::Newest });
        };
        let job = JobName::parse(job)?;
        let digest = Digest::parse(revision).map(WantedRevision::Manifest);
        let version = || Version::parse(revision).ok().map(WantedRevision::Version);
        digest
            .or_else(version)
            .map(|revision| Self { job, revision })
            .ok_or_else(|| NotWanted::Revision { found: shown(revision) })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            WantedRevision::Newest => self.job.fmt(f),
            WantedRevision::Version(version) => write!(f, "{}@{version}", self.job),
            WantedRevision::Manifest(digest) => write!(f, "{}@{digest}", self.job),
        }
    }
}

/// Said of a revision whose tag would be longer than tags are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tag `{tag}` has {} bytes, expected at most {TAG_BYTES_MAX}: the version is too long", tag.len())]
pub struct TagTooLong {
    /// The tag.
    pub tag: String,
}

/// The tag of a job's version, in every place: `NAME-VERSION`, with `_` for the `+` that no tag may have.
///
/// # Errors
/// A version that is too long for it.
pub fn tag_of(job: &JobName, version: &Version) -> Result<String, TagTooLong> {
    let tag = format!("{job}-{version}").replace('+', "_");
    if tag.len() > TAG_BYTES_MAX { Err(TagTooLong { tag }) } else { Ok(tag) }
}

/// The job and the version that a tag is of; none for a tag of something else.
pub fn named_by(tag: &str) -> Option<(JobName, Version)> {
    // A name has no dot, and what stands before the first dot of a version is a number.
    let joint = tag[..tag.find('.')?].rfind('-')?;
    let job = JobName::parse(&tag[..joint]).ok()?;
    let version = Version::parse(&tag[joint + 1..].replace('_', "+")).ok()?;
    (tag_of(&job, &version).as_deref() == Ok(tag)).then_some((job, version))
}

/// Whether a text can be a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(crate) fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= TAG_BYTES_MAX
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "2c799b932c799b932c799b932c799b932c799b932c799b932c799b932c799b93";

    fn problem(text: &str) -> PlaceProblem {
        match Place::parse(text) {
            Ok(place) => panic!("{text}: {place:?}"),
            Err(error) => error.problem,
        }
    }

    #[test]
    fn a_registry_is_read_and_written_in_one_way() {
        for (text, written) in [
            ("oci://registry.example/jobs", "oci://registry.example/jobs"),
            ("oci://Registry.Example:5000/company/jobs", "oci://registry.example:5000/company/jobs"),
            ("oci://registry.example:443/jobs", "oci://registry.example:443/jobs"),
            ("oci://localhost/jobs", "oci://localhost/jobs"),
            ("oci://registry:05000/jobs", "oci://registry:5000/jobs"),
            ("oci://127.0.0.1:5055/a/b__c/d--e/f.g", "oci://127.0.0.1:5055/a/b__c/d--e/f.g"),
            ("oci://[::1]:5000/jobs", "oci://[::1]:5000/jobs"),
            ("oci://[2001:db8::1]/jobs", "oci://[2001:db8::1]/jobs"),
        ] {
            let place = Place::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(place.to_string(), written);
            assert_eq!(Place::parse(written), Ok(place));
        }
    }

    #[test]
    fn other_texts_are_directories() {
        for text in ["/srv/published", "published", "./oci:x", "../a b", "registry.example/jobs", "a@b"] {
            assert_eq!(Place::parse(text), Ok(Place::Directory(PathBuf::from(text))));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_place() {
        for (text, expected) in [
            ("", PlaceProblem::Empty),
            ("a\0b", PlaceProblem::ZeroByte),
            ("http://registry.example/jobs", PlaceProblem::Scheme),
            ("https://registry.example/jobs", PlaceProblem::Scheme),
            ("docker://registry.example/jobs", PlaceProblem::Scheme),
            ("OCI://registry.example/jobs", PlaceProblem::Scheme),
            ("oci:/srv/published", PlaceProblem::LayoutScheme),
            ("oci:published:echo", PlaceProblem::LayoutScheme),
            ("oci://user@registry.example/jobs", PlaceProblem::Userinfo),
            ("oci://user:word@registry.example/jobs", PlaceProblem::Userinfo),
            ("oci://registry.example/jobs?tag=x", PlaceProblem::Query),
            ("oci://registry.example?x/jobs", PlaceProblem::Query),
            ("oci://registry.example/jobs#x", PlaceProblem::Query),
            ("oci:///jobs", PlaceProblem::Host(OriginError::Empty)),
            ("oci://", PlaceProblem::Host(OriginError::Empty)),
            ("oci://2130706433/jobs", PlaceProblem::Host(OriginError::Number)),
            ("oci://registry.example./jobs", PlaceProblem::Host(OriginError::TrailingDot)),
            ("oci://registry.example:0/jobs", PlaceProblem::Host(OriginError::Port)),
            ("oci://registry.example:/jobs", PlaceProblem::Host(OriginError::Port)),
            ("oci://jobs/echo", PlaceProblem::HostAmbiguous),
            ("oci://registry.example", PlaceProblem::NoRepository),
            ("oci://registry.example/", PlaceProblem::NoRepository),
            ("oci://registry.example/jobs:echo-0.1.0", PlaceProblem::Tag),
            ("oci://registry.example/jobs@sha256:00", PlaceProblem::Digest),
            ("oci://registry.example/Jobs", PlaceProblem::UpperCase),
            ("oci://registry.example/jobs/", PlaceProblem::Repository),
            ("oci://registry.example//jobs", PlaceProblem::Repository),
            ("oci://registry.example/../jobs", PlaceProblem::Repository),
            ("oci://registry.example/a___b", PlaceProblem::Repository),
            ("oci://registry.example/a..b", PlaceProblem::Repository),
            ("oci://registry.example/a_-b", PlaceProblem::Repository),
            ("oci://registry.example/-a", PlaceProblem::Repository),
            ("oci://registry.example/a-", PlaceProblem::Repository),
            ("oci://registry.example/j%6fbs", PlaceProblem::Repository),
            ("oci://registry.example/jöbs", PlaceProblem::Repository),
            ("oci://registry.example/a b", PlaceProblem::Repository),
        ] {
            assert_eq!(problem(text), expected, "{text}");
        }
        assert_eq!(problem(&format!("oci://registry.example/{}", "a".repeat(240))), PlaceProblem::Length);
    }

    #[test]
    fn a_password_in_a_place_is_not_repeated() {
        for text in ["oci://u:secret@registry.example/jobs", "https://u:secret@x/", "oci://a@secret@b/c"] {
            let error = Place::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("***@"), "{error}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]:5000", true),
            ("localhost.example", false),
            ("registry.example", false),
            ("10.0.0.1:5000", false),
            ("0.0.0.0:5000", false),
        ] {
            assert_eq!(RegistryHost::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
        assert_eq!(RegistryHost::parse("u@registry.example"), Err(PlaceProblem::Userinfo));
        assert!(RegistryHost::parse("registry.example/jobs").is_err());
    }

    #[test]
    fn a_revision_is_the_newest_or_has_a_version_or_a_digest() {
        let digest = Digest::parse(&format!("sha256:{HEX}")).unwrap();
        for (text, expected) in [
            ("echo".to_owned(), WantedRevision::Newest),
            (
                "echo@1.2.3-rc.1+b5".to_owned(),
                WantedRevision::Version(Version::parse("1.2.3-rc.1+b5").unwrap()),
            ),
            (format!("echo@sha256:{HEX}"), WantedRevision::Manifest(digest)),
        ] {
            let wanted = Wanted::parse(&text).unwrap();
            assert_eq!((wanted.job.as_str(), &wanted.revision), ("echo", &expected));
            assert_eq!(wanted.to_string(), text);
        }
        assert!(matches!(Wanted::parse("Echo@1.2.3"), Err(NotWanted::Job(_))));
        for bad in ["echo@", "echo@1.2", "echo@latest", "echo@sha256:00", "echo@1.2.3@1.2.3", "echo@v1.2.3"] {
            assert!(matches!(Wanted::parse(bad), Err(NotWanted::Revision { .. })), "{bad}");
        }
        assert!(Wanted::parse(&format!("echo@sha256:{}", HEX.to_uppercase())).is_err());
    }

    #[test]
    fn tags_of_other_things_name_no_version() {
        let other = format!("sha256-{HEX}");
        for tag in
            [other.as_str(), "latest", "echo-1.2", "-1.2.3", "echo_1.2.3", "echo-01.2.3", "echo-1.2.3_", ""]
        {
            assert_eq!(named_by(tag), None, "{tag}");
        }
        let version = Version::parse(&format!("1.2.3-{}", "a".repeat(120))).unwrap();
        assert!(tag_of(&JobName::parse("echo").unwrap(), &version).is_err());
    }

    proptest! {
        #[test]
        fn a_tag_leads_back_to_its_job_and_version(
            job in "[a-z][a-z0-9-]{0,40}",
            core in (0_u64..1000, 0_u64..1000, 0_u64..1000),
            pre in "(-[a-z][a-z0-9-]{0,8}(\\.[a-z-]{1,5})?)?",
            build in "(\\+[a-z0-9-]{1,8}(\\.[a-z0-9]{1,5})?)?",
        ) {
            let job = JobName::parse(&job).unwrap();
            let version = Version::parse(&format!("{}.{}.{}{pre}{build}", core.0, core.1, core.2)).unwrap();
            let tag = tag_of(&job, &version).unwrap();
            prop_assert!(is_tag(&tag), "{tag}");
            prop_assert_eq!(named_by(&tag), Some((job, version)));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}") {
            if let Ok(place @ Place::Registry { .. }) = Place::parse(&text) {
                prop_assert_eq!(Place::parse(&place.to_string()), Ok(place));
            }
            let _ = (Wanted::parse(&text), named_by(&text));
        }
    }
}
