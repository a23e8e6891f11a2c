//! WeChat as the gateway reaches it: pooled connections, and the next of WeChat's hosts where no connection can be made. A
//! call that was sent is never sent again from here.
//!
//! An account with a proxy of its own goes through that. WeChat lets an account in by the address that its calls come from,
//! so what fetches its token and what uses it leave by the same way.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lingpai_core::{Proxy, Secret};
use lingpai_wechat::wire::{self, BaseUrl, Connector};
use lingpai_wechat::{Error, protocol};
use tokio::time::{Instant, sleep_until};

use super::call::Call;
use super::hosts::Host;
use super::settings::Settings;
use super::trouble::Trouble;
use super::upload::Sending;

/// How long a connection waits for its next call. Below the keep-alive of common servers (nginx: 60 s and more), so that
/// calls do not run into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);
/// How long a host that worked is asked before those that stand ahead of it.
const PREFERENCE: Duration = Duration::from_mins(10);

/// WeChat.
pub(super) struct Upstream {
    connector: Connector,
    /// The way of all who have no other.
    usual: Way,
    proxied: Mutex<HashMap<Arc<Proxy>, Arc<Way>>>,
    hosts: Hosts,
    connections: usize,
    /// How long may be spent on connections that cannot be made.
    connecting: Duration,
    deadline: Duration,
}

/// One way to WeChat: its connections, and what is known of the hosts at its end. They may be reached by one way and not by
/// another.
struct Way {
    client: Client<Connector, Sending>,
    preferred: Preferred,
    /// Whether the last call found no connection, so that it is said once.
    unreachable: AtomicBool,
}

/// Where each of WeChat's hosts is.
struct Hosts {
    api: Box<[BaseUrl]>,
    wecom: [BaseUrl; 1],
    mp: [BaseUrl; 1],
    file: [BaseUrl; 1],
    pay: Box<[BaseUrl]>,
}

impl Upstream {
    /// WeChat reached like this, in calls with these settings. Nothing is sent before the first one.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed, or a base URL cannot be made.
    pub(super) fn new(wire: &wire::Settings, settings: &Settings) -> Result<Self, Error> {
        let connector = Connector::new(wire)?;
        Ok(Self {
            usual: Way::new(connector.clone(), settings.connections),
            connector,
            proxied: Mutex::default(),
            hosts: Hosts::new(&wire.hosts)?,
            connections: settings.connections,
            connecting: wire.deadlines.call,
            deadline: settings.deadline,
        })
    }

    /// Sends a call, through this proxy if the account has one of its own, and waits for the head of its answer. `sending`
    /// is what the first host gets of its body.
    ///
    /// Dropping the future gives the call up; it may have been carried out.
    pub(super) async fn send(
        &self,
        call: &Call<'_>,
        through: Option<Arc<Proxy>>,
        target: &Secret<String>,
        mut sending: Sending,
    ) -> Result<Response<Incoming>, Trouble> {
        let proxied = through.map(|proxy| self.way_through(proxy));
        let way = proxied.as_deref().unwrap_or(&self.usual);
        let bases = self.hosts.of(call.destination.host);
        let begun = Instant::now();
        for index in way.preferred.order(bases.len()) {
            if begun.elapsed() >= self.connecting {
                break;
            }
            let request = call.request(&bases[index], target, sending)?;
            match self.answered(call, way.client.request(request)).await? {
                Ok(response) => {
                    way.preferred.prefer(index, bases.len());
                    way.is_reached();
                    return Ok(response);
                }
                Err(error) if error.is_connect() => {
                    way.is_unreachable(&bases[index], &error);
                    sending = call.upload.sending();
                }
                Err(error) => {
                    let host = bases[index].authority();
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
        let way = Arc::new(Way::new(self.connector.through(&proxy), self.connections));
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
    fn new(connector: Connector, connections: usize) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(connections)
            .http1_title_case_headers(true)
            .build(connector);
        Self { client, preferred: Preferred::default(), unreachable: AtomicBool::new(false) }
    }

    fn is_reached(&self) {
        if self.unreachable.load(Ordering::Relaxed)
            && self.unreachable.swap(false, Ordering::Relaxed)
        {
            tracing::info!("the gateway reaches WeChat again");
        }
    }

    fn is_unreachable(&self, base: &BaseUrl, error: &ClientError) {
        let host = base.authority();
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

impl Hosts {
    fn of(&self, host: Host) -> &[BaseUrl] {
        match host {
            Host::Api => &self.api,
            Host::WeCom => &self.wecom,
            Host::Mp => &self.mp,
            Host::File => &self.file,
            Host::Pay => &self.pay,
        }
    }

    /// WeChat's own, or what stands in for them.
    fn new(stand_in: &[BaseUrl]) -> Result<Self, Error> {
        let official = |host: &str| format!("https://{host}").parse::<BaseUrl>();
        let Some(first) = stand_in.first() else {
            let api: Result<_, Error> = protocol::HOSTS.into_iter().map(official).collect();
            return Ok(Self {
                api: api?,
                wecom: [official("qyapi.weixin.qq.com")?],
                mp: [official("mp.weixin.qq.com")?],
                file: [official("file.api.weixin.qq.com")?],
                pay: Box::new([
                    official("api.mch.weixin.qq.com")?,
                    official("api2.mch.weixin.qq.com")?,
                ]),
            });
        };
        let (api, mp, file) = (stand_in.into(), [first.clone()], [first.clone()]);
        let (wecom, pay) = (format!("{first}/qyapi").parse()?, format!("{first}/mch").parse()?);
        Ok(Self { api, wecom: [wecom], mp, file, pay: Box::new([pay]) })
    }
}

/// An error and its causes on one line. They name no path and no header.
fn story(error: &ClientError) -> String {
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
