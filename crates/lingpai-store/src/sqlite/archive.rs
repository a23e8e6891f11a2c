//! A file as an archive.

use async_trait::async_trait;
use lingpai_core::store::Ledger;
use lingpai_core::{AccountId, Day, StoreError, Timestamp};

use super::trouble::Trouble;
use super::{Database, SqliteStore, credentials, directory, outbox, stream};
use crate::archive::{Archive, Kept};
use crate::damage::refuse_newer;

#[async_trait]
impl Archive for SqliteStore {
    fn called(&self) -> String {
        // By its real name, since it may be named in several ways.
        let real = self.path.canonicalize().unwrap_or_else(|_| self.path.to_path_buf());
        format!("sqlite:{}", real.display())
    }

    async fn others(&self) -> Result<usize, StoreError> {
        let others = |database: &Database| database.node.others(&database.connection);
        self.writer.ask(others).await
    }

    async fn removed(&self) -> Result<Vec<(AccountId, Timestamp)>, StoreError> {
        Ok(Vec::new())
    }

    fn remembers_removed(&self) -> bool {
        false
    }

    async fn bury(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
        let account = account.clone();
        let bury = move |database: &Database| -> Result<(), Trouble> {
            let (stored, damaged) = directory::accounts_of_name(database, &account)?;
            refuse_newer(&damaged)?;
            if stored.iter().any(|stored| stored.updated_at > at) {
                return Ok(());
            }
            directory::remove_account(database, &account)?;
            directory::accounts_changed(database)
        };
        self.writer.ask(bury).await
    }

    async fn kept(&self) -> Result<Vec<Kept>, StoreError> {
        self.reader.ask(credentials::kept).await
    }

    async fn keep(&self, kept: &Kept) -> Result<(), StoreError> {
        let kept = kept.clone();
        self.writer.ask(move |database| credentials::keep(database, &kept)).await
    }

    async fn ledgers(&self, _: Day) -> Result<Vec<(AccountId, Day)>, StoreError> {
        self.reader.ask(stream::ledgers).await
    }

    async fn raise_ledger(
        &self,
        account: &AccountId,
        day: Day,
        ledger: &Ledger,
    ) -> Result<(), StoreError> {
        let (account, ledger) = (account.clone(), ledger.clone());
        let raise = move |database: &Database| -> Result<(), Trouble> {
            stream::raise_ledger(database, &account, day, &ledger)
        };
        self.writer.ask(raise).await
    }

    async fn outboxes(&self) -> Result<Vec<(AccountId, usize)>, StoreError> {
        self.reader.ask(outbox::counts).await
    }
}
