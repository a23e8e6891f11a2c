//! A connection on which an answer is heard even if the other side takes no more of the request.
//!
//! A server that refuses a large body answers before it has come, and hangs up. Writing fails then, often before the answer
//! was read although it is there; and what fails first would be the outcome. So writing on a connection that the other side
//! has ended is told of as writing that waits, and reading says how it ends: with the answer, or with the end.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::tcp::Socket;

/// A connection as [`Connector`](super::Connector) makes it.
#[derive(Debug)]
pub struct Stream(MaybeHttpsStream<Socket>);

impl Stream {
    pub(super) const fn over(connection: MaybeHttpsStream<Socket>) -> Self {
        Self(connection)
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut MaybeHttpsStream<Socket>> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl From<TcpStream> for Stream {
    /// One without TLS.
    fn from(stream: TcpStream) -> Self {
        Self(MaybeHttpsStream::Http(TokioIo::new(stream)))
    }
}

/// Whoever reads is woken by the end of the connection, so nobody has to be woken for this.
fn unless_ended<T>(written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    match written {
        Poll::Ready(Err(error))
            if matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
            ) =>
        {
            Poll::Pending
        }
        written => written,
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        unless_ended(self.inner().poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        unless_ended(self.inner().poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        unless_ended(self.inner().poll_write_vectored(context, pieces))
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, buffer)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}
