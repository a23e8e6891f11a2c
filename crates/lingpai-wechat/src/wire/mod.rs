//! The HTTP between Lingpai and WeChat.
//!
//! [`Upstream`] is what everything else sees: it picks the host, keeps the deadline, moves on to
//! the next host where no connection could be made, and never anywhere else. [`Transport`] is the
//! seam below it, which sends one request to one host: over sockets, or in process in tests.

mod http;
mod transport;
mod upstream;

pub use transport::{Transport, TransportError, TransportErrorKind};
pub(crate) use upstream::Call;
pub use upstream::{BaseUrl, Deadlines, Settings, Upstream};
