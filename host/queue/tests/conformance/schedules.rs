//! Schedules: created, changed, paused, deleted.

use crate::support::{
    Fixture, Harness, NOW, apply, at, block_on, fire, id, new_task, on_each_store, put, schedule,
};
use mainworker_domain::audit::{Action, Actor, Object};
use mainworker_domain::limits::SCHEDULES_MAX;
use mainworker_domain::schedule::Open;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::AuditFilter;
use mainworker_queue::verbs::fire::Fire;
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::schedules::{
    ApplyError, ApplyRefusal, ApplySchedules, PauseSchedule, PutSchedule, ScheduleChange, SchedulePaused,
    ScheduleRow,
};

on_each_store! {
    a_schedule_is_kept_as_it_was_applied
    the_same_definition_is_no_change
    a_change_keeps_what_happened
    only_a_restart_begins_anew
    what_belongs_to_another_set_is_refused
    what_is_not_as_expected_is_refused
    nothing_happens_if_one_is_refused
    a_name_stands_once
    there_are_only_so_many
    a_deleted_schedule_leaves_its_tasks
    one_that_is_created_again_is_another
    a_pause_lasts_through_a_change
    schedules_are_listed_by_name
    each_change_is_in_the_audit
}

/// What was done with each of what is applied.
async fn applied(store: &Harness<'_, impl Store>, apply: ApplySchedules) -> Vec<ScheduleChange> {
    let applied = store.store.apply_schedules(apply).await.unwrap();
    applied.into_iter().map(|one| one.change).collect()
}

async fn refused(store: &Harness<'_, impl Store>, apply: ApplySchedules) -> (String, ApplyRefusal) {
    match store.store.apply_schedules(apply).await {
        Err(ApplyError::Refused { name, refusal }) => (name.to_string(), refusal),
        other => panic!("{other:?}, expected a refusal"),
    }
}

fn of_set(set: &str, puts: impl IntoIterator<Item = PutSchedule>) -> ApplySchedules {
    ApplySchedules { set: Some(schedule(set)), ..apply(puts, at(5)) }
}

fn delete(name: &str) -> ApplySchedules {
    ApplySchedules { deletes: vec![schedule(name)], ..apply([], at(5)) }
}

async fn pause(store: &Harness<'_, impl Store>, name: &str, paused: bool) -> SchedulePaused {
    let pause = PauseSchedule {
        name: schedule(name),
        paused,
        next_at: (!paused).then_some(at(90)),
        now: at(7),
        by: Some(Actor::Operator),
    };
    store.store.pause_schedule(pause).await.unwrap()
}

async fn a_schedule_is_kept_as_it_was_applied(store: &Harness<'_, impl Store>) {
    let put =
        PutSchedule { evaluated_to: at(-3), next_at: None, ..put("nightly", r#"{ "cron": "as written" }"#) };
    assert_eq!(applied(store, of_set("company", [put])).await, [ScheduleChange::Created]);
    let view = store.schedule(&schedule("nightly")).await;
    let row = ScheduleRow {
        id: view.row.id,
        name: schedule("nightly"),
        set: Some(schedule("company")),
        definition: r#"{ "cron": "as written" }"#.to_owned(),
        revision: 1,
        paused: false,
        created_at: at(5),
        changed_at: at(5),
        since: at(5),
        evaluated_to: at(-3),
        next_at: None,
        runs: 0,
        missed: 0,
        ended: None,
        last_problem: None,
    };
    assert_eq!((view.row, view.occurrences, view.open), (row, Vec::new(), Open::default()));
    assert_eq!(store.store.schedule(schedule("daily")).await, Ok(None));
}

async fn the_same_definition_is_no_change(store: &Harness<'_, impl Store>) {
    let before = store.put(put("nightly", "{}"), NOW).await;
    let same = PutSchedule { evaluated_to: at(9), next_at: None, restarts: true, ..put("nightly", "{}") };
    assert_eq!(applied(store, apply([same], at(9))).await, [ScheduleChange::Unchanged]);
    assert_eq!(store.schedule(&schedule("nightly")).await.row, before);
}

async fn a_change_keeps_what_happened(store: &Harness<'_, impl Store>) {
    let row = store.put(put("nightly", "{}"), NOW).await;
    let first = fire(&row, [(at(1), new_task(1))], at(2));
    store.fire(Fire { dropped: 3, ended: Some("once".to_owned()), ..first }).await;
    let before = store.schedule(&schedule("nightly")).await;
    let change = PutSchedule { evaluated_to: at(50), next_at: Some(at(70)), ..put("nightly", "[]") };
    assert_eq!(applied(store, apply([change], at(60))).await, [ScheduleChange::Changed]);
    let after = store.schedule(&schedule("nightly")).await;
    let expected = ScheduleRow {
        definition: "[]".to_owned(),
        revision: 2,
        changed_at: at(60),
        next_at: Some(at(70)),
        ended: None,
        ..before.row
    };
    assert_eq!(after.row, expected);
    assert_eq!((after.row.runs, after.row.missed, after.row.evaluated_to), (1, 3, at(2)));
    assert_eq!(after.occurrences, before.occurrences);
}

async fn only_a_restart_begins_anew(store: &Harness<'_, impl Store>) {
    store.put(put("nightly", "{}"), NOW).await;
    let row =
        store.put(PutSchedule { evaluated_to: at(50), restarts: true, ..put("nightly", "[]") }, at(60)).await;
    assert_eq!((row.created_at, row.since, row.evaluated_to), (NOW, at(60), at(50)));
}

async fn what_belongs_to_another_set_is_refused(store: &Harness<'_, impl Store>) {
    applied(store, of_set("company", [put("a", "{}")])).await;
    store.put(put("b", "{}"), NOW).await;
    let others = |set: Option<&str>| ApplyRefusal::AnotherSet { set: set.map(schedule) };
    for other in [of_set("team", [put("a", "{}")]), apply([put("a", "[]")], NOW), delete("a")] {
        assert_eq!(refused(store, other).await, ("a".to_owned(), others(Some("company"))));
    }
    assert_eq!(refused(store, of_set("team", [put("b", "{}")])).await, ("b".to_owned(), others(None)));
    let own = ApplySchedules { deletes: vec![schedule("a")], ..of_set("company", []) };
    assert_eq!(applied(store, own).await, [ScheduleChange::Deleted]);
}

async fn what_is_not_as_expected_is_refused(store: &Harness<'_, impl Store>) {
    let expecting = |expected_revision, definition| {
        let expected_revision = Some(expected_revision);
        apply([PutSchedule { expected_revision, ..put("nightly", definition) }], NOW)
    };
    let another = |found| ("nightly".to_owned(), ApplyRefusal::AnotherRevision { found });
    assert_eq!(refused(store, expecting(Some(1), "{}")).await, another(None));
    assert_eq!(applied(store, expecting(None, "{}")).await, [ScheduleChange::Created]);
    assert_eq!(refused(store, expecting(None, "{}")).await, another(Some(1)));
    assert_eq!(applied(store, expecting(Some(1), "[]")).await, [ScheduleChange::Changed]);
    assert_eq!(refused(store, expecting(Some(1), "{}")).await, another(Some(2)));
    assert_eq!(applied(store, expecting(Some(2), "[]")).await, [ScheduleChange::Unchanged]);
}

async fn nothing_happens_if_one_is_refused(store: &Harness<'_, impl Store>) {
    applied(store, of_set("company", [put("owned", "{}")])).await;
    let before = store.put(put("nightly", "{}"), NOW).await;
    let puts = [put("new", "{}"), put("nightly", "[]")];
    let deletes = vec![schedule("owned")];
    refused(store, ApplySchedules { deletes, ..apply(puts, at(9)) }).await;
    assert_eq!(store.schedule(&schedule("nightly")).await.row, before);
    assert_eq!(store.store.schedules().await.unwrap().len(), 2);
    assert_eq!(store.audit(AuditFilter::default()).await.len(), 2, "of what was created before");
}

async fn a_name_stands_once(store: &Harness<'_, impl Store>) {
    let twice = ("a".to_owned(), ApplyRefusal::Twice);
    assert_eq!(refused(store, apply([put("b", "{}"), put("a", "{}"), put("a", "{}")], NOW)).await, twice);
    let deletes = vec![schedule("a")];
    assert_eq!(refused(store, ApplySchedules { deletes, ..apply([put("a", "{}")], NOW) }).await, twice);
    assert_eq!(store.store.schedules().await, Ok(Vec::new()));
}

async fn there_are_only_so_many(store: &Harness<'_, impl Store>) {
    let name = |number: usize| format!("s{number}");
    applied(store, apply((0..SCHEDULES_MAX).map(|number| put(&name(number), "{}")), NOW)).await;
    let one_more = || apply([put("one-more", "{}")], NOW);
    assert_eq!(refused(store, one_more()).await.1, ApplyRefusal::TooMany { allowed: SCHEDULES_MAX });
    let instead = ApplySchedules { deletes: vec![schedule("s0")], ..one_more() };
    assert_eq!(applied(store, instead).await, [ScheduleChange::Created, ScheduleChange::Deleted]);
    assert_eq!(applied(store, apply([put("s1", "[]")], NOW)).await, [ScheduleChange::Changed]);
}

async fn a_deleted_schedule_leaves_its_tasks(store: &Harness<'_, impl Store>) {
    let row = store.put(put("nightly", "{}"), NOW).await;
    store.fire(fire(&row, [(at(1), new_task(1))], at(1))).await;
    assert_eq!(applied(store, delete("nightly")).await, [ScheduleChange::Deleted]);
    assert_eq!(applied(store, delete("nightly")).await, [ScheduleChange::Unknown]);
    assert_eq!(store.store.schedule(schedule("nightly")).await, Ok(None));
    assert_eq!(store.task(id(1)).await.summary.schedule, Some(schedule("nightly")));
    let filter = Filter { schedule: Some(schedule("nightly")), ..Filter::default() };
    assert_eq!(store.list_ids(filter, NOW).await, [id(1)]);
    assert_eq!(store.claim_ids(at(2)).await, [id(1)]);
}

async fn one_that_is_created_again_is_another(store: &Harness<'_, impl Store>) {
    let former = store.put(put("nightly", "{}"), NOW).await;
    store.fire(fire(&former, [(at(1), new_task(1))], NOW)).await;
    applied(store, delete("nightly")).await;
    let row = store.put(put("nightly", "{}"), NOW).await;
    assert!(row.id > former.id, "what was seen of the former one is not true of it");
    assert_eq!((row.revision, row.evaluated_to), (former.revision, former.evaluated_to));
    let view = store.schedule(&schedule("nightly")).await;
    assert_eq!((view.occurrences.len(), view.open), (0, Open { running: 0, queued: 1 }));
}

async fn a_pause_lasts_through_a_change(store: &Harness<'_, impl Store>) {
    let before = store.put(put("nightly", "{}"), NOW).await;
    assert_eq!(pause(store, "daily", true).await, SchedulePaused::Unknown);
    assert_eq!(pause(store, "nightly", false).await, SchedulePaused::Already);
    assert_eq!(store.schedule(&schedule("nightly")).await.row, before);
    assert_eq!(pause(store, "nightly", true).await, SchedulePaused::Now);
    assert_eq!(pause(store, "nightly", true).await, SchedulePaused::Already);
    let row = store.put(put("nightly", "[]"), at(8)).await;
    assert_eq!((row.paused, row.revision), (true, 2));
    assert_eq!(pause(store, "nightly", false).await, SchedulePaused::Now);
    let row = store.schedule(&schedule("nightly")).await.row;
    assert_eq!((row.paused, row.revision, row.next_at), (false, 2, Some(at(90))));
}

async fn schedules_are_listed_by_name(store: &Harness<'_, impl Store>) {
    store.store.apply_schedules(apply(["c", "a", "b"].map(|name| put(name, "{}")), NOW)).await.unwrap();
    let rows = store.store.schedules().await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(rows[0], store.schedule(&schedule("a")).await.row);
}

async fn each_change_is_in_the_audit(store: &Harness<'_, impl Store>) {
    applied(store, apply([put("a", "{}"), put("b", "{}")], NOW)).await;
    applied(store, apply([put("a", "{}"), put("b", "[]")], NOW)).await;
    pause(store, "a", true).await;
    pause(store, "a", true).await;
    pause(store, "a", false).await;
    applied(store, delete("a")).await;
    applied(store, delete("a")).await;
    applied(store, ApplySchedules { by: None, ..apply([put("c", "{}")], NOW) }).await;
    let entries = store.audit(AuditFilter::default()).await;
    let found: Vec<_> = entries.into_iter().rev().map(|row| (row.entry.action, row.entry.object)).collect();
    let entry = |action, name| (action, Object::Schedule(schedule(name)));
    let expected = [
        entry(Action::ScheduleCreated, "a"),
        entry(Action::ScheduleCreated, "b"),
        entry(Action::ScheduleChanged, "b"),
        entry(Action::SchedulePaused, "a"),
        entry(Action::ScheduleResumed, "a"),
        entry(Action::ScheduleDeleted, "a"),
    ];
    assert_eq!(found, expected);
}

fn outlives<F: Fixture>() {
    let fixture = F::open();
    let before = block_on(async {
        let store = Harness::new(fixture.store());
        let row = store.put(put("nightly", "{}"), NOW).await;
        store.fire(fire(&row, [(at(1), new_task(1))], at(1))).await;
        pause(&store, "nightly", true).await;
        store.schedule(&schedule("nightly")).await
    });
    let fixture = fixture.reopen();
    assert_eq!(block_on(fixture.store().schedule(schedule("nightly"))), Ok(Some(before)));
}

#[test]
fn schedules_outlive_the_process() {
    outlives::<crate::support::Memory>();
    outlives::<crate::support::Sqlite>();
}
