//! The gateway between a client that speaks HTTP by hand and an upstream that shows every byte that reached it.

mod bodies;
mod carried;
mod forward;
mod http2;
mod kinds;
mod lines;
mod pay;
mod proxies;
mod repair;
mod rules;
mod secrets;
pub(crate) mod stand_in;
mod trials;
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lingpai_core::client::Right;
use lingpai_core::{AccountId, Class, Failure, Verdict, virtual_token};
use lingpai_server::{Address, Limits, Server, Surface, Tls, gateway};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::stand_in::{Plan, Seen, StandIn};
use crate::house::{FakeUpstream, House, KEPT, PATIENCE, local, only};

pub(crate) const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;
pub(crate) const REFUSED: &str = r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest rid: 1-2-3"}"#;

/// A house that forwards to a stand-in, for a client that is given virtual tokens.
pub(crate) struct Forwarding {
    pub(crate) house: House,
    pub(crate) wechat: StandIn,
    pub(crate) key: String,
    /// The client's virtual token.
    pub(crate) token: String,
}

impl Forwarding {
    /// To a stand-in that answers like this.
    pub(crate) async fn to(script: impl Fn(&Seen) -> Plan + Send + Sync + 'static) -> Self {
        Self::with(script, |_, _| {}).await
    }

    pub(crate) async fn with(
        script: impl Fn(&Seen) -> Plan + Send + Sync + 'static,
        change: impl FnOnce(&mut gateway::Settings, &mut Limits),
    ) -> Self {
        Self::on(local(), None, script, change).await
    }

    /// The same at this address.
    pub(crate) async fn on(
        address: Address,
        tls: Option<Tls>,
        script: impl Fn(&Seen) -> Plan + Send + Sync + 'static,
        change: impl FnOnce(&mut gateway::Settings, &mut Limits),
    ) -> Self {
        let wechat = StandIn::open(script).await;
        let mut settings = gateway::Settings::default();
        settings.upstream.hosts = vec![wechat.base()];
        let mut limits = Limits::default();
        change(&mut settings, &mut limits);
        let server = |server: Server| server.with_limits(limits).with_gateway(settings);
        let house = House::on(&[(address, Surface::Whole)], tls, server).await;
        let key = house.key_with(&[Right::Gateway], only(KEPT), |_| {}).await;
        let account: AccountId = KEPT.parse().unwrap();
        let token = virtual_token::make(&key, &account).expose().to_owned();
        Self { house, wechat, key, token }
    }

    /// Sends a call with the client's token, and reads the answer until the server closes.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mark = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{mark}access_token={}", self.token);
        let length = format!("Content-Length: {}\r\n", body.len());
        let length = if method == "GET" { "" } else { &length };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: lingpai\r\nConnection: close\r\n{length}\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, b"").await
    }

    /// Sends these very bytes, and reads until the server closes.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.house.addr).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        let both = async {
            // A server that refuses a body may close before it has read it.
            let write = async { drop(writing.write_all(request).await) };
            let read = async { drop(reading.read_to_end(&mut answer).await) };
            tokio::join!(write, read)
        };
        timeout(PATIENCE, both).await.unwrap();
        Answer::parse(&answer)
    }

    /// A number of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let key = self.house.admin().await;
        let text = self.house.call(&key, "GET", "/metrics", "").await.body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        Self { status, head, body }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The name of Lingpai's own error; its shape must be WeChat's.
    pub(crate) fn error(&self) -> &str {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert!(json["errmsg"].as_str().unwrap().starts_with("lingpai: "), "{self:?}");
        assert!(json["errcode"].as_i64().unwrap() > 990_000, "{self:?}");
        self.header("x-lingpai-error").unwrap_or_else(|| panic!("{self:?}"))
    }
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Accepts one token only: the one that the house's issuer gave at this call.
pub(crate) fn takes_only(live: &Arc<AtomicU64>) -> impl Fn(&Seen) -> Plan + Send + Sync + 'static {
    let live = Arc::clone(live);
    move |seen| {
        let token = FakeUpstream::token(live.load(Ordering::SeqCst));
        if seen.token() == Some(token.as_str()) { Plan::json(OK) } else { Plan::json(REFUSED) }
    }
}

/// WeChat's refusal of a token on trial.
pub(crate) fn refusal() -> Verdict {
    let mut failure = Failure::new(Class::NeedsPerson, "invalid credential");
    failure.code = Some(40001);
    Verdict::Refused(failure)
}
