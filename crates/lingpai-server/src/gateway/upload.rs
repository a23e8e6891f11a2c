//! A call's body on its way to WeChat, kept aside meanwhile so that it can be sent again.
//!
//! A body of up to 64 KiB is read whole before anything is sent, and so is one that does not state its length, since WeChat
//! wants it. A larger one streams: each piece goes to a file and upstream at once. Where it cannot be kept (too large, no
//! room, a disk that fails), it streams without that, and the call cannot be sent again.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::aside::Place;
use super::kept::Kept;
use super::paced::{Halt, Paced};
use super::settings::Settings;
use super::trouble::Trouble;

/// A body of this size is kept in memory.
const IN_MEMORY: usize = 64 * 1024;

/// A call's body.
pub(super) enum Upload {
    /// There is none.
    None,
    /// All of it.
    Whole(Bytes),
    /// What comes.
    Stream(Arc<Mutex<Stream>>),
}

/// One sending of it.
pub(super) enum Sending {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// What comes.
    Stream { stream: Arc<Mutex<Stream>>, number: u32, sent: u64 },
}

/// A body that streams.
pub(super) struct Stream {
    source: Source,
    length: u64,
    /// How much has come.
    came: u64,
    kept: Kept,
    /// Which sending may read on; those before it are over.
    number: u32,
    waker: Option<Waker>,
    /// When something was last taken.
    moved_at: Instant,
    trouble: Option<Trouble>,
}

/// Where a body comes from.
struct Source(Paced<Incoming>);

impl Upload {
    /// Takes a call's body: reads it whole, or as much of it as is needed to begin.
    pub(super) async fn take(
        body: Incoming,
        settings: &Settings,
        place: &Arc<Place>,
        pace: Duration,
    ) -> Result<Self, Trouble> {
        if body.is_end_stream() {
            return Ok(Self::None);
        }
        let length = body.size_hint().exact();
        let mut source = Source(Paced::new(body, pace));
        match length {
            Some(length) if length <= IN_MEMORY as u64 => {
                let read = source.read(length).await?;
                Ok(Self::Whole(read))
            }
            Some(length) => {
                let aside = if length <= settings.replay_limit {
                    let made = Box::pin(place.file(length)).await;
                    made.inspect_err(|error| place.tell(error)).ok()
                } else {
                    None
                };
                Ok(Self::stream(source, length, 0, Kept::in_file(aside)))
            }
            None => {
                let most = settings.unsized_body_limit;
                Box::pin(Self::of_unknown_length(source, most, place)).await
            }
        }
    }

    /// Its length, if there is one.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Whole(body) => Some(body.len() as u64),
            Self::Stream(stream) => Some(lock(stream).length),
        }
    }

    /// The body, for the first sending, or for another one after a connection that could not be made.
    pub(super) fn sending(&self) -> Sending {
        match self {
            Self::None => Sending::Whole(None),
            Self::Whole(body) => Sending::Whole(Some(body.clone())),
            Self::Stream(stream) => {
                let number = lock(stream).number;
                Sending::Stream { stream: Arc::clone(stream), number, sent: 0 }
            }
        }
    }

    /// Whether all of it can be sent again.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::None | Self::Whole(_) => true,
            Self::Stream(stream) => lock(stream).kept.is_whole(),
        }
    }

    /// The body once more from its beginning. The sending before is over, even if it has not ended.
    pub(super) async fn again(&self) -> Option<Sending> {
        let Self::Stream(stream) = self else { return Some(self.sending()) };
        let kept = {
            let mut stream = lock(stream);
            stream.number += 1;
            if let Some(waker) = stream.waker.take() {
                waker.wake();
            }
            stream.kept.take()
        };
        let kept = kept.rewound().await;
        let is_whole = kept.is_whole();
        lock(stream).kept = kept;
        is_whole.then(|| self.sending())
    }

    /// When something of it was last taken, if it streams.
    pub(super) fn moved_at(&self) -> Option<Instant> {
        match self {
            Self::None | Self::Whole(_) => None,
            Self::Stream(stream) => Some(lock(stream).moved_at),
        }
    }

    /// What was wrong with the client's side of it.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::None | Self::Whole(_) => None,
            Self::Stream(stream) => lock(stream).trouble,
        }
    }

    fn stream(source: Source, length: u64, came: u64, kept: Kept) -> Self {
        Self::Stream(Arc::new(Mutex::new(Stream {
            source,
            length,
            came,
            kept,
            number: 0,
            waker: None,
            moved_at: Instant::now(),
            trouble: None,
        })))
    }

    async fn of_unknown_length(
        mut source: Source,
        most: u64,
        place: &Arc<Place>,
    ) -> Result<Self, Trouble> {
        let no_room = |error: io::Error| {
            place.tell(&error);
            Trouble::NoRoom
        };
        let mut memory = BytesMut::new();
        let mut kept: Option<Kept> = None;
        let mut length = 0;
        while let Some(piece) = source.next().await? {
            length += piece.len() as u64;
            if length > most {
                return Err(Trouble::BodyTooLarge(most));
            }
            if let Some(kept) = &mut kept {
                kept.widen(piece.len() as u64).map_err(no_room)?;
                kept.add(piece).await;
            } else if memory.len() + piece.len() <= IN_MEMORY {
                memory.extend_from_slice(&piece);
            } else {
                let kept =
                    kept.insert(Kept::in_file(Some(place.file(length).await.map_err(no_room)?)));
                kept.add(std::mem::take(&mut memory).freeze()).await;
                kept.add(piece).await;
            }
        }
        let Some(kept) = kept else { return Ok(Self::Whole(memory.freeze())) };
        let kept = kept.rewound().await;
        if !kept.is_whole() {
            return Err(Trouble::NoRoom);
        }
        Ok(Self::stream(source, length, length, kept))
    }
}

impl Stream {
    /// The next piece for a sending that has had so much.
    fn poll_piece(
        &mut self,
        number: u32,
        sent: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Bytes>>> {
        if number != self.number {
            return Poll::Ready(Err(io::Error::other("it is sent again elsewhere")));
        }
        self.waker = Some(cx.waker().clone());
        if sent < self.came {
            let left = self.came - sent;
            let piece = ready!(self.kept.poll_read(left, cx))?;
            self.moved_at = Instant::now();
            return Poll::Ready(Ok(Some(piece)));
        }
        ready!(self.kept.poll_room(cx));
        let piece = match ready!(self.source.poll_next(cx)) {
            Ok(piece) => piece,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return Poll::Ready(Err(io::Error::other(trouble.code())));
            }
        };
        self.moved_at = Instant::now();
        if let Some(piece) = &piece {
            self.came += piece.len() as u64;
            self.kept.keep(piece.clone(), cx);
        }
        Poll::Ready(Ok(piece))
    }
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// All of a body that states to have so many bytes.
    async fn read(&mut self, length: u64) -> Result<Bytes, Trouble> {
        let first = self.next().await?.unwrap_or_default();
        if first.len() as u64 == length {
            return Ok(first);
        }
        let mut all = BytesMut::with_capacity(usize::try_from(length).unwrap_or(IN_MEMORY));
        all.extend_from_slice(&first);
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Trouble>> {
        self.0.poll_piece(cx).map_err(|halt| match halt {
            Halt::Slow => Trouble::BodySlow,
            Halt::Broken(_) => Trouble::BodyBroken,
        })
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Stream { stream, number, sent } => {
                let piece = ready!(lock(stream).poll_piece(*number, *sent, cx));
                if let Ok(Some(piece)) = &piece {
                    *sent += piece.len() as u64;
                }
                Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream { stream, sent, .. } => *sent == lock(stream).length,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(body) => body.as_ref().map_or(0, |body| body.len() as u64),
            Self::Stream { stream, sent, .. } => lock(stream).length.saturating_sub(*sent),
        })
    }
}

fn lock(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}
