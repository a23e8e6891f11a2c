//! A connection whose other side must take what it is sent: one that asks and does not read would hold it for ever. Its
//! first bytes can be looked at before they are read, since they tell which protocol follows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Stream;

/// The longest beginning that can be looked for: HTTP/2's.
const LONGEST: usize = 24;

/// A stream that fails as soon as nothing could be written for too long.
pub(crate) struct Patient {
    stream: Box<dyn Stream>,
    most: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    /// What was looked at; what of it lies in `unread` is still to be read.
    early: [u8; LONGEST],
    unread: std::ops::Range<u8>,
}

impl Patient {
    pub(crate) fn new(stream: Box<dyn Stream>, most: Duration) -> Self {
        Self { stream, most, waiting: None, early: [0; LONGEST], unread: 0..0 }
    }

    /// Whether the next bytes are these, of which there are [`LONGEST`] at most. Waits for as many as it takes to tell,
    /// reads no further, and leaves them to be read. Only where nothing is left from an earlier look.
    pub(crate) async fn begins_with(&mut self, expected: &[u8]) -> io::Result<bool> {
        debug_assert!(self.unread.is_empty() && expected.len() <= LONGEST);
        let mut known = 0;
        while known < expected.len() && expected.starts_with(&self.early[..known]) {
            match self.stream.read(&mut self.early[known..expected.len()]).await? {
                0 => break,
                more => known += more,
            }
            self.unread = 0..known as u8;
        }
        Ok(self.early[..known] == *expected)
    }

    fn within_patience<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let most = self.most;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(most)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let (from, to) = (usize::from(self.unread.start), usize::from(self.unread.end));
        let to = to.min(from + buf.remaining());
        buf.put_slice(&self.early[from..to]);
        self.unread.start = to as u8;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.within_patience(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.within_patience(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn look(sent: &[u8], expected: &[u8]) -> (bool, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = Patient::new(Box::new(server), Duration::from_secs(1));
        tokio::io::AsyncWriteExt::write_all(&mut client, sent).await.unwrap();
        drop(client);
        let begins = stream.begins_with(expected).await.unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        (begins, read)
    }

    #[tokio::test]
    async fn what_was_looked_at_is_read_all_the_same() {
        for (sent, is) in
            [("PRI * HTTP/2.0", true), ("PRINT", false), ("GET /", false), ("P", false)]
        {
            let looked = look(sent.as_bytes(), b"PRI * HTTP/2").await;
            assert_eq!(looked, (is, sent.as_bytes().to_vec()), "{sent}");
        }
    }
}
