//! Hearing at once of what other nodes store.
//!
//! Each commit is published on one channel, in the same step; a listener on a connection of its own passes it on. A message
//! may be lost, so after every break of the connection, and once a minute, it says that anything may have changed.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::StoreError;
use lingpai_core::store::Change;
use redis::{FromRedisValue, PushInfo, PushKind, cmd};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::credentials;
use super::link::Link;
use super::presence::Ahead;

/// How many changes may wait for the engine. If there are more, it is told that anything may have changed.
const WAITING: usize = 4096;
/// How long to wait before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is tried whether the connection still lives, and how long that may take.
const PULSE: Duration = Duration::from_secs(5);
/// How often lost messages are made up for.
const COMPARE: Duration = Duration::from_mins(1);

/// Where changes wait for the engine.
pub(super) fn queue() -> (mpsc::Sender<Change>, mpsc::Receiver<Change>) {
    mpsc::channel(WAITING)
}

/// What is listened for.
pub(super) struct Heard {
    /// Where.
    pub(super) channel: String,
    /// What begins the messages of this node, which it need not hear.
    pub(super) own: String,
    /// For the times in messages, which are those of Redis.
    pub(super) ahead: Arc<Ahead>,
}

/// Listens until the task is aborted.
pub(super) fn listen(
    link: Arc<Link>,
    heard: Heard,
    teller: mpsc::Sender<Change>,
) -> JoinHandle<()> {
    let mut listener = Listener { heard, teller, missed: true };
    tokio::spawn(async move {
        let mut is_away = false;
        loop {
            match listener.hear(&link).await {
                Ok(()) => is_away = false,
                Err(error) if !is_away => {
                    is_away = true;
                    tracing::warn!(%error, "what other nodes store is not heard of at once");
                }
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    })
}

struct Listener {
    heard: Heard,
    teller: mpsc::Sender<Change>,
    /// Messages may have been lost.
    missed: bool,
}

impl Listener {
    /// Hears until the connection breaks.
    async fn hear(&mut self, link: &Link) -> Result<(), StoreError> {
        let (pushes, mut pushed) = mpsc::unbounded_channel();
        let mut connection = link.aside(Some(pushes)).await?;
        link.explained(connection.subscribe(&self.heard.channel).await)?;
        self.missed = true;
        let mut pulse = Instant::now() + PULSE;
        let mut compare = Instant::now() + COMPARE;
        loop {
            if self.missed && self.teller.try_send(Change::Anything).is_ok() {
                self.missed = false;
            }
            tokio::select! {
                push = pushed.recv() => match push {
                    Some(push) if push.kind == PushKind::Message => self.tell(push),
                    None | Some(PushInfo { kind: PushKind::Disconnection, .. }) => return Ok(()),
                    Some(_) => {}
                },
                () = tokio::time::sleep_until(pulse) => {
                    let ping = cmd("PING");
                    match timeout(PULSE, ping.query_async::<()>(&mut connection)).await {
                        Ok(outcome) => link.explained(outcome)?,
                        Err(_) => return Ok(()),
                    }
                    pulse = Instant::now() + PULSE;
                    if pulse >= compare {
                        self.missed = true;
                        compare = pulse + COMPARE;
                    }
                }
            }
        }
    }

    fn tell(&mut self, push: PushInfo) {
        // The channel, then the message: who has stored something, of which credential, and when.
        let message = push.data.into_iter().nth(1);
        let message = message.and_then(|message| String::from_redis_value(message).ok());
        let Some((by, name)) = message.as_deref().and_then(|message| message.split_once(' '))
        else {
            return;
        };
        if by == self.heard.own {
            return;
        }
        let (name, at) = name.split_once(' ').unwrap_or((name, ""));
        let at = at.parse().ok().and_then(|at| self.heard.ahead.own(at));
        if let Some(credential) = credentials::parse(name)
            && self.teller.try_send(Change::Credential(credential, at)).is_err()
        {
            self.missed = true;
        }
    }
}
