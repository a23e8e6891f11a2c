//! What both surfaces do: let the caller in, and find the token. A token that is there is found without a lock and
//! without waiting; a token that is not is waited for, but never longer than an SDK waits.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use lingpai_core::audit::Deed;
use lingpai_core::client::{Accounts, ApiKey, Denied, KeyHash, Right};
use lingpai_core::event::Event;
use lingpai_core::span::{Sort, Span};
use lingpai_core::{AccountId, CredentialId, Keeper, Preset, Registry, Timestamp, TokenRef};
use lingpai_wechat::{WeChat, kinds};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::alerts::Alerts;
use crate::audit::Trail;
use crate::authorize::Authorizing;
use crate::change::Desk;
use crate::console::{Console, Session};
use crate::doctor::Kept;
use crate::doctor::SharedWard;
use crate::events::refused::Refused;
use crate::first_use::FirstUses;
use crate::gateway::{Called, ForClient, Gateway};
use crate::given::Given;
use crate::keyring::KeyRing;
use crate::language::Bilingual;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::overview::Overview;
use crate::proxies::Proxies;
use crate::push::Pushes;
use crate::refusal::Refusal;
use crate::shown::ShownSecrets;
use crate::sinks::Sinks;
use crate::strays::Strays;
use crate::tape::Tape;
use crate::trace::Trace;
use crate::traces::{self, Exporter};

/// WeChat, by the way to it that is in force when it is called.
pub type WayToWeChat = Arc<dyn Fn() -> WeChat + Send + Sync>;

/// What every request needs.
pub(crate) struct Serving {
    pub(crate) registry: Arc<Registry>,
    pub(crate) keys: KeyRing,
    pub(crate) first_uses: FirstUses,
    /// What clients have sent in the place of their keys.
    pub(crate) shown: ShownSecrets,
    pub(crate) given: Given,
    /// What forwards calls, if the operator wants that.
    pub(crate) gateway: Option<Gateway>,
    /// The pages for people, if the operator wants them.
    pub(crate) console: Option<Console>,
    /// What begins authorisations of platforms, if somebody keeps them.
    pub(crate) authorizing: Option<Authorizing>,
    /// What receives pushes, if the operator wants that.
    pub(crate) pushes: Option<Arc<Pushes>>,
    /// How all accounts stood a moment ago.
    pub(crate) overview: Overview,
    pub(crate) tape: Tape,
    pub(crate) trail: Trail,
    pub(crate) alerts: Alerts,
    /// Where tokens are delivered.
    pub(crate) sinks: Arc<Sinks>,
    /// The accounts whose calls WeChat refuses because of the address.
    pub(crate) refused: Refused,
    pub(crate) monitor: Monitor,
    pub(crate) metrics: Metrics,
    pub(crate) trace: Trace,
    /// What sends traces, if somebody wants them.
    pub(crate) exporter: Option<Exporter>,
    pub(crate) limits: Limits,
    pub(crate) proxies: Proxies,
    /// Whether a proxy that does not introduce its clients was complained of.
    pub(crate) complained: AtomicBool,
    /// What the program knows of itself, if it is to be examined.
    pub(crate) ward: Option<SharedWard>,
    /// Held while that is done.
    pub(crate) examining: tokio::sync::Mutex<()>,
    /// What came of it the last times.
    pub(crate) examined: std::sync::Mutex<Kept>,
    /// What clients reported that is no current token.
    pub(crate) strays: Strays,
    /// WeChat as it is reached now, if somebody said so: to be asked about tokens that nobody knows.
    pub(crate) wechat: Option<WayToWeChat>,
    /// Where changes of accounts go, if somebody makes them.
    pub(crate) changes: Option<Desk>,
    /// True as soon as the server is asked to end: clients should go elsewhere.
    pub(crate) leaving: AtomicBool,
    /// True as soon as the server ends.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Who asks: the key, and the address from which it came.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) key: &'a str,
    /// By which the key is looked up: found once for all looks of a request.
    pub(crate) hash: KeyHash,
    pub(crate) peer: IpAddr,
    /// The session of the console that stands for the key, if one does. It sees no token.
    pub(crate) session: Option<Session>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(key: &'a str, peer: IpAddr) -> Self {
        Self { key, hash: KeyHash::of(key), peer, session: None }
    }

    /// Whoever is logged in to the console.
    pub(crate) fn of_session(session: Session, peer: IpAddr) -> Self {
        Self { key: "", hash: session.key, peer, session: Some(session) }
    }
}

/// A caller who was let in, to this credential.
pub(crate) struct Admitted {
    pub(crate) credential: CredentialId,
    pub(crate) key: KeyHash,
    pub(crate) preset: Preset,
    pub(crate) may_read: bool,
    pub(crate) may_report: bool,
}

/// A token, and how long it is still good.
pub(crate) struct Served {
    pub(crate) token: TokenRef,
    pub(crate) left: Duration,
}

impl Serving {
    /// The access_token's credential of this account, if the key allows that. The key is looked at before the account,
    /// so that a stranger cannot find out which accounts there are.
    pub(crate) async fn admit(
        &self,
        caller: Caller<'_>,
        right: Right,
        account: &str,
    ) -> Result<Admitted, Refusal> {
        let Ok(account) = account.parse::<AccountId>() else {
            self.keys.look(&caller.hash, |_| ()).await.ok_or(Refusal::KeyUnknown)?;
            return Err(Refusal::AccountUnknown);
        };
        let now = self.registry.clock().wall();
        let look = |key: &ApiKey| {
            key.allows_from(caller.peer, right, &account, now)?;
            let may_read = key.has(Right::TokenRead) && caller.session.is_none();
            let may_report = key.has(Right::TokenReport);
            Ok::<_, Denied>((key.hash, key.preset, may_read, may_report, key.first_used_at))
        };
        let looked = self.keys.look(&caller.hash, look).await;
        let (key, preset, may_read, may_report, used) = looked.ok_or(Refusal::KeyUnknown)??;
        self.used(&key, used, caller.peer);
        let credential = CredentialId::access_token(account);
        Ok(Admitted { credential, key, preset, may_read, may_report })
    }

    /// Lets in whoever has this right on some accounts: the key's hash, and which accounts these are.
    pub(crate) async fn admit_somewhere(
        &self,
        caller: Caller<'_>,
        right: Right,
    ) -> Result<(KeyHash, Accounts), Refusal> {
        let now = self.registry.clock().now().wall;
        let look = |key: &ApiKey| {
            key.allows_somewhere(right, now)?;
            let open = key.is_open_to(caller.peer).then_some(()).ok_or(Denied::Network);
            open.map(|()| (key.hash, key.accounts.clone(), key.first_used_at))
        };
        let looked = self.keys.look(&caller.hash, look).await;
        let (key, accounts, used) = looked.ok_or(Refusal::KeyUnknown)??;
        self.used(&key, used, caller.peer);
        Ok((key, accounts))
    }

    /// Lets in whoever has this right on all accounts: what tells of all of them together, or could be used against any.
    pub(crate) async fn admit_everywhere(
        &self,
        caller: Caller<'_>,
        right: Right,
    ) -> Result<KeyHash, Refusal> {
        match self.admit_somewhere(caller, right).await? {
            (key, Accounts::All) => Ok(key),
            (_, Accounts::Only(_)) => Err(Refusal::SomeAccountsOnly),
        }
    }

    /// A key that was first used at `before`, if that is known, was used.
    pub(crate) fn used(&self, key: &KeyHash, before: Option<Timestamp>, peer: IpAddr) {
        if before.is_none() {
            self.first_uses.note(key, peer, self.registry.clock().wall());
        }
    }

    /// Begins to follow a request of somebody who was let in, or goes on with his trace; nothing if nobody follows it.
    pub(crate) fn follow(&self, name: &'static str, headers: &HeaderMap) -> Span {
        let spans = self.registry.spans();
        match spans.are_followed() {
            true => {
                let origin = traces::origin(headers);
                spans.begin(name, Sort::Server, origin, &**self.registry.clock())
            }
            false => Span::NONE,
        }
    }

    /// Takes in what happened in the engine.
    pub(crate) fn noticed(&self, event: &Event) {
        self.metrics.happened(event);
        if let Some(what) = self.refused.derive(event) {
            self.registry.tell(event.credential.clone(), what);
        }
        if let Some(gateway) = &self.gateway {
            gateway.gate.noticed(event);
        }
    }

    /// What was called for an account on this day, and for whom, if calls are forwarded.
    pub(crate) async fn called_today(
        &self,
        account: &AccountId,
    ) -> Result<Option<(Vec<Called>, Vec<ForClient>)>, Refusal> {
        let Some(gateway) = &self.gateway else { return Ok(None) };
        let today = self.registry.clock().now().day();
        let called = gateway.gate.ledger.called(&**self.registry.store(), account, today);
        Ok(Some(called.await?))
    }

    /// Stores what is counted, for ever.
    pub(crate) async fn keep_storing(&self) {
        match &self.gateway {
            Some(gateway) => gateway.gate.keep_exchanging(&self.registry).await,
            None => std::future::pending().await,
        }
    }

    /// Sends traces, for ever.
    pub(crate) async fn send_traces(&self) -> Infallible {
        match &self.exporter {
            Some(exporter) => Box::pin(exporter.run()).await,
            None => std::future::pending().await,
        }
    }

    /// Stores and sends what was counted and followed since.
    pub(crate) async fn store_last(&self) {
        if let Some(exporter) = &self.exporter {
            Box::pin(exporter.finish(self.limits.grace)).await;
        }
        self.trail.finish(&self.registry, &self.keys, self.limits.grace).await;
        let Some(gateway) = &self.gateway else { return };
        let stored = gateway.gate.ledger.store(self.registry.store());
        if !matches!(timeout(self.limits.grace, stored).await, Ok(Ok(()))) {
            tracing::warn!("the last calls could not be counted in the store");
        }
    }

    /// The current token, or what comes of the fetch for it.
    pub(crate) async fn current(&self, credential: &CredentialId) -> Result<Served, Refusal> {
        // An atomic load; not even the keeper's reference count is touched.
        match self.registry.with(credential, |keeper| keeper.token()) {
            Some(Some(token)) => Ok(self.served(token)),
            Some(None) | None => {
                let keeper = self.keeper(credential)?;
                let fresh = timeout(self.limits.token_wait, keeper.fresh()).await;
                Ok(self.served(fresh.map_err(|_| Refusal::Pending)??))
            }
        }
    }

    /// What the calls of this account carry: its access_token, or the token of a platform, a suite or a provider.
    pub(crate) fn carried(&self, account: AccountId) -> CredentialId {
        let mut credential = CredentialId::access_token(account);
        for (kind, _) in kinds::carried() {
            credential.kind = kind.clone();
            if self.registry.with(&credential, |_| ()).is_some() {
                return credential;
            }
        }
        CredentialId::access_token(credential.account)
    }

    pub(crate) fn keeper(&self, credential: &CredentialId) -> Result<Arc<Keeper>, Refusal> {
        self.registry.get(credential).ok_or(Refusal::AccountUnknown)
    }

    /// Adds how long the token is still good.
    pub(crate) fn served(&self, token: TokenRef) -> Served {
        let left = token.ends().since(self.registry.clock().coarse());
        Served { token, left }
    }

    /// Notes in the audit trail what somebody did.
    pub(crate) fn did(&self, key: &KeyHash, peer: IpAddr, of: Option<CredentialId>, deed: Deed) {
        self.trail.did((&self.registry, &self.keys), (key, peer), of, deed);
    }

    /// Writes the audit trail and sends alerts, for ever.
    pub(crate) async fn keep_record(&self) -> Infallible {
        tokio::select! {
            never = self.trail.keep(&self.registry, &self.keys) => never,
            never = self.first_uses.keep(&self.registry, &self.keys) => never,
            never = self.look_at_shown() => never,
            never = self.alerts.run(&self.registry) => never,
        }
    }

    /// Delivers tokens to sinks, for ever.
    pub(crate) async fn fill_sinks(&self) -> Infallible {
        self.sinks.run(&self.registry).await
    }

    /// Delivers the pushes that wait, for ever.
    pub(crate) async fn deliver_pushes(&self) -> Infallible {
        match &self.pushes {
            Some(pushes) => {
                let tell = |account, what| {
                    self.registry.tell(Some(CredentialId::access_token(account)), what);
                };
                pushes.deliver(tell).await
            }
            None => std::future::pending().await,
        }
    }

    /// Reads a body within the limits on its size and its time.
    pub(crate) async fn body(&self, body: Incoming) -> Result<Bytes, Refusal> {
        self.body_within(body, self.limits.body_bytes).await
    }

    /// The same with another limit on its size.
    pub(crate) async fn body_within(&self, body: Incoming, most: usize) -> Result<Bytes, Refusal> {
        const BODY: Bilingual = Bilingual::fixed(
            "a body as long as Content-Length states",
            "与 Content-Length 等长的请求体",
        );
        // A body that states to be too large is refused before it is sent.
        if body.size_hint().lower() > most as u64 {
            return Err(Refusal::BodyTooLarge(most));
        }
        match timeout(self.limits.body_time, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge(most)),
            Ok(Err(_)) => Err(Refusal::BodyUnreadable(BODY)),
            Err(_) => Err(Refusal::BodySlow),
        }
    }
}
