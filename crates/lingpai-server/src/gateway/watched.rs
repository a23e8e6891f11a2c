//! An answer on its way to a client of HTTP/2, which must take it. Such a client can take one byte of a stream at a time
//! while its connection always moves, so what watches over connections does not see it.
//!
//! Every 16 KiB have to be taken within the time that a client may take nothing at all. What upstream has not sent yet is
//! not held against it. Whoever is slower has the call ended behind it: the connection to upstream and the call's places are
//! free at once, whether or not it ever asks for the rest.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::passing::Passing;

/// How much has to be taken within the time, and the largest piece that is given at once.
const STEP: usize = 16 * 1024;

/// The body of an answer, as long as it is taken.
pub(crate) struct Watched {
    line: Arc<Mutex<Line>>,
    watch: AbortHandle,
}

struct Line {
    /// None if the client was too slow.
    body: Option<Passing>,
    /// What of the last piece was not given yet.
    spare: Bytes,
    given: u64,
    /// Whether the client waits for upstream.
    waits: bool,
}

impl Watched {
    /// Watches over an answer from now on. `most` is how long the client may take for each step.
    pub(super) fn new(body: Passing, most: Duration) -> Self {
        let line = Line { body: Some(body), spare: Bytes::new(), given: 0, waits: false };
        let line = Arc::new(Mutex::new(line));
        let watch = tokio::spawn(watch(Arc::downgrade(&line), most)).abort_handle();
        Self { line, watch }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.line().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        let line = self.line();
        line.spare.is_empty() && line.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let line = self.line();
        let mut hint = line.body.as_ref().map(Body::size_hint).unwrap_or_default();
        let spare = line.spare.len() as u64;
        match hint.exact() {
            Some(rest) => hint.set_exact(spare + rest),
            None => hint.set_lower(hint.lower() + spare),
        }
        hint
    }
}

impl Line {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        if self.spare.is_empty() {
            let polled = Pin::new(body).poll_frame(cx);
            self.waits = polled.is_pending();
            match polled.map_ok(Frame::into_data) {
                Poll::Ready(Some(Ok(Ok(piece)))) => self.spare = piece,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                // An answer that is forwarded has no trailers.
                Poll::Ready(None | Some(Ok(Err(_)))) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        let piece = self.spare.split_to(STEP.min(self.spare.len()));
        self.given += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// Looks again and again whether a step was taken, until one was not.
async fn watch(line: Weak<Mutex<Line>>, most: Duration) {
    let mut before = 0;
    loop {
        sleep(most).await;
        let Some(line) = line.upgrade() else { return };
        let mut line = lock(&line);
        if !line.waits && line.given < before + STEP as u64 {
            (line.body, line.spare) = (None, Bytes::new());
            return;
        }
        before = line.given;
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
