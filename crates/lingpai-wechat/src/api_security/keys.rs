//! The three keys of API security, as WeChat's console hands them out.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingpai_core::Secret;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::rsa::KeyPair;
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use thiserror::Error;

use super::der;

/// A key is not what it should be. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidKey {
    /// The symmetric one.
    #[error(
        "the symmetric key (API 对称密钥) has 32 bytes in base64, 44 characters, of the type AES256_GCM; SM4 is not spoken"
    )]
    Symmetric,
    /// The private one.
    #[error(
        "the private key (API 非对称密钥) is an RSA key of 2048 bits or more in PEM, which begins with -----BEGIN PRIVATE \
         KEY----- or -----BEGIN RSA PRIVATE KEY-----; SM2 is not spoken"
    )]
    Signing,
    /// The one of the platform.
    #[error(
        "the platform's certificate (开放平台证书) is an RSA certificate or public key in PEM, which begins with \
         -----BEGIN CERTIFICATE----- or -----BEGIN PUBLIC KEY-----; SM2 is not spoken"
    )]
    Platform,
}

/// The key under which calls and answers are encrypted (API 对称密钥).
pub struct SymmetricKey {
    pub(super) serial: Box<str>,
    pub(super) key: LessSafeKey,
}

/// The key with which calls are signed (API 非对称密钥, the private one).
pub struct SigningKey(pub(super) KeyPair);

/// A key with which WeChat signs its answers (开放平台证书).
pub struct PlatformKey {
    pub(super) serial: Box<str>,
    pub(super) key: UnparsedPublicKey<Box<[u8]>>,
}

impl SymmetricKey {
    /// The key in base64, and its number (编号) in the console.
    ///
    /// # Errors
    /// [`InvalidKey::Symmetric`].
    pub fn new(serial: &str, key: &Secret) -> Result<Self, InvalidKey> {
        let bytes = STANDARD.decode(key.expose().trim()).map_err(|_| InvalidKey::Symmetric)?;
        let bytes = Secret::new(bytes);
        let key = UnboundKey::new(&AES_256_GCM, bytes.expose_bytes())
            .map_err(|_| InvalidKey::Symmetric)?;
        Ok(Self { serial: serial.into(), key: LessSafeKey::new(key) })
    }
}

impl SigningKey {
    /// From PEM, in PKCS #8 or PKCS #1.
    ///
    /// # Errors
    /// [`InvalidKey::Signing`].
    pub fn from_pem(pem: &Secret) -> Result<Self, InvalidKey> {
        let key = match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(der)) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            Ok(PrivateKeyDer::Pkcs1(der)) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
            _ => None,
        };
        key.map(Self).ok_or(InvalidKey::Signing)
    }
}

impl PlatformKey {
    /// A certificate or a public key in PEM, and its number (编号) in the console, which is not the certificate's own serial
    /// number.
    ///
    /// # Errors
    /// [`InvalidKey::Platform`].
    pub fn from_pem(serial: &str, pem: &str) -> Result<Self, InvalidKey> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok();
        let key = certificate.as_deref().and_then(der::key_of_certificate);
        let key = key.or_else(|| info.as_deref().and_then(der::key_of_spki));
        let key: Box<[u8]> = key.ok_or(InvalidKey::Platform)?.into();
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key);
        Ok(Self { serial: serial.into(), key })
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SymmetricKey").field(&self.serial).finish()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlatformKey").field(&self.serial).finish()
    }
}
