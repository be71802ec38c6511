//! Deployments: what is current, what was, and what is forgotten.

use crate::support::{
    Fixture, Harness, KEEP_NO_ENDED, NOW, at, begin, block_on, collect, deploy, ended, id, job, module,
    new_revision, new_task, on_each_store, rollback,
};
use mainworker_domain::audit::{Action, Actor, AuditEntry, Object};
use mainworker_domain::digest::Digest;
use mainworker_domain::limits::DEPLOYMENT_HISTORY_MAX;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::AuditFilter;
use mainworker_queue::verbs::deployments::{
    Change, CollectRevisions, CollectedRevision, Deploy, Deployed, Deployment, HistoryEntry, JobRevisions,
    NewRevision, RevisionRow, Rollback, RolledBack, Undeploy, Undeployed,
};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::overview::JobOverview;
use mainworker_queue::verbs::prune::Prune;

on_each_store! {
    before_the_first_there_is_nothing
    a_revision_is_kept_as_it_was_deployed
    another_takes_its_place
    only_in_the_place_of_what_was_seen
    what_is_current_already_is_left_alone
    what_is_known_of_a_revision_is_replaced
    what_is_known_of_the_current_one_is_replaced_in_its_place
    a_rollback_leads_to_the_one_before
    a_second_rollback_goes_on_only_to_one_that_is_named
    after_a_rollback_a_deployment_can_be_rolled_back
    a_rollback_needs_somewhere_to_lead
    what_was_taken_away_comes_back_by_its_name
    what_is_undeployed_leaves_all_but_its_place
    jobs_have_revisions_of_their_own
    the_order_is_of_what_was_done_and_not_of_the_clock
    open_tasks_are_counted
    the_newest_are_kept
    what_was_superseded_just_now_is_kept
    what_a_task_was_accepted_with_is_kept
    nothing_is_current_and_the_newest_are_kept
    what_is_forgotten_can_be_deployed_again
    what_is_forgotten_cannot_be_rolled_back_to
    the_history_is_bounded
    the_audit_says_what_changed
}

async fn undeploy(store: &Harness<'_, impl Store>, seconds: i64) -> Undeployed {
    let undeploy = Undeploy { job: job("echo"), now: at(seconds), by: Actor::Settings };
    store.store.undeploy(undeploy).await.unwrap()
}

/// The first, then the second, and so on, one each second from 1.
async fn deploy_to(store: &Harness<'_, impl Store>, last: u8) {
    for number in 1..=last {
        let expected = number.checked_sub(1).filter(|&former| former > 0);
        store.deploy(deploy(number, expected, at(i64::from(number)))).await;
    }
}

async fn current(store: &Harness<'_, impl Store>) -> Option<Deployment> {
    let all = store.store.deployments().await.unwrap();
    all.into_iter().find(|deployment| deployment.revision.job == job("echo"))
}

fn collected(numbers: impl IntoIterator<Item = u8>) -> Vec<CollectedRevision> {
    let one = |number| CollectedRevision {
        job: job("echo"),
        module: module(number),
        oci_manifest: module(number + 100),
    };
    numbers.into_iter().map(one).collect()
}

fn modules<const N: usize>(numbers: [u8; N]) -> [Digest; N] {
    numbers.map(module)
}

/// Rolls a job back, or does not; without a revision it leads where the job's revisions say.
async fn rolled_back(store: &Harness<'_, impl Store>, rollback: Rollback) -> RolledBack {
    let by_itself = rollback.to.is_none();
    let leads = store.revisions(rollback.job.as_str()).await.rollback;
    let answer = store.roll_back(rollback).await;
    if by_itself {
        let led = match answer {
            RolledBack::Now { to, .. } => Ok(to),
            nowhere => Err(nowhere),
        };
        assert_eq!(led, leads);
    }
    answer
}

async fn before_the_first_there_is_nothing(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    assert_eq!(store.store.deployments().await, Ok(Vec::new()));
    assert_eq!(store.store.kept_revisions().await, Ok(Vec::new()));
    assert_eq!(store.revisions("echo").await, JobRevisions::default());
    assert_eq!(store.revisions("another").await, JobRevisions::default());
    assert_eq!(store.collect(collect(0)).await, []);
}

async fn a_revision_is_kept_as_it_was_deployed(store: &Harness<'_, impl Store>) {
    let allowed_widenings = vec!["http:GET:https://a.example".to_owned(), "files:reports:read".to_owned()];
    let deploy = Deploy {
        allowed_widenings: allowed_widenings.clone(),
        by: Actor::Settings,
        ..deploy(1, None, at(1))
    };
    assert_eq!(store.deploy(deploy).await, Deployed::Now { previous: None });
    let deployment = Deployment { revision: new_revision(1), since: at(1), by: Actor::Settings };
    assert_eq!(store.store.deployments().await, Ok(vec![deployment]));
    let row = RevisionRow {
        revision: new_revision(1),
        first_deployed_at: at(1),
        last_deployed_at: at(1),
        deployed_by: Actor::Settings,
        superseded_at: None,
        open_tasks: 0,
    };
    assert_eq!(store.store.kept_revisions().await, Ok(vec![row.clone()]));
    let entry = HistoryEntry {
        at: at(1),
        by: Actor::Settings,
        change: Change::Deployed,
        module: module(1),
        version: "0.1.0".to_owned(),
        before: None,
        allowed_widenings,
    };
    let rollback = Err(RolledBack::NoFormer);
    let found = JobRevisions { revisions: vec![row], history: vec![entry], rollback };
    assert_eq!(store.revisions("echo").await, found);
    let known = store.overview().await.jobs;
    assert_eq!(known.get(&job("echo")), Some(&JobOverview::default()), "a job that is known here");
}

async fn another_takes_its_place(store: &Harness<'_, impl Store>) {
    store.deploy(deploy(1, None, at(1))).await;
    let previous = Some(module(1));
    assert_eq!(store.deploy(deploy(2, Some(1), at(2))).await, Deployed::Now { previous });
    let now = current(store).await.unwrap();
    assert_eq!((now.revision, now.since), (new_revision(2), at(2)));
    let found = store.revisions("echo").await;
    let rows: Vec<_> = found
        .revisions
        .iter()
        .map(|row| (row.revision.module, row.superseded_at, row.is_current()))
        .collect();
    assert_eq!(rows, [(module(2), None, true), (module(1), Some(at(2)), false)]);
    let history: Vec<_> = found.history.iter().map(|entry| (entry.module, entry.before)).collect();
    assert_eq!(history, [(module(2), Some(module(1))), (module(1), None)]);
}

async fn only_in_the_place_of_what_was_seen(store: &Harness<'_, impl Store>) {
    let stale = |current: Option<u8>| Deployed::Stale { current: current.map(module) };
    assert_eq!(store.deploy(deploy(1, Some(2), at(1))).await, stale(None));
    assert!(!store.overview().await.jobs.contains_key(&job("echo")), "nothing is left of it");
    deploy_to(store, 2).await;
    let before = (store.revisions("echo").await, store.audit(AuditFilter::default()).await);
    for expected in [None, Some(1), Some(3)] {
        assert_eq!(store.deploy(deploy(3, expected, at(9))).await, stale(Some(2)));
    }
    let replaced = Deploy {
        revision: NewRevision { key_id: "b".to_owned(), ..new_revision(2) },
        ..deploy(2, None, NOW)
    };
    assert_eq!(store.deploy(replaced).await, stale(Some(2)), "not even the same one with another key");
    assert_eq!((store.revisions("echo").await, store.audit(AuditFilter::default()).await), before);
}

async fn what_is_current_already_is_left_alone(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    let before = (store.revisions("echo").await, store.audit(AuditFilter::default()).await);
    // As it was asked for when it was new, and as it would be asked for now.
    for expected in [Some(1), Some(2), None] {
        assert_eq!(store.deploy(deploy(2, expected, at(9))).await, Deployed::Already);
    }
    assert_eq!((store.revisions("echo").await, store.audit(AuditFilter::default()).await), before);
}

async fn what_is_known_of_a_revision_is_replaced(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    let again = NewRevision {
        oci_manifest: module(50),
        version: "0.1.1".to_owned(),
        commit: "beef".to_owned(),
        builder: "https://another.example".to_owned(),
        key_id: "ci-2".to_owned(),
        key_fingerprint: "sha256:88".to_owned(),
        from: "oci://registry.example/jobs".to_owned(),
        ..new_revision(1)
    };
    let deploy = Deploy { revision: again.clone(), by: Actor::Settings, ..deploy(1, Some(2), at(9)) };
    assert_eq!(store.deploy(deploy).await, Deployed::Now { previous: Some(module(2)) });
    let row = RevisionRow {
        revision: again,
        first_deployed_at: at(1),
        last_deployed_at: at(9),
        deployed_by: Actor::Settings,
        superseded_at: None,
        open_tasks: 0,
    };
    let found = store.revisions("echo").await;
    assert_eq!((found.revisions.len(), &found.revisions[0]), (2, &row), "one row of one module");
    assert_eq!(found.revisions[1].superseded_at, Some(at(9)));
    assert_eq!(found.history.len(), 3);
}

async fn what_is_known_of_the_current_one_is_replaced_in_its_place(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    let revision = NewRevision { key_id: "ci-2".to_owned(), ..new_revision(2) };
    let replace = Deploy { revision: revision.clone(), by: Actor::Settings, ..deploy(2, Some(2), at(9)) };
    assert_eq!(store.deploy(replace.clone()).await, Deployed::Now { previous: Some(module(2)) });
    assert_eq!(store.deploy(replace).await, Deployed::Already);
    let now = current(store).await.unwrap();
    assert_eq!((now.revision, now.since, now.by), (revision, at(2), Actor::Operator), "current since then");
    let row = &store.revisions("echo").await.revisions[0];
    assert_eq!((row.last_deployed_at, row.superseded_at), (at(9), None));
    let led = RolledBack::Now { from: Some(module(2)), to: module(1) };
    assert_eq!(rolled_back(store, rollback(None, at(10))).await, led, "the one before is another one");
}

async fn a_rollback_leads_to_the_one_before(store: &Harness<'_, impl Store>) {
    deploy_to(store, 3).await;
    let led = RolledBack::Now { from: Some(module(3)), to: module(2) };
    assert_eq!(rolled_back(store, rollback(None, at(9))).await, led);
    let now = current(store).await.unwrap();
    assert_eq!((now.revision, now.since, now.by), (new_revision(2), at(9), Actor::Operator));
    let found = store.revisions("echo").await;
    let rows: Vec<_> = found.revisions.iter().map(|row| (row.revision.module, row.superseded_at)).collect();
    assert_eq!(rows, [(module(2), None), (module(3), Some(at(9))), (module(1), Some(at(2)))]);
    assert_eq!(found.revisions[0].last_deployed_at, at(2), "a rollback is no deployment");
    let entry = HistoryEntry {
        at: at(9),
        by: Actor::Operator,
        change: Change::RolledBack,
        module: module(2),
        version: "0.2.0".to_owned(),
        before: Some(module(3)),
        allowed_widenings: Vec::new(),
    };
    assert_eq!(found.history[0], entry);
}

async fn a_second_rollback_goes_on_only_to_one_that_is_named(store: &Harness<'_, impl Store>) {
    deploy_to(store, 3).await;
    rolled_back(store, rollback(None, at(9))).await;
    let before = (store.revisions("echo").await, store.audit(AuditFilter::default()).await);
    for to in [None, Some(2)] {
        assert_eq!(rolled_back(store, rollback(to, at(10))).await, RolledBack::Already);
    }
    assert_eq!((store.revisions("echo").await, store.audit(AuditFilter::default()).await), before);
    let led = RolledBack::Now { from: Some(module(2)), to: module(1) };
    assert_eq!(rolled_back(store, rollback(Some(1), at(11))).await, led);
    let led = RolledBack::Now { from: Some(module(1)), to: module(3) };
    assert_eq!(rolled_back(store, rollback(Some(3), at(12))).await, led, "also forth again");
    assert_eq!(rolled_back(store, rollback(None, at(13))).await, RolledBack::Already);
}

async fn after_a_rollback_a_deployment_can_be_rolled_back(store: &Harness<'_, impl Store>) {
    deploy_to(store, 3).await;
    rolled_back(store, rollback(None, at(9))).await;
    store.deploy(deploy(4, Some(2), at(10))).await;
    let led = RolledBack::Now { from: Some(module(4)), to: module(2) };
    assert_eq!(
        rolled_back(store, rollback(None, at(11))).await,
        led,
        "to what was current, not to what was new"
    );
}

async fn a_rollback_needs_somewhere_to_lead(store: &Harness<'_, impl Store>) {
    assert_eq!(rolled_back(store, rollback(None, NOW)).await, RolledBack::NotDeployed);
    assert_eq!(rolled_back(store, rollback(Some(1), NOW)).await, RolledBack::UnknownRevision);
    deploy_to(store, 1).await;
    assert_eq!(rolled_back(store, rollback(None, at(2))).await, RolledBack::NoFormer);
    store.enqueue([NewTask { revision: module(9), ..new_task(1) }], NOW).await;
    for to in [8, 9] {
        let answer = rolled_back(store, rollback(Some(to), at(2))).await;
        assert_eq!(answer, RolledBack::UnknownRevision, "tasks do not make a revision");
    }
    assert_eq!(rolled_back(store, rollback(Some(1), at(2))).await, RolledBack::Already);
    undeploy(store, 3).await;
    assert_eq!(rolled_back(store, rollback(None, at(4))).await, RolledBack::NotDeployed);
    store.deploy(deploy(2, None, at(5))).await;
    let answer = rolled_back(store, rollback(None, at(6))).await;
    assert_eq!(answer, RolledBack::NoFormer, "when it was deployed, none was current");
    assert_eq!(store.revisions("echo").await.history.len(), 3, "what leads nowhere is not written down");
}

async fn what_was_taken_away_comes_back_by_its_name(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    undeploy(store, 3).await;
    let led = RolledBack::Now { from: None, to: module(1) };
    assert_eq!(rolled_back(store, rollback(Some(1), at(4))).await, led);
    let now = current(store).await.unwrap();
    assert_eq!((now.revision, now.since), (new_revision(1), at(4)));
    let found = store.revisions("echo").await;
    let rows: Vec<_> = found.revisions.iter().map(|row| (row.revision.module, row.superseded_at)).collect();
    assert_eq!(rows, [(module(1), None), (module(2), Some(at(3)))]);
    assert_eq!((found.history[0].change, found.history[0].before), (Change::RolledBack, None));
    assert_eq!(rolled_back(store, rollback(None, at(5))).await, RolledBack::Already);
    let led = RolledBack::Now { from: Some(module(1)), to: module(2) };
    assert_eq!(rolled_back(store, rollback(Some(2), at(6))).await, led);
}

async fn what_is_undeployed_leaves_all_but_its_place(store: &Harness<'_, impl Store>) {
    assert_eq!(undeploy(store, 0).await, Undeployed::NotDeployed);
    assert!(store.overview().await.jobs.is_empty());
    deploy_to(store, 2).await;
    store.enqueue([NewTask { revision: module(2), ..new_task(1) }], NOW).await;
    assert_eq!(undeploy(store, 9).await, Undeployed::Now { was: module(2) });
    assert_eq!(undeploy(store, 10).await, Undeployed::NotDeployed);
    assert_eq!(current(store).await, None);
    let found = store.revisions("echo").await;
    let rows: Vec<_> =
        found.revisions.iter().map(|row| (row.revision.module, row.superseded_at, row.open_tasks)).collect();
    assert_eq!(rows, [(module(2), Some(at(9)), 1), (module(1), Some(at(2)), 0)]);
    assert_eq!(found.history.len(), 3);
    let newest = &found.history[0];
    assert_eq!(
        (newest.change, newest.module, newest.before, &newest.by),
        (Change::Undeployed, module(2), None, &Actor::Settings)
    );
    assert_eq!(store.claim_ids(at(11)).await, [id(1)], "its tasks run");
    assert_eq!(store.deploy(deploy(2, None, at(12))).await, Deployed::Now { previous: None });
}

async fn jobs_have_revisions_of_their_own(store: &Harness<'_, impl Store>) {
    // The same module under another name, which sorts before.
    let of_another = |number| NewRevision { job: job("another"), ..new_revision(number) };
    store.deploy(deploy(1, None, at(1))).await;
    store.deploy(Deploy { revision: of_another(1), ..deploy(1, None, at(2)) }).await;
    store.deploy(deploy(2, Some(1), at(3))).await;
    let all: Vec<_> = store.store.deployments().await.unwrap().into_iter().map(|one| one.revision).collect();
    assert_eq!(all, [of_another(1), new_revision(2)], "by name");
    let kept: Vec<_> =
        store.store.kept_revisions().await.unwrap().into_iter().map(|row| row.revision).collect();
    assert_eq!(kept, [of_another(1), new_revision(2), new_revision(1)]);
    assert_eq!(store.revisions("another").await.history.len(), 1);
    let collected_one = store.collect(collect(0)).await;
    assert_eq!(collected_one, collected([1]));
    assert_eq!(store.modules("another").await, [module(1)]);
}

async fn the_order_is_of_what_was_done_and_not_of_the_clock(store: &Harness<'_, impl Store>) {
    store.deploy(deploy(1, None, at(100))).await;
    store.deploy(deploy(2, Some(1), at(50))).await;
    store.deploy(deploy(3, Some(2), at(10))).await;
    assert_eq!(store.modules("echo").await, modules([3, 2, 1]));
    let times: Vec<_> = store.revisions("echo").await.history.iter().map(|entry| entry.at).collect();
    assert_eq!(times, [at(10), at(50), at(100)]);
    let led = RolledBack::Now { from: Some(module(3)), to: module(2) };
    assert_eq!(rolled_back(store, rollback(None, at(0))).await, led);
}

async fn open_tasks_are_counted(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    let open = async || -> Vec<u64> {
        store.revisions("echo").await.revisions.iter().map(|row| row.open_tasks).collect()
    };
    let of = |revision, number| NewTask { revision: module(revision), ..new_task(number) };
    store.enqueue([of(1, 1), of(1, 2), of(2, 3), of(9, 4)], NOW).await;
    store.enqueue([NewTask { job: job("another"), ..of(1, 5) }], NOW).await;
    assert_eq!(open().await, [1, 2], "those of the job alone");
    let claimed = store.claim(begin(NOW)).await;
    let held: Vec<_> = claimed.tasks.into_iter().map(|task| task.held).collect();
    assert_eq!(open().await, [1, 2], "running or not");
    for (held, outcome) in held.into_iter().zip([Outcome::Completed, Outcome::Rejected, Outcome::Failed]) {
        store.apply(ended(held, outcome, at(1))).await;
    }
    assert_eq!(open().await, [1, 0], "the third is to be tried again");
    store.retry(id(2), at(2)).await;
    assert_eq!(open().await, [1, 1]);
    store.cancel(id(2), at(3)).await;
    store.cancel(id(3), at(3)).await;
    assert_eq!(open().await, [0, 0]);
}

async fn the_newest_are_kept(store: &Harness<'_, impl Store>) {
    deploy_to(store, 5).await;
    // Of 5, 2, 4, 3, 1: those that became current last are not those that were deployed last.
    rolled_back(store, rollback(Some(2), at(6))).await;
    rolled_back(store, rollback(Some(5), at(7))).await;
    assert_eq!(store.modules("echo").await, modules([5, 2, 4, 3, 1]));
    assert_eq!(store.collect(collect(4)).await, []);
    assert_eq!(store.collect(collect(2)).await, collected([1, 3]));
    assert_eq!(store.modules("echo").await, modules([5, 2, 4]));
    assert_eq!(store.collect(collect(0)).await, collected([2, 4]));
    assert_eq!(store.modules("echo").await, modules([5]), "what is current never goes");
    assert_eq!(store.revisions("echo").await.history.len(), 7, "what was done is still known");
}

async fn what_was_superseded_just_now_is_kept(store: &Harness<'_, impl Store>) {
    deploy_to(store, 3).await;
    let before = |seconds| CollectRevisions { superseded_before: at(seconds), ..collect(0) };
    assert_eq!(store.collect(before(2)).await, [], "the first was superseded then");
    assert_eq!(store.collect(before(3)).await, collected([1]));
    assert_eq!(store.collect(before(4)).await, collected([2]));
}

async fn what_a_task_was_accepted_with_is_kept(store: &Harness<'_, impl Store>) {
    deploy_to(store, 6).await;
    let of = |revision, number| NewTask { revision: module(revision), ..new_task(number) };
    store.finished(of(1, 1), Outcome::Completed, at(10)).await;
    store.finished(of(2, 2), Outcome::Rejected, at(10)).await;
    store.enqueue([of(3, 3)], at(10)).await;
    store.cancel(id(3), at(10)).await;
    store.started(of(4, 4), at(10)).await;
    store.enqueue([of(5, 5)], at(10)).await;
    assert_eq!(store.collect(collect(0)).await, [], "whatever became of it");
    let prune = Prune { retention: KEEP_NO_ENDED, now: at(20), tasks_max: 10, after: 0 };
    assert_eq!(store.prune(prune).await, 3);
    assert_eq!(store.collect(collect(0)).await, collected([1, 2, 3]), "until it is gone");
    store.cancel(id(5), at(21)).await;
    let prune = Prune { now: at(30), ..prune };
    assert_eq!(store.prune(prune).await, 1);
    assert_eq!(store.collect(collect(0)).await, collected([5]));
}

async fn nothing_is_current_and_the_newest_are_kept(store: &Harness<'_, impl Store>) {
    deploy_to(store, 3).await;
    undeploy(store, 9).await;
    assert_eq!(store.collect(collect(2)).await, collected([1]));
    assert_eq!(store.collect(collect(0)).await, collected([2, 3]));
    assert_eq!(store.store.kept_revisions().await, Ok(Vec::new()));
}

async fn what_is_forgotten_can_be_deployed_again(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    store.collect(collect(0)).await;
    store.deploy(deploy(1, Some(2), at(9))).await;
    let found = store.revisions("echo").await;
    assert_eq!(found.revisions[0].first_deployed_at, at(9), "as one that is new");
    assert_eq!((found.revisions.len(), found.history.len()), (2, 3));
    assert_eq!(store.modules("echo").await, modules([1, 2]));
}

async fn what_is_forgotten_cannot_be_rolled_back_to(store: &Harness<'_, impl Store>) {
    deploy_to(store, 2).await;
    store.collect(collect(0)).await;
    assert_eq!(rolled_back(store, rollback(None, at(9))).await, RolledBack::NoFormer);
    assert_eq!(rolled_back(store, rollback(Some(1), at(9))).await, RolledBack::UnknownRevision);
}

async fn the_history_is_bounded(store: &Harness<'_, impl Store>) {
    store
        .deploy(Deploy {
            revision: NewRevision { job: job("another"), ..new_revision(1) },
            ..deploy(1, None, at(0))
        })
        .await;
    deploy_to(store, 2).await;
    let rounds = i64::try_from(DEPLOYMENT_HISTORY_MAX).unwrap();
    for round in 0..rounds {
        let to = if round % 2 == 0 { 1 } else { 2 };
        let led = rolled_back(store, rollback(Some(to), at(10 + round))).await;
        assert!(matches!(led, RolledBack::Now { .. }), "{led:?}");
    }
    let history = store.revisions("echo").await.history;
    let times: Vec<_> = history.iter().map(|entry| entry.at).collect();
    assert_eq!(times, (0..rounds).rev().map(|round| at(10 + round)).collect::<Vec<_>>(), "the latest");
    assert_eq!(store.revisions("another").await.history.len(), 1, "of each job by itself");
}

async fn the_audit_says_what_changed(store: &Harness<'_, impl Store>) {
    let allowed_widenings = vec!["schedule:send-email".to_owned(), "source:dashboard".to_owned()];
    store.deploy(Deploy { allowed_widenings, ..deploy(1, None, at(1)) }).await;
    store.deploy(deploy(2, Some(1), at(2))).await;
    rolled_back(store, rollback(None, at(3))).await;
    undeploy(store, 4).await;
    undeploy(store, 5).await;
    store.collect(collect(0)).await;
    let entry = |seconds, actor, action, detail: &str| AuditEntry {
        at: at(seconds),
        actor,
        action,
        object: Object::Job(job("echo")),
        detail: Some(detail.to_owned()),
    };
    let deployed = "version 0.1.0, module 010101010101, from /srv/published, allowed schedule:send-email source:dashboard";
    let expected = [
        entry(4, Actor::Settings, Action::JobUndeployed, "version 0.1.0, module 010101010101"),
        entry(
            3,
            Actor::Operator,
            Action::JobRolledBack,
            "version 0.1.0, module 010101010101, before it 020202020202",
        ),
        entry(
            2,
            Actor::Operator,
            Action::JobDeployed,
            "version 0.2.0, module 020202020202, before it 010101010101, from /srv/published",
        ),
        entry(1, Actor::Operator, Action::JobDeployed, deployed),
    ];
    let found: Vec<_> = store.audit(AuditFilter::default()).await.into_iter().map(|row| row.entry).collect();
    assert_eq!(found, expected);
}

/// Deploys, rolls back, undeploys and forgets, and opens the store again.
fn outlives<F: Fixture>() {
    let fixture = F::open();
    let seen = async |store: &Harness<'_, F::Store>| {
        (
            store.store.deployments().await,
            store.store.kept_revisions().await,
            store.revisions("echo").await,
            store.revisions("another").await,
        )
    };
    let before = block_on(async {
        let store = Harness::new(fixture.store());
        deploy_to(&store, 4).await;
        store.enqueue([NewTask { revision: module(2), ..new_task(1) }], NOW).await;
        store
            .deploy(Deploy {
                revision: NewRevision { job: job("another"), ..new_revision(1) },
                ..deploy(1, None, at(5))
            })
            .await;
        undeploy(&store, 6).await;
        store.deploy(deploy(3, None, at(7))).await;
        assert_eq!(store.collect(collect(0)).await, collected([1, 4]));
        seen(&store).await
    });
    let fixture = fixture.reopen();
    block_on(async {
        let store = Harness::new(fixture.store());
        store.check().await;
        assert_eq!(seen(&store).await, before);
        assert_eq!(store.collect(collect(0)).await, [], "its task is still there");
        assert_eq!(rolled_back(&store, rollback(None, at(8))).await, RolledBack::NoFormer);
        let led = RolledBack::Now { from: Some(module(3)), to: module(2) };
        assert_eq!(rolled_back(&store, rollback(Some(2), at(9))).await, led);
        assert_eq!(rolled_back(&store, rollback(None, at(9))).await, RolledBack::Already);
    });
    let fixture = fixture.reopen();
    block_on(async {
        let store = Harness::new(fixture.store());
        assert_eq!(rolled_back(&store, rollback(None, at(10))).await, RolledBack::Already);
        store.deploy(deploy(5, Some(2), at(11))).await;
    });
    let fixture = fixture.reopen();
    let led = RolledBack::Now { from: Some(module(5)), to: module(2) };
    assert_eq!(block_on(fixture.store().rollback(rollback(None, at(12)))), Ok(led));
}

#[test]
fn deployments_outlive_the_process() {
    outlives::<crate::support::Memory>();
    outlives::<crate::support::Sqlite>();
}
