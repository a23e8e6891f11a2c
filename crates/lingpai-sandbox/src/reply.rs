//! What the world wants done on the wire. The world itself touches none.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::Response;

/// The world's answer to one call.
#[derive(Debug)]
pub struct Reply {
    /// Real time to wait before anything else is done.
    pub delay: Duration,
    /// What to do then.
    pub act: Act,
}

impl Reply {
    pub(crate) fn at_once(response: Response<Bytes>) -> Self {
        Self { delay: Duration::ZERO, act: Act::Answer(response) }
    }
}

/// What happens to one call on the wire.
pub enum Act {
    /// This answer, whole.
    Answer(Response<Bytes>),
    /// This answer, whose body is longer than what is here, or cut short, or both.
    Stream {
        /// The head, and the bytes that are sent over and over.
        response: Response<Bytes>,
        /// The `Content-Length`.
        stated: u64,
        /// So many bytes go out; if fewer than stated, the connection is cut then.
        sent: u64,
    },
    /// Nothing, for ever: the caller's deadline has to end it.
    Hang,
    /// The connection is closed without an answer.
    Cut,
}

/// Without the bodies, which carry tokens.
impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(response) => {
                write!(f, "Answer({}, {} bytes)", response.status(), response.body().len())
            }
            Self::Stream { response, stated, sent } => {
                write!(f, "Stream({}, {sent} of {stated} bytes)", response.status())
            }
            Self::Hang => f.write_str("Hang"),
            Self::Cut => f.write_str("Cut"),
        }
    }
}
