//! A store in Redis, for several nodes.
//!
//! Each step of a rotation is one script inside Redis ([`script`]), so that of any number of nodes one is granted the right
//! to fetch; leases are measured on the clock of Redis. What the keys are called is in [`layout`], how Redis is reached in
//! [`link`], how nodes hear of each other in [`changes`], how it is sealed in [`ring`] and [`foundation`], what becomes of a
//! Redis that forgets in [`whole`] and [`keepsake`]. `docs/redis.md` is for those who look into the keys.

mod address;
mod archive;
mod changes;
mod credentials;
mod deposit;
mod directory;
mod fields;
mod former;
mod foundation;
mod keepsake;
mod layout;
mod link;
mod open;
mod outbox;
mod presence;
mod rekey;
mod ring;
mod script;
mod stream;
mod trouble;
mod whole;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::client::ApiKey;
use lingpai_core::journal::{Line, Page, Series, Told};
use lingpai_core::outbox::{Delivery, Parcel, Put};
use lingpai_core::store::{
    Begun, Change, Claim, Commit, Committed, Entry, Lease, Ledger, Peer, Presence, Record,
};
use lingpai_core::{
    Account, AccountId, CredentialId, Day, Directory, Failure, Generation, NodeId, Outbox, Store,
    StoreError, Timestamp,
};
use redis::cmd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

pub use self::address::RedisAddress;
pub use self::deposit::{Deposit, Deposited};
use self::foundation::Found;
use self::keepsake::Keepsake;
use self::layout::Layout;
use self::link::{Link, Repeat};
pub use self::open::Wanting;
use self::presence::Ahead;
use self::whole::Whole;
use crate::damage::Damaged;
use crate::rules::LEDGER_DAYS;
use crate::{Damage, Journals, KeySource, MasterKey};

/// For how long a day's ledger is kept after it was last written.
const LEDGER_KEPT: Duration = Duration::from_hours(24 * (LEDGER_DAYS as u64 + 1));

/// How many names are asked for at once.
const PAGE: usize = 1000;

/// What a [`RedisStore`] is opened with.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where it is.
    pub address: RedisAddress,
    /// Where its master key comes from. [`KeySource::Beside`] is refused: every node must have the same key, so none is
    /// generated.
    pub key: KeySource,
    /// How much of its journals is kept.
    pub journals: Journals,
    /// Whose clock leases are measured on.
    pub lease_clock: LeaseClock,
    /// What it is opened for.
    pub part: Part,
}

impl RedisOptions {
    /// The defaults for this address and key.
    pub fn new(address: RedisAddress, key: KeySource) -> Self {
        Self {
            address,
            key,
            journals: Journals::default(),
            lease_clock: LeaseClock::Server,
            part: Part::Node,
        }
    }
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To be one of its nodes: it hears of what the others store, and watches whether the store loses anything.
    Node,
    /// To do one thing.
    Tool,
}

/// Whose clock leases are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClock {
    /// That of Redis: the nodes' clocks may differ.
    Server,
    /// The time that each claim states ([`Claim::at`]), for tests that drive time.
    Claims,
}

/// A [`Store`] and [`Directory`] in Redis or Valkey, with secrets and tokens sealed, shared by any number of nodes.
///
/// Reconnects by itself: while Redis is away, methods return errors after some seconds at most. What was acknowledged is
/// as durable as Redis was set up to make it; [`RedisStore::wanting`] says where that is less than it should be.
pub struct RedisStore {
    link: Arc<Link>,
    layout: Layout,
    whole: Arc<Whole>,
    /// Where the master key came from.
    key: KeySource,
    session_key: Zeroizing<[u8; 32]>,
    bounds: Journals,
    lease_clock: LeaseClock,
    node: NodeId,
    /// What is not as it should be.
    wanting: Vec<Wanting>,
    /// The highest fencing number that was given out or seen here.
    highest_fence: AtomicU64,
    keepsake: Mutex<Keepsake>,
    damaged: Damaged,
    ahead: Arc<Ahead>,
    changes: tokio::sync::Mutex<mpsc::Receiver<Change>>,
    listener: Option<JoinHandle<()>>,
    watch: Option<JoinHandle<()>>,
}

impl RedisStore {
    /// Connects, looks whether this Redis can be relied on, and founds the store in it if there is none.
    ///
    /// # Errors
    /// It cannot be reached or does not let us in; it is too old, may throw keys away, or holds another program's data or
    /// a newer version's; the master key is missing or another one. Each says so, and what to do.
    pub async fn open(options: RedisOptions) -> Result<Self, StoreError> {
        let RedisOptions { address, key, journals, lease_clock, part } = options;
        let link = Arc::new(Link::new(&address)?);
        let layout = Layout::new(&address.prefix);
        let wanting = open::inspect(&link, &layout).await?;
        let foundation = match foundation::find(&link, &layout, &key, true).await? {
            Found::Whole(foundation) => *foundation,
            Found::Nothing | Found::First => return Err(foundation::gone(&link)),
        };
        let digits = u64::from_le_bytes(crate::keys::random()?);
        let node = NodeId::new(&format!("node-{}-{digits:016x}", std::process::id()));
        let own = node.as_str().to_owned();
        let (teller, changes) = changes::queue();
        let ahead = Arc::<Ahead>::default();
        let is_node = part == Part::Node;
        let listener = is_node.then(|| {
            let ahead = Arc::clone(&ahead);
            let heard = changes::Heard { channel: layout.changes(), own, ahead };
            changes::listen(Arc::clone(&link), heard, teller.clone())
        });
        let session_key = foundation.session_key();
        let whole = Whole::new(Arc::clone(&link), layout.clone(), foundation, teller);
        let whole = Arc::new(whole);
        let watch = is_node.then(|| whole::watch(Arc::clone(&whole)));
        Ok(Self {
            link,
            layout,
            whole,
            key,
            session_key: Zeroizing::new(session_key),
            bounds: journals,
            lease_clock,
            node,
            wanting,
            highest_fence: AtomicU64::new(0),
            keepsake: Mutex::default(),
            damaged: Damaged::default(),
            ahead,
            changes: tokio::sync::Mutex::new(changes),
            listener,
            watch,
        })
    }

    /// Looks at everything that [`RedisStore::open`] looks at, and founds nothing. What is not as it should be, but can be
    /// lived with.
    ///
    /// # Errors
    /// As of [`RedisStore::open`].
    pub async fn check(options: &RedisOptions) -> Result<Vec<Wanting>, StoreError> {
        let link = Arc::new(Link::new(&options.address)?);
        let layout = Layout::new(&options.address.prefix);
        let mut wanting = open::inspect(&link, &layout).await?;
        if let Found::First = foundation::find(&link, &layout, &options.key, false).await? {
            let name = link.name();
            wanting.push(Wanting {
                english: format!(
                    "the store {name} was written by an earlier Lingpai, and is brought to the present layout at the next start; as \
                     it is, it is kept beside it. Stop all nodes of that version first: they do not understand the new layout"
                ),
                chinese: format!(
                    "存储 {name} 由较早版本的 Lingpai 写入，下次启动时会改为现在的结构，原样会另外保留一份。请先停止该版本的所有节点：它们不认识新的结构"
                ),
            });
        }
        Ok(wanting)
    }

    /// What signs the sessions of people on every node: as secret as the master key, and nothing of that can be told from it.
    pub fn session_key(&self) -> [u8; 32] {
        *self.session_key
    }

    /// What is not as it should be with this Redis, for the operator: how durable it is.
    pub fn wanting(&self) -> &[Wanting] {
        &self.wanting
    }

    /// A name for this process as a node, which no other has.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Every account that can be used, and what is wrong with the others.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub async fn accounts_and_damage(&self) -> Result<(Vec<Account>, Vec<Damage>), StoreError> {
        directory::accounts(self).await
    }

    /// A number that differs after every change of an account, whichever node makes it: a cheap way to see whether the
    /// accounts are worth reading again.
    ///
    /// # Errors
    /// As of every method of [`Store`].
    pub async fn accounts_revision(&self) -> Result<i64, StoreError> {
        directory::revision(self).await
    }

    /// Gives the store another master key, while nodes use it: they hold the data key, which stays the same, and go on. From
    /// then on the store opens with the new key only. In one step; what was cut off before that is begun again by another call.
    /// How many values had to be sealed anew first.
    ///
    /// A key that came from a file is replaced in that file too. One that was given is for the caller to replace, who should
    /// have kept the new one safe before this call.
    ///
    /// # Errors
    /// A secret or token cannot be opened; or as of every method of [`Store`]. The store has its former key then, unless the
    /// error is [`StoreErrorKind::Unconfirmed`](lingpai_core::StoreErrorKind::Unconfirmed) or says that the new key waits
    /// beside its file.
    pub async fn rekey(&self, new: &MasterKey) -> Result<usize, StoreError> {
        rekey::rekey(self, new).await
    }

    /// Makes a store as the first layout had it, with what `fill` puts into it: for tests of how it is brought to the present one.
    ///
    /// # Errors
    /// As of [`RedisStore::open`], and those of `fill`.
    #[cfg(feature = "conformance")]
    pub async fn of_first_layout(
        options: RedisOptions,
        key: &MasterKey,
        fill: impl AsyncFnOnce(&Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let link = Link::new(&options.address)?;
        let layout = Layout::new(&options.address.prefix);
        foundation::found_as_first(&link, &layout, key).await?;
        let store = Self::open(options).await?;
        fill(&store).await?;
        drop(store);
        foundation::write_as_first(&link, &layout, key).await
    }

    /// Listens and watches no more. What was asked before has been answered.
    pub fn close(&self) {
        for task in [&self.listener, &self.watch].into_iter().flatten() {
            task.abort();
        }
    }

    /// Everything in a set, in pieces: one that is large must not make Redis stand still.
    async fn members(&self, key: String) -> Result<BTreeSet<String>, StoreError> {
        let mut members = BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = cmd("SSCAN");
            scan.arg(&key).arg(&cursor).arg("COUNT").arg(PAGE);
            let (next, some): (String, Vec<String>) =
                self.link.run(&scan, Repeat::Harmless).await?;
            members.extend(some);
            if next == "0" {
                return Ok(members);
            }
            cursor = next;
        }
    }

    /// What other nodes are told when this one has stored something.
    fn message(&self, credential: &CredentialId) -> String {
        format!("{} {credential}", self.node)
    }

    fn is_listed(&self, credential: &CredentialId) -> bool {
        self.whole.listed().contains(credential)
    }

    fn note_listed(&self, credentials: &[CredentialId]) {
        self.whole.listed().extend(credentials.iter().cloned());
    }

    fn keepsake(&self) -> MutexGuard<'_, Keepsake> {
        self.keepsake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        credentials::load(self).await
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        credentials::read(self, credential).await
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        credentials::begin(self, &claim).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        credentials::commit(self, &commit).await
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        credentials::abandon(self, lease, failure).await
    }

    async fn confirm(
        &self,
        credential: &CredentialId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        credentials::confirm(self, credential, generation).await
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        stream::count(self, account, day, &entry, times).await
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        stream::ledger(self, account, day).await
    }

    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        stream::append(self, series, lines).await
    }

    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        stream::page(self, series, account, page, limit).await
    }

    async fn changed(&self) -> Change {
        match self.changes.lock().await.recv().await {
            Some(change) => change,
            // Cannot be: the store itself holds a sender.
            None => std::future::pending().await,
        }
    }

    async fn meet(&self, own: &Presence, at: Timestamp) -> Result<Option<Vec<Peer>>, StoreError> {
        presence::meet(self, own, at).await.map(Some)
    }

    async fn leave(&self, node: &NodeId) -> Result<(), StoreError> {
        presence::leave(self, node).await
    }
}

#[async_trait]
impl Directory for RedisStore {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.accounts_and_damage().await?.0)
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        let (found, damage) = directory::accounts_of(self, vec![account.clone()]).await?;
        crate::damage::refuse_damage(&damage)?;
        Ok(found.into_iter().next())
    }

    async fn put_account(
        &self,
        account: &Account,
        before: Option<&Account>,
    ) -> Result<(), StoreError> {
        directory::put_account(self, account, before).await
    }

    async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError> {
        directory::remove_account(self, account, None).await
    }

    async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError> {
        directory::remove_account(self, &account.id, Some(account)).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        directory::keys(self).await
    }

    fn damage(&self) -> Vec<Damage> {
        self.damaged.all()
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        directory::put_key(self, key).await
    }

    async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
        directory::first_use(self, key, at).await
    }
}

#[async_trait]
impl Outbox for RedisStore {
    async fn put_parcel_within(&self, parcel: &Parcel, most: usize) -> Result<Put, StoreError> {
        outbox::put(self, parcel, most).await
    }

    async fn take_due(&self, now: Timestamp, until: Timestamp) -> Result<Vec<Parcel>, StoreError> {
        outbox::take_due(self, now, until).await
    }

    async fn set_delivery(
        &self,
        account: &AccountId,
        id: &str,
        delivery: &Delivery,
    ) -> Result<bool, StoreError> {
        outbox::set_delivery(self, account, id, delivery).await
    }

    async fn remove_parcel(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        outbox::remove(self, account, id).await
    }

    async fn parcels(&self, account: &AccountId, limit: usize) -> Result<Vec<Parcel>, StoreError> {
        outbox::parcels(self, account, limit).await
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("at", &self.link.name()).finish_non_exhaustive()
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.close();
    }
}
