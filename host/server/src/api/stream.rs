//! Streams of server-sent events: how many there may be, how one shows that it lives, and how it ends with the host, or with
//! the credential that opened it.

use super::Api;
use super::limits::{LAST_READ, STREAM_KEEP_ALIVE, STREAMS_MAX, STREAMS_OF_ONE_MAX};
use super::problem::ApiError;
use crate::access::Caller;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use mainworker_domain::audit::Actor;
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

/// Where the events of a stream come from.
pub(super) trait Source: Send + 'static {
    /// Waits until there is something, and adds it to `events`. False if nothing will follow. Dropping the future loses
    /// nothing.
    fn read(&mut self, events: &mut VecDeque<Event>) -> impl Future<Output = bool> + Send;

    /// Adds what is there already to `events`, without waiting for more. False if nothing would have followed.
    fn read_last(&mut self, events: &mut VecDeque<Event>) -> impl Future<Output = bool> + Send;
}

/// A stream that is open.
struct Open<S> {
    source: S,
    ready: VecDeque<Event>,
    has_ended: bool,
    stopping: watch::Receiver<bool>,
    place: Place,
}

/// The place of one stream among all, and among those of its credential.
struct Place {
    api: Arc<Api>,
    actor: Actor,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(api: &Arc<Api>, caller: &Caller) -> Result<Self, ApiError> {
        let permit = Arc::clone(&api.streams).try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::TooManyStreams { allowed: STREAMS_MAX })?;
        let mut of_actors = api.streams_of_actors();
        let open = of_actors.entry(caller.actor.clone()).or_default();
        if *open >= STREAMS_OF_ONE_MAX {
            return Err(ApiError::TooManyStreams { allowed: STREAMS_OF_ONE_MAX });
        }
        *open += 1;
        drop(of_actors);
        Ok(Self { api: Arc::clone(api), actor: caller.actor.clone(), _permit: permit })
    }

    /// Whether whoever opened it would still be let in.
    fn is_still_good(&self) -> bool {
        self.api.host.access.is_still_good(&self.actor, self.api.host.now())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of_actors = self.api.streams_of_actors();
        if let Some(open) = of_actors.get_mut(&self.actor) {
            *open -= 1;
            if *open == 0 {
                of_actors.remove(&self.actor);
            }
        }
    }
}

/// Opens a stream.
///
/// # Errors
/// `rate_limited` if there are as many as there may be.
pub(super) fn open(api: &Arc<Api>, caller: &Caller, source: impl Source) -> Result<Response, ApiError> {
    let place = Place::take(api, caller)?;
    let stopping = api.stopping.clone();
    let open = Open { source, ready: VecDeque::new(), has_ended: false, stopping, place };
    let events = unfold(open, |mut open| async move {
        let event = open.next().await?;
        Some((Ok::<_, Infallible>(event), open))
    });
    Ok(Sse::new(events).into_response())
}

/// An event of this kind.
pub(super) fn event(kind: &str, data: &impl Serialize) -> Event {
    // What goes over the wire can always be written as JSON.
    Event::default().event(kind).data(serde_json::to_string(data).unwrap_or_default())
}

impl<S: Source> Open<S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.place.is_still_good() {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            let read = tokio::select! {
                read = timeout(STREAM_KEEP_ALIVE, self.source.read(&mut self.ready)) => Some(read),
                _ = self.stopping.wait_for(|&stopping| stopping) => None,
            };
            match read {
                Some(Ok(goes_on)) => self.has_ended = !goes_on,
                Some(Err(_)) => return Some(Event::default().comment("")),
                None => {
                    // What happened before the host stops is told; attempts may have ended just now.
                    let last = timeout(LAST_READ, self.source.read_last(&mut self.ready)).await;
                    if last.unwrap_or(true) {
                        self.ready.push_back(event("stopping", &serde_json::json!({ "kind": "stopping" })));
                    }
                    self.has_ended = true;
                }
            }
        }
    }
}
