//! WeChat as the gateway reaches it: pooled connections, and the next of WeChat's hosts where no connection can be made. A
//! call that was sent is never sent again from here.
//!
//! An account with a proxy of its own goes through that. WeChat lets an account in by the address that its calls come from,
//! so what fetches its token and what uses it leave by the same way.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use lingpai_core::{Proxy, Secret};
use lingpai_wechat::Error;
use lingpai_wechat::wire::{self, Connector};
use tokio::time::{Instant, sleep_until};

use super::call::Call;
use super::line::{Answer, Failure, Line};
use super::pool::Pool;
use super::settings::Settings;
use super::site::{Site, Sites};
use super::trouble::Trouble;
use super::upload::Sending;

/// How long a host that worked is asked before those that stand ahead of it.
const PREFERENCE: Duration = Duration::from_mins(10);

/// WeChat.
pub(super) struct Upstream {
    connector: Connector,
    /// The way of all who have no other.
    usual: Way,
    proxied: Mutex<HashMap<Arc<Proxy>, Arc<Way>>>,
    sites: Sites,
    connections: usize,
    /// How long may be spent on connections that cannot be made.
    connecting: Duration,
    deadline: Duration,
}

/// One way to WeChat: its connections, and what is known of the hosts at its end. They may be reached by one way and not by
/// another.
struct Way {
    connector: Connector,
    /// By the numbers of the hosts.
    pools: Box<[Arc<Pool>]>,
    preferred: Preferred,
    /// Whether the last call found no connection, so that it is said once.
    unreachable: AtomicBool,
}

/// Why there is no answer.
enum Unanswered {
    /// No connection could be made.
    Unconnected(Box<dyn StdError + Send + Sync>),
    /// The call may have been carried out.
    Lost(hyper::Error),
}

impl Upstream {
    /// WeChat reached like this, in calls with these settings. Nothing is sent before the first one.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed, or a base URL cannot be made.
    pub(super) fn new(wire: &wire::Settings, settings: &Settings) -> Result<Self, Error> {
        let connector = Connector::new(wire)?;
        let sites = Sites::new(&wire.hosts)?;
        Ok(Self {
            usual: Way::new(connector.clone(), &sites, settings.connections),
            connector,
            proxied: Mutex::default(),
            sites,
            connections: settings.connections,
            connecting: wire.deadlines.call,
            deadline: settings.deadline,
        })
    }

    /// Sends a call, through this proxy if the account has one of its own, and waits for the head of its answer, which this
    /// host has given. `sending`
    /// is what the first host gets of its body.
    ///
    /// Dropping the future gives the call up; it may have been carried out.
    pub(super) async fn send(
        &self,
        call: &Call<'_>,
        through: Option<Arc<Proxy>>,
        target: &Secret<String>,
        mut sending: Sending,
    ) -> Result<(Response<Answer>, &Site), Trouble> {
        let proxied = through.map(|proxy| self.way_through(proxy));
        let way = proxied.as_deref().unwrap_or(&self.usual);
        let sites = self.sites.of(call.destination.host);
        let begun = Instant::now();
        for index in way.preferred.order(sites.len()) {
            if begun.elapsed() >= self.connecting {
                break;
            }
            let site = &sites[index];
            let request = call.request(site, target, sending)?;
            match self.answered(call, way.send(site, request)).await? {
                Ok(response) => {
                    way.preferred.prefer(index, sites.len());
                    way.is_reached();
                    return Ok((response, site));
                }
                Err(Unanswered::Unconnected(error)) => {
                    way.is_unreachable(site, &*error);
                    sending = call.upload.sending();
                }
                Err(Unanswered::Lost(error)) => {
                    let host = site.base.authority();
                    tracing::debug!(%host, error = story(&error), "no answer");
                    return Err(call.upload.trouble().unwrap_or(Trouble::Lost));
                }
            }
        }
        Err(Trouble::Unreachable)
    }

    fn way_through(&self, proxy: Arc<Proxy>) -> Arc<Way> {
        let mut proxied = lock(&self.proxied);
        if let Some(way) = proxied.get(&proxy) {
            return Arc::clone(way);
        }
        // Those of which only this map still knows are no account's any more.
        proxied.retain(|proxy, _| Arc::strong_count(proxy) > 1);
        let way = Arc::new(Way::new(self.connector.through(&proxy), &self.sites, self.connections));
        proxied.insert(proxy, Arc::clone(&way));
        way
    }

    /// Waits for an answer as long as the body still moves, and the deadline after that.
    async fn answered<T>(
        &self,
        call: &Call<'_>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let moved_at = call.moved_at();
            tokio::select! {
                biased;
                answer = answer.as_mut() => return Ok(answer),
                () = sleep_until(moved_at + self.deadline) => {
                    if call.moved_at() == moved_at {
                        return Err(Trouble::Slow);
                    }
                }
            }
        }
    }
}

impl Way {
    fn new(connector: Connector, sites: &Sites, connections: usize) -> Self {
        let pools = (0..sites.count()).map(|_| Arc::new(Pool::new(connections))).collect();
        let (preferred, unreachable) = (Preferred::default(), AtomicBool::new(false));
        Self { connector, pools, preferred, unreachable }
    }

    /// Sends a request on a connection that was kept, or on a new one. One that was closed meanwhile, so that nothing could
    /// be written, costs nothing but the next try.
    async fn send(
        &self,
        site: &Site,
        mut request: Request<Sending>,
    ) -> Result<Response<Answer>, Unanswered> {
        let pool = &self.pools[site.number];
        while let Some(line) = pool.take() {
            match line.send(request, pool).await {
                Ok(response) => return Ok(response),
                Err(Failure::Unsent(unsent, _)) => request = *unsent,
                Err(Failure::Lost(error)) => return Err(Unanswered::Lost(error)),
            }
        }
        // What is rare must not make every call larger.
        let line = Box::pin(self.connect(site)).await?;
        line.send(request, pool).await.map_err(|failure| match failure {
            Failure::Unsent(_, error) | Failure::Lost(error) => Unanswered::Lost(error),
        })
    }

    async fn connect(&self, site: &Site) -> Result<Box<Line>, Unanswered> {
        let address = site.address().map_err(unconnected)?;
        let stream = self.connector.connect(address).await.map_err(unconnected)?;
        Ok(Box::new(Line::new(stream).await.map_err(unconnected)?))
    }

    fn is_reached(&self) {
        if self.unreachable.load(Ordering::Relaxed)
            && self.unreachable.swap(false, Ordering::Relaxed)
        {
            tracing::info!("the gateway reaches WeChat again");
        }
    }

    fn is_unreachable(&self, site: &Site, error: &(dyn StdError + 'static)) {
        let host = site.base.authority();
        if self.unreachable.swap(true, Ordering::Relaxed) {
            tracing::debug!(%host, error = story(error), "no connection");
        } else {
            tracing::warn!(
                %host, error = story(error),
                "the gateway gets no connection; calls go to the next host, if there is one"
            );
        }
    }
}

fn unconnected(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Unanswered {
    Unanswered::Unconnected(error.into())
}

/// An error and its causes on one line. They name no path and no header.
fn story(error: &(dyn StdError + 'static)) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story = format!("{story}: {error}");
        cause = error.source();
    }
    story
}

/// Which of several hosts is asked first: the one that worked last, for a while.
#[derive(Default)]
struct Preferred(Mutex<Option<(usize, Instant)>>);

impl Preferred {
    fn order(&self, hosts: usize) -> impl Iterator<Item = usize> + use<> {
        let first = if hosts > 1 {
            lock(&self.0).filter(|(_, until)| Instant::now() < *until)
        } else {
            None
        };
        let first = first.map(|(index, _)| index);
        first.into_iter().chain((0..hosts).filter(move |index| Some(*index) != first))
    }

    /// Kept until its time is over and not prolonged, so that the first host is tried again.
    fn prefer(&self, index: usize, hosts: usize) {
        if hosts > 1 {
            let mut preferred = lock(&self.0);
            if preferred.is_none_or(|(known, until)| known != index || Instant::now() >= until) {
                *preferred = (index != 0).then(|| (index, Instant::now() + PREFERENCE));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
