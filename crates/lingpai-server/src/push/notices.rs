//! The seam to whoever keeps credentials that live on pushes: the tickets of third-party platforms and WeCom suites, and
//! their authorisations.

use async_trait::async_trait;
use lingpai_core::outbox::Parcel;
use lingpai_core::{AccountId, Secret, StoreError};
use lingpai_wechat::push::Notice;

/// Takes notices about credentials.
#[async_trait]
pub trait Notices: Send + Sync + 'static {
    /// Takes a notice that came to the push URL of this account, verified. WeChat is told `success` when this returns, and
    /// forgets the notice: so it returns only when what matters is durable. It has four seconds. WeChat repeats notices, and
    /// they can come late and out of order: taking one twice must change nothing.
    ///
    /// # Errors
    /// It could not be made durable. WeChat is told so, and sends it again.
    async fn take(&self, account: &AccountId, notice: &Notice) -> Result<Taken, StoreError>;

    /// WeChat checks a platform before everybody may authorise it, and asks it to trade a code of this test account and to send
    /// the code, with `_from_api` behind it, to this openid ([`ReleaseCheck`](lingpai_wechat::push::ReleaseCheck)). False if
    /// nobody here can; otherwise it is done in the background.
    ///
    /// # Errors
    /// The code could not be stored.
    async fn prove(
        &self,
        of: (&AccountId, &AccountId),
        code: &Secret,
        openid: &str,
    ) -> Result<bool, StoreError> {
        let _ = (of, code, openid);
        Ok(false)
    }

    /// Goes on with one that it has stored among the pushes, under this id, and that has come to nothing. False if it has stored
    /// none of this id: then it is a push for the business.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn again(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        let _ = (account, id);
        Ok(false)
    }

    /// Whether it has stored this one among the pushes and nothing is left to do about it: it is not shown.
    fn is_settled(&self, parcel: &Parcel) -> bool {
        let _ = parcel;
        false
    }
}

/// For whom a notice was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// For Lingpai alone.
    Kept,
    /// For the business too, or for it alone: it goes on to its URL.
    PassOn,
}
