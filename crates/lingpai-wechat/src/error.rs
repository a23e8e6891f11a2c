//! What can be wrong with the settings of this crate, found before the first call.

use thiserror::Error;

/// Why an [`Upstream`](crate::wire::Upstream) cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL cannot be used. It is not repeated here: it may hold a password.
    #[error(
        "the base URL of WeChat {why}; write it like https://proxy.example.com or http://127.0.0.1:8080/wx"
    )]
    BaseUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// No certificate of WeChat could be verified.
    #[error(
        "the certificates that this machine trusts cannot be loaded; install them (Debian: the package \
         ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Trust(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A host that is to be reached without a proxy is none.
    #[error(
        "this is no host that could be reached without a proxy; write example.com, which includes what is below it, 10.0.0.0/8, an address, or *"
    )]
    Exemption,
    /// The certificates of further authorities cannot be used.
    #[error(
        "this is no file of certificates; it is a text with one or more parts that begin with `-----BEGIN CERTIFICATE-----`"
    )]
    ExtraAuthorities(#[source] Box<dyn std::error::Error + Send + Sync>),
}
