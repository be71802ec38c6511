//! The body of a response on its way to the guest: counted, timed, a few pieces ahead of it at the most.

use super::{HttpError, Trouble, Unanswered, WasiBody};
use crate::control::Control;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use mainworker_domain::limits::{HTTP_PIECES_WAITING_MAX, Limit};
use mainworker_domain::outcome::LimitBreach;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How a body is delivered.
pub(super) struct Delivery {
    pub(super) request: String,
    pub(super) origin: String,
    pub(super) control: Arc<Control>,
    pub(super) bytes_max: u64,
    pub(super) between: Duration,
    /// Held until the body is read or dropped.
    pub(super) _in_flight: Option<Arc<OwnedSemaphorePermit>>,
}

type Piece = Result<Frame<Bytes>, HttpError>;

/// Reads `body` on this thread, the network's, and hands it on to wherever the answer is read.
pub(super) fn deliver(body: WasiBody, delivery: Delivery) -> WasiBody {
    let (pieces, delivered) = channel(HTTP_PIECES_WAITING_MAX);
    let reading = tokio::spawn(delivery.read(body, pieces)).abort_handle();
    Delivered { pieces: delivered, reading }.boxed_unsync()
}

impl Delivery {
    async fn read(self, mut body: WasiBody, pieces: Sender<Piece>) {
        let mut observed = 0;
        loop {
            let piece = match timeout(self.between, body.frame()).await {
                Ok(Some(piece)) => piece,
                Ok(None) => return,
                Err(_) => Err(HttpError::ConnectionReadTimeout),
            };
            if let Some(data) = piece.as_ref().ok().and_then(Frame::data_ref) {
                observed += data.len() as u64;
                self.control.add_http_bytes_in(data.len() as u64);
                if observed > self.bytes_max {
                    let (limit, allowed) = (Limit::HttpResponse, self.bytes_max);
                    self.control.end_at(LimitBreach { limit, observed, allowed });
                    // The attempt is ended from outside; until then the guest learns nothing more.
                    return pending().await;
                }
            }
            if let Err(error) = &piece {
                let (request, origin) = (self.request.clone(), self.origin.clone());
                let trouble = Trouble::of(error);
                self.control.add_unanswered(Unanswered { request, origin, trouble });
            }
            let is_last = piece.is_err();
            if pieces.send(piece).await.is_err() || is_last {
                return;
            }
        }
    }
}

struct Delivered {
    pieces: Receiver<Piece>,
    reading: AbortHandle,
}

impl Body for Delivered {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.pieces.poll_recv(context)
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
