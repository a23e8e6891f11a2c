//! Changing an account so that nobody else's change is lost.
//!
//! Whoever changes an account reads it and puts all of it back, and so may another process in the same moment. The store
//! takes an account only in the place of the one that was read ([`Directory::put_account`]); whoever comes second makes his
//! change again, of what stands there by then.

use crate::account::Account;
use crate::id::AccountId;
use crate::store::{Directory, StoreError, StoreErrorKind};

/// How often a change is made again. Of those who change an account at once one is through each time, so this is the end of
/// nobody but the unluckiest of very many.
const ATTEMPTS: u32 = 64;

/// Changes an account, or adds it. `change` is given what stands in the store, none where there is nothing, and answers with
/// what is to stand there ([`Account::renewed`]); with none if all is to stay as it is. It is called again, with what stands
/// there by then, when another process has changed the account meanwhile: so it must decide from what it is given. What was put
/// is answered.
///
/// A dropped future may or may not have changed the account.
///
/// # Errors
/// Those of `change`; [`StoreErrorKind::Unavailable`] if others have changed the account again and again meanwhile; or as of
/// every method of [`Directory`]: an account that cannot be read cannot be changed.
pub async fn change_account<E: From<StoreError>>(
    directory: &dyn Directory,
    id: &AccountId,
    mut change: impl FnMut(Option<&Account>) -> Result<Option<Account>, E>,
) -> Result<Option<Account>, E> {
    for _ in 0..ATTEMPTS {
        let stored = directory.account(id).await?;
        let Some(account) = change(stored.as_ref())? else { return Ok(None) };
        match directory.put_account(&account, stored.as_ref()).await {
            Err(error) if error.kind == StoreErrorKind::Changed => {}
            outcome => return outcome.map(|()| Some(account)).map_err(E::from),
        }
    }
    let message = format!(
        "the account {id} was changed by others {ATTEMPTS} times while this change of it was being made, and it was not made. \
         Try again; if that does not help, find out who changes it all the time: `lingpai audit` tells"
    );
    let chinese = format!(
        "修改账号 {id} 期间，其他进程连续 {ATTEMPTS} 次改动了它，因此本次修改没有完成。请重试；如果仍然不行，请查明是谁在不断修改它：\
         `lingpai audit`"
    );
    Err(StoreError::new(StoreErrorKind::Unavailable, message).in_chinese(chinese).into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::client::ApiKey;
    use crate::secret::Secret;
    use crate::time::Timestamp;

    /// A directory with one account, of which every put comes too late.
    #[derive(Default)]
    struct Contested(AtomicU32);

    #[async_trait]
    impl Directory for Contested {
        async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
            Ok(Vec::new())
        }

        async fn account(&self, account: &AccountId) -> Result<Option<Account>, StoreError> {
            let at = Timestamp::from_millis(self.0.load(Ordering::Relaxed).into());
            Ok(Some(Account::new(account.clone(), Secret::from("a"), at)))
        }

        async fn put_account(
            &self,
            account: &Account,
            before: Option<&Account>,
        ) -> Result<(), StoreError> {
            let at = Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed).into());
            assert_eq!(before.unwrap().updated_at, at, "it was read anew");
            assert_eq!(account.secret, Secret::from("b"));
            Err(StoreError::new(StoreErrorKind::Changed, "too late"))
        }

        async fn remove_account(&self, _: &AccountId) -> Result<bool, StoreError> {
            Ok(false)
        }

        async fn remove_as_read(&self, _: &Account) -> Result<bool, StoreError> {
            Ok(false)
        }

        async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
            Ok(Vec::new())
        }

        async fn put_key(&self, _: &ApiKey) -> Result<(), StoreError> {
            Ok(())
        }

        async fn first_use(&self, _: &str, _: Timestamp) -> Result<bool, StoreError> {
            Ok(false)
        }
    }

    #[tokio::test]
    async fn a_change_that_comes_too_late_again_and_again_ends_with_an_error_in_both_languages() {
        let directory = Contested::default();
        let id = "wx1".parse().unwrap();
        let mut asked = 0;
        let changed = change_account::<StoreError>(&directory, &id, |stored| {
            asked += 1;
            Ok(stored.map(|stored| Account { secret: Secret::from("b"), ..stored.clone() }))
        });
        let error = changed.await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("the account wx1 was changed by others 64 times"));
        assert!(error.chinese().unwrap().contains("账号 wx1"));
        assert_eq!((asked, directory.0.into_inner()), (ATTEMPTS, ATTEMPTS));
    }

    #[tokio::test]
    async fn who_wants_no_change_puts_nothing() {
        let directory = Contested::default();
        let id = "wx1".parse().unwrap();
        let changed = change_account::<StoreError>(&directory, &id, |_| Ok(None)).await.unwrap();
        assert_eq!((changed, directory.0.into_inner()), (None, 0));
    }
}
