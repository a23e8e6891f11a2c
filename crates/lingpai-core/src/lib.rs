//! What a credential is and how it stays fresh.
//!
//! This is the floor that everything else in Lingpai stands on. It knows no HTTP, no SQL and no WeChat: upstreams come in
//! through the [`Issuer`] trait, durable storage through [`Store`] and [`Directory`], time through [`Clock`].
//!
//! Where to start reading:
//! - [`rotation`]: the pure state machine that decides when to rotate, how, and what may be served meanwhile. Every rule
//!   of the engine is there and is tested there.
//! - [`keeper`]: the thin asynchronous shell around it, one per credential: an atomic read, a single flight.
//! - [`registry`]: all keepers, and the one scheduler that wakes them.

pub mod account;
pub mod api_security;
pub mod audit;
pub mod bounds;
mod cell;
mod change;
pub mod client;
pub mod clock;
pub mod delays;
pub mod domain;
pub mod environment;
pub mod event;
pub mod failure;
mod flight;
mod follow;
pub mod id;
pub mod issuer;
pub mod journal;
pub mod keeper;
pub mod mark;
pub mod measures;
pub mod network;
pub mod outbox;
pub mod parent;
pub mod peers;
pub mod policy;
pub mod preset;
pub mod proxy;
pub mod push;
mod recorder;
pub mod registry;
pub mod rotation;
mod scheduler;
mod secret;
pub mod span;
pub mod store;
mod tasks;
pub mod time;
pub mod token;
pub mod virtual_token;

pub use account::{Account, AccountKind, Mode};
pub use api_security::ApiSecurityKeys;
pub use bounds::{Bounds, PathGlob};
pub use change::change_account;
pub use clock::{Clock, SystemClock};
pub use domain::Domain;
pub use environment::Environment;
pub use failure::{Class, Failure, Reached};
pub use id::{AccountId, CredentialId, Fence, Generation, Kind, NodeId};
pub use issuer::{ForcedLimits, Issued, Issuer, Profile, Renewal, Verdict, Way};
pub use keeper::{Keeper, Reader, TokenRef};
pub use network::Network;
pub use outbox::Outbox;
pub use parent::Parent;
pub use policy::{Keeping, Policy, Refresh};
pub use preset::Preset;
pub use proxy::Proxy;
pub use push::PushSettings;
pub use registry::Registry;
pub use secret::Secret;
pub use store::{Directory, Store, StoreError, StoreErrorKind};
pub use time::{Day, Instant, Moment, Timestamp};
pub use token::{Fingerprint, Token};
