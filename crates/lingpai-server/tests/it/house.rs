//! A running server with an upstream that counts, and a client that speaks HTTP by hand.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::client::{Accounts, ApiKey, NewKey, Right};
use lingpai_core::clock::TestClock;
use lingpai_core::event::What;
use lingpai_core::store::Damage;
use lingpai_core::{
    Account, AccountId, Clock, CredentialId, Day, Directory, Instant, Issuer, Kind, Moment, NodeId,
    Policy, Refresh, Registry, Secret, StoreError, StoreErrorKind, SystemClock, Timestamp, Token,
    Way,
};
use lingpai_server::{
    Address, Bound, Limits, Listeners, Server, Surface, Tls, console, gateway, push,
};
use lingpai_store::MemoryStore;
use lingpai_wechat::wire;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::described::{self, Answer};
use crate::office::Office;
pub(crate) use crate::upstream::{FakeTickets, FakeUpstream, fake_ticket};

/// The account that is kept. It has no token until somebody asks.
pub(crate) const KEPT: &str = "wx00000000000000a1";
/// Another account that is kept.
pub(crate) const OTHER: &str = "wx00000000000000b2";
/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct House {
    pub(crate) addr: SocketAddr,
    /// All it listens on.
    pub(crate) addresses: Vec<Address>,
    pub(crate) upstream: Arc<FakeUpstream>,
    pub(crate) directory: Arc<ShakyDirectory>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<HouseClock>,
    /// Where pushes wait.
    pub(crate) outbox: Arc<MemoryStore>,
    /// May read and report [`KEPT`].
    pub(crate) key: String,
    pub(crate) gateway: gateway::Control,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::on(&[(local(), Surface::Whole)], None, |server| server.with_limits(limits)).await
    }

    /// One that forwards calls.
    pub(crate) async fn with_gateway(settings: gateway::Settings) -> Self {
        Self::on(&[(local(), Surface::Whole)], None, |server| server.with_gateway(settings)).await
    }

    /// On these addresses; `addr` is the first TCP one.
    pub(crate) async fn on(
        addresses: &[(Address, Surface)],
        tls: Option<Tls>,
        change: impl FnOnce(Server) -> Server,
    ) -> Self {
        capture_logs();
        let directory = Arc::new(ShakyDirectory::default());
        let key = directory.add_key(&[Right::TokenRead, Right::TokenReport], only(KEPT)).await;
        let clock = Arc::new(HouseClock::new());
        let registry = Registry::open(
            Arc::new(MemoryStore::new()),
            Arc::clone(&clock) as _,
            NodeId::new("test"),
        );
        let registry = Arc::new(registry.await.unwrap());
        let upstream = Arc::new(FakeUpstream::default());
        let policy = Arc::new(Policy { refresh: Refresh::OnDemand, ..Policy::default() });
        for account in [KEPT, OTHER] {
            let issuer: Arc<dyn Issuer> = Arc::clone(&upstream) as _;
            registry.manage(credential(account), issuer, Arc::clone(&policy));
        }
        let server = Server::new(Arc::clone(&registry), Arc::clone(&directory) as _);
        let server = server.with_console(console::Settings::default());
        let (server, changes) = server.taking_changes();
        let office = Office::new(&directory, &registry, &upstream);
        tokio::spawn(office.make_all(changes));
        let outbox = Arc::new(MemoryStore::new());
        let private_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let server = server.receiving_pushes(push::Settings {
            upstream: wire::Settings { private_networks, ..wire::Settings::default() },
            outbox: Arc::clone(&outbox) as _,
            notices: None,
        });
        let mut listeners = Listeners::new(tls);
        for (address, surface) in addresses {
            listeners.open(address, *surface).await.unwrap();
        }
        let bound: Bound = change(server).listen(listeners).await.unwrap();
        let (addr, gateway) = (bound.local_addr(), bound.gateway());
        let addresses = bound.addresses().cloned().collect();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(bound.serve(async {
            let _ = stopped.await;
        }));
        let stop = Some(stop);
        Self {
            addr,
            addresses,
            upstream,
            directory,
            registry,
            clock,
            outbox,
            key,
            gateway,
            stop,
            running,
        }
    }

    /// Keeps another account.
    pub(crate) fn keeps(&self, account: &str) {
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        let issuer: Arc<dyn Issuer> = Arc::clone(&self.upstream) as _;
        self.registry.manage(credential(account), issuer, Arc::new(policy));
    }

    /// Keeps another account, which has no tickets.
    pub(crate) fn without_tickets(&self, account: &str) {
        let token = self.registry.parent(&credential(account));
        let issuer = FakeTickets { kind: Kind::ACCESS_TOKEN, token };
        let policy = Policy { refresh: Refresh::OnDemand, ..Policy::default() };
        self.registry.manage(credential(account), Arc::new(issuer), Arc::new(policy));
    }

    /// Another server of the same accounts, which does not listen yet.
    pub(crate) fn second_server(&self) -> Server {
        Server::new(Arc::clone(&self.registry), Arc::clone(&self.directory) as _)
    }

    /// A request with the house's key in the header.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let key = bearer(&self.key);
        let mut all = vec![("Authorization", key.as_str())];
        all.extend(headers);
        self.ask("GET", path, &all, "").await
    }

    pub(crate) async fn report(&self, key: &str, token: &str) -> Reply {
        let path = format!("/v1/accounts/{KEPT}/token/report-invalid");
        let body = format!(r#"{{"access_token":"{token}"}}"#);
        self.ask("POST", &path, &[("Authorization", &bearer(key))], &body).await
    }

    /// A request with this key in the header.
    pub(crate) async fn call(&self, key: &str, method: &str, path: &str, body: &str) -> Reply {
        self.ask(method, path, &[("Authorization", &bearer(key))], body).await
    }

    /// Puts an account in the place of whatever is there.
    pub(crate) async fn put(&self, account: &Account) {
        let before = self.directory.account(&account.id).await.unwrap();
        self.directory.put_account(account, before.as_ref()).await.unwrap();
    }

    /// A key for all accounts that may do all.
    pub(crate) async fn admin(&self) -> String {
        self.key_with(&[Right::Admin], Accounts::All, |_| {}).await
    }

    /// A key that the server knows from its first use on.
    pub(crate) async fn key_with(
        &self,
        rights: &[Right],
        accounts: Accounts,
        change: impl FnOnce(&mut ApiKey),
    ) -> String {
        // The server looks into the store for strangers once a second.
        self.clock.advance(Duration::from_secs(1));
        self.directory.add_key_with(rights, accounts, change).await
    }

    /// Asks as an SDK does for [`KEPT`]'s token.
    pub(crate) async fn dropin(&self, key: &str) -> Reply {
        let query = format!("grant_type=client_credential&appid={KEPT}&secret={key}");
        self.ask("GET", &format!("/cgi-bin/token?{query}"), &[], "").await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: lingpai\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let reply = self.exchange(&format!("{head}\r\n{body}")).await;
        described::check_request(method, path, reply.answer());
        reply
    }

    /// Sends these very bytes, and reads until the server closes.
    pub(crate) async fn exchange(&self, request: &str) -> Reply {
        Reply::parse(&self.exchange_raw(request).await)
    }

    /// Asks another server than this one.
    pub(crate) async fn ask_at(addr: SocketAddr, path: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Self::exchange_at(addr, &request).await
    }

    /// The same with these very bytes.
    pub(crate) async fn exchange_at(addr: SocketAddr, request: &str) -> Reply {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Reply::parse(&read_to_end(&mut stream).await)
    }

    pub(crate) async fn exchange_raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// The day, as WeChat counts.
    pub(crate) fn today(&self) -> Day {
        self.clock.now().day()
    }

    /// Waits until the events so far are in the store.
    pub(crate) async fn events_are_stored(&self) {
        let mark = || credential("wx-mark");
        self.registry.tell(Some(mark()), What::StoreRestored);
        let stored = async {
            let account = mark().account;
            while self.registry.store().events(Some(&account), 1).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, stored).await.unwrap();
    }

    /// Tells the server to end.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

/// Any free port of this machine.
pub(crate) fn local() -> Address {
    Address::Http(([127, 0, 0, 1], 0).into())
}

pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut with unread data ends in a reset; what came before it counts.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn credential(account: &str) -> CredentialId {
    CredentialId::access_token(account.parse().unwrap())
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

pub(crate) fn only(account: &str) -> Accounts {
    Accounts::Only(BTreeSet::from([account.parse().unwrap()]))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) json: Value,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn parse(text: &str) -> Self {
        let Answer { status, head, body } = Answer::parse(text);
        let json = serde_json::from_str(body).unwrap_or(Value::Null);
        Self { status, head: head.to_owned(), json, body: body.to_owned() }
    }

    /// The same as it came.
    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer { status: self.status, head: &self.head, body: &self.body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.answer().header(name)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("no {field} in {self:?}"))
    }

    /// The code of a native error, which must have a message and a remedy.
    pub(crate) fn error(&self) -> &str {
        let error = &self.json["error"];
        for part in ["message", "remedy"] {
            assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        }
        error["code"].as_str().unwrap()
    }

    /// The errcode of an error in WeChat's shape, which must look like one.
    pub(crate) fn errcode(&self) -> i64 {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.header("x-lingpai-error").is_some(), "{self:?}");
        assert!(!self.text("errmsg").is_empty());
        self.json["errcode"].as_i64().unwrap()
    }
}

/// A directory that can be out of reach.
#[derive(Default)]
pub(crate) struct ShakyDirectory {
    inner: MemoryStore,
    pub(crate) down: AtomicBool,
    pub(crate) damage: Mutex<Vec<Damage>>,
    made: AtomicU64,
}

impl ShakyDirectory {
    /// Makes a key, as another process would.
    pub(crate) async fn add_key(&self, rights: &[Right], accounts: Accounts) -> String {
        self.add_key_with(rights, accounts, |_| {}).await
    }

    pub(crate) async fn add_key_with(
        &self,
        rights: &[Right],
        accounts: Accounts,
        change: impl FnOnce(&mut ApiKey),
    ) -> String {
        let mut random = [0xA5; 30];
        random[..8].copy_from_slice(&self.made.fetch_add(1, Ordering::SeqCst).to_le_bytes());
        let rights = rights.iter().copied().collect();
        let mut new = NewKey::from_random(random, "test", rights, accounts, now());
        // Whoever wants to see its first use says so.
        new.record.first_used_at = Some(now());
        change(&mut new.record);
        self.inner.put_key(&new.record).await.unwrap();
        new.key.expose().to_owned()
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the store is away"));
        }
        Ok(())
    }
}

/// A clock that can be set forwards while everything else stays as it is.
#[derive(Debug)]
pub(crate) struct HouseClock {
    inner: TestClock,
    ahead: AtomicU64,
}

impl HouseClock {
    fn new() -> Self {
        Self { inner: TestClock::starting_at(now()), ahead: AtomicU64::new(0) }
    }

    pub(crate) fn jump_wall(&self, seconds: i64) {
        self.inner.jump_wall(seconds);
    }

    /// So much time passes at once.
    pub(crate) fn advance(&self, time: Duration) {
        self.ahead.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for HouseClock {
    fn now(&self) -> Moment {
        self.inner.now() + self.ahead()
    }

    fn coarse(&self) -> Instant {
        self.inner.coarse() + self.ahead()
    }

    async fn sleep_until(&self, until: Instant) {
        tokio::time::sleep(until.since(self.coarse())).await;
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock::new().now().wall
}

#[async_trait]
impl Directory for ShakyDirectory {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.inner.accounts().await
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        self.check()?;
        self.inner.account(account).await
    }

    async fn put_account(
        &self,
        account: &Account,
        before: Option<&Account>,
    ) -> Result<(), StoreError> {
        self.check()?;
        self.inner.put_account(account, before).await
    }

    async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError> {
        self.inner.remove_account(account).await
    }

    async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError> {
        self.inner.remove_as_read(account).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.check()?;
        self.inner.keys().await
    }

    fn damage(&self) -> Vec<Damage> {
        self.damage.lock().unwrap().clone()
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.check()?;
        self.inner.put_key(key).await
    }

    async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.check()?;
        self.inner.first_use(key, at).await
    }
}

static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Everything that any test of this process has logged, down to the finest level.
pub(crate) fn logs() -> String {
    String::from_utf8_lossy(&LOGS.lock().unwrap()).into_owned()
}

fn capture_logs() {
    struct ToBuffer;
    impl std::io::Write for ToBuffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            LOGS.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(|| ToBuffer)
            .init();
    });
}

/// A token of this generation, as another node would have stored it.
pub(crate) fn token_of(generation: lingpai_core::Generation, value: &str) -> Token {
    let at = now();
    Token {
        value: Secret::from(value),
        generation,
        issued_at: at,
        expires_at: at + Duration::from_secs(7200),
        full_life: Duration::from_secs(7200),
        way: Way::Primary,
        companion: None,
    }
}
