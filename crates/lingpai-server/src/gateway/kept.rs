//! What has come of a body, in a file beside its way upstream. A file that fails costs the possibility to send the body again,
//! and nothing else.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncSeekExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::aside::Aside;

/// How much is read at once.
const READ: usize = 64 * 1024;

/// A body's copy, as far as it has come.
pub(super) struct Kept {
    aside: Option<Aside>,
    /// What of the last piece is not in the file yet.
    unwritten: Bytes,
}

impl Kept {
    /// In this file, which is read and written where it stands; nowhere if there is none.
    pub(super) fn in_file(aside: Option<Aside>) -> Self {
        Self { aside, unwritten: Bytes::new() }
    }

    /// Whether there is still a copy.
    pub(super) fn is_whole(&self) -> bool {
        self.aside.is_some()
    }

    /// Keeps the next piece. Its writing is begun now, so that it is done when the next one comes.
    pub(super) fn keep(&mut self, piece: Bytes, cx: &mut Context<'_>) {
        if self.aside.is_some() {
            self.unwritten = piece;
            let _ = self.poll_written(cx);
        }
    }

    /// Ready when the last piece is in the file, or there is none any more.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(aside) = &mut self.aside
            && !self.unwritten.is_empty()
        {
            match ready!(Pin::new(&mut aside.file).poll_write(cx, &self.unwritten)) {
                Ok(written) if written > 0 => self.unwritten.advance(written),
                Ok(_) => self.give_up(&io::ErrorKind::WriteZero.into()),
                Err(error) => self.give_up(&error),
            }
        }
        Poll::Ready(())
    }

    /// The next piece, of at most this size, from where it was read last.
    pub(super) fn poll_read(&mut self, most: u64, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some(aside) = &mut self.aside else {
            return Poll::Ready(Err(io::Error::other("it is not kept")));
        };
        let mut room = vec![0; usize::try_from(most).unwrap_or(READ).min(READ)];
        let mut buffer = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut aside.file).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        room.truncate(read);
        Poll::Ready(Ok(room.into()))
    }

    /// Takes the copy away.
    pub(super) fn take(&mut self) -> Self {
        Self { aside: self.aside.take(), unwritten: std::mem::take(&mut self.unwritten) }
    }

    /// The copy, to be read from its beginning. If all of it was read, it can be added to again.
    pub(super) async fn rewound(mut self) -> Self {
        let Some(aside) = &mut self.aside else { return self };
        let rewound: io::Result<_> = async {
            aside.file.write_all(&std::mem::take(&mut self.unwritten)).await?;
            aside.file.flush().await?;
            aside.file.seek(SeekFrom::Start(0)).await
        }
        .await;
        if let Err(error) = rewound {
            self.give_up(&error);
        }
        self
    }

    fn give_up(&mut self, error: &io::Error) {
        if let Some(aside) = self.aside.take() {
            aside.place().tell(error);
        }
        self.unwritten = Bytes::new();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use super::super::aside::Place;
    use super::*;

    async fn file() -> Aside {
        Arc::new(Place::new(&std::env::temp_dir(), 1 << 30)).file(1).await.unwrap()
    }

    async fn keep(kept: &mut Kept, piece: Bytes) {
        poll_fn(|cx| kept.poll_written(cx)).await;
        let keep = |cx: &mut Context<'_>| {
            kept.keep(piece.clone(), cx);
            Poll::Ready(())
        };
        poll_fn(keep).await;
    }

    async fn read(kept: &mut Kept, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < length {
            let left = (length - all.len()) as u64;
            all.extend_from_slice(&poll_fn(|cx| kept.poll_read(left, cx)).await.unwrap());
        }
        all
    }

    #[tokio::test]
    async fn what_was_kept_is_read_from_the_beginning_and_can_be_added_to() {
        let mut kept = Kept::in_file(Some(file().await));
        let pieces: Vec<Bytes> = (0..40_u8).map(|n| vec![n; 100_000].into()).collect();
        for piece in &pieces[..30] {
            keep(&mut kept, piece.clone()).await;
        }
        let mut kept = kept.take().rewound().await;
        assert!(read(&mut kept, 3_000_000).await == pieces[..30].concat());
        for piece in &pieces[30..] {
            keep(&mut kept, piece.clone()).await;
        }
        let mut kept = kept.rewound().await;
        assert!(read(&mut kept, 4_000_000).await == pieces.concat());
        assert!(kept.is_whole());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_given_up() {
        let mut aside = file().await;
        // As a full disk does, but without one: what is written fails, sooner or later.
        aside.file = tokio::fs::File::open("/dev/null").await.unwrap();
        let mut kept = Kept::in_file(Some(aside));
        for _ in 0..3 {
            keep(&mut kept, vec![7; 3_000_000].into()).await;
        }
        let kept = kept.rewound().await;
        assert!(!kept.is_whole());
    }
}
