//! WeChat's wire: how its tokens are asked for, and what its errors mean.
//!
//! The engine in `lingpai-core` knows no WeChat; this crate gives it
//! [`Issuer`](lingpai_core::Issuer)s. It knows no storage, serves nothing, and retries nothing: the
//! engine does that, with the class that each failure carries.
//!
//! Where to start reading:
//! - [`WeChat`]: the entry point, an issuer for each account.
//! - [`wire`]: the HTTP below it: hosts and fail-over, deadlines, the
//!   [`Transport`](wire::Transport) seam for tests.
//! - [`catalogue`]: every error code, what it means to the engine and to a person, in English and
//!   Chinese.
//! - [`protocol`]: paths, hosts and times, as WeChat documents them.

mod access_token;
mod answer;
pub mod catalogue;
mod clean;
mod error;
pub mod protocol;
mod remedy;
pub mod wire;

pub use access_token::WeChat;
pub use error::Error;
