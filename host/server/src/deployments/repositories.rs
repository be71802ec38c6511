//! From where a host takes modules: the places that its settings name, and how their registries are asked.

use super::DeploymentRefused;
use crate::settings::RegistrySettings;
use crate::vouched::{Judge, NotVouched, Vouched, vouch};
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Place, RegistryHost, RepositoryName, Wanted};
use mainworker_publishing::publication::PublicationError;
use mainworker_publishing::registry::{Credentials, Registry, RegistryOptions};
use std::collections::BTreeMap;

/// The places, and the registries.
#[derive(Debug)]
pub struct Repositories {
    from: Vec<Place>,
    registries: BTreeMap<RegistryHost, RegistrySettings>,
}

/// A place that can be asked.
#[derive(Debug)]
pub enum Opened {
    /// A directory.
    Directory(Layout),
    /// A registry.
    Registry(Box<Registry>),
}

impl Repositories {
    /// With these settings.
    pub fn new(from: Vec<Place>, registries: BTreeMap<RegistryHost, RegistrySettings>) -> Self {
        Self { from, registries }
    }

    /// The place of this name, if modules may be taken from there: whoever may deploy may not make the host ask anybody, nor
    /// read any file.
    ///
    /// # Errors
    /// A text that names no place, or one that the settings do not.
    pub fn allowed(&self, text: &str) -> Result<Place, DeploymentRefused> {
        let place = Place::parse(text)?;
        if self.from.iter().any(|allowed| is_within(allowed, &place)) {
            return Ok(place);
        }
        let allowed = self.from.iter().map(Place::to_string).collect();
        Err(DeploymentRefused::PlaceNotAllowed { found: place.to_string(), allowed })
    }

    /// Opens a place.
    ///
    /// # Errors
    /// A directory that is none, or settings of a registry that cannot be had.
    pub async fn open(&self, place: &Place) -> Result<Opened, DeploymentRefused> {
        match place {
            Place::Directory(path) => {
                let layout = Layout::open(path).await.map_err(PublicationError::from);
                Ok(Opened::Directory(layout.map_err(NotVouched::from)?))
            }
            Place::Registry { host, repository } => {
                let settings = self.registries.get(host).cloned().unwrap_or_default();
                registry(host, repository, &settings, None)
                    .map(|registry| Opened::Registry(Box::new(registry)))
                    .map_err(|problem| DeploymentRefused::Registry { host: host.to_string(), problem })
            }
        }
    }
}

/// A registry's repository, asked as the settings say; by these credentials, if there are any.
///
/// # Errors
/// A password or authorities that cannot be read, or that make no client.
pub fn registry(
    host: &RegistryHost,
    repository: &RepositoryName,
    settings: &RegistrySettings,
    credentials: Option<Credentials>,
) -> Result<Registry, String> {
    let mut options = RegistryOptions::new(host.clone(), repository.clone());
    options.credentials = match credentials {
        Some(credentials) => Some(credentials),
        None => settings.credentials()?,
    };
    options.ca_pem = settings.authorities()?;
    options.plain_http |= settings.plain_http;
    Registry::new(&options).map_err(|error| error.to_string())
}

/// Whether a place is one that is allowed, or within it.
fn is_within(allowed: &Place, place: &Place) -> bool {
    match (allowed, place) {
        (Place::Directory(allowed), Place::Directory(path)) => {
            // By what is there, so that neither a link nor `..` leads out.
            match (allowed.canonicalize(), path.canonicalize()) {
                (Ok(allowed), Ok(path)) => path.starts_with(allowed),
                _ => false,
            }
        }
        (
            Place::Registry { host: allowed_host, repository: allowed },
            Place::Registry { host, repository },
        ) => {
            let rest = repository.as_str().strip_prefix(allowed.as_str());
            host == allowed_host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        _ => false,
    }
}

impl Opened {
    /// As [`vouch`].
    ///
    /// # Errors
    /// As [`vouch`].
    pub async fn vouch(
        &self,
        wanted: &Wanted,
        judge: Judge<'_>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Vouched, DeploymentRefused> {
        let vouched = match self {
            Self::Directory(layout) => vouch(layout, wanted, judge, progress).await,
            Self::Registry(registry) => vouch(registry.as_ref(), wanted, judge, progress).await,
        };
        Ok(vouched?)
    }
}
