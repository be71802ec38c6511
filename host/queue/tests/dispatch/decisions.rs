//! What the core decides, one input at a time.

use crate::stage::NOW;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Next, Reason, State, Timestamp, Transition};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::{Held, Lease};
use mainworker_queue::dispatch::DispatchOptions;
use mainworker_queue::dispatch::backlog::{Assignment, Ticket};
use mainworker_queue::dispatch::core::{Action, Core, Input, Moment};
use mainworker_queue::runner::Ended;
use mainworker_queue::store::StoreError;
use mainworker_queue::verbs::claim::{Claim, Claimed, ClaimedTask};
use mainworker_queue::verbs::enqueue::{EnqueueRefusal, Enqueued, How};
use mainworker_queue::verbs::extend::Extended;
use mainworker_queue::verbs::rescue::Rescued;
use mainworker_queue::verbs::settle::{Applied, Settled};

const SLOTS: usize = 2;
const MEMORY_BYTES: u64 = 100;

/// A core, the time, and the tasks that were given to it.
struct Bare {
    core: Core,
    passed_ms: u64,
    next_task: u8,
}

impl Bare {
    fn new() -> Self {
        let moment = Moment { now: NOW, steady: NOW, bits: 0 };
        let core = Core::new(DispatchOptions::new("test", SLOTS, MEMORY_BYTES), moment);
        Self { core, passed_ms: 0, next_task: 0 }
    }

    fn hear(&mut self, input: Input) -> Vec<Action> {
        let moment = self.moment();
        self.core.take(input, moment);
        self.core.decide(moment)
    }

    fn moment(&self) -> Moment {
        let time = NOW.after_ms(self.passed_ms);
        Moment { now: time, steady: time, bits: 7 }
    }

    fn decide(&mut self) -> Vec<Action> {
        self.core.decide(self.moment())
    }

    /// Answers a claim with `count` tasks; gives what is done then.
    fn claimed(&mut self, count: usize, more: bool) -> Vec<Action> {
        let tasks = (0..count).map(|_| self.task()).collect();
        self.hear(Input::Claimed(Ok(Claimed { tasks, more, ..Claimed::default() })))
    }

    fn task(&mut self) -> ClaimedTask {
        self.next_task += 1;
        ClaimedTask {
            held: Held { task: task_id(self.next_task), attempt: 1, lease: Lease::from_bits(7) },
            job: JobName::parse("job").unwrap(),
            source: "api".to_owned(),
            revision: Digest::from_sha256([1; 32]),
            payload: "{}".to_owned(),
            configuration: None,
            due_at: NOW,
            timeout_ms: None,
            tags: Vec::new(),
            attempt_for_job: 1,
            max_attempts: 1,
            memory_bytes_max: 10,
            alone: false,
            parent: None,
            depth: 0,
        }
    }
}

fn task_id(number: u8) -> TaskId {
    TaskId::from_bytes([number; 16])
}

fn completed() -> Ended {
    Ended {
        ending: Outcome::Completed.into(),
        started_at: NOW,
        finished_at: NOW,
        usage: Usage::default(),
        ran: None,
        result: None,
        error: None,
        log: Vec::new(),
        asked: Vec::new(),
    }
}

fn completion() -> Applied {
    let (next, reason) = (Next::Completed, Reason::Completed);
    let transition = Transition { next, outcome: Some(Outcome::Completed), count: None, reason };
    Applied { transition, dropped: Vec::new(), enqueued: Vec::new() }
}

fn applied() -> Settled {
    Settled::Applied(completion())
}

fn full() -> StoreError {
    StoreError::Full { doing: "settle", problem: "no space".to_owned() }
}

fn claims(actions: &[Action]) -> Vec<&Claim> {
    actions.iter().filter_map(|it| if let Action::Claim(claim) = it { Some(claim) } else { None }).collect()
}

fn settles(actions: &[Action]) -> Vec<TaskId> {
    let batches =
        actions.iter().filter_map(|it| if let Action::Settle(batch) = it { Some(batch) } else { None });
    batches.flatten().map(|settle| settle.held.task).collect()
}

fn started(actions: Vec<Action>) -> Vec<Assignment> {
    let starts =
        actions.into_iter().filter_map(|it| if let Action::Start(it) = it { Some(it) } else { None });
    starts.flatten().collect()
}

fn tickets(assignments: &[Assignment]) -> Vec<Ticket> {
    assignments.iter().map(|assignment| assignment.ticket).collect()
}

fn ended(tickets: &[Ticket]) -> Input {
    Input::Ended(tickets.iter().map(|&ticket| (ticket, completed())).collect())
}

#[test]
fn it_claims_at_once_and_then_sleeps() {
    let mut bare = Bare::new();
    let actions = bare.decide();
    let claim = claims(&actions)[0];
    assert_eq!((claim.tasks_max, claim.memory_bytes_max, claim.idle), (SLOTS, MEMORY_BYTES, true));
    assert_eq!(claims(&bare.hear(Input::Wake)).len(), 0, "one at a time");
    let again = bare.claimed(0, false);
    assert_eq!(claims(&again).len(), 1, "the wake was not forgotten");
    assert_eq!(claims(&bare.claimed(0, false)).len(), 0);
    assert_eq!(bare.core.next_at().ms_since(NOW), 1_000);
}

#[test]
fn what_cannot_be_claimed_for_want_of_room_is_asked_for_less_and_less_often() {
    let mut bare = Bare::new();
    bare.decide();
    bare.claimed(1, true);
    let mut waits = Vec::new();
    for _ in 0..9 {
        bare.claimed(0, true);
        let wait_ms = bare.core.next_at().ms_since(bare.moment().steady);
        waits.push(wait_ms);
        bare.passed_ms += wait_ms;
        // Other timers are in between.
        while claims(&bare.decide()).is_empty() {
            bare.passed_ms = bare.core.next_at().ms_since(NOW);
        }
    }
    assert_eq!(waits[..4], [10, 20, 40, 80]);
}

#[test]
fn fast_attempts_are_claimed_ahead_with_their_memory_and_slow_ones_are_not() {
    let mut bare = Bare::new();
    bare.decide();
    let first = tickets(&started(bare.claimed(2, true)));
    let actions = bare.hear(ended(&first));
    assert_eq!(claims(&actions)[0].tasks_max, SLOTS, "one attempt a slot says nothing of their pace");
    let second = tickets(&started(bare.claimed(2, true)));
    let actions = bare.hear(ended(&second));
    assert_eq!((claims(&actions)[0].tasks_max, claims(&actions)[0].memory_bytes_max), (4, 2 * MEMORY_BYTES));
    let third = tickets(&started(bare.claimed(4, true)));
    bare.passed_ms = 100;
    assert_eq!(claims(&bare.hear(ended(&third[..1]))).len(), 0, "three are open, in two slots");
}

#[test]
fn ends_that_come_while_a_settlement_is_under_way_wait_for_the_next() {
    let mut bare = Bare::new();
    bare.decide();
    let all = tickets(&started(bare.claimed(2, false)));
    assert_eq!(bare.core.ends_awaited(), 1);
    assert_eq!(settles(&bare.hear(ended(&all[..1]))), [task_id(1)]);
    assert_eq!(bare.core.ends_awaited(), usize::MAX, "nothing can be done with another one");
    assert_eq!(settles(&bare.hear(ended(&all[1..]))), []);
    assert_eq!(settles(&bare.hear(Input::Settled(Ok(vec![applied()])))), [task_id(2)]);
}

#[test]
fn an_end_that_the_store_cannot_take_holds_up_no_other() {
    let mut bare = Bare::new();
    bare.decide();
    let all = tickets(&started(bare.claimed(8, false)));
    let poison = task_id(3);
    let mut under_way = bare.hear(ended(&all));
    let mut written: Vec<TaskId> = Vec::new();
    for _ in 0..30 {
        let batch = settles(&under_way);
        let answer = if batch.contains(&poison) {
            Err(full())
        } else {
            written.extend(&batch);
            Ok(batch.iter().map(|_| applied()).collect())
        };
        under_way = if batch.is_empty() { Vec::new() } else { bare.hear(Input::Settled(answer)) };
        while settles(&under_way).is_empty() && written.len() < 7 {
            bare.passed_ms = bare.core.next_at().ms_since(NOW);
            under_way = bare.decide();
        }
    }
    written.sort_unstable();
    let others: Vec<_> = (1..=8).map(task_id).filter(|&id| id != poison).collect();
    assert_eq!(written, others);
}

#[test]
fn a_trouble_is_told_once_and_tried_again_after_longer_and_longer() {
    let mut bare = Bare::new();
    bare.decide();
    let all = tickets(&started(bare.claimed(1, false)));
    bare.hear(ended(&all));
    let mut waits = Vec::new();
    let mut told = 0;
    for _ in 0..8 {
        let actions = bare.hear(Input::Settled(Err(full())));
        told += actions.iter().filter(|it| matches!(it, Action::Emit(Event::HostError { .. }))).count();
        let since = bare.passed_ms;
        loop {
            bare.passed_ms = bare.core.next_at().ms_since(NOW);
            let actions = bare.decide();
            assert_eq!(claims(&actions).len(), 0, "nothing is claimed that could not be settled");
            if actions.iter().any(|it| matches!(it, Action::Extend(_))) {
                let kept = Extended::Kept { cancel_requested: false };
                bare.hear(Input::Extended(Ok(vec![kept])));
            }
            if actions.iter().any(|it| matches!(it, Action::Rescue(_))) {
                bare.hear(Input::Rescued(Ok(Vec::new())));
            }
            if !settles(&actions).is_empty() {
                break;
            }
        }
        waits.push(bare.passed_ms - since);
    }
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    assert_eq!(told, 1);
    let actions = bare.hear(Input::Settled(Ok(vec![applied()])));
    assert_eq!(claims(&actions).len(), 1);
}

#[test]
fn a_cancel_that_overtakes_the_answer_of_its_claim_is_not_lost() {
    let mut bare = Bare::new();
    bare.decide();
    bare.hear(Input::StopAttempt { task: task_id(1), attempt: 1 });
    let actions = bare.claimed(2, false);
    assert_eq!(settles(&actions), [task_id(1)]);
    let started = started(actions);
    assert_eq!(started.iter().map(|it| it.task.held.task).collect::<Vec<_>>(), [task_id(2)]);
}

#[test]
fn a_claim_that_is_answered_after_its_lease_begins_nothing() {
    let mut bare = Bare::new();
    bare.decide();
    bare.passed_ms = 14_000;
    let actions = bare.claimed(2, false);
    assert_eq!(settles(&actions), [task_id(1), task_id(2)]);
    let ending = actions
        .iter()
        .find_map(|it| if let Action::Settle(batch) = it { Some(batch[0].ending) } else { None });
    assert_eq!(ending.unwrap().outcome, Outcome::Interrupted);
    assert_eq!(started(actions).len(), 0);
}

#[test]
fn a_rescue_does_not_reach_what_is_held_here() {
    let mut bare = Bare::new();
    bare.decide();
    bare.claimed(1, false);
    bare.passed_ms = 60_000;
    let actions = bare.decide();
    let rescue =
        actions.iter().find_map(|it| if let Action::Rescue(rescue) = it { Some(rescue) } else { None });
    assert!(rescue.unwrap().leases_until < NOW.after_ms(15_000), "{rescue:?}");
    assert!(rescue.unwrap().leases_until > Timestamp::MIN);
}

#[test]
fn a_rescue_makes_room_whatever_became_of_the_task() {
    let mut bare = Bare::new();
    bare.decide();
    bare.claimed(0, false);
    let transition =
        Transition { next: Next::Cancelled, outcome: None, count: None, reason: Reason::Cancelled };
    let held = Held { task: task_id(1), attempt: 1, lease: Lease::from_bits(1) };
    let rescued = Rescued { held, job: JobName::parse("job").unwrap(), transition };
    assert_eq!(claims(&bare.hear(Input::Rescued(Ok(vec![rescued])))).len(), 1);
}

#[test]
fn tasks_that_were_asked_for_are_told_of() {
    let mut bare = Bare::new();
    bare.decide();
    let all = tickets(&started(bare.claimed(1, false)));
    let mut stage = crate::stage::Stage::new();
    let asked = [stage.task("{}"), stage.task("{}"), stage.task("{}"), stage.task("{}")];
    let [new, known, replaces, dropped] = asked.each_ref().map(|task| task.id);
    bare.hear(Input::Ended(vec![(all[0], Ended { asked: asked.to_vec(), ..completed() })]));
    let mut answer = completion();
    answer.enqueued = vec![
        Enqueued { id: new, how: How::New },
        Enqueued { id: task_id(8), how: How::Known },
        Enqueued { id: replaces, how: How::Replaced(task_id(7)) },
    ];
    let refusal = EnqueueRefusal::UniqueConflict { task_id: task_id(9), state: State::Queued };
    answer.dropped.push((dropped, refusal));
    let actions = bare.hear(Input::Settled(Ok(vec![Settled::Applied(answer)])));
    let told: Vec<_> = actions
        .iter()
        .filter_map(|it| match it {
            Action::Emit(Event::TaskEnqueued { task_id, .. }) => Some(("enqueued", *task_id)),
            Action::Emit(Event::TaskDropped { task_id, .. }) => Some(("dropped", *task_id)),
            Action::Emit(Event::TaskChanged { task_id, state: State::Cancelled, .. }) => {
                Some(("cancelled", *task_id))
            }
            _ => None,
        })
        .collect();
    let expected =
        [("enqueued", new), ("cancelled", task_id(7)), ("enqueued", replaces), ("dropped", dropped)];
    assert_eq!(told, expected, "nothing of {known}, which is another task's second name");
}
