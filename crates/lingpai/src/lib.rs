//! Keep WeChat access_tokens fresh inside a Rust program.
//!
//! A [`TokenSource`] keeps the access_token of one account: it fetches once whoever asks, rotates ahead of expiry, and
//! survives everything upstream does. Reading it is an atomic load.
//!
//! ```
//! use lingpai::TokenSource;
//! # use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (appid, secret) = (DEMO_APPID, DEMO_SECRET);
//! # let server = Server::bind(Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() }).await?;
//! # let (sandbox, world) = (format!("http://{}", server.addr()), server.world());
//! # tokio::spawn(server.serve(std::future::pending()));
//! let source = TokenSource::stable(appid, secret)
//!     .upstream(&sandbox) // leave this out to ask WeChat itself
//!     .build()
//!     .await?;
//! let token = source.fresh().await?; // waits for the first token only
//! println!("good until {}", token.expires_at);
//! # drop(token);
//! # assert!(source.token().is_some());
//! # assert_eq!(world.counters().fetches(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! What a program does with it:
//! 1. It makes one source for each account when it starts, with [`Builder::sqlite`] if a restart is not to cost a fetch.
//! 2. Before each call it takes [`TokenSource::token`], or [`TokenSource::fresh`] where it can wait for the first one, puts
//!    the value into the URL and drops it. Another token may be there for the next call.
//! 3. If WeChat refuses a call with 40001, 40014 or 42001, it hands the token that it used to
//!    [`TokenSource::report_invalid`] and makes the call once more with the token that this answers, unless the outcome is
//!    [`Outcome::Accepted`]: then the call is at fault.
//! 4. Whoever must be told of each new token awaits [`TokenSource::watch`]; what is wrong, and what to do, is in
//!    [`TokenSource::status`].
//! 5. When it ends, it awaits [`TokenSource::close`], so that a fetch under way is not lost.
//!
//! Of an Official Account, [`TokenSource::ticket`] gives the tickets too, and [`sign`] signs pages and cards with them.
//!
//! Here lives the builder, and what a program needs by name of the crates below. How tokens stay fresh is in
//! [`lingpai_core`], WeChat's wire and error catalogue in [`lingpai_wechat`], storage in [`lingpai_store`]. Several
//! processes that need the same token ask a Lingpai server instead.
//!
//! Where to start reading: [`TokenSource`], then [`Builder`]; the examples `in_process`, `with_reqwest` and `with_axum`
//! run as they are, against a simulated WeChat.

mod builder;
mod error;
mod source;

pub use builder::Builder;
pub use error::Error;
pub use lingpai_core::event::{Event, What};
pub use lingpai_core::keeper::{Outcome, Reported, Status, TokenRef, Unavailable};
pub use lingpai_core::registry::EventStream;
pub use lingpai_core::{
    Class, Failure, Generation, Mode, Policy, Refresh, Secret, Store, StoreError, Timestamp, Token,
};
pub use lingpai_store::{KeySource, MasterKey, MemoryStore, SqliteOptions, SqliteStore};
pub use lingpai_wechat::{Ticket, catalogue, page, sign};
pub use source::{Changes, TokenSource};
