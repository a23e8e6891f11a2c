//! What has come of a body, in a file beside its way upstream. A file that fails costs the possibility to send the body again,
//! and nothing else.
//!
//! The file is written by threads that may wait for the disk, many pieces at a time and without copying them; meanwhile so
//! much more may come and no more.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Seek, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::aside::Aside;

/// How much is read at once.
const READ: usize = 256 * 1024;
/// So much is waited for before it is written.
const BATCH: usize = 256 * 1024;
/// So much may wait to be written.
const MOST: usize = 512 * 1024;

/// A body's copy, as far as it has come.
pub(super) struct Kept {
    aside: Option<Aside>,
    /// What has come last, and is not being written yet.
    unwritten: Vec<Bytes>,
    /// What is done with the file now; what was read, if it is that.
    work: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Kept {
    /// In this file, which is read and written where it stands; nowhere if there is none.
    pub(super) fn in_file(aside: Option<Aside>) -> Self {
        Self { aside, unwritten: Vec::new(), work: None }
    }

    /// Whether there is still a copy.
    pub(super) fn is_whole(&self) -> bool {
        self.aside.is_some()
    }

    /// Takes room in the file for so many bytes more.
    pub(super) fn widen(&mut self, bytes: u64) -> io::Result<()> {
        self.aside.as_mut().map_or_else(|| Err(gone()), |aside| aside.widen(bytes))
    }

    /// Keeps the next piece, for which there must be [room](Self::poll_room).
    pub(super) fn keep(&mut self, piece: Bytes, cx: &mut Context<'_>) {
        if self.aside.is_some() {
            self.unwritten.push(piece);
            let _ = self.poll_room(cx);
        }
    }

    /// Keeps the next piece as soon as there is room.
    pub(super) async fn add(&mut self, piece: Bytes) {
        poll_fn(|cx| self.poll_room(cx)).await;
        self.unwritten.push(piece);
    }

    /// Ready when another piece can be kept, or need not be any more.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting: usize = self.unwritten.iter().map(Bytes::len).sum();
        match self.poll_work(cx) {
            Poll::Pending if waiting < MOST => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => self.give_up(&error),
            Poll::Ready(Ok(_)) => {}
        }
        if waiting >= BATCH && self.aside.is_some() {
            self.write();
            // So that it is heard of when it is done.
            return self.poll_room(cx);
        }
        Poll::Ready(())
    }

    /// The next piece, of at most this size, from where it was read last.
    pub(super) fn poll_read(&mut self, most: u64, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.work.is_none() {
            let most = usize::try_from(most).unwrap_or(READ).min(READ);
            self.begin(move |mut file| {
                let mut room = vec![0; most];
                let read = file.read(&mut room)?;
                room.truncate(read);
                Ok(room.into())
            });
        }
        let read = ready!(self.poll_work(cx))?;
        let is_end = read.is_empty();
        Poll::Ready(if is_end { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) })
    }

    /// Takes the copy away.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::in_file(None))
    }

    /// The copy, to be read from its beginning. If all of it was read, it can be added to again.
    pub(super) async fn rewound(mut self) -> Self {
        for step in [Self::write, Self::rewind] {
            let before = poll_fn(|cx| self.poll_work(cx)).await;
            if let Err(error) = before {
                self.give_up(&error);
            }
            if self.aside.is_some() {
                step(&mut self);
            }
        }
        if let Err(error) = poll_fn(|cx| self.poll_work(cx)).await {
            self.give_up(&error);
        }
        self
    }

    fn write(&mut self) {
        let pieces = std::mem::take(&mut self.unwritten);
        self.begin(move |file| write_all(file, &pieces).map(|()| Bytes::new()));
    }

    fn rewind(&mut self) {
        self.begin(|mut file| file.rewind().map(|()| Bytes::new()));
    }

    fn begin(&mut self, work: impl FnOnce(&File) -> io::Result<Bytes> + Send + 'static) {
        if let Some(aside) = &self.aside {
            let file = Arc::clone(&aside.file);
            self.work = Some(spawn_blocking(move || work(&file)));
        }
    }

    /// What came of what was begun.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some(work) = &mut self.work else { return Poll::Ready(Ok(Bytes::new())) };
        let done = ready!(Pin::new(work).poll(cx));
        self.work = None;
        Poll::Ready(done.map_err(io::Error::other).flatten())
    }

    fn give_up(&mut self, error: &io::Error) {
        if let Some(aside) = self.aside.take() {
            aside.place().tell(error);
        }
        self.unwritten = Vec::new();
    }
}

fn write_all(mut file: &File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    // Nothing but empty pieces is nothing.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn gone() -> io::Error {
    io::Error::other("it is not kept")
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
        poll_fn(|cx| kept.poll_room(cx)).await;
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
        aside.file = Arc::new(File::open("/dev/null").unwrap());
        let mut kept = Kept::in_file(Some(aside));
        for _ in 0..3 {
            keep(&mut kept, vec![7; 3_000_000].into()).await;
        }
        let kept = kept.rewound().await;
        assert!(!kept.is_whole());
    }
}
