//! A store that forgets everything when it is dropped.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lingpai_core::client::ApiKey;
use lingpai_core::journal::{Line, Page, Position, Series, Told};
use lingpai_core::outbox::{Delivery, MOST_DEAD, Parcel, Put};
use lingpai_core::store::{Begun, Claim, Commit, Committed, Entry, Lease, Ledger, Record};
use lingpai_core::{
    Account, AccountId, CredentialId, Day, Directory, Failure, Fence, Outbox, Store, StoreError,
    Timestamp, Token,
};

use crate::Journals;
use crate::rules::{self, LEDGER_DAYS, Refusal, Standing};

/// A [`Store`] and [`Directory`] in memory. Nodes that share it share the process; nothing survives that.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
    bounds: Journals,
}

impl MemoryStore {
    /// An empty store that keeps as much of its journals as the default bounds allow.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with these bounds on its journals.
    pub fn with_bounds(bounds: Journals) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// A number that differs after every change of an account: a cheap way to see whether the accounts are worth reading again.
    pub fn accounts_revision(&self) -> i64 {
        self.contents().accounts_revision
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        let contents = self.contents();
        Ok(contents.credentials.iter().map(|(id, kept)| kept.record(id)).collect())
    }

    async fn read(&self, credential: &CredentialId) -> Result<Option<Record>, StoreError> {
        Ok(self.contents().credentials.get(credential).map(|kept| kept.record(credential)))
    }

    async fn begin(&self, claim: Claim) -> Result<Begun, StoreError> {
        let mut contents = self.contents();
        let contents = &mut *contents;
        let kept = contents.credentials.entry(claim.credential.clone()).or_default();
        // A node in this process ends when the store does, so none is known to have ended.
        match kept.standing.refusal(&claim, |_| false) {
            Some(Refusal::Newer) => Ok(Begun::Newer(Box::new(kept.record(&claim.credential)))),
            Some(Refusal::Held { by, until }) => Ok(Begun::Held { by, until }),
            Some(Refusal::Unfinished(intent)) => Ok(Begun::Unfinished(intent)),
            None => {
                contents.last_fence.0 += 1;
                let day = Day::of(claim.at);
                let account = &claim.credential.account;
                let lines = contents.ledger.get(&(day, account.clone()));
                let lines = lines.into_iter().flatten().map(|(entry, n)| (entry.as_str(), *n));
                let counted = rules::usage(&claim.credential, day, lines);
                let lease = kept.standing.grant(&claim, contents.last_fence, None, counted);
                let usage = kept.standing.usage;
                if let Some(way) = claim.way {
                    let entry = Entry::Fetch(claim.credential.kind.clone(), way);
                    contents.count(account, day, &entry, 1);
                }
                Ok(Begun::Granted { lease, usage })
            }
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut contents = self.contents();
        let credential = &commit.lease.credential;
        match contents.credentials.get_mut(credential) {
            Some(kept) if !kept.standing.fences_off(&commit.lease) => {
                kept.standing.commit(&commit)?;
                let before = kept.token.take().and_then(|token| token.companion);
                let companion = commit.token.companion.clone().or(before);
                kept.token = Some(Token { companion, ..commit.token });
                Ok(Committed::Stored)
            }
            Some(kept) => Ok(Committed::Fenced(Box::new(kept.record(credential)))),
            None => Ok(Committed::Fenced(Box::new(Kept::default().record(credential)))),
        }
    }

    async fn abandon(&self, lease: &Lease, failure: &Failure) -> Result<(), StoreError> {
        if let Some(kept) = self.contents().credentials.get_mut(&lease.credential) {
            kept.standing.abandon(lease, failure);
        }
        Ok(())
    }

    async fn count(
        &self,
        account: &AccountId,
        day: Day,
        entry: Entry,
        times: u32,
    ) -> Result<(), StoreError> {
        self.contents().count(account, day, &entry, times);
        Ok(())
    }

    async fn ledger(&self, account: &AccountId, day: Day) -> Result<Ledger, StoreError> {
        Ok(self.contents().ledger.get(&(day, account.clone())).cloned().unwrap_or_default())
    }

    async fn append(&self, series: Series, lines: &[Line]) -> Result<(), StoreError> {
        let mut contents = self.contents();
        let Journal { lines: kept, last } = contents.journals.entry(series).or_default();
        for line in lines {
            *last += 1;
            let position = Position { major: *last, minor: 0 };
            kept.push_back(Told { position, what: line.clone() });
        }
        let Some(now) = lines.iter().map(|line| line.at).max() else { return Ok(()) };
        let bounds = self.bounds.of(series);
        let oldest = now - bounds.age;
        while kept.len() > bounds.count as usize
            || kept.front().is_some_and(|line| line.what.at < oldest)
        {
            kept.pop_front();
        }
        Ok(())
    }

    async fn page(
        &self,
        series: Series,
        account: Option<&AccountId>,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Told<Line>>, StoreError> {
        let contents = self.contents();
        let Some(Journal { lines, .. }) = contents.journals.get(&series) else { return Ok(vec![]) };
        let wanted = |line: &&Told<Line>| {
            account.is_none_or(|account| line.what.account.as_ref() == Some(account))
        };
        Ok(match page {
            Page::Newest => lines.iter().rev().filter(wanted).take(limit).cloned().collect(),
            Page::Before(end) => {
                let before = lines.iter().rev().skip_while(|line| line.position >= end);
                before.filter(wanted).take(limit).cloned().collect()
            }
            Page::After(start) => {
                let after = lines.iter().skip_while(|line| line.position <= start);
                after.filter(wanted).take(limit).cloned().collect()
            }
        })
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.contents().accounts.values().cloned().collect())
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.contents().accounts.get(account).cloned())
    }

    async fn put_account(
        &self,
        account: &Account,
        before: Option<&Account>,
    ) -> Result<(), StoreError> {
        let mut contents = self.contents();
        rules::may_replace(contents.accounts.get(&account.id), before, account)?;
        contents.accounts.insert(account.id.clone(), account.clone());
        contents.accounts_revision += 1;
        Ok(())
    }

    async fn remove_account(&self, account: &AccountId) -> Result<bool, StoreError> {
        Ok(self.contents().remove_account(account))
    }

    async fn remove_as_read(&self, account: &Account) -> Result<bool, StoreError> {
        let mut contents = self.contents();
        let Some(stored) = contents.accounts.get(&account.id) else { return Ok(false) };
        rules::may_remove(stored, account)?;
        Ok(contents.remove_account(&account.id))
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.contents().keys.values().cloned().collect())
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.contents().keys.insert(key.id.clone(), key.clone());
        Ok(())
    }

    async fn first_use(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut contents = self.contents();
        let unused = contents.keys.get_mut(key).filter(|key| key.first_used_at.is_none());
        Ok(unused.map(|key| key.first_used_at = Some(at)).is_some())
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn put_parcel_within(&self, parcel: &Parcel, most: usize) -> Result<Put, StoreError> {
        let mut contents = self.contents();
        let parcels = contents.outbox.entry(parcel.account.clone()).or_default();
        if parcels.iter().any(|kept| kept.id == parcel.id) {
            return Ok(Put::Known);
        }
        if parcels.len() >= most {
            return Ok(Put::Full);
        }
        parcels.push(parcel.clone());
        Ok(Put::Kept)
    }

    async fn take_due(&self, now: Timestamp, until: Timestamp) -> Result<Vec<Parcel>, StoreError> {
        let mut taken = Vec::new();
        for parcels in self.contents().outbox.values_mut() {
            let mut alive = parcels.iter_mut().filter(|parcel| parcel.delivery.due_at.is_some());
            if let Some(first) = alive.next()
                && first.delivery.due_at.is_some_and(|due_at| due_at <= now)
            {
                first.delivery.due_at = Some(until);
                taken.push(first.clone());
            }
        }
        Ok(taken)
    }

    async fn set_delivery(
        &self,
        account: &AccountId,
        id: &str,
        delivery: &Delivery,
    ) -> Result<bool, StoreError> {
        let mut contents = self.contents();
        let Some(parcels) = contents.outbox.get_mut(account) else { return Ok(false) };
        let Some(parcel) = parcels.iter_mut().find(|kept| kept.id == id) else { return Ok(false) };
        parcel.delivery = delivery.clone();
        let is_dead = |parcel: &Parcel| parcel.delivery.due_at.is_none();
        let dead = parcels.iter().filter(|parcel| is_dead(parcel)).count();
        let mut too_many = dead.saturating_sub(MOST_DEAD);
        parcels.retain(|parcel| {
            let goes = is_dead(parcel) && too_many > 0;
            too_many -= usize::from(goes);
            !goes
        });
        Ok(true)
    }

    async fn remove_parcel(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        let mut contents = self.contents();
        let Some(parcels) = contents.outbox.get_mut(account) else { return Ok(false) };
        let before = parcels.len();
        parcels.retain(|parcel| parcel.id != id);
        Ok(parcels.len() < before)
    }

    async fn parcels(&self, account: &AccountId, limit: usize) -> Result<Vec<Parcel>, StoreError> {
        let contents = self.contents();
        Ok(contents.outbox.get(account).into_iter().flatten().take(limit).cloned().collect())
    }
}

#[derive(Debug, Default)]
struct Contents {
    credentials: HashMap<CredentialId, Kept>,
    /// One row of numbers for all credentials: one that is removed and added again does not start over.
    last_fence: Fence,
    ledger: BTreeMap<(Day, AccountId), Ledger>,
    journals: HashMap<Series, Journal>,
    accounts: BTreeMap<AccountId, Account>,
    accounts_revision: i64,
    keys: BTreeMap<String, ApiKey>,
    outbox: BTreeMap<AccountId, Vec<Parcel>>,
}

#[derive(Debug, Default)]
struct Journal {
    lines: VecDeque<Told<Line>>,
    /// The number of the last line that there ever was.
    last: u64,
}

impl Contents {
    fn remove_account(&mut self, account: &AccountId) -> bool {
        self.credentials.retain(|credential, _| credential.account != *account);
        self.outbox.remove(account);
        self.accounts_revision += 1;
        self.accounts.remove(account).is_some()
    }

    fn count(&mut self, account: &AccountId, day: Day, entry: &Entry, times: u32) {
        let lines = self.ledger.entry((day, account.clone())).or_default();
        let line = lines.entry(entry.name()).or_default();
        *line = line.saturating_add(times);
        while let Some(first) = self.ledger.first_entry()
            && first.key().0.0 < day.0.saturating_sub(LEDGER_DAYS)
        {
            first.remove();
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    standing: Standing,
    token: Option<Token>,
}

impl Kept {
    fn record(&self, credential: &CredentialId) -> Record {
        self.standing.clone().record(credential.clone(), self.token.clone())
    }
}
