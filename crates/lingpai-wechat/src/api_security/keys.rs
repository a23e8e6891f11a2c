//! The three keys of API security, as WeChat's console hands them out.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingpai_core::Secret;
use lingpai_core::api_security::InvalidApiSecurity;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::rsa::KeyPair;
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use thiserror::Error;

use super::der;
use crate::catalogue::Language;

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
    /// What is said about them.
    #[error(transparent)]
    Form(#[from] InvalidApiSecurity),
    /// The one of the platform.
    #[error(
        "the platform's certificate (开放平台证书) is an RSA certificate or public key in PEM, which begins with \
         -----BEGIN CERTIFICATE----- or -----BEGIN PUBLIC KEY-----; SM2 is not spoken"
    )]
    Platform,
    /// The account's own public key stands where the platform's is to be.
    #[error(
        "the platform's certificate (开放平台证书) is one that WeChat's console lets you download; this is your own public key"
    )]
    OwnKey,
    /// They are keys, and a call does not open that they have sealed.
    #[error("a call that was sealed with these keys does not open again")]
    Unfit,
}

impl InvalidKey {
    /// The same in this language.
    pub fn told(self, language: Language) -> String {
        if language == Language::English {
            return self.to_string();
        }
        let told = match self {
            Self::Symmetric => {
                "API 对称密钥应为 AES256_GCM 密钥：32 字节的 base64，共 44 个字符；不支持 SM4"
            }
            Self::Signing => {
                "API 非对称密钥的私钥应为 2048 位以上的 RSA 密钥，PEM 格式，以 -----BEGIN PRIVATE KEY----- 或 \
                 -----BEGIN RSA PRIVATE KEY----- 开头；不支持 SM2"
            }
            Self::Form(InvalidApiSecurity::Unreadable) => "API 安全密钥无法读取",
            Self::Form(InvalidApiSecurity::Newer) => "API 安全密钥含有当前版本不认识的内容",
            Self::Form(InvalidApiSecurity::Serial) => {
                "密钥编号应与微信后台显示的一致，为 1 到 64 位字母和数字"
            }
            Self::Form(InvalidApiSecurity::SameSerial) => "互相替换的两个密钥，编号应不同",
            Self::Form(InvalidApiSecurity::NoCalls) => {
                "没有写明加密哪些接口：请列出接口，或省略此项以采用微信文档所列的接口"
            }
            Self::Platform => {
                "开放平台证书应为 RSA 证书或公钥，PEM 格式，以 -----BEGIN CERTIFICATE----- 或 \
                 -----BEGIN PUBLIC KEY----- 开头；不支持 SM2"
            }
            Self::OwnKey => "开放平台证书应从微信后台下载；这里是您自己的公钥",
            Self::Unfit => "用这些密钥加密的调用无法解密",
        };
        told.to_owned()
    }
}

/// The key under which calls and answers are encrypted (API 对称密钥).
pub struct SymmetricKey {
    pub(super) serial: Box<str>,
    pub(super) key: LessSafeKey,
}

/// The key with which calls are signed (API 非对称密钥, the private one).
pub struct SigningKey {
    pub(super) serial: Box<str>,
    pub(super) key: KeyPair,
}

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
    /// From PEM, in PKCS #8 or PKCS #1, and its number (编号) in the console.
    ///
    /// # Errors
    /// [`InvalidKey::Signing`].
    pub fn from_pem(serial: &str, pem: &Secret) -> Result<Self, InvalidKey> {
        let key = match PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(der)) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            Ok(PrivateKeyDer::Pkcs1(der)) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
            _ => None,
        };
        let key = key.ok_or(InvalidKey::Signing)?;
        Ok(Self { serial: serial.into(), key })
    }

    /// Whether this is the public key to it.
    pub(super) fn is_pair_of(&self, key: &PlatformKey) -> bool {
        self.key.public().as_ref() == key.key.as_ref()
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
        f.debug_tuple("SigningKey").field(&self.serial).finish()
    }
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlatformKey").field(&self.serial).finish()
    }
}
