//! What goes up: streamed from disk, with its length known beforehand, since WeChat refuses a body without.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::progress::Progress;
use crate::language::{either, say};

/// So much is read from a file at once, and so many such chunks wait for the network.
const CHUNK: usize = 64 * 1024;
const WAITING: usize = 4;

/// A body that has not been read yet.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) content_type: String,
    pub(super) pieces: Vec<Piece>,
}

/// A part of it.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// The first `length` bytes of a file.
    File {
        path: PathBuf,
        file: File,
        length: u64,
    },
}

impl Content {
    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        let lengths = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File { length, .. } => *length,
        });
        lengths.sum()
    }
}

/// A body on its way up.
pub(super) struct Upload {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    moved: Moved,
    progress: Progress,
}

/// How much of it the network has taken.
#[derive(Clone, Default)]
pub(super) struct Moved(Arc<AtomicU64>);

impl Moved {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Upload {
    /// No body.
    pub(super) fn nothing() -> Self {
        Self::of(Content { content_type: String::new(), pieces: Vec::new() })
    }

    /// Begins to read, in a thread that waits for the network.
    pub(super) fn of(content: Content) -> Self {
        let left = content.length();
        let (sender, chunks) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(content.pieces, &sender) {
                // Nobody listens any more if the call has ended.
                let _ = sender.blocking_send(Err(error));
            }
        });
        let progress = Progress::of(either("sent", "已发送"), Some(left));
        Self { chunks, left, moved: Moved::default(), progress }
    }

    pub(super) fn moved(&self) -> Moved {
        self.moved.clone()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.chunks.poll_recv(context).map(|chunk| {
            let chunk = match chunk? {
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(error)),
            };
            let length = chunk.len() as u64;
            self.left = self.left.saturating_sub(length);
            self.moved.0.fetch_add(length, Ordering::Relaxed);
            self.progress.add(length);
            Some(Ok(Frame::data(chunk)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Sends all pieces, chunk by chunk, or as far as somebody takes them.
fn read(pieces: Vec<Piece>, to: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => {
                if to.blocking_send(Ok(bytes)).is_err() {
                    return Ok(());
                }
            }
            Piece::File { path, mut file, length } => {
                let mut left = length;
                while left > 0 {
                    let chunk = chunk_of(&mut file, left)?;
                    if chunk.is_empty() {
                        let what = say!(
                            "{path} became shorter while it was sent",
                            "{path} 在发送过程中变短了",
                            path = path.display()
                        );
                        return Err(io::Error::other(what));
                    }
                    left -= chunk.len() as u64;
                    if to.blocking_send(Ok(chunk)).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

fn chunk_of(file: &mut File, most: u64) -> io::Result<Bytes> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(most).unwrap_or(CHUNK))];
    let read = file.read(&mut chunk)?;
    chunk.truncate(read);
    Ok(chunk.into())
}
