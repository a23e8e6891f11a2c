//! A Redis as an archive.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use lingpai_core::store::{Ledger, Record};
use lingpai_core::{AccountId, Day, Directory, Fence, StoreError, Timestamp};
use redis::{Cmd, cmd};

use super::fields::Fields;
use super::link::Repeat;
use super::{LEDGER_KEPT, RedisStore, credentials, directory, foundation, script};
use crate::archive::{Archive, Kept};
use crate::rules::LEDGER_DAYS;

#[async_trait]
impl Archive for RedisStore {
    fn called(&self) -> String {
        // Several stores fit into one Redis.
        format!("{}?prefix={}", self.link.name(), self.layout.prefix())
    }

    async fn others(&self) -> Result<usize, StoreError> {
        let listening = foundation::listeners(&self.link, &self.layout).await?;
        Ok(listening.saturating_sub(usize::from(self.listener.is_some())))
    }

    async fn removed(&self) -> Result<Vec<(AccountId, Timestamp)>, StoreError> {
        let ids: Vec<AccountId> = self.account_ids().await?;
        let keys: Vec<_> = ids.iter().map(|id| self.layout.account(id)).collect();
        let found: Vec<HashMap<String, Vec<u8>>> =
            self.link.run_all(keys.iter().map(Cmd::hgetall).collect()).await?;
        let mut removed = Vec::new();
        for ((id, key), values) in ids.into_iter().zip(&keys).zip(found) {
            let at = Fields::new(key, values).time("removed_at")?;
            removed.extend(at.map(|at| (id, at)));
        }
        Ok(removed)
    }

    fn remembers_removed(&self) -> bool {
        true
    }

    async fn bury(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
        match directory::read_one(self, account).await?.0 {
            Some(stored) if stored.updated_at > at => return Ok(()),
            stored => directory::remove_account(self, account, stored.as_ref()).await?,
        };
        directory::put_tombstone(self, account, at).await
    }

    async fn kept(&self) -> Result<Vec<Kept>, StoreError> {
        let records = credentials::load(self).await?;
        let fence = |kept: &Record| {
            let mut get = cmd("HGET");
            get.arg(self.layout.credential(&kept.credential)).arg("fence");
            get
        };
        let fences: Vec<Option<u64>> =
            self.link.run_all(records.iter().map(fence).collect()).await?;
        let kept = records.into_iter().zip(fences);
        Ok(kept
            .map(|(record, fence)| Kept { record, fence: Fence(fence.unwrap_or_default()) })
            .collect())
    }

    async fn keep(&self, kept: &Kept) -> Result<(), StoreError> {
        credentials::keep(self, kept).await
    }

    async fn ledgers(&self, today: Day) -> Result<Vec<(AccountId, Day)>, StoreError> {
        let mut ids = self.known_ids().await?;
        // Clients have one too, under the ids of their keys.
        let keys = self.keys().await?;
        ids.extend(keys.iter().filter_map(|key| key.id.parse::<AccountId>().ok()));
        let days = || (today.0.saturating_sub(LEDGER_DAYS)..=today.0.saturating_add(1)).map(Day);
        let all: Vec<_> =
            ids.into_iter().flat_map(|id| days().map(move |day| (id.clone(), day))).collect();
        let exists = |(id, day): &(AccountId, Day)| {
            let mut exists = cmd("EXISTS");
            exists.arg(self.layout.ledger(id, *day));
            exists
        };
        let found: Vec<i64> = self.link.run_all(all.iter().map(exists).collect()).await?;
        let there = all.into_iter().zip(found).filter(|(_, found)| *found == 1);
        Ok(there.map(|(which, _)| which).collect())
    }

    async fn raise_ledger(
        &self,
        account: &AccountId,
        day: Day,
        ledger: &Ledger,
    ) -> Result<(), StoreError> {
        // Listed, so that it is found again, whether there is such an account or not.
        let mut list = cmd("SADD");
        list.arg(self.layout.accounts()).arg(account.as_str());
        let _: i64 = self.link.run(&list, Repeat::Harmless).await?;
        let mut call = script::raise([self.layout.ledger(account, day)]).arg(LEDGER_KEPT.as_secs());
        for (entry, times) in ledger {
            call = call.arg(entry).arg(*times);
        }
        self.link.call::<i64>(&call, Repeat::Harmless).await.map(drop)
    }

    async fn outboxes(&self) -> Result<Vec<(AccountId, usize)>, StoreError> {
        let mut ids = self.known_ids().await?;
        // Only those with parcels that wait are listed there, and the others need not have a credential.
        let listed = self.members(self.layout.outboxes()).await?;
        ids.extend(listed.iter().filter_map(|name| name.parse::<AccountId>().ok()));
        let sets = ids.iter().flat_map(|id| {
            let [_, waiting, dead] = self.layout.outbox(id);
            [waiting, dead]
        });
        let counts: Vec<usize> = self.link.run_all(sets.map(Cmd::zcard).collect()).await?;
        let counts = counts.chunks(2).map(|of_one| of_one.iter().sum());
        Ok(ids.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect())
    }
}

impl RedisStore {
    /// The accounts, removed ones too, and whoever has a credential.
    async fn known_ids(&self) -> Result<BTreeSet<AccountId>, StoreError> {
        let mut ids: BTreeSet<AccountId> = self.account_ids().await?.into_iter().collect();
        let credentials = self.members(self.layout.credentials()).await?;
        let credentials = credentials.iter().filter_map(|name| credentials::parse(name));
        ids.extend(credentials.map(|id| id.account));
        Ok(ids)
    }

    /// The names of all accounts, removed ones too.
    async fn account_ids(&self) -> Result<Vec<AccountId>, StoreError> {
        let names = self.members(self.layout.accounts()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}
