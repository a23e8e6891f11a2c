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
    /// The head of this answer and only the first `bytes` of its body, then the connection is cut.
    /// The stated `Content-Length` is that of the whole body.
    Truncate {
        /// The answer as it should have been.
        response: Response<Bytes>,
        /// How much of its body goes out.
        bytes: usize,
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
            Self::Truncate { response, bytes } => {
                write!(
                    f,
                    "Truncate({}, {bytes} of {} bytes)",
                    response.status(),
                    response.body().len()
                )
            }
            Self::Hang => f.write_str("Hang"),
            Self::Cut => f.write_str("Cut"),
        }
    }
}
