//! What a revision may do more than what runs here, and whether somebody has seen it.

use super::{DeploymentRefused, Run, progress};
use crate::job_modules::{Current, Pinned};
use crate::vouched::Vouched;
use mainworker_domain::capability::Difference;
use mainworker_domain::catalog::Revision;
use mainworker_queue::store::Store;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What a revision is compared with.
enum Compared {
    /// With this one.
    With(Arc<Revision>),
    /// With one that ran earlier, since what is current cannot be used.
    WithEarlier(Arc<Revision>),
    /// With nothing: none of those that ran can be used. All is new, and somebody must have seen all of it.
    WithNothing,
}

impl Run<'_> {
    /// Shows what the revision may do more than the one before it, and refuses what nobody has seen. Answers what of it was allowed
    /// now.
    pub(super) async fn check_difference(
        &self,
        vouched: &Vouched,
        before: Option<&Current>,
    ) -> Result<Vec<String>, DeploymentRefused> {
        let (asked, release) = (self.asked, &vouched.release);
        let description = vouched.module.revision().description();
        let compared = match before {
            Some(before) => Some(self.compared(before, vouched).await?),
            None => None,
        };
        let old = match &compared {
            Some(Compared::With(old) | Compared::WithEarlier(old)) => Some(old.description()),
            Some(Compared::WithNothing) | None => None,
        };
        let difference = Difference::between(old, description);
        let seen_by = |name: &str| {
            if release.provenance().approved_widenings.iter().any(|seen| seen == name) {
                Some("statement")
            } else {
                asked.allow_widening.iter().any(|seen| seen == name).then_some("request")
            }
        };
        let unusual = before.zip(compared.as_ref()).and_then(|(before, compared)| unusual(before, compared));
        self.tell(|info| {
            let shown = |name: &str, about: &str, is_power: bool| {
                progress::shown(name, about, if is_power { seen_by(name) } else { None })
            };
            info.widenings =
                difference.widenings.iter().map(|one| shown(&one.name, &one.about, true)).collect();
            info.narrowings =
                difference.narrowings.iter().map(|one| shown(&one.name, &one.about, false)).collect();
            let unusual = unusual.iter().map(|about| shown("compared-with", about, false));
            let notes = difference.notes.iter().map(|one| shown(&one.name, &one.about, false));
            info.notes = unusual.chain(notes).collect();
        });
        // All that a first revision may do was listed when it was published.
        if before.is_some() {
            let seen = release.provenance().approved_widenings.iter().chain(&asked.allow_widening);
            difference.check(&asked.wanted.job, &seen.cloned().collect::<Vec<_>>())?;
        }
        let allowed = difference.widenings.into_iter().map(|widening| widening.name);
        Ok(allowed.filter(|name| asked.allow_widening.contains(name)).collect())
    }

    /// What is current, or what was before it and can be used.
    async fn compared(&self, before: &Current, vouched: &Vouched) -> Result<Compared, DeploymentRefused> {
        let new = vouched.module.revision();
        if before.module == new.digest() {
            // The very module that was there, signed anew or mended, may do as much.
            return Ok(Compared::With(Arc::clone(new)));
        }
        if let Ok(old) = &before.revision {
            return Ok(Compared::With(Arc::clone(old)));
        }
        let kept = self.host.store.revisions(self.asked.wanted.job.clone()).await?.revisions;
        for row in kept.iter().filter(|row| row.revision.module != before.module) {
            let (modules, pinned) = (Arc::clone(self.modules), Pinned::from(row));
            // It hashes a module.
            let earlier = spawn_blocking(move || modules.vouched(&pinned)).await;
            if let Ok(Ok(earlier)) = earlier {
                return Ok(Compared::WithEarlier(Arc::clone(earlier.module.revision())));
            }
        }
        Ok(Compared::WithNothing)
    }
}

/// What is to be known of a comparison with something else than what is current.
fn unusual(before: &Current, compared: &Compared) -> Option<String> {
    let why = before.revision.as_ref().err().map(|failure| failure.code.as_str())?;
    match compared {
        Compared::With(_) => None,
        Compared::WithEarlier(earlier) => {
            let earlier = &earlier.manifest().job.version;
            Some(format!("{earlier}, which ran earlier: {} cannot be used ({why})", before.version))
        }
        Compared::WithNothing => {
            let why = format!("{} cannot be used ({why})", before.version);
            Some(format!("nothing: {why}, nor can anything that ran earlier"))
        }
    }
}
