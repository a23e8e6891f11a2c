//! A body as it comes, piece by piece, from a sender who must keep the pace. Both ways through the gateway are read so.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::pace::Pace;

/// A body, and how slowly it may come.
pub(super) struct Paced<B> {
    pub(super) body: B,
    pace: Pace,
}

/// Why no piece comes any more, though the body has not ended.
#[derive(Debug)]
pub(super) enum Halt {
    /// The sender has kept us waiting for too long.
    Slow,
    /// The connection broke.
    Broken(hyper::Error),
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Paced<B> {
    /// `allowed` is how long the sender may take for each step.
    pub(super) fn new(body: B, allowed: Duration) -> Self {
        Self { body, pace: Pace::new(allowed) }
    }

    /// The next piece, or none at the end.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Halt>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.pace.poll_over(cx));
                return Poll::Ready(Err(Halt::Slow));
            };
            return Poll::Ready(match frame.map(|frame| frame.map(Frame::into_data)) {
                None => Ok(None),
                Some(Err(error)) => Err(Halt::Broken(error)),
                // Trailers, which WeChat neither knows nor sends.
                Some(Ok(Err(_))) => continue,
                Some(Ok(Ok(piece))) => {
                    self.pace.moved(piece.len());
                    Ok(Some(piece))
                }
            });
        }
    }
}
