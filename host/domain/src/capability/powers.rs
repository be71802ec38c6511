//! The powers in a manifest, by what they are about.

use super::{Capability, Power, Sight};
use crate::limits::{LIMITS, Limit, LimitValues};
use crate::manifest::{Destination, HttpGrant, KeyGrant, Manifest, Retry, RevisionChoice, Run};
use std::collections::BTreeMap;

/// What a job may do, sorted by kind, subject and name; none of it is covered by another.
pub(super) struct Powers(BTreeMap<(u8, String), Vec<Capability>>);

impl Powers {
    /// What a manifest asks for, and what it has without asking.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let mut all = quantities(&manifest.limits, &manifest.retry, &manifest.run);
        all.extend(manifest.schedulable_by.iter().map(|source| required(Power::Source(source.clone()))));
        all.extend(manifest.configuration.iter().flat_map(|(key, grant)| of_key(key, grant)));
        all.extend(manifest.grants.files.iter().map(|grant| Capability {
            power: Power::Files { mount: grant.mount.clone(), access: grant.access },
            is_optional: grant.optional,
        }));
        all.extend(manifest.grants.http.iter().flat_map(of_http));
        all.extend(manifest.grants.schedule.iter().map(|job| required(Power::Schedule(job.clone()))));
        if manifest.run.revision == RevisionChoice::Newest {
            all.push(required(Power::NewestRevision));
        }
        Self::reduced(all)
    }

    /// What a job has that asks for nothing.
    pub(super) fn of_every_job() -> Self {
        Self::reduced(quantities(&LimitValues::default(), &Retry::default(), &Run::default()))
    }

    fn reduced(all: Vec<Capability>) -> Self {
        let mut by_subject: BTreeMap<(u8, String), Vec<Capability>> = BTreeMap::new();
        for capability in all {
            let (kind, subject) = capability.power.subject();
            let others = by_subject.entry((kind, subject.to_owned())).or_default();
            // Of the same twice, once as optional, the job cannot do without.
            match others.iter_mut().find(|other| other.power == capability.power) {
                Some(same) => same.is_optional &= capability.is_optional,
                None => others.push(capability),
            }
        }
        for same_subject in by_subject.values_mut() {
            same_subject.sort_by_cached_key(ToString::to_string);
            let is_covered: Vec<bool> = same_subject
                .iter()
                .enumerate()
                .map(|(index, capability)| {
                    // Two that cover each other mean the same; the first stays.
                    same_subject.iter().enumerate().any(|(other_index, other)| {
                        index != other_index
                            && other.covers(capability)
                            && (other_index < index || !capability.covers(other))
                    })
                })
                .collect();
            let mut is_covered = is_covered.into_iter();
            same_subject.retain(|_| !is_covered.next().unwrap_or_default());
        }
        Self(by_subject)
    }

    fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.values().flatten()
    }

    /// Those about the same as `capability`.
    pub(super) fn about_the_same<'a>(&'a self, capability: &Capability) -> &'a [Capability] {
        let (kind, subject) = capability.power.subject();
        self.0.get(&(kind, subject.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Those that `other` does not cover.
    pub(super) fn beyond<'a>(&'a self, other: &Self) -> impl Iterator<Item = &'a Capability> {
        self.iter().filter(|capability| {
            !other.about_the_same(capability).iter().any(|other| other.covers(capability))
        })
    }

    /// Each with those of `other` that cover it.
    pub(super) fn with_covering<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a Capability, Vec<&'a Capability>)> {
        self.iter().map(|capability| {
            let about_the_same = other.about_the_same(capability).iter();
            (capability, about_the_same.filter(|other| other.covers(capability)).collect())
        })
    }
}

fn required(power: Power) -> Capability {
    Capability { power, is_optional: false }
}

fn quantities(limits: &LimitValues, retry: &Retry, run: &Run) -> Vec<Capability> {
    let limits = LIMITS.iter().filter(|spec| spec.in_manifest).map(|spec| {
        let given = |limit: Limit| limits.get(limit).unwrap_or(limit.spec().default);
        let most = match spec.limit {
            // As `Limits::effective` has it.
            Limit::Cpu => given(Limit::Cpu).min(given(Limit::Wall)),
            limit => given(limit),
        };
        Power::Limit(spec.limit, most)
    });
    let others = [
        Power::Attempts(retry.max_attempts),
        Power::Concurrency(run.max_concurrency),
        Power::ConcurrencyOfKey(run.concurrency_key.clone()),
        Power::Rate(run.rate_limit),
    ];
    limits.chain(others).map(required).collect()
}

fn of_key(key: &str, grant: &KeyGrant) -> Vec<Capability> {
    let power = |sight: Sight| required(Power::Key { key: key.to_owned(), from: grant.from, sight });
    if grant.only_to.is_empty() {
        return vec![power(if grant.secret { Sight::Masked } else { Sight::Plain })];
    }
    let mut places = grant.places.clone();
    places.sort_unstable();
    places.dedup();
    let sent = |to: &Destination| power(Sight::Sent { to: to.clone(), places: places.clone() });
    grant.only_to.iter().map(sent).collect()
}

fn of_http(grant: &HttpGrant) -> Vec<Capability> {
    let paths: Vec<Option<String>> = if grant.paths.is_empty() {
        vec![None]
    } else {
        grant.paths.iter().map(|path| prefix(path)).collect()
    };
    let of_method = |method: &String| {
        let power = |path: &Option<String>| Capability {
            power: Power::Http { method: method.clone(), to: grant.to.clone(), path: path.clone() },
            is_optional: grant.optional,
        };
        paths.iter().map(power).collect::<Vec<_>>()
    };
    grant.methods.iter().flat_map(of_method).collect()
}

/// A prefix in the one way to write it: all paths begin with `/`, and one `/` at the end makes no difference.
fn prefix(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(shorter) if !shorter.ends_with('/') => Some(shorter.to_owned()),
        _ => Some(path.to_owned()),
    }
}
