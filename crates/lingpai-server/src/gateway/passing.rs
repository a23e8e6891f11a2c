//! An answer's body on its way to the client: what was read of it in order to look at it, and the rest as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::line::Answer;
use super::paced::{Halt, Paced};
use super::trouble::Trouble;

/// The body of an answer that is forwarded. It ends the connection if upstream breaks off or stands still: what was
/// begun cannot be taken back.
pub(crate) struct Passing {
    begun: Bytes,
    rest: Paced<Answer>,
    /// Why it broke off, which is said when what came before is on its way.
    broken: Option<Trouble>,
    /// What the call holds until its end: its place upstream, its place among its client's calls.
    held: Option<Box<dyn Send>>,
}

impl Passing {
    /// The body of an answer. `most` is how long upstream may take for each step.
    pub(super) fn new(rest: Answer, most: Duration) -> Self {
        Self { begun: Bytes::new(), rest: Paced::new(rest, most), broken: None, held: None }
    }

    /// The next piece of the body, for a look at it.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The same body with what was read of it before its rest, which holds `held` until it has ended.
    pub(super) fn resumed(mut self, begun: Bytes, held: Box<dyn Send>) -> Self {
        self.begun = begun;
        self.held = Some(held);
        self
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Trouble>> {
        self.rest.poll_piece(cx).map_err(|halt| match halt {
            Halt::Slow => Trouble::Slow,
            Halt::Broken(error) => {
                tracing::debug!(%error, "an answer of upstream broke off");
                Trouble::Lost
            }
        })
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if !this.begun.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.begun)))));
        }
        if let Some(trouble) = this.broken {
            return Poll::Ready(Some(Err(io::Error::other(trouble.code()))));
        }
        let piece = ready!(this.poll_piece(cx));
        if !matches!(piece, Ok(Some(_))) || this.rest.body.is_end_stream() {
            this.held = None;
        }
        match piece {
            Ok(piece) => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece)))),
            Err(trouble) => {
                this.broken = Some(trouble);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.rest.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.rest.body.size_hint();
        let begun = self.begun.len() as u64;
        match hint.exact() {
            Some(rest) => hint.set_exact(begun + rest),
            None => hint.set_lower(hint.lower() + begun),
        }
        hint
    }
}
