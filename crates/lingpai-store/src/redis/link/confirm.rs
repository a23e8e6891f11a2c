//! Writes that replicas are to confirm, with `WAITAOF` (on their disks), or `WAIT` (in their memory) where that is not known.
//!
//! Both speak for what was written before on the same connection to the same server, and of a connection that has written
//! nothing they say that everything is confirmed. So a write and its `WAIT` are one pipeline: whatever breaks in between
//! breaks both. They go over a connection of their own, since a server that waits for replicas answers nothing else that
//! comes on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lingpai_core::{StoreError, StoreErrorKind};
use redis::aio::ConnectionLike;
use redis::cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr};
use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value, cmd,
    from_redis_value, pipe,
};
use tokio::sync::Mutex;

use super::{ANSWER, Connection, Link, Live, Repeat, State, forget, within};
use crate::redis::script::Call;
use crate::redis::trouble;

/// How long replicas may take: less than the connection waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How many replicas are to confirm, and the connection for that.
pub(super) struct Confirming {
    replicas: u32,
    state: Mutex<State>,
    /// One write after another: each is to have all of its time.
    turn: Mutex<()>,
    /// The server does not know `WAITAOF`, or keeps no log.
    in_memory: AtomicBool,
}

impl Confirming {
    pub(super) fn by(replicas: u32) -> Self {
        let (state, turn) = (Mutex::default(), Mutex::default());
        Self { replicas, state, turn, in_memory: AtomicBool::new(false) }
    }
}

/// A write to one key, and what was heard of it.
struct Write<'a> {
    key: &'a str,
    command: Cmd,
}

/// What went wrong.
enum Failed {
    Writing(RedisError),
    Waiting(RedisError),
}

impl Link {
    /// How many replicas are to confirm what must not be lost.
    pub(in crate::redis) fn replicas(&self) -> u32 {
        self.confirming.replicas
    }

    /// Runs a script that changes nothing the second time, and waits until enough replicas have what it wrote.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unconfirmed`] if it was carried out and they have not said so in time.
    pub(in crate::redis) async fn call_confirmed<T: FromRedisValue>(
        &self,
        call: &Call,
    ) -> Result<T, StoreError> {
        let wanted = self.confirming.replicas;
        if wanted == 0 {
            return self.call(call, Repeat::Harmless).await;
        }
        let mut outcome =
            self.written(Write { key: call.first_key(), command: call.by_hash() }).await;
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            outcome = self.written(Write { key: call.first_key(), command: call.by_text() }).await;
        }
        let (value, confirmed) = self.explained(outcome)?;
        if confirmed < wanted {
            return Err(self.unconfirmed(confirmed));
        }
        self.explained(from_redis_value(value).map_err(RedisError::from))
    }

    fn unconfirmed(&self, confirmed: u32) -> StoreError {
        let wanted = self.confirming.replicas;
        StoreError::new(
            StoreErrorKind::Unconfirmed,
            format!(
                "the store {} has stored this, and it is in force; but only {confirmed} of the replicas that \
                 `replicas={wanted}` asks for have confirmed it within {} ms. It is lost if the master fails before they \
                 have it. See `INFO replication` there, then do it again",
                self.name,
                PATIENCE.as_millis()
            ),
        )
    }

    /// The answer to a write, and how many replicas have it.
    async fn written(&self, write: Write<'_>) -> RedisResult<(Value, u32)> {
        let _turn = self.confirming.turn.lock().await;
        let mut may_repeat = true;
        loop {
            let in_memory = self.confirming.in_memory.load(Ordering::Relaxed);
            match Box::pin(self.try_written(&write, in_memory)).await {
                Err(Failed::Waiting(error)) if !in_memory && is_answer(&error) => {
                    self.confirming.in_memory.store(true, Ordering::Relaxed);
                }
                Err(Failed::Writing(error)) if may_repeat && is_elsewhere(&error) => {
                    may_repeat = false;
                    // This way the write finds the server that has the key by now, and so does the next.
                    self.value(&write.command, Repeat::Harmless).await?;
                }
                Err(Failed::Writing(error))
                    if may_repeat && trouble::is_worth_repeating(&error) =>
                {
                    may_repeat = false;
                }
                Err(Failed::Waiting(error) | Failed::Writing(error)) => return Err(error),
                Ok(written) => return Ok(written),
            }
        }
    }

    async fn try_written(
        &self,
        write: &Write<'_>,
        in_memory: bool,
    ) -> Result<(Value, u32), Failed> {
        let state = &self.confirming.state;
        let mut live = self.connection(state).await.map_err(Failed::Writing)?;
        let outcome = within(ANSWER, both(&mut live, write, self.wait(in_memory))).await;
        if let Err(error) = &outcome
            && trouble::ends_connection(error)
        {
            forget(state, &live).await;
        }
        let mut answers = outcome.map_err(Failed::Writing)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil).extract_error();
        let value = match next() {
            Ok(value) => value,
            Err(error) => {
                if trouble::ends_connection(&error) {
                    forget(state, &live).await;
                }
                return Err(Failed::Writing(error));
            }
        };
        let waited = next().map_err(Failed::Waiting)?;
        let confirmed = if in_memory {
            from_redis_value(waited)
        } else {
            // How many logs of its own, which is one if it has it on disk; then how many of replicas.
            from_redis_value(waited).map(|(own, replicas): (u32, u32)| replicas * own.min(1))
        };
        Ok((value, confirmed.map_err(|error| Failed::Waiting(error.into()))?))
    }

    fn wait(&self, in_memory: bool) -> Cmd {
        let mut wait = cmd(if in_memory { "WAIT" } else { "WAITAOF" });
        if !in_memory {
            wait.arg(1);
        }
        wait.arg(self.confirming.replicas).arg(PATIENCE.as_millis() as u64);
        wait
    }
}

/// Both in one go, so that nothing can come between them.
async fn both(live: &mut Live, write: &Write<'_>, wait: Cmd) -> RedisResult<Vec<Value>> {
    let mut pipeline = pipe();
    pipeline.add_command(write.command.clone()).add_command(wait);
    match &mut live.connection {
        Connection::One(connection) => connection.req_packed_commands(&pipeline, 0, 2).await,
        Connection::Cluster(connection) => {
            let master = Route::with_key(write.key, SlotAddr::Master);
            let master = SingleNodeRoutingInfo::SpecificNode(master);
            connection.route_pipeline(pipeline, 0, 2, master).await
        }
    }
}

/// Whether the server has answered that it cannot do this.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether another server of the cluster has the key.
fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, Moved};
    matches!(error.kind(), ErrorKind::Server(Ask | Moved))
}
