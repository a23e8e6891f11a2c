//! What can be wrong with the settings of this crate, found before the first call.

use thiserror::Error;

/// Why an [`Upstream`](crate::wire::Upstream) cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL cannot be used. It is not repeated here: it may hold a password.
    #[error(
        "the base URL {why}; write it like https://proxy.example.com or http://127.0.0.1:8080/wx"
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
    /// A rule for hosts that are reached without a proxy is none.
    #[error(
        "`{rule}` is no rule for hosts without a proxy; write example.com, which covers what is below it, 10.0.0.0/8, \
         an address, or *"
    )]
    Exemption {
        /// How it begins.
        rule: String,
    },
    /// The certificates of further authorities cannot be used.
    #[error(
        "the certificates of further authorities cannot be read; give them in PEM: one or more parts that begin with \
         -----BEGIN CERTIFICATE-----"
    )]
    ExtraAuthorities(#[source] Box<dyn std::error::Error + Send + Sync>),
}
