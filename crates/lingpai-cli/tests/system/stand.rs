//! The engine and the simulated WeChat in one process, on `tokio`'s paused clock: a day takes a second.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use lingpai_core::clock::TestClock;
use lingpai_core::{
    Account, Clock, CredentialId, Keeper, Mode, NodeId, Registry, Secret, Store, Timestamp,
};
use lingpai_sandbox::{
    Act, AppCounters, AppKind, AppSettings, DEMO_APPID, DEMO_SECRET, Settings, Verdict, World,
};
use lingpai_store::MemoryStore;
use lingpai_wechat::WeChat;
use lingpai_wechat::wire::{self, Transport, TransportError, Upstream};
use tokio::time::{Instant, sleep};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// 2026-01-01T00:00:00Z, when worlds begin that need no other time.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The simulated WeChat without a socket.
#[derive(Clone)]
pub(crate) struct WeChatWorld {
    world: Arc<Mutex<World>>,
    start: Instant,
}

impl WeChatWorld {
    pub(crate) fn new() -> Self {
        Self::starting_at(START)
    }

    pub(crate) fn starting_at(start: Timestamp) -> Self {
        let mut app = AppSettings::new(DEMO_APPID, AppKind::OfficialAccount);
        app.secret = Some(lingpai_sandbox::AppSecret::new(DEMO_SECRET));
        let start = Some(start.as_seconds().try_into().unwrap());
        let settings = Settings { apps: vec![app], start, ..Settings::default() };
        let world = World::new(settings).unwrap();
        Self { world: Arc::new(Mutex::new(world)), start: Instant::now() }
    }

    /// Does something to the world, at the present time.
    pub(crate) fn with<T>(&self, deed: impl FnOnce(&mut World, Duration) -> T) -> T {
        deed(&mut self.world.lock().unwrap(), self.start.elapsed())
    }

    /// Takes the world away, and the time in it.
    pub(crate) fn taken(&self) -> (World, Duration) {
        self.with(|world, now| {
            (std::mem::replace(world, World::new(Settings::default()).unwrap()), now)
        })
    }

    pub(crate) fn counters(&self) -> AppCounters {
        self.with(|world, _| world.counters().app(DEMO_APPID))
    }

    pub(crate) fn fetches(&self) -> u64 {
        self.with(|world, _| world.counters().fetches())
    }

    /// Whether WeChat would accept this token now.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        matches!(self.with(|world, now| world.verdict(now, token)), Verdict::Live { .. })
    }
}

impl std::fmt::Debug for WeChatWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeChatWorld")
    }
}

#[async_trait]
impl Transport for WeChatWorld {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        sleep(Duration::from_millis(30)).await; // The way there and back.
        let reply = self.with(|world, now| world.handle(now, peer, &request));
        sleep(reply.delay).await;
        match reply.act {
            Act::Answer(answer) => Ok(answer),
            Act::Stream { .. } | Act::Cut => Err(TransportError::lost("connection cut")),
            Act::Hang => std::future::pending().await,
        }
    }
}

/// One node of the engine, and the WeChat it talks to.
pub(crate) struct Stand {
    pub(crate) wechat: WeChatWorld,
    pub(crate) account: Account,
    pub(crate) registry: Registry,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) clock: Arc<TestClock>,
    store: Arc<dyn Store>,
}

impl Stand {
    pub(crate) async fn new(mode: Mode) -> Self {
        Self::with_account(mode, |_| ()).await
    }

    /// With an account that differs from the default one.
    pub(crate) async fn with_account(mode: Mode, differ: impl FnOnce(&mut Account)) -> Self {
        let secret = Secret::from(DEMO_SECRET);
        let mut account = Account::new(DEMO_APPID.parse().unwrap(), secret, START);
        account.mode = mode;
        differ(&mut account);
        let clock = Arc::new(TestClock::starting_at(START));
        Self::on(WeChatWorld::new(), account, Arc::new(MemoryStore::new()), clock).await
    }

    async fn on(
        wechat: WeChatWorld,
        account: Account,
        store: Arc<dyn Store>,
        clock: Arc<TestClock>,
    ) -> Self {
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let registry =
            Registry::open(Arc::clone(&store), shared, NodeId::new("node")).await.unwrap();
        let upstream = Upstream::over(Arc::new(wechat.clone()), wire::Settings::default());
        let issuer = WeChat::new(upstream).issuer(&account);
        let credential = CredentialId::access_token(account.id.clone());
        let keeper = registry.manage(credential, issuer, Arc::new(account.policy.clone()));
        Self { wechat, account, registry, keeper, clock, store }
    }

    /// Ends the node in order and starts another on the same store.
    pub(crate) async fn restart(self) -> Self {
        self.registry.close(HOUR).await;
        Self::on(self.wechat, self.account, self.store, self.clock).await
    }

    /// The token that is served, which has to be one that WeChat accepts.
    pub(crate) fn read(&self) -> String {
        let token = self.keeper.token().expect("a token is served at all times");
        let value = token.value.expose().to_owned();
        let verdict = self.wechat.with(|world, now| world.verdict(now, &value));
        assert!(matches!(verdict, Verdict::Live { .. }), "WeChat says {verdict:?}");
        value
    }

    /// Reads every ten seconds for so long.
    pub(crate) async fn read_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.read();
            sleep(Duration::from_secs(10)).await;
        }
    }
}
