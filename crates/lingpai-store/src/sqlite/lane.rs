//! The threads that own the connections, and how work gets to them.
//!
//! Each [`Lane`] is one thread with one connection. The writing lane carries out what has queued up in one transaction,
//! so that many requests share one flush to disk; each is answered after the commit. A request that fails is rolled back
//! to its own savepoint, one that panics too. If the transaction itself fails, every request of it is tried again alone, so that one cannot
//! spoil its neighbours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lingpai_core::{StoreError, StoreErrorKind};
use tokio::sync::oneshot;

use super::Database;
use super::trouble::Trouble;

/// So many requests share a transaction at most, to bound how long the first of them waits.
const MOST_TOGETHER: usize = 512;

/// A writing lane that had nothing to do for this long moves the log into the file.
const IDLE: Duration = Duration::from_secs(1);

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Reading,
    Writing,
}

/// A thread with a connection of its own.
#[derive(Debug)]
pub(super) struct Lane {
    queue: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Lane {
    pub(super) fn start(database: Database, purpose: Use) -> Result<Self, StoreError> {
        let (queue, requests) = channel();
        let name = match purpose {
            Use::Reading => "store-reader",
            Use::Writing => "store-writer",
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || Worker { database, purpose }.work(&requests))
            .map_err(|error| {
                let message = "the store's thread cannot be started. Raise the limit on threads";
                StoreError::new(StoreErrorKind::Unavailable, message).caused_by(error)
            })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Has `work` done in a transaction, and answers when that is durable. `work` may be run twice; what the first run
    /// did was rolled back then.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Database) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { work, outcome: None, reply };
        self.queue.send(Message::Work(Box::new(request))).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Finishes what was asked before, closes the connection, and ends the thread.
    pub(super) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).is_ok() {
            // An error means that the thread has ended already, which is what was wanted.
            let _ = answer.await;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.queue.send(Message::Close(oneshot::channel().0));
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic in it was printed when it happened.
            let _ = thread.join();
        }
    }
}

enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// A request whose answer's type is forgotten.
trait Work: Send {
    /// Does it, keeps what came of it, and says whether it is to be kept.
    fn run(&mut self, database: &Database) -> bool;

    /// Answers with what came of it, or with the error that undid it.
    fn answer(self: Box<Self>, database: &Database, transaction: Result<(), StoreError>);
}

struct Request<F, T> {
    work: F,
    outcome: Option<Result<T, Trouble>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Work for Request<F, T>
where
    F: Fn(&Database) -> Result<T, Trouble> + Send,
    T: Send,
{
    fn run(&mut self, database: &Database) -> bool {
        // What a panic left half done is rolled back, so nobody sees it.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(database)));
        self.outcome.insert(outcome.unwrap_or_else(|_| Err(panicked().into()))).is_ok()
    }

    fn answer(self: Box<Self>, database: &Database, transaction: Result<(), StoreError>) {
        let answer = match (self.outcome, transaction) {
            (Some(Err(own)), _) => Err(own.explain(&database.path)),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(closed()),
        };
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(answer);
    }
}

struct Worker {
    database: Database,
    purpose: Use,
}

/// Why a group of requests has no outcome.
enum Failed {
    /// The transaction could not begin.
    Begin(StoreError),
    /// It was undone as a whole.
    Undone(StoreError),
}

impl Worker {
    fn work(self, requests: &Receiver<Message>) {
        let mut has_written = false;
        let on_close = loop {
            let message = if has_written {
                match requests.recv_timeout(IDLE) {
                    Err(RecvTimeoutError::Timeout) => {
                        self.database.checkpoint("PASSIVE");
                        has_written = false;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break None,
                    Ok(message) => message,
                }
            } else {
                match requests.recv() {
                    Err(_) => break None,
                    Ok(message) => message,
                }
            };
            let first = match message {
                Message::Close(reply) => break Some(reply),
                Message::Work(work) => work,
            };
            has_written = self.purpose == Use::Writing;
            let (group, close) = self.gather(first, requests);
            self.carry_out(group);
            if close.is_some() {
                break close;
            }
        };
        self.database.close();
        if let Some(reply) = on_close {
            let _ = reply.send(());
        }
    }

    /// What else has queued up, to be done together with `first`.
    fn gather(
        &self,
        first: Box<dyn Work>,
        requests: &Receiver<Message>,
    ) -> (Vec<Box<dyn Work>>, Option<oneshot::Sender<()>>) {
        let mut group = vec![first];
        while self.purpose == Use::Writing && group.len() < MOST_TOGETHER {
            match requests.try_recv() {
                Ok(Message::Work(work)) => group.push(work),
                Ok(Message::Close(reply)) => return (group, Some(reply)),
                Err(_) => break,
            }
        }
        (group, None)
    }

    fn carry_out(&self, mut group: Vec<Box<dyn Work>>) {
        match self.attempt(&mut group) {
            Ok(()) => group.into_iter().for_each(|work| work.answer(&self.database, Ok(()))),
            Err(Failed::Undone(_)) if group.len() > 1 => {
                group.into_iter().for_each(|work| self.carry_out(vec![work]));
            }
            Err(Failed::Begin(error) | Failed::Undone(error)) => {
                group.into_iter().for_each(|work| work.answer(&self.database, Err(copy(&error))));
            }
        }
    }

    fn attempt(&self, group: &mut [Box<dyn Work>]) -> Result<(), Failed> {
        let sql = |text| self.database.connection.execute_batch(text);
        let explain = |error: rusqlite::Error| Trouble::from(error).explain(&self.database.path);
        let begin = match self.purpose {
            Use::Reading => "BEGIN DEFERRED",
            Use::Writing => "BEGIN IMMEDIATE",
        };
        sql(begin).map_err(explain).map_err(Failed::Begin)?;
        let run = || {
            for work in group {
                sql("SAVEPOINT request")?;
                if !work.run(&self.database) && !self.database.connection.is_autocommit() {
                    sql("ROLLBACK TO request")?;
                }
                // Fails if the error has ended the whole transaction (no room, a failing disk).
                sql("RELEASE request")?;
            }
            sql("COMMIT")
        };
        run().map_err(|error| {
            if !self.database.connection.is_autocommit() {
                // Nothing can be done about a failure here; the next BEGIN would tell.
                let _ = sql("ROLLBACK");
            }
            Failed::Undone(explain(error))
        })
    }
}

fn copy(error: &StoreError) -> StoreError {
    let copy = StoreError::new(error.kind, error.message.clone());
    let copy = match error.chinese() {
        Some(chinese) => copy.in_chinese(chinese),
        None => copy,
    };
    match &error.source {
        Some(source) => copy.caused_by(source.to_string()),
        None => copy,
    }
}

fn panicked() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the store could not do this one thing because of an error in the program, which the log shows; everything \
         else goes on. Please report it",
    )
}

fn closed() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the store is closed: the program is ending, or the store's thread has failed. Restart Lingpai",
    )
}

#[cfg(test)]
mod tests {
    use lingpai_core::{Account, Directory, Secret, Timestamp};

    use super::super::{SqliteOptions, SqliteStore, directory};
    use super::*;
    use crate::{KeySource, MasterKey};

    /// A store with a key, in a folder that is removed with it.
    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::Given { key: MasterKey::random().unwrap(), from: "a test".into() };
        let options = SqliteOptions::new(folder.path().join("lingpai.db"), key);
        (folder, SqliteStore::open(options).await.unwrap())
    }

    fn account(name: &str) -> Account {
        Account::new(name.parse().unwrap(), Secret::from(name), Timestamp::default())
    }

    #[tokio::test]
    async fn a_request_that_fails_halfway_leaves_nothing_behind_and_spares_its_neighbours() {
        let (_folder, store) = store().await;
        let (first, half, last) = (account("wx1"), account("wx2"), account("wx3"));
        let halfway = move |database: &Database| {
            directory::write_account(database, &half)?;
            Err::<(), _>(Trouble::unfit("the other half"))
        };
        let (one, two, three) = tokio::join!(
            store.put_account(&first, None),
            store.writer.ask(halfway),
            store.put_account(&last, None)
        );
        one.unwrap();
        assert_eq!(two.unwrap_err().kind, StoreErrorKind::Invalid);
        three.unwrap();
        assert_eq!(store.accounts().await.unwrap(), [first, last]);
    }

    #[tokio::test]
    async fn a_request_that_panics_is_answered_and_the_thread_goes_on() {
        let (_folder, store) = store().await;
        let (first, half, last) = (account("wx1"), account("wx2"), account("wx3"));
        let panicking = move |database: &Database| -> Result<(), Trouble> {
            directory::write_account(database, &half)?;
            panic!("on purpose")
        };
        let (one, two, three) = tokio::join!(
            store.put_account(&first, None),
            store.writer.ask(panicking),
            store.put_account(&last, None)
        );
        one.unwrap();
        assert!(two.unwrap_err().to_string().contains("an error in the program"));
        three.unwrap();
        store.reader.ask(|_| -> Result<(), Trouble> { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(store.accounts().await.unwrap(), [first, last]);
    }
}
