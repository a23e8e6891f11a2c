//! A world in several hands: those of a server's calls, and of whoever drives it. Here is also
//! decided when its file is written.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::spawn_blocking,
    time::Instant,
};

use crate::{
    Counters, Error, Reply, Settings, TicketVerdict, Verdict, World,
    push::Order,
    state::{StateFile, wall},
};

/// A world shared by a server and whoever drives it, with the clock that the server runs on.
#[derive(Clone, Debug)]
pub struct SharedWorld {
    world: Arc<Mutex<World>>,
    start: Instant,
    /// The real time of the world at `start`.
    before: Duration,
    file: Option<Arc<AsyncMutex<StateFile>>>,
    /// Something has changed that may be pushed.
    changed: Arc<Notify>,
}

impl SharedWorld {
    /// Goes on from the file of the settings, if they name one and it is there.
    pub(crate) fn open(mut settings: Settings) -> Result<Self, Error> {
        settings.start.get_or_insert(wall().as_secs());
        let (world, file) = match settings.state.as_deref().map(StateFile::at) {
            None => (World::new(settings)?, None),
            Some(mut file) => {
                let world = file.restore(settings)?;
                // Now, so that a path that cannot be written is known at once.
                file.write(&world.snapshot(Duration::ZERO, wall()), world.revision)?;
                (world, Some(Arc::new(AsyncMutex::new(file))))
            }
        };
        Ok(Self { file, ..Self::of(world, Duration::ZERO) })
    }

    /// Goes on with a world in which it is `now`.
    pub(crate) fn of(world: World, now: Duration) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            start: Instant::now(),
            before: now,
            file: None,
            changed: Arc::default(),
        }
    }

    /// Does something with the world, and the real time since its start. No call is answered
    /// meanwhile; a `with` inside another one never returns.
    ///
    /// If the world is kept in a file, the file knows of it before the next call is answered, or
    /// when the server ends.
    pub fn with<T>(&self, deed: impl FnOnce(&mut World, Duration) -> T) -> T {
        let told = self.locked(|world, now| {
            world.revision += 1;
            deed(world, now)
        });
        self.changed.notify_one();
        told
    }

    /// What is to be pushed now, and in how much time there is more.
    pub(crate) fn due_pushes(&self) -> (Vec<Order>, Option<Duration>) {
        self.locked(World::due_pushes)
    }

    /// Returns when there may be something to push before its time.
    pub(crate) async fn pushing(&self) {
        self.changed.notified().await;
    }

    /// The counts since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.locked(|world, _| world.counters().clone())
    }

    /// What WeChat would say of this token now.
    pub fn verdict(&self, token: &str) -> Verdict {
        self.locked(|world, now| world.verdict(now, token))
    }

    /// What WeChat would make of this ticket now.
    pub fn ticket_verdict(&self, ticket: &str) -> TicketVerdict {
        self.locked(|world, now| world.ticket_verdict(now, ticket))
    }

    /// Answers one call. What lasts of it, and of all that it may have built on, is in the file
    /// before the reply is known.
    ///
    /// Besides, the pushes that a control call about a platform asks for: whoever asks wants to know what was answered.
    pub(crate) async fn handle(
        &self,
        peer: IpAddr,
        request: &Request<Bytes>,
    ) -> (Reply, Vec<Order>) {
        let is_asked = request.uri().path().starts_with("/__sandbox/components/");
        let (reply, asked, revision, has_changed) = self.locked(|world, now| {
            let before = world.revision;
            let reply = world.handle(now, peer, request);
            let asked = if is_asked { std::mem::take(&mut world.outgoing) } else { Vec::new() };
            (reply, asked, world.revision, world.revision != before)
        });
        if has_changed {
            self.changed.notify_one();
        }
        self.save(revision).await;
        (reply, asked)
    }

    /// Writes the file, whether anything lasting has changed or not.
    pub(crate) async fn save_all(&self) {
        self.save(u64::MAX).await;
    }

    /// Sees to it that the file has this revision or a later one. Calls that come while it is being
    /// written share the next writing.
    ///
    /// A file that cannot be written is complained of, and tried again with the next call: a full
    /// disk is no reason for a simulator to fall silent.
    async fn save(&self, wanted: u64) {
        let Some(file) = &self.file else { return };
        // The guard goes along, so that a caller who hangs up lets nobody else at the file.
        let mut file = Arc::clone(file).lock_owned().await;
        if file.revision >= wanted {
            return;
        }
        let world = self.clone();
        let writing = spawn_blocking(move || {
            let (snapshot, revision) =
                world.locked(|world, now| (world.snapshot(now, wall()), world.revision));
            if let Err(error) = file.write(&snapshot, revision) {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "a restart would forget what just happened");
            }
        });
        // It fails only while the runtime goes down.
        let _ = writing.await;
    }

    fn locked<T>(&self, deed: impl FnOnce(&mut World, Duration) -> T) -> T {
        // A panic in the world leaves counters at worst; the sandbox goes on.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for under the lock, so that calls see time in their own order.
        let now = self.before + self.start.elapsed();
        deed(&mut world, now)
    }
}
