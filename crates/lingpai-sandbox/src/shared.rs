//! A world in several hands: those of a server's calls, and of whoever drives it. Here is also
//! decided when its file is written.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use tokio::{sync::Mutex as AsyncMutex, task::spawn_blocking, time::Instant};

use crate::{
    Counters, Error, Reply, Settings, TicketVerdict, Verdict, World,
    push::Order,
    random::Random,
    state::{StateFile, wall},
};

/// A world shared by a server and whoever drives it, with the clock that the server runs on.
#[derive(Clone, Debug)]
pub struct SharedWorld {
    world: Arc<Mutex<World>>,
    start: Instant,
    file: Option<Arc<AsyncMutex<StateFile>>>,
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
        Ok(Self { world: Arc::new(Mutex::new(world)), start: Instant::now(), file })
    }

    /// Does something with the world, and the real time since its start. No call is answered
    /// meanwhile; a `with` inside another one never returns.
    ///
    /// If the world is kept in a file, the file knows of it before the next call is answered, or
    /// when the server ends.
    pub fn with<T>(&self, deed: impl FnOnce(&mut World, Duration) -> T) -> T {
        self.locked(|world, now| {
            world.revision += 1;
            deed(world, now)
        })
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
    /// Besides, the pushes that a control call asks for: whoever asks wants to know what was answered.
    pub(crate) async fn handle(
        &self,
        peer: IpAddr,
        request: &Request<Bytes>,
    ) -> (Reply, Vec<(Order, Random)>) {
        let (reply, asked, revision) = self.locked(|world, now| {
            let reply = world.handle(now, peer, request);
            let is_asked = request.uri().path().starts_with("/__sandbox/components/");
            let orders = if is_asked { world.ordered() } else { Vec::new() };
            (reply, with_randoms(world, orders), world.revision)
        });
        self.save(revision).await;
        (reply, asked)
    }

    /// What is to be pushed now; whoever is pushed to may rely on it, so it is in the file first.
    pub(crate) async fn outgoing(&self) -> Vec<(Order, Random)> {
        let (orders, revision) = self.locked(|world, now| {
            let orders = world.outgoing(now);
            (with_randoms(world, orders), world.revision)
        });
        if !orders.is_empty() {
            self.save(revision).await;
        }
        orders
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
        let now = self.start.elapsed();
        deed(&mut world, now)
    }
}

/// Each with randomness of its own, as they are sent side by side.
fn with_randoms(world: &mut World, orders: Vec<Order>) -> Vec<(Order, Random)> {
    let orders = orders.into_iter();
    orders.map(|order| (order, Random::seeded(world.random.next()))).collect()
}
