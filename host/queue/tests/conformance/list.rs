//! List: filters, pages, and how much a page looks at.

use crate::support::{Harness, NOW, at, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::list::{Filter, List};
use mainworker_queue::verbs::settle::Settle;
use mainworker_queue::verbs::task::TaskSummary;

on_each_store! {
    the_newest_come_first
    each_filter_leaves_out_what_does_not_fit
    filters_narrow_each_other
    any_of_several_states_fits
    the_time_of_acceptance_is_from_and_before
    long_attempts_are_found_running_or_ended
    pages_have_no_gaps_and_no_repeats_while_tasks_come_in
    a_page_has_at_most_so_many
    a_page_looks_at_at_most_so_many
}

fn any() -> Filter {
    Filter::default()
}

/// Forty-eight tasks in every state and of several kinds, six at a time: some of each value for each filter.
async fn company(store: &Harness<'_, impl Store>) -> Vec<TaskSummary> {
    for six in 0..8_u128 {
        let now = at(5 * i64::try_from(six).unwrap());
        let numbers = 6 * six + 1..=6 * six + 6;
        store.enqueue(numbers.clone().map(one_of_company), now).await;
        let claimed = store.claim(begin(now)).await.tasks;
        assert_eq!(claimed.len(), 4, "the other two are not due, and no former one is");
        let outcomes = [Outcome::Completed, Outcome::Rejected, Outcome::Failed];
        let ends = claimed.iter().zip(outcomes).map(|(task, outcome)| ended(task.held, outcome, now));
        store.store.settle(ends.collect()).await.unwrap();
        if six % 2 == 0 {
            store.cancel(id(*numbers.end()), now).await;
        }
        if six == 4 {
            store.expire(at(500)).await;
        }
    }
    store.list(any(), at(100)).await
}

fn one_of_company(number: u128) -> NewTask {
    let names = ["a", "b", "c"];
    let labels = [None, Some("May"), Some("June"), Some("May")];
    let of = |index: u128, length: usize| usize::try_from(index).unwrap() % length;
    // The first four of six begin; the fifth expires, if somebody looks.
    let waits = matches!(number % 6, 5 | 0);
    NewTask {
        job: job(names[of(number / 2, 3)]),
        source: ["api", "ci"][of(number / 3, 2)].to_owned(),
        label: labels[of(number, 4)].map(str::to_owned),
        tags: ["x", "y", "z"][..of(number / 2, 4)].iter().map(|&tag| tag.to_owned()).collect(),
        // Whoever failed waits for longer than all of this takes.
        retry: Retry { max_attempts: 3, base_ms: 1 << 40, cap_ms: 1 << 40 },
        run_at: if waits { at(10_000) } else { Timestamp::MIN },
        expires_at: (number % 6 == 5).then(|| at(500)),
        ..new_task(number)
    }
}

fn ids(tasks: impl IntoIterator<Item = TaskSummary>) -> Vec<TaskId> {
    tasks.into_iter().map(|task| task.id).collect()
}

/// That the filter finds those, and there are some to find and some to leave out.
async fn finds(
    store: &Harness<'_, impl Store>,
    all: &[TaskSummary],
    filter: Filter,
    fits: impl Fn(&TaskSummary) -> bool,
) {
    let expected = ids(all.iter().filter(|task| fits(task)).cloned());
    assert!(!expected.is_empty() && expected.len() < all.len(), "{filter:?} shows nothing here");
    assert_eq!(store.list_ids(filter.clone(), at(100)).await, expected, "{filter:?}");
}

async fn the_newest_come_first(store: &Harness<'_, impl Store>) {
    assert_eq!(store.list_ids(any(), NOW).await, []);
    let all = company(store).await;
    assert_eq!(ids(all), (1..=48).rev().map(id).collect::<Vec<_>>());
}

async fn each_filter_leaves_out_what_does_not_fit(store: &Harness<'_, impl Store>) {
    let all = company(store).await;
    for state in State::ALL {
        finds(store, &all, Filter { states: vec![state], ..any() }, |task| task.state == state).await;
    }
    for name in ["a", "b", "c"].map(job) {
        let filter = Filter { job: Some(name.clone()), ..any() };
        finds(store, &all, filter, |task| task.job == name).await;
    }
    for source in ["api", "ci"] {
        let filter = Filter { source: Some(source.to_owned()), ..any() };
        finds(store, &all, filter, |task| task.source == source).await;
    }
    for label in ["May", "June"] {
        let filter = Filter { label: Some(label.to_owned()), ..any() };
        finds(store, &all, filter, |task| task.label.as_deref() == Some(label)).await;
    }
    for tag in ["x", "y", "z"].map(str::to_owned) {
        let filter = Filter { tag: Some(tag.clone()), ..any() };
        finds(store, &all, filter, |task| task.tags.contains(&tag)).await;
    }
    for outcome in [Outcome::Completed, Outcome::Rejected, Outcome::Failed, Outcome::Cancelled] {
        let filter = Filter { outcome: Some(outcome), ..any() };
        finds(store, &all, filter, |task| task.outcome == Some(outcome)).await;
    }
    for filter in [
        Filter { job: Some(job("d")), ..any() },
        Filter { source: Some("API".to_owned()), ..any() },
        Filter { label: Some(String::new()), ..any() },
        Filter { tag: Some(String::new()), ..any() },
        Filter { outcome: Some(Outcome::Lost), ..any() },
        Filter { created_from: Some(at(1_000)), ..any() },
        Filter { created_to: Some(NOW), ..any() },
        Filter { longer_than_ms: Some(3_600_000), ..any() },
    ] {
        assert_eq!(store.list_ids(filter.clone(), at(100)).await, [], "{filter:?}");
    }
}

/// Whether a task fits a filter.
type Fits = fn(&TaskSummary) -> bool;

async fn filters_narrow_each_other(store: &Harness<'_, impl Store>) {
    let all = company(store).await;
    let single: [(Filter, Fits); 7] = [
        (Filter { states: vec![State::Queued, State::Running, State::Failed], ..any() }, |task| {
            matches!(task.state, State::Queued | State::Running | State::Failed)
        }),
        (Filter { job: Some(job("a")), ..any() }, |task| task.job == job("a")),
        (Filter { source: Some("ci".to_owned()), ..any() }, |task| task.source == "ci"),
        (Filter { label: Some("May".to_owned()), ..any() }, |task| task.label.as_deref() == Some("May")),
        (Filter { tag: Some("x".to_owned()), ..any() }, |task| task.tags.contains(&"x".to_owned())),
        (Filter { outcome: Some(Outcome::Failed), ..any() }, |task| task.outcome == Some(Outcome::Failed)),
        (Filter { created_from: Some(at(5)), created_to: Some(at(25)), ..any() }, |task| {
            (at(5)..at(25)).contains(&task.created_at)
        }),
    ];
    // Every set of filters.
    for set in 0..1_u32 << single.len() {
        let chosen: Vec<_> =
            (0..single.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| &single[bit]).collect();
        let filter = chosen.iter().fold(any(), |both, (filter, _)| joined(both, filter.clone()));
        let expected = ids(all.iter().filter(|task| chosen.iter().all(|(_, fits)| fits(task))).cloned());
        assert_eq!(store.list_ids(filter.clone(), at(100)).await, expected, "{filter:?}");
    }
}

fn joined(one: Filter, other: Filter) -> Filter {
    Filter {
        states: if one.states.is_empty() { other.states } else { one.states },
        job: one.job.or(other.job),
        source: one.source.or(other.source),
        label: one.label.or(other.label),
        tag: one.tag.or(other.tag),
        schedule: one.schedule.or(other.schedule),
        outcome: one.outcome.or(other.outcome),
        created_from: one.created_from.or(other.created_from),
        created_to: one.created_to.or(other.created_to),
        longer_than_ms: one.longer_than_ms.or(other.longer_than_ms),
    }
}

async fn any_of_several_states_fits(store: &Harness<'_, impl Store>) {
    let all = company(store).await;
    let open = Filter { states: vec![State::Running, State::Queued], ..any() };
    finds(store, &all, open, |task| !task.state.is_terminal()).await;
    let twice = Filter { states: vec![State::Failed, State::Failed], ..any() };
    finds(store, &all, twice, |task| task.state == State::Failed).await;
    let every = Filter { states: State::ALL.to_vec(), ..any() };
    assert_eq!(store.list_ids(every, at(100)).await, ids(all));
}

async fn the_time_of_acceptance_is_from_and_before(store: &Harness<'_, impl Store>) {
    for number in 1..=5 {
        store.enqueue([new_task(number)], at(i64::try_from(number).unwrap())).await;
    }
    // The clock went back: the newest is not the one with the latest time.
    store.enqueue([new_task(6)], at(2)).await;
    let between = async |from: Option<Timestamp>, to| {
        store.list_ids(Filter { created_from: from, created_to: to, ..any() }, NOW).await
    };
    assert_eq!(between(Some(at(2)), Some(at(4))).await, [6, 3, 2].map(id));
    assert_eq!(between(Some(at(4)), None).await, [5, 4].map(id));
    assert_eq!(between(None, Some(at(3))).await, [6, 2, 1].map(id));
    assert_eq!(between(Some(at(4)), Some(at(4))).await, []);
}

async fn long_attempts_are_found_running_or_ended(store: &Harness<'_, impl Store>) {
    let ran = async |number, seconds| {
        let held = store.started(new_task(number), NOW).await;
        let mut settle = ended(held, Outcome::Completed, at(seconds));
        settle.figures.started_at = NOW;
        store.apply(settle).await;
    };
    ran(1, 10).await;
    ran(2, 11).await;
    store.started(new_task(3), NOW).await;
    store.enqueue([NewTask { run_at: at(99), ..new_task(4) }], NOW).await;
    // Its first attempt was long, its newest is not.
    let held = store.started(new_task(5), NOW).await;
    let mut first = ended(held, Outcome::Interrupted, at(50));
    first.figures.started_at = NOW;
    store.apply(first).await;
    let held = store.claim_one(at(50)).await.held;
    store.apply(ended(held, Outcome::Completed, at(51))).await;

    let longer = async |now| store.list_ids(Filter { longer_than_ms: Some(10_000), ..any() }, now).await;
    assert_eq!(longer(at(10)).await, [id(2)]);
    assert_eq!(longer(at(11)).await, [id(3), id(2)], "one that runs since then");
    assert_eq!(longer(at(-3_600)).await, [id(2)], "the clock went back");
    let never_begun = Filter { longer_than_ms: Some(0), states: vec![State::Queued], ..any() };
    assert_eq!(store.list_ids(never_begun, at(60)).await, []);
}

async fn pages_have_no_gaps_and_no_repeats_while_tasks_come_in(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=20).map(new_task), NOW).await;
    let mut seen = Vec::new();
    let mut before = None;
    for round in 0_u128.. {
        let list = List { filter: any(), before, tasks_max: 3, examined_max: 100, now: NOW };
        let page = store.page(list).await;
        seen.extend(ids(page.tasks));
        // New ones come in, and old ones change their state.
        store.enqueue([new_task(100 + round)], NOW).await;
        store.claim_one(NOW).await;
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (1..=20).rev().map(id).collect::<Vec<_>>());
}

async fn a_page_has_at_most_so_many(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=4).map(new_task), NOW).await;
    let list = |tasks_max, before| List { filter: any(), before, tasks_max, examined_max: 100, now: NOW };
    let first = store.page(list(3, None)).await;
    assert_eq!((ids(first.tasks), first.next), ([4, 3, 2].map(id).to_vec(), Some(2)));
    let last = store.page(list(3, first.next)).await;
    assert_eq!((ids(last.tasks), last.next), (vec![id(1)], None));
    let whole = store.page(list(10, None)).await;
    assert_eq!((whole.tasks.len(), whole.next), (4, None));
    let beyond = store.page(list(3, Some(1))).await;
    assert_eq!((beyond.tasks.len(), beyond.next), (0, None));
}

async fn a_page_looks_at_at_most_so_many(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let settle = Settle { now: at(60), ..ended(held, Outcome::Completed, at(60)) };
    let figures = mainworker_queue::attempt::Figures { started_at: NOW, ..settle.figures };
    store.apply(Settle { figures, ..settle }).await;
    store.enqueue((2..=11).map(new_task), NOW).await;
    store.claim(begin(NOW)).await;

    // Only the oldest of eleven fits.
    let filter = Filter { longer_than_ms: Some(30_000), ..any() };
    let mut before = None;
    let mut pages = Vec::new();
    loop {
        let list = List { filter: filter.clone(), before, tasks_max: 5, examined_max: 4, now: NOW };
        let page = store.page(list).await;
        pages.push(page.tasks.len());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [0, 0, 1], "a page without a task is not the last");
    let list = List { filter: any(), before: None, tasks_max: 5, examined_max: 4, now: NOW };
    assert_eq!(store.page(list).await.tasks.len(), 4);
}
