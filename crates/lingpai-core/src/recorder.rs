//! The way of an event: from the keeper to the log, to live subscribers, and in batches to the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use crate::event::{Event, What};
use crate::store::{Store, StoreErrorKind};

/// Events as they happen. A subscriber that is slow misses the oldest and is told how many.
pub type EventStream = broadcast::Receiver<Arc<Event>>;

/// How many events a slow subscriber, or a slow store, may be behind.
const BEHIND: usize = 4096;

/// How many events one write to the store carries.
const BATCH: usize = 256;

/// How long a batch that the store did not take waits at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Where keepers put events.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    live: broadcast::Sender<Arc<Event>>,
    durable: mpsc::Sender<Arc<Event>>,
    /// How many batches the store has taken.
    stored: watch::Receiver<u64>,
}

impl Events {
    /// Tells everyone. Never waits: if the store is far behind, the event is told and logged but not kept.
    pub(crate) fn tell(&self, event: Event) {
        log(&event);
        let event = Arc::new(event);
        let _ = self.live.send(Arc::clone(&event)); // Nobody may be listening.
        if self.durable.try_send(event).is_err() {
            tracing::warn!("an event was not kept: the store is too far behind");
        }
    }

    pub(crate) fn subscribe(&self) -> EventStream {
        self.live.subscribe()
    }

    pub(crate) fn stored(&self) -> watch::Receiver<u64> {
        self.stored.clone()
    }
}

/// The task that writes events to the store.
#[derive(Debug)]
pub(crate) struct Recorder {
    task: Mutex<Option<JoinHandle<()>>>,
    stop: mpsc::Sender<()>,
}

impl Recorder {
    pub(crate) fn start(store: Arc<dyn Store>) -> (Events, Self) {
        let (durable, mut queue) = mpsc::channel::<Arc<Event>>(BEHIND);
        let (stop, mut stopped) = mpsc::channel(1);
        let (batches, stored) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            let mut ending = false;
            loop {
                let count = tokio::select! {
                    biased;
                    count = queue.recv_many(&mut batch, BATCH) => count,
                    _ = stopped.recv() => 0,
                };
                if count == 0 {
                    break;
                }
                let events: Vec<Event> =
                    batch.drain(..).map(|event| Event::clone(&event)).collect();
                let mut pause = FIRST_PAUSE;
                // What a store that is down cannot take waits here, and what comes after it in the queue.
                while let Err(error) = store.record(&events).await {
                    if ending || error.kind == StoreErrorKind::Invalid {
                        tracing::warn!(%error, lost = events.len(), "events could not be kept");
                        break;
                    }
                    tracing::debug!(%error, waiting = events.len(), "events wait for the store");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                        _ = stopped.recv() => ending = true,
                    }
                }
                batches.send_modify(|count| *count += 1);
            }
        });
        let events = Events { live: broadcast::Sender::new(BEHIND), durable, stored };
        (events, Self { task: Mutex::new(Some(task)), stop })
    }

    /// Writes what is left, and ends.
    pub(crate) async fn finish(&self, deadline: Duration) {
        let _ = self.stop.send(()).await; // It may have ended already.
        let task = self.take_task();
        if let Some(task) = task {
            let _ = tokio::time::timeout(deadline, task).await;
        }
    }

    fn take_task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(task) = self.take_task() {
            task.abort();
        }
    }
}

/// The event as a log line: what a person should look at is a warning, the ordinary course is information.
fn log(event: &Event) {
    let credential = event.credential.as_ref().map(ToString::to_string).unwrap_or_default();
    match &event.what {
        What::Rotated { generation, reason, way, expires_at, .. } => {
            tracing::info!(%credential, %generation, ?reason, %way, %expires_at, "token rotated");
        }
        What::Repeated { generation, way, expires_at } => {
            tracing::info!(%credential, %generation, %way, %expires_at, "upstream repeated the token");
        }
        What::Failed { reason, way, failure, retry_after } => {
            tracing::warn!(%credential, ?reason, %way, %failure, ?retry_after, "no token could be had");
        }
        What::RogueRefresher { fingerprint, failure } => tracing::warn!(
            %credential, %fingerprint, %failure,
            "upstream refuses a token that we did not replace: somebody else fetches tokens for this account"
        ),
        What::ReportUnfounded { fingerprint } => tracing::info!(
            %credential, %fingerprint,
            "a client called a token invalid that upstream accepts: its call was at fault"
        ),
        What::Suspect { cause } => {
            tracing::warn!(%credential, cause, "the token may have been replaced; one more fetch follows");
        }
        What::FellBack { cause } => {
            tracing::warn!(%credential, cause, "tokens now come from the isolated fallback family");
        }
        What::Overdue { since } => tracing::warn!(
            %credential, %since,
            "upstream has not brought it for too long: see whether its pushes arrive; it is asked for one"
        ),
        What::BudgetSpent { used, reason } => tracing::warn!(
            %credential, used, ?reason, "the day's budget is spent down to the reserve for scheduled rotations"
        ),
        What::ClientMisuse { key, asks } => tracing::warn!(
            %credential, key, asks,
            "a client asks for the token again and again: it does not keep what it is given, or its key needs another \
             preset"
        ),
        What::AccountChanged { change, key } => {
            tracing::info!(%credential, change = change.as_str(), key, "the account was changed");
        }
        What::CallsRefused { key, path, errcode, refusals, cause } => tracing::warn!(
            %credential, key, path, errcode, refusals, cause,
            "WeChat refuses a client's calls again and again, though the token is good"
        ),
        What::Compromised => {
            tracing::warn!(%credential, "a token has leaked; it is replaced until none of those so far is good");
        }
        What::CompromiseEnded { generation } => {
            tracing::warn!(%credential, %generation, "WeChat accepts no token any more that was issued before the leak");
        }
        What::StoreDegraded { message } => {
            tracing::error!(%credential, message, "the store is down; what we have is served on");
        }
        What::StoreRestored => tracing::info!(%credential, "the store works again"),
        What::IpRefused { address, failure } => tracing::warn!(
            %credential, address, %failure, "WeChat refuses calls from this address: put it on the account's IP list"
        ),
        What::QuotaLow { used, budget } => {
            tracing::warn!(%credential, used, budget, "most of the day's quota is used");
        }
        What::KeyChanged { change, key, by } => {
            tracing::info!(key, by, change = change.as_str(), "an API key was changed");
        }
        What::KeyFirstUsed { key, address } => {
            tracing::info!(key, %address, "an API key was used for the first time");
        }
        What::SecretShown { key, address, path } => tracing::warn!(
            %credential, key, %address, path,
            "a client sends the real AppSecret where its API key belongs"
        ),
        What::CertificateChanging { next } => tracing::warn!(
            %credential, next,
            "WeChat is about to replace its certificate (开放平台证书): download the new one and give it to the account"
        ),
        What::AuthorizersReconciled { listed, added, renewed, removed } => tracing::warn!(
            %credential, listed, added, renewed, removed,
            "the store was restored, and WeChat's list of authorizers was gone through; they are refreshed again"
        ),
        What::PushDead { push, cause } => {
            tracing::warn!(%credential, push, cause, "a push is given up: the business did not take it");
        }
        What::SinkFailed { sink, cause } => {
            tracing::warn!(%credential, sink, cause, "a token could not be delivered; it is tried again");
        }
        What::SinkRestored { sink, generation } => {
            tracing::info!(%credential, sink, %generation, "a sink has the newest token again");
        }
        What::Foreign(foreign) => tracing::info!(%credential, event = foreign.event, "an event"),
    }
}
