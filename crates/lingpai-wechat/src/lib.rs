//! WeChat's wire: how its tokens are asked for, and what its errors mean.
//!
//! The engine in `lingpai-core` knows no WeChat; this crate gives it
//! [`Issuer`](lingpai_core::Issuer)s. It knows no storage, serves nothing, and retries nothing: the
//! engine does that, with the class that each failure carries.
//!
//! Where to start reading:
//! - [`WeChat`]: the entry point, an issuer for each account.
//! - `issuers/`: one file for each kind of credential.
//! - [`kinds`]: the list of them, each declared beside its issuer: who has it, who may see it, how calls carry it.
//! - [`sign`] and [`page`]: what is done with tickets.
//! - [`wire`]: the HTTP below it: hosts and fail-over, deadlines, the
//!   [`Transport`](wire::Transport) seam for tests.
//! - [`catalogue`]: every error code, what it means to the engine and to a person, in English and
//!   Chinese.
//! - [`push`]: what WeChat sends by itself: signatures, encryption, envelopes, and the notices about credentials.
//! - [`api_security`]: calls and answers that are signed and encrypted (API 安全).
//! - [`protocol`]: paths, hosts and times, as WeChat documents them.

mod answer;
pub mod api_security;
pub mod catalogue;
mod clean;
mod error;
mod issuers;
pub mod kinds;
pub mod page;
pub mod protocol;
pub mod push;
mod remedy;
pub mod sign;
pub mod wire;

pub use answer::accepted;
pub use error::Error;
pub use issuers::invitation::{Device, Invitation, Offered};
pub use issuers::platform::{Authorized, Authorizers, Listed};
pub use issuers::suite::CorpAuthorization;
pub use issuers::ticket::{Ticket, UnknownTicket};
pub use issuers::{Find, Quota, WeChat};
