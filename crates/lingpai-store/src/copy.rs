//! All of one store into another, whatever their kinds.
//!
//! What is to stand in the target is decided record by record, from what stands in both ([`settle`]). Only what differs is
//! written, so a copy that was broken off goes on where it ended, and one that is complete writes nothing. At the end both are
//! read and decided on again: then nothing may be left to write.

mod settle;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use lingpai_core::client::ApiKey;
use lingpai_core::journal::{Line, Page, Series, Told};
use lingpai_core::outbox::{Parcel, Put};
use lingpai_core::store::Ledger;
use lingpai_core::{
    Account, AccountId, CredentialId, Day, StoreError, StoreErrorKind, Timestamp, change_account,
};
use tokio::task::JoinSet;

use crate::archive::{Archive, Kept};
use crate::damage::refuse_damaged;

/// How many writes are under way at once: a file flushes them together.
const AT_ONCE: usize = 64;

/// How many lines of a journal are written in one step.
const EVENTS: usize = 500;

/// How a copy is made.
#[derive(Clone, Copy, Debug)]
pub struct Copying {
    /// The present day, the last of which there can be a ledger.
    pub today: Day,
    /// The target may hold what the source does not. Of two that differ the later one stays.
    pub merge: bool,
    /// Other processes may use source and target meanwhile. What they change may be found to differ at the end.
    pub while_running: bool,
    /// Both are compared at the end. Not for a picture of a source that goes on changing.
    pub compare: bool,
}

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Accounts, and which were removed.
    Accounts,
    /// API keys.
    Keys,
    /// Tokens, with their generations, fencing numbers and unfinished fetches.
    Credentials,
    /// What was counted by day.
    Ledgers,
    /// Pushes that wait for a business, and those that were given up; by account.
    Pushes,
    /// What happened, with the fingerprints of issued tokens.
    Events,
    /// Both stores once more, to be compared.
    Comparing,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Far {
    /// With what.
    pub section: Section,
    /// How many are done.
    pub done: usize,
    /// Of how many.
    pub total: usize,
}

/// How many there are, and how many of them had to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// In the source.
    pub there: usize,
    /// Written to the target now.
    pub written: usize,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Accounts, and which were removed.
    pub accounts: Written,
    /// API keys, revoked ones too.
    pub keys: Written,
    /// Tokens.
    pub credentials: Written,
    /// Days of accounts on which something was counted.
    pub ledgers: Written,
    /// Pushes that the businesses have not taken.
    pub pushes: Written,
    /// Events, and records of the audit trail.
    pub events: Written,
}

/// Copies all of `from` into `to`, and compares both at the end if that is wanted. `tell` hears how far it is.
///
/// Generations and fencing numbers never go back. Leases are not copied, nor is anything that is a store's own: its master key,
/// its layout. May be broken off at any moment and begun again.
///
/// # Errors
/// Both are the same; other processes use one of them; the target holds other data, unless it is to be merged; a record cannot
/// be read; both differ at the end; or as of every method of [`lingpai_core::Store`]. What was written stays.
pub async fn copy(
    from: &Arc<dyn Archive>,
    to: &Arc<dyn Archive>,
    how: Copying,
    tell: &mut (dyn FnMut(Far) + Send),
) -> Result<Copied, StoreError> {
    if from.called() == to.called() {
        return Err(invalid("source and target are the same store"));
    }
    if !how.while_running {
        for store in [from, to] {
            refuse_used(store).await?;
        }
    }
    let (source, target) = (State::read(&**from).await?, State::read(&**to).await?);
    if !how.merge {
        source.refuse_other_data(&target, &to.called())?;
    }
    let mut copied = Copied::default();
    let steps = Steps::between(&source, &target, &**to);

    let accounts = source.accounts.len() + source.removed.len();
    copied.accounts = Written { there: accounts, written: steps.accounts.len() };
    each(to, Section::Accounts, steps.accounts, tell, |store, step| async move {
        match step {
            AccountStep::Put(account) => {
                // Decided again, should another process have changed it since.
                let wins = |stands: Option<&Account>| {
                    Ok(settle::account(&account, stands, None).then(|| Account::clone(&account)))
                };
                change_account::<StoreError>(&*store, &account.id, wins).await.map(drop)
            }
            AccountStep::Bury(id, at) => store.bury(&id, at).await,
        }
    })
    .await?;
    copied.keys = Written { there: source.keys.len(), written: steps.keys.len() };
    each(
        to,
        Section::Keys,
        steps.keys,
        tell,
        |store, key| async move { store.put_key(&key).await },
    )
    .await?;
    copied.credentials = Written { there: source.kept.len(), written: steps.kept.len() };
    each(to, Section::Credentials, steps.kept, tell, |store, kept| async move {
        store.keep(&kept).await
    })
    .await?;

    let ledgers = ledgers(&**from, &**to, how.today).await?;
    copied.ledgers = Written { there: ledgers.there, written: ledgers.steps.len() };
    each(to, Section::Ledgers, ledgers.steps, tell, |store, (id, day, lines)| async move {
        store.raise_ledger(&id, day, &lines).await
    })
    .await?;
    copied.pushes = pushes(&**from, &**to, how, tell).await?;
    copied.events = events(&**from, &**to, tell).await?;
    if how.compare {
        compare(from, to, how, tell).await?;
    }
    Ok(copied)
}

async fn refuse_used(store: &Arc<dyn Archive>) -> Result<(), StoreError> {
    let others = store.others().await?;
    if others == 0 {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "{others} other process(es) use the store {}: what they change during the copy would be missing from it, or be \
             overwritten. Stop them first (`lingpai serve`)",
            store.called()
        ),
    ))
}

/// All of a store but what was counted and told.
struct State {
    accounts: BTreeMap<AccountId, Account>,
    removed: BTreeMap<AccountId, Timestamp>,
    keys: BTreeMap<String, ApiKey>,
    kept: BTreeMap<CredentialId, Kept>,
}

impl State {
    async fn read(store: &dyn Archive) -> Result<Self, StoreError> {
        let accounts = store.accounts().await?.into_iter();
        let keys = store.keys().await?.into_iter();
        // They are left out where they are read.
        refuse_damaged(&store.called(), &store.damage())?;
        let kept = store.kept().await?.into_iter();
        Ok(Self {
            accounts: accounts.map(|account| (account.id.clone(), account)).collect(),
            removed: store.removed().await?.into_iter().collect(),
            keys: keys.map(|key| (key.id.clone(), key)).collect(),
            kept: kept.map(|kept| (kept.record.credential.clone(), kept)).collect(),
        })
    }

    /// A copy that was broken off has left nothing that does not stand in the source in the same way.
    fn refuse_other_data(&self, target: &Self, called: &str) -> Result<(), StoreError> {
        let accounts = target.accounts.iter().filter(|(id, it)| self.accounts.get(id) != Some(it));
        let keys = target.keys.iter().filter(|(id, it)| self.keys.get(*id) != Some(it));
        let is_other = |(id, it): &(&CredentialId, &Kept)| {
            self.kept.get(id).is_none_or(|kept| kept.record != it.record)
        };
        let kept = target.kept.iter().filter(is_other);
        let (accounts, keys, kept) = (accounts.count(), keys.count(), kept.count());
        if accounts + keys + kept == 0 {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!(
                "the store {called} holds other data than the source: {accounts} account(s), {keys} API key(s) and {kept} \
                 token(s). Nothing was written. Choose an empty store, or merge both: of two that differ the later one stays"
            ),
        )
        .in_chinese(format!(
            "存储 {called} 中有来源没有的数据：{accounts} 个账号，{keys} 个 API 密钥，{kept} 个凭据。没有写入任何内容。请选一个空的存储，\
             或合并两者：内容不同的，保留较晚的"
        )))
    }
}

/// What is to be done to accounts.
enum AccountStep {
    Put(Box<Account>),
    Bury(AccountId, Timestamp),
}

/// What is to be written.
struct Steps {
    accounts: Vec<AccountStep>,
    keys: Vec<ApiKey>,
    kept: Vec<Kept>,
}

impl Steps {
    fn between(source: &State, target: &State, to: &dyn Archive) -> Self {
        let mut accounts = Vec::new();
        for (id, account) in &source.accounts {
            let stands = target.accounts.get(id);
            if settle::account(account, stands, target.removed.get(id)) {
                accounts.push(AccountStep::Put(Box::new(account.clone())));
            }
        }
        for (id, at) in &source.removed {
            let is_known = target.removed.contains_key(id) || !to.remembers_removed();
            if settle::removed(*at, target.accounts.get(id), is_known) {
                accounts.push(AccountStep::Bury(id.clone(), *at));
            }
        }
        let keys = source.keys.iter();
        let keys = keys.filter_map(|(id, key)| settle::key(key, target.keys.get(id)));
        let kept = source.kept.iter();
        let kept = kept.filter_map(|(id, kept)| settle::kept(kept, target.kept.get(id)));
        Self { accounts, keys: keys.collect(), kept: kept.collect() }
    }
}

struct Ledgers {
    there: usize,
    steps: Vec<(AccountId, Day, Ledger)>,
}

async fn ledgers(from: &dyn Archive, to: &dyn Archive, today: Day) -> Result<Ledgers, StoreError> {
    let all = from.ledgers(today).await?;
    let there = all.len();
    let mut steps = Vec::new();
    for (id, day) in all {
        let (lines, stands) = (from.ledger(&id, day).await?, to.ledger(&id, day).await?);
        let lower =
            |(entry, times): &(&String, &u32)| stands.get(*entry).is_none_or(|is| is < times);
        if lines.iter().any(|line| lower(&line)) {
            steps.push((id, day, lines));
        }
    }
    Ok(Ledgers { there, steps })
}

async fn pushes(
    from: &dyn Archive,
    to: &dyn Archive,
    how: Copying,
    tell: &mut (dyn FnMut(Far) + Send),
) -> Result<Written, StoreError> {
    let (section, outboxes) = (Section::Pushes, from.outboxes().await?);
    let (mut written, total) = (Written::default(), outboxes.len());
    tell(Far { section, done: 0, total });
    for (number, (id, count)) in outboxes.into_iter().enumerate() {
        written.there += count;
        // One after the other: they are to wait in the target in the same order.
        for parcel in missing_pushes(from, to, &id, count, how).await? {
            match to.put_parcel(&parcel).await? {
                Put::Kept => written.written += 1,
                Put::Known => {}
                Put::Full => {
                    return Err(invalid(&format!(
                        "the store {} has no room for more pushes of {id}. Have its business take some of them first",
                        to.called()
                    )));
                }
            }
        }
        tell(Far { section, done: number + 1, total });
    }
    Ok(written)
}

/// The parcels of an account, `count` in all, that are not in the target.
async fn missing_pushes(
    from: &dyn Archive,
    to: &dyn Archive,
    id: &AccountId,
    count: usize,
    how: Copying,
) -> Result<Vec<Parcel>, StoreError> {
    let mut parcels = from.parcels(id, usize::MAX).await?;
    // While others use it, some may just have been delivered.
    if parcels.len() < count && !how.while_running {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "{} push(es) of {id} in the store {} cannot be read; the log says why. Remove them (lingpai pushes remove), and \
                 run it again: it goes on from here",
                count - parcels.len(),
                from.called()
            ),
        ));
    }
    let stands: HashSet<String> =
        to.parcels(id, usize::MAX).await?.into_iter().map(|parcel| parcel.id).collect();
    parcels.retain(|parcel| !stands.contains(&parcel.id));
    Ok(parcels)
}

async fn events(
    from: &dyn Archive,
    to: &dyn Archive,
    tell: &mut (dyn FnMut(Far) + Send),
) -> Result<Written, StoreError> {
    let mut written = Written { there: 0, written: 0 };
    for series in Series::ALL {
        let (there, missing) = missing_lines(from, to, series).await?;
        let total = missing.len();
        for (number, some) in missing.chunks(EVENTS).enumerate() {
            to.append(series, some).await?;
            let done = (number + 1) * EVENTS;
            tell(Far { section: Section::Events, done: done.min(total), total });
        }
        written.there += there;
        written.written += total;
    }
    Ok(written)
}

/// How many lines a journal of the source has, and those that the target lacks, the oldest first.
async fn missing_lines(
    from: &dyn Archive,
    to: &dyn Archive,
    series: Series,
) -> Result<(usize, Vec<Line>), StoreError> {
    let all = from.page(series, None, Page::Newest, usize::MAX).await?;
    let stands = to.page(series, None, Page::Newest, usize::MAX).await?;
    let there = all.len();
    let lines =
        |told: Vec<Told<Line>>| -> Vec<Line> { told.into_iter().map(|told| told.what).collect() };
    Ok((there, settle::lines(lines(all), &lines(stands))))
}

/// Reads both once more, opened with the key of each: nothing may be left to write.
async fn compare(
    from: &Arc<dyn Archive>,
    to: &Arc<dyn Archive>,
    how: Copying,
    tell: &mut (dyn FnMut(Far) + Send),
) -> Result<(), StoreError> {
    let section = Section::Comparing;
    tell(Far { section, done: 0, total: 4 });
    let (source, target) = (State::read(&**from).await?, State::read(&**to).await?);
    let left = Steps::between(&source, &target, &**to);
    tell(Far { section, done: 1, total: 4 });
    let ledgers = ledgers(&**from, &**to, how.today).await?.steps.len();
    tell(Far { section, done: 2, total: 4 });
    let mut pushes = 0;
    for (id, count) in from.outboxes().await? {
        pushes += missing_pushes(&**from, &**to, &id, count, how).await?.len();
    }
    tell(Far { section, done: 3, total: 4 });
    let mut events = 0;
    for series in Series::ALL {
        events += missing_lines(&**from, &**to, series).await?.1.len();
    }
    tell(Far { section, done: 4, total: 4 });
    let (accounts, keys, kept) = (left.accounts.len(), left.keys.len(), left.kept.len());
    if accounts + keys + kept + ledgers + pushes + events == 0 {
        return Ok(());
    }
    let why = match how.while_running {
        true => {
            "Other processes may have changed them meanwhile. Stop those and run it again: it goes on from here"
        }
        false => {
            "Run it again; if they still differ, this is an error in the program: please report it"
        }
    };
    Err(StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "after the copy {} and {} differ in {accounts} account(s), {keys} API key(s), {kept} token(s), {ledgers} day(s) \
             of the ledger, {pushes} push(es) and {events} event(s). {why}",
            from.called(),
            to.called()
        ),
    ))
}

/// Does something with each, several at once.
pub(crate) async fn each<T: Send + 'static, F>(
    to: &Arc<dyn Archive>,
    section: Section,
    all: Vec<T>,
    tell: &mut (dyn FnMut(Far) + Send),
    deed: impl Fn(Arc<dyn Archive>, T) -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let total = all.len();
    let mut all = all.into_iter();
    let mut under_way = JoinSet::new();
    let mut done = 0;
    tell(Far { section, done, total });
    loop {
        while under_way.len() < AT_ONCE
            && let Some(one) = all.next()
        {
            under_way.spawn(deed(Arc::clone(to), one));
        }
        let Some(outcome) = under_way.join_next().await else { return Ok(()) };
        outcome.map_err(|error| {
            let message = "the copy was broken off, since the program is ending";
            StoreError::new(StoreErrorKind::Unavailable, message).caused_by(error)
        })??;
        done += 1;
        tell(Far { section, done, total });
    }
}

fn invalid(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, message)
}
