//! Why a token source could not be made. Why it has no token is [`Unavailable`](crate::Unavailable).

use lingpai_core::{StoreError, id::InvalidName, proxy::InvalidProxy};
use thiserror::Error;

/// Why a token source could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The appid is not one.
    #[error(transparent)]
    Appid(#[from] InvalidName),
    /// The secret is empty.
    #[error(
        "the AppSecret is empty. Read it from the environment or a file, and check that it is there"
    )]
    SecretMissing,
    /// The way to WeChat cannot be set up.
    #[error(transparent)]
    Upstream(#[from] lingpai_wechat::Error),
    /// The proxy's URL is none.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}
