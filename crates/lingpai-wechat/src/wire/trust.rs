//! Whose certificates are believed: those of the authorities that the machine trusts, and of those
//! that the operator adds.
//!
//! The machine's list and not one built in, since it is the one that an operator keeps up to date.
//! The process-wide provider of rustls is left alone: a library has no business choosing it.

use std::fmt;
use std::sync::Arc;

use http::uri::Scheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::Settings;
use crate::Error;

/// Authorities that are trusted beside those of the machine.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraAuthorities(Vec<CertificateDer<'static>>);

impl ExtraAuthorities {
    /// Reads their certificates: PEM, one after the other. Other sections are passed over.
    ///
    /// # Errors
    /// [`Error::ExtraAuthorities`] if there is none, or one cannot be read.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| Error::ExtraAuthorities(Box::new(error)))?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store
                .add(certificate.clone())
                .map_err(|error| Error::ExtraAuthorities(Box::new(error)))?;
        }
        if certificates.is_empty() {
            return Err(Error::ExtraAuthorities("it holds no certificate".into()));
        }
        Ok(Self(certificates))
    }
}

impl fmt::Debug for ExtraAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtraAuthorities({})", self.0.len())
    }
}

/// The TLS of a client with these settings. If no host is reached over `https`, it trusts nobody,
/// and the machine's certificates need not be there.
///
/// # Errors
/// [`Error::Trust`] if they are needed and are not there.
pub(super) fn client_config(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust(error.into()))?;
    let hosts = &settings.hosts;
    let plain = !hosts.is_empty() && hosts.iter().all(|host| *host.scheme() == Scheme::HTTP);
    if plain {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let extra = settings.extra_authorities.0.iter().cloned();
    let verifier = Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| Error::Trust(error.into()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
