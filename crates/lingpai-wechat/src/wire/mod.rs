//! The HTTP between Lingpai and WeChat.
//!
//! [`Upstream`] is what everything else sees: it picks the host, keeps the deadline, moves on to
//! the next host where no connection could be made, and never anywhere else. [`Transport`] is the
//! seam below it, which sends one request to one host: over sockets, or in process in tests.
//! [`Connector`] makes the connections, through proxies too; callers that stream use it directly.
//! [`Guard`] says where users must not send them.

mod connector;
mod exemption;
mod guard;
mod http;
mod look;
mod route;
mod settings;
mod stream;
mod tcp;
mod transport;
mod trust;
mod upstream;

pub use connector::{ConnectError, Connector};
pub use exemption::Exemption;
pub use guard::{Forbidden, Guard};
pub use look::{HostLook, look_at_hosts};
pub use settings::{BaseUrl, Deadlines, Settings};
pub use stream::Stream;
pub use transport::{Transport, TransportError, TransportErrorKind};
pub use trust::ExtraAuthorities;
pub(crate) use upstream::Call;
pub use upstream::Upstream;
