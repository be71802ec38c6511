//! The shell around the core: waits for whatever happens first, tells the core, and does what it says.

use super::backlog::Withdraw;
use super::core::{Action, Core, Input, Moment, OpenAttempt};
use super::exchange::Exchange;
use super::{Clock, OnEvent, Random};
use crate::store::Store;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Sleep, sleep};

/// A request to the store that is under way; its answer.
type Request = Pin<Box<dyn Future<Output = Input> + Send>>;

pub(super) struct Dispatcher<S> {
    pub(super) store: Arc<S>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) on_event: OnEvent,
    pub(super) core: Core,
    /// At most one a verb: that is the core's promise.
    pub(super) requests: Vec<Request>,
    /// Those who want to know what runs; answered once what was told before is known.
    pub(super) asks: Vec<oneshot::Sender<Vec<OpenAttempt>>>,
    /// Becomes true when all is drained.
    pub(super) drained: watch::Sender<bool>,
}

impl<S: Store> Dispatcher<S> {
    pub(super) async fn run(mut self) {
        let mut inputs = Vec::new();
        let mut timer = pin_timer();
        loop {
            if self.turn(&mut inputs) {
                return;
            }
            if !self.exchange.await_ends(self.core.ends_awaited()) {
                self.set(&mut timer);
                let Self { exchange, requests, .. } = &mut self;
                // Answers go first: they may be why ends were left to come together.
                tokio::select! {
                    biased;
                    () = poll_fn(|context| poll_answers(requests, context, &mut inputs)) => {}
                    () = exchange.notified() => {}
                    () = &mut timer => {}
                }
            }
            self.hear(&mut inputs);
        }
    }

    /// Tells the core what happened, and does what it says. True when all is drained.
    fn turn(&mut self, inputs: &mut Vec<Input>) -> bool {
        loop {
            let moment = self.moment();
            for input in inputs.drain(..) {
                self.core.take(input, moment);
            }
            for action in self.core.decide(moment) {
                if matches!(action, Action::Drained) {
                    return true;
                }
                self.act(action, inputs);
            }
            if inputs.is_empty() {
                break;
            }
        }
        for ask in self.asks.drain(..) {
            // Whoever asked may have gone.
            let _ = ask.send(self.core.open());
        }
        false
    }

    fn act(&mut self, action: Action, inputs: &mut Vec<Input>) {
        let store = Arc::clone(&self.store);
        match action {
            Action::Claim(claim) => self.ask(async move { Input::Claimed(store.claim(claim).await) }),
            Action::Settle(settles) => self.ask(async move { Input::Settled(store.settle(settles).await) }),
            Action::Extend(extend) => self.ask(async move { Input::Extended(store.extend(extend).await) }),
            Action::Record(records) => self.ask(async move { Input::Recorded(store.record(records).await) }),
            Action::Rescue(rescue) => self.ask(async move { Input::Rescued(store.rescue(rescue).await) }),
            Action::Start(assignments) => self.exchange.start(assignments),
            Action::Stop { ticket, live, reason } => {
                live.stop(reason);
                self.withdraw(Withdraw::One(ticket), inputs);
            }
            Action::Withdraw(which) => self.withdraw(which, inputs),
            Action::Emit(event) => (self.on_event)(event),
            Action::Drained => {}
        }
    }

    fn ask(&mut self, request: impl Future<Output = Input> + Send + 'static) {
        self.requests.push(Box::pin(request));
    }

    fn withdraw(&self, which: Withdraw, inputs: &mut Vec<Input>) {
        let withdrawn = self.exchange.withdraw(which);
        if !withdrawn.is_empty() {
            inputs.push(Input::Withdrawn(withdrawn));
        }
    }

    /// Takes what drivers and callers left.
    fn hear(&mut self, inputs: &mut Vec<Input>) {
        let inbox = self.exchange.take_inbox();
        if !inbox.ends.is_empty() {
            inputs.push(Input::Ended(inbox.ends));
        }
        inputs.extend(inbox.stops.into_iter().map(|(task, attempt)| Input::StopAttempt { task, attempt }));
        if inbox.wake {
            inputs.push(Input::Wake);
        }
        if let Some(grace_ms) = inbox.drain_ms {
            inputs.push(Input::Drain { grace_ms });
        }
        self.asks.extend(inbox.asks);
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), steady: self.clock.steady(), bits: self.random.bits() }
    }

    /// Sets the timer to when the core is to be asked again.
    fn set(&self, timer: &mut Pin<Box<Sleep>>) {
        let wait_ms = self.core.next_at().ms_since(self.clock.steady());
        let at = Instant::now() + Duration::from_millis(wait_ms.min(FAR_MS));
        // Setting it costs more than a wake-up that comes to nothing.
        if timer.is_elapsed() || at < timer.deadline() || at > timer.deadline() + SLACK {
            timer.as_mut().reset(at);
        }
    }
}

/// Milliseconds of the longest sleep: an hour.
const FAR_MS: u64 = 3_600_000;
/// How much earlier than needed one may wake.
const SLACK: Duration = Duration::from_millis(100);

fn pin_timer() -> Pin<Box<Sleep>> {
    Box::pin(sleep(Duration::from_millis(FAR_MS)))
}

/// Ready when at least one request is answered; all answers that are there are taken.
fn poll_answers(requests: &mut Vec<Request>, context: &mut Context<'_>, inputs: &mut Vec<Input>) -> Poll<()> {
    let before = inputs.len();
    requests.retain_mut(|request| match request.as_mut().poll(context) {
        Poll::Ready(input) => {
            inputs.push(input);
            false
        }
        Poll::Pending => true,
    });
    if inputs.len() > before { Poll::Ready(()) } else { Poll::Pending }
}

impl<S> Drop for Dispatcher<S> {
    /// Whatever ends it, drained or dropped: nobody is left waiting for it, and attempts that nobody would settle are stopped.
    fn drop(&mut self) {
        self.core.abandon();
        self.exchange.close();
        self.drained.send_replace(true);
    }
}
