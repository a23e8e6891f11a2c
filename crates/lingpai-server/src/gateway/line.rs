//! One connection to upstream. It has no task of its own: whoever has a call on it drives it, so that nothing is handed
//! from one task to another. Between two calls nobody does, and what upstream did meanwhile is seen before the next one.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use lingpai_wechat::wire::Stream;

use super::pool::Pool;
use super::upload::Sending;

/// A connection.
pub(super) struct Line {
    sender: SendRequest<Sending>,
    /// None when it is over.
    connection: Option<Connection<Stream, Sending>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Why a call brought no answer.
pub(super) enum Failure {
    /// The connection was over before anything was written: here is the call.
    Unsent(Box<Request<Sending>>, hyper::Error),
    /// It may have been carried out.
    Lost(hyper::Error),
}

/// The body of an answer. It drives the line that it comes on and gives it back at its end; dropped before, it closes it.
pub(super) struct Answer {
    body: Incoming,
    line: Option<(Box<Line>, Arc<Pool>)>,
}

impl Line {
    /// Begins to speak on a connection that was just made. Nothing is sent yet.
    pub(super) async fn new(stream: Stream) -> Result<Self, hyper::Error> {
        let (sender, connection) =
            Builder::new().title_case_headers(true).handshake(stream).await?;
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        Ok(Self { sender, connection: Some(connection), bell, waker })
    }

    /// Sends a call, and waits for the head of its answer. `home` is where the line goes when the answer has ended.
    ///
    /// Dropping the future closes the line.
    pub(super) async fn send(
        mut self: Box<Self>,
        request: Request<Sending>,
        home: &Arc<Pool>,
    ) -> Result<Response<Answer>, Failure> {
        let mut answer = pin!(self.sender.try_send_request(request));
        match poll_fn(|cx| self.poll(cx, |cx| answer.as_mut().poll(cx))).await {
            Ok(response) => Ok(response.map(|body| {
                let ended = body.is_end_stream();
                let mut answer = Answer { body, line: Some((self, Arc::clone(home))) };
                if ended {
                    answer.give_back();
                }
                answer
            })),
            Err(mut error) => Err(match error.take_message() {
                Some(request) => Failure::Unsent(Box::new(request), error.into_error()),
                None => Failure::Lost(error.into_error()),
            }),
        }
    }

    /// Whether another call can be sent, as far as was seen last.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// What there is to `take`, for which the connection goes on if need be. It comes from there and from nowhere else,
    /// so nobody else has to wake for it.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut nobody = Context::from_waker(Waker::noop());
        let taken = take(&mut nobody);
        if taken.is_ready() {
            return taken;
        }
        self.bell.watch();
        self.go_on();
        let taken = take(&mut nobody);
        self.bell.leave(taken.is_pending().then(|| cx.waker()));
        taken
    }

    /// Goes on as far as is possible now, and sees what upstream did meanwhile, such as close it.
    pub(super) fn go_on(&mut self) {
        if let Some(connection) = &mut self.connection {
            let mut cx = Context::from_waker(&self.waker);
            if let Poll::Ready(ended) = Pin::new(connection).poll(&mut cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to upstream broke");
                }
                // Whoever waits for something of it hears so.
                self.connection = None;
            }
        }
    }
}

impl Answer {
    /// Gives the line back, if its connection can take another call.
    fn give_back(&mut self) {
        if let Some((mut line, home)) = self.line.take() {
            if !line.is_ready() {
                line.go_on();
            }
            if line.is_ready() {
                home.keep(line);
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut body = Pin::new(&mut this.body);
        let frame = match &mut this.line {
            Some((line, _)) => ready!(line.poll(cx, |cx| body.as_mut().poll_frame(cx))),
            None => ready!(body.poll_frame(cx)),
        };
        if frame.is_none() || this.body.is_end_stream() {
            this.give_back();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection rings when it can go on: it wakes who waits for that. Who is at it already is not woken, and while it
/// lies idle nobody is.
#[derive(Default)]
struct Bell(Mutex<Watch>);

#[derive(Default)]
enum Watch {
    /// Whoever comes next looks first.
    #[default]
    Nobody,
    /// Somebody is at it.
    Here,
    /// It rang meanwhile.
    Rang,
    /// Somebody waits.
    Away(Waker),
}

impl Bell {
    fn watch(&self) {
        *self.lock() = Watch::Here;
    }

    /// Whoever was at it goes, and is to be woken by this if it waits for something.
    fn leave(&self, waker: Option<&Waker>) {
        let mut watch = self.lock();
        let rang = matches!(*watch, Watch::Rang);
        *watch = match waker {
            Some(waker) if !rang => Watch::Away(waker.clone()),
            _ => Watch::Nobody,
        };
        drop(watch);
        if let Some(waker) = waker.filter(|_| rang) {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut watch = self.lock();
        let next =
            if matches!(*watch, Watch::Here | Watch::Rang) { Watch::Rang } else { Watch::Nobody };
        if let Watch::Away(waker) = std::mem::replace(&mut *watch, next) {
            drop(watch);
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_who_waits_is_woken_and_nothing_is_missed() {
        let (bell, woken) = (Arc::new(Bell::default()), Arc::new(Woken::default()));
        let (ring, waiter) = (Waker::from(Arc::clone(&bell)), Waker::from(Arc::clone(&woken)));
        let times = || woken.0.load(Ordering::Relaxed);
        ring.wake_by_ref();
        bell.watch();
        bell.leave(Some(&waiter));
        assert_eq!(times(), 0, "it rang while nobody was there");
        ring.wake_by_ref();
        ring.wake_by_ref();
        assert_eq!(times(), 1);
        bell.watch();
        ring.wake_by_ref();
        assert_eq!(times(), 1, "who is there is not woken");
        bell.leave(Some(&waiter));
        assert_eq!(times(), 2, "but may not go");
        bell.watch();
        ring.wake_by_ref();
        bell.leave(None);
        ring.wake_by_ref();
        assert_eq!(times(), 2, "who has what it came for is not woken");
    }
}
