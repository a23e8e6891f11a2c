//! The seam to whoever keeps credentials that live on pushes: the tickets of third-party platforms and WeCom suites, and
//! their authorisations.

use async_trait::async_trait;
use lingpai_core::{AccountId, StoreError};
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
}

/// For whom a notice was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// For Lingpai alone.
    Kept,
    /// For the business too, or for it alone: it goes on to its URL.
    PassOn,
}
