//! Which host is asked, how long for, and when another one is tried.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use lingpai_core::Proxy;
use tokio::time::{Instant, timeout_at};

use super::connector::Connector;
use super::http::Http;
use super::settings::{BaseUrl, Deadlines, Settings};
use super::transport::{Transport, TransportError, TransportErrorKind};
use crate::{Error, protocol};

/// How long a host that worked is tried before the ones that stand ahead of it.
const PREFERENCE: Duration = Duration::from_mins(10);

const USER_AGENT: &str = concat!("lingpai/", env!("CARGO_PKG_VERSION"));

/// WeChat as one party: shared by all issuers of a process.
#[derive(Debug)]
pub struct Upstream {
    hosts: Box<[BaseUrl]>,
    /// Where WeCom is.
    wecom: BaseUrl,
    deadlines: Deadlines,
    /// That of the accounts that reach it in this way, if it is their own.
    proxy: Option<Arc<Proxy>>,
    transport: Arc<dyn Transport>,
    preferred: Mutex<Option<Preferred>>,
}

impl Upstream {
    /// Over sockets.
    ///
    /// # Errors
    /// [`Error::Trust`] if the machine has no certificates to trust and they are needed.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let transport = Http::new(Connector::new(&settings)?);
        Ok(Self::over(Arc::new(transport), settings))
    }

    /// Over a transport of one's own. The deadline of a connection is then the transport's to keep.
    pub fn over(transport: Arc<dyn Transport>, settings: Settings) -> Self {
        let wecom = settings.wecom();
        let hosts = if settings.hosts.is_empty() {
            protocol::HOSTS.into_iter().map(BaseUrl::official).collect()
        } else {
            settings.hosts.into()
        };
        let (deadlines, preferred) = (settings.deadlines, Mutex::default());
        Self { hosts, wecom, deadlines, proxy: None, transport, preferred }
    }

    /// The same for calls to WeCom.
    pub(crate) fn to_wecom(&self) -> Self {
        Self {
            hosts: [self.wecom.clone()].into(),
            wecom: self.wecom.clone(),
            deadlines: self.deadlines,
            proxy: self.proxy.clone(),
            transport: Arc::clone(&self.transport),
            preferred: Mutex::default(),
        }
    }

    /// The same through this proxy. What is known about the hosts is not shared: they may be reached
    /// by one way and not by the other.
    pub fn through(&self, proxy: &Proxy) -> Self {
        let transport = self.transport.through(proxy);
        Self {
            hosts: self.hosts.clone(),
            wecom: self.wecom.clone(),
            deadlines: self.deadlines,
            proxy: Some(Arc::new(proxy.clone())),
            transport: transport.unwrap_or_else(|| Arc::clone(&self.transport)),
            preferred: Mutex::default(),
        }
    }

    /// The proxy that it was given by [`Upstream::through`].
    pub(crate) fn proxy(&self) -> Option<&Arc<Proxy>> {
        self.proxy.as_ref()
    }

    /// What stands in for WeChat, if anything does.
    pub(crate) fn stand_in(&self) -> Option<&BaseUrl> {
        let is_official = |base: &BaseUrl| protocol::HOSTS.contains(&base.authority().as_str());
        self.hosts.first().filter(|first| !is_official(first))
    }

    /// Sends a request, to the next host where no connection can be made, and waits for its answer
    /// until the deadline.
    ///
    /// Dropping the future gives the request up; it may have been carried out.
    pub(crate) async fn send(&self, call: Call) -> Result<Response<Bytes>, TransportError> {
        let deadline = after(self.deadlines.call);
        let mut first_failure = None;
        let mut unreachable = 0_usize;
        for index in self.order() {
            // An attempt that has no time to connect is not begun: cut off, it would count as one
            // that was sent.
            if first_failure.is_some() && after(self.deadlines.connect) > deadline {
                break;
            }
            match self.attempt(index, &call, deadline).await {
                Err(error) if error.kind == TransportErrorKind::NotSent => {
                    unreachable += 1;
                    first_failure.get_or_insert(error);
                }
                outcome => {
                    self.prefer(index);
                    return outcome;
                }
            }
        }
        let failure = first_failure.unwrap_or_else(|| TransportError::not_sent("no host to ask"));
        Err(failure.and_others(unreachable.saturating_sub(1)))
    }

    async fn attempt(
        &self,
        index: usize,
        call: &Call,
        deadline: Instant,
    ) -> Result<Response<Bytes>, TransportError> {
        let host = &self.hosts[index];
        let request = call.at(host)?;
        let way = self.transport.way_to(request.uri());
        match timeout_at(deadline, self.transport.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.at(host)),
            Err(_) => Err(TransportError::lost(format!(
                "no answer{way} within {} s",
                self.deadlines.call.as_secs_f32()
            ))
            .at(host)),
        }
    }

    /// The hosts to try: first the one that worked last, for a while.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let preferred = *self.preferred.lock().unwrap_or_else(PoisonError::into_inner);
        let first = preferred.filter(|one| Instant::now() < one.until).map(|one| one.index);
        first.into_iter().chain((0..self.hosts.len()).filter(move |index| Some(*index) != first))
    }

    fn prefer(&self, index: usize) {
        let mut preferred = self.preferred.lock().unwrap_or_else(PoisonError::into_inner);
        // Kept until its time is over and not prolonged, so that the first host is tried again.
        if preferred.is_none_or(|one| one.index != index || Instant::now() >= one.until) {
            let until = Instant::now() + PREFERENCE;
            *preferred = (index != 0).then_some(Preferred { index, until });
        }
    }
}

/// So long from now; what is longer than the clock can count is a year.
fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + Duration::from_hours(365 * 24))
}

#[derive(Clone, Copy, Debug)]
struct Preferred {
    index: usize,
    until: Instant,
}

/// One request, before it is known to which host it goes. With a body it is a `POST` of JSON.
pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) query: Option<String>,
    pub(crate) body: Option<Bytes>,
}

impl Call {
    /// The request to this host.
    fn at(&self, host: &BaseUrl) -> Result<Request<Bytes>, TransportError> {
        let unsendable = |_| TransportError::not_sent("the request cannot be written as a URL");
        let target = match &self.query {
            Some(query) => format!("{}{}?{query}", host.prefix(), self.path),
            None => format!("{}{}", host.prefix(), self.path),
        };
        let uri = Uri::builder()
            .scheme(host.scheme().clone())
            .authority(host.authority().clone())
            .path_and_query(
                PathAndQuery::try_from(target).map_err(|error| unsendable(error.into()))?,
            )
            .build()
            .map_err(unsendable)?;
        let mut request = Request::new(self.body.clone().unwrap_or_default());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(body) = &self.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            // Said and not left to the transport: WeChat answers 412 to a body without it.
            headers.insert(header::CONTENT_LENGTH, body.len().into());
            *request.method_mut() = Method::POST;
        }
        Ok(request)
    }
}

impl TransportError {
    fn and_others(mut self, count: usize) -> Self {
        if count > 0 {
            self.message.push_str(&format!(" (other hosts tried in vain: {count})"));
        }
        self
    }

    fn at(mut self, host: &BaseUrl) -> Self {
        self.message = format!("{}: {}", host.authority(), self.message);
        self
    }
}
