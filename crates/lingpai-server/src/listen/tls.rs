//! The certificate of the encrypted listeners, and whose certificates they ask for. It can be replaced while they listen:
//! who is connected stays connected, who comes is shown the new one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lingpai_core::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, crypto};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Patient, validity};
use crate::error::Error;

/// What a server shows of itself, checked: the key belongs to the certificate.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    /// Of what it was made of, which holds a key.
    hash: u64,
    /// When its certificate ends, if that can be read.
    ends_at: Option<Timestamp>,
}

/// The identity that is shown to whoever comes next. Clones are the same.
#[derive(Clone, Debug)]
pub struct Tls {
    current: Arc<ArcSwap<Identity>>,
}

impl Identity {
    /// Of a certificate with its chain, its private key, and the authorities of whom clients must show a certificate, if
    /// they must; all in PEM. TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::PrivateKey`] or [`Error::ClientCa`], whichever is wrong.
    pub fn from_pem(certificate: &str, key: &str, client_ca: Option<&str>) -> Result<Self, Error> {
        let mut hasher = DefaultHasher::new();
        (certificate, key, client_ca).hash(&mut hasher);
        let chain = certificates(certificate).map_err(Error::Certificate)?;
        let ends_at = chain.first().and_then(|certificate| validity::ends_at(certificate));
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
            Error::PrivateKey(
                "it holds no private key in PEM (-----BEGIN PRIVATE KEY-----), or one that is encrypted",
            )
        })?;
        let provider = Arc::new(crypto::ring::default_provider());
        // Ring knows what both versions need.
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| Error::Certificate("there is no TLS version to use it with"))?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(text) => builder.with_client_cert_verifier(verifier(text, provider)?),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                Error::PrivateKey("it does not belong to the certificate")
            }
            rustls::Error::InvalidCertificate(_) => {
                Error::Certificate("the first certificate in it cannot be read")
            }
            _ => Error::PrivateKey("it is of a kind that is not known: use ECDSA, Ed25519 or RSA"),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), hash: hasher.finish(), ends_at })
    }

    /// When its certificate ends, if that can be read.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }
}

impl PartialEq for Identity {
    /// Whether both were made of the same.
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Identity {}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Tls {
    /// Shows this identity.
    pub fn new(identity: Identity) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(identity)) }
    }

    /// Shows this one from now on.
    pub fn replace(&self, identity: Identity) {
        self.current.store(Arc::new(identity));
    }

    /// Shakes hands. Takes as long as the client does.
    pub(crate) async fn accept(&self, stream: Patient) -> io::Result<TlsStream<Patient>> {
        let config = Arc::clone(&self.current.load().config);
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"),
        Err(_) => Err("it is no whole PEM file"),
    }
}

fn verifier(
    text: &str,
    provider: Arc<crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    const UNREADABLE: Error = Error::ClientCa("a certificate in it cannot be read");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text).map_err(Error::ClientCa)? {
        roots.add(certificate).map_err(|_| UNREADABLE)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.build().map_err(|_| UNREADABLE)
}
