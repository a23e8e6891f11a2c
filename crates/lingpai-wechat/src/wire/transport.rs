//! The seam between what is sent and how: one request, one host, one answer or the reason why not.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use thiserror::Error;

/// Sends a request to the host in its URI and waits for the whole answer. Redirects are answers
/// like others.
///
/// Dropping the future gives the request up; it may have been carried out.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends it.
    ///
    /// # Errors
    /// A [`TransportError`] whose kind says whether the other side can have acted on the request.
    /// It holds nothing of the request: no URI, no header, no body.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct TransportError {
    /// Whether the request can have been carried out.
    pub kind: TransportErrorKind,
    /// What a person can do about it, where more is known than the kind.
    pub remedy: Option<&'static str>,
    pub(super) message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// Nothing was sent: there was no connection.
    pub fn not_sent(message: impl Into<String>) -> Self {
        Self::new(TransportErrorKind::NotSent, message.into())
    }

    /// It was sent, perhaps in part, and no usable answer came.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(TransportErrorKind::Lost, message.into())
    }

    fn new(kind: TransportErrorKind, message: String) -> Self {
        Self { kind, remedy: None, message, source: None }
    }

    /// The same with what a person can do about it.
    pub fn mended_by(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// The same with its cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What happened and its causes, on one line. Left out is a cause that only repeats what is
    /// said already, and hyper's "client error (…)", which wraps the one that tells something.
    pub(crate) fn story(&self) -> String {
        let mut story = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !story.contains(&text) && !text.starts_with("client error (") {
                story.push_str(": ");
                story.push_str(&text);
            }
            cause = error.source();
        }
        story
    }
}

/// Whether a request that brought no answer can have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No: it may be sent elsewhere.
    NotSent,
    /// Perhaps: it must not be sent again blindly.
    Lost,
}
