//! Sealing calls and opening answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use ring::rand::SystemRandom;
use ring::signature::RSA_PSS_SHA256;
use thiserror::Error;

use super::keys::{PlatformKey, SigningKey, SymmetricKey};
use super::object::{Object, quoted};

/// How far the time of an answer may be from ours, in seconds.
const TOLERANCE: u64 = 300;
/// What is added to every call and answer, so that one cannot be taken for another.
const ADDED: [&str; 3] = ["_n", "_appid", "_timestamp"];
/// The header that names the account, in calls and answers.
const APPID: &str = "Wechatmp-Appid";
/// The header with the time that was signed.
const TIMESTAMP: &str = "Wechatmp-TimeStamp";
/// The header with the number of the key that signed.
const SERIAL: &str = "Wechatmp-Serial";
/// The header with the signature.
const SIGNATURE: &str = "Wechatmp-Signature";
/// The bytes of the tag that proves a ciphertext.
const TAG_LEN: usize = 16;

/// The keys of one account.
#[derive(Debug)]
pub struct ApiSecurity {
    appid: Box<str>,
    pub(super) symmetric: SymmetricKey,
    /// The one before it, while it is being replaced.
    pub(super) previous_symmetric: Option<SymmetricKey>,
    signing: SigningKey,
    platform: Vec<PlatformKey>,
}

/// Which of an account's symmetric keys a call is encrypted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The present one.
    #[default]
    Current,
    /// The one before it.
    Previous,
}

/// A call as WeChat wants it.
#[derive(Clone, Debug)]
pub struct SealedCall {
    /// The body, to be sent by POST byte for byte: it is signed.
    pub body: String,
    /// Headers to add. In the query only the access_token stays.
    ///
    /// WeChat's guide does not list `Wechatmp-Serial` among those of calls, and has an error for when it is missing (40230).
    pub headers: [(&'static str, String); 4],
}

/// An answer that was signed by WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its JSON, as it would be without all this.
    pub body: String,
    /// The platform's certificate that was used is about to be replaced: the new one, of this number, is to be configured.
    pub replace_certificate: Option<String>,
}

/// A call cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsealable {
    /// Its body is something else than a JSON object.
    #[error("a call is encrypted only if its body is a JSON object; uploads cannot be")]
    Body,
    /// It has one of the fields that are added.
    #[error("the fields _n, _appid and _timestamp are added to a call and must not be in it")]
    Reserved,
    /// The operating system has no random numbers, or the key signs nothing.
    #[error("the call could not be encrypted and signed")]
    Crypto,
}

/// An answer is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unacceptable {
    /// It is not signed. WeChat does not sign that it refuses a call (40001, 40234, ...): such an answer may be shown, but
    /// proves nothing.
    #[error("the answer is not signed by WeChat")]
    Unsigned,
    /// None of the certificates has the number that it names.
    #[error(
        "the answer is signed with a platform certificate that is not configured; download the present one (开放平台证书) \
         from WeChat's console"
    )]
    UnknownCertificate,
    /// It was made at another time than now.
    #[error(
        "the answer was signed over {TOLERANCE} s from now; set the clock of this machine right"
    )]
    Time,
    /// It is signed for something else, by somebody else, or was changed on its way.
    #[error("the answer is not what WeChat signed and encrypted for this call")]
    False,
}

impl ApiSecurity {
    /// The keys of `appid`. `platform` are the platform's certificates: two while they are being replaced.
    pub fn new(
        appid: &str,
        symmetric: SymmetricKey,
        signing: SigningKey,
        platform: Vec<PlatformKey>,
    ) -> Self {
        Self { appid: appid.into(), symmetric, previous_symmetric: None, signing, platform }
    }

    /// Whether there is a symmetric key before the present one.
    pub fn has_previous(&self) -> bool {
        self.previous_symmetric.is_some()
    }

    /// Encrypts and signs a call. `url` is where it goes, with the scheme and without the query; `query` are the parameters
    /// that stood there, without the access_token, which move into the body; `at` is the time in seconds.
    ///
    /// # Errors
    /// [`Unsealable`]: nothing may be sent.
    pub fn seal(
        &self,
        with: Which,
        url: &str,
        query: &[(&str, &str)],
        body: &[u8],
        at: i64,
    ) -> Result<SealedCall, Unsealable> {
        let previous = self.previous_symmetric.as_ref().filter(|_| with == Which::Previous);
        self.seal_with(previous.unwrap_or(&self.symmetric), url, query, body, at)
    }

    pub(super) fn seal_with(
        &self,
        key: &SymmetricKey,
        url: &str,
        query: &[(&str, &str)],
        body: &[u8],
        at: i64,
    ) -> Result<SealedCall, Unsealable> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| Unsealable::Crypto)?;
        let (iv, n) = random.split_first_chunk().ok_or(Unsealable::Crypto)?;
        let plain = self.with_added(query, body, &STANDARD.encode(n), at)?;
        let body = self.encrypted(key, url, &plain, *iv, at)?;
        let signature = self.signed(&self.statement(url, at, &body))?;
        let headers = [
            (APPID, self.appid.to_string()),
            (TIMESTAMP, at.to_string()),
            (SERIAL, self.signing.serial.to_string()),
            (SIGNATURE, signature),
        ];
        Ok(SealedCall { body, headers })
    }

    /// Verifies and decrypts an answer to a call of `url`. `now` is the time in seconds.
    ///
    /// # Errors
    /// [`Unacceptable`]: the body must not be used, but for what [`Unacceptable::Unsigned`] says.
    pub fn open(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: i64,
    ) -> Result<Answer, Unacceptable> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header(SIGNATURE).is_none() {
            return Err(Unacceptable::Unsigned);
        }
        let at = header(TIMESTAMP).and_then(|at| at.parse::<i64>().ok());
        let at = at.filter(|_| header(APPID) == Some(&self.appid)).ok_or(Unacceptable::False)?;
        if at.abs_diff(now) > TOLERANCE {
            return Err(Unacceptable::Time);
        }
        let text = std::str::from_utf8(body).map_err(|_| Unacceptable::False)?;
        let replace_certificate = self.verify(&header, &self.statement(url, at, text))?;
        let plain = self.decrypted(url, body, at).ok_or(Unacceptable::False)?;
        let body = self.without_added(&plain, at).ok_or(Unacceptable::False)?;
        Ok(Answer { body, replace_certificate })
    }

    /// The plain text of a call.
    pub(super) fn with_added(
        &self,
        query: &[(&str, &str)],
        body: &[u8],
        n: &str,
        at: i64,
    ) -> Result<String, Unsealable> {
        let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
        let own = Object::read(body).ok_or(Unsealable::Body)?.0;
        let is_in_body = |name: &str| own.iter().any(|(field, _)| field == name);
        let query = query.iter().filter(|(name, _)| !is_in_body(name));
        let query = query.map(|(name, value)| ((*name).into(), quoted(value).into()));
        let fields: Vec<_> = query.chain(own.iter().cloned()).collect();
        if fields.iter().any(|(name, _)| ADDED.contains(&name.as_ref())) {
            return Err(Unsealable::Reserved);
        }
        let added = [quoted(n), quoted(&self.appid), at.to_string()];
        let added = ADDED.into_iter().map(Into::into).zip(added.map(Into::into));
        Ok(Object(added.chain(fields).collect()).write())
    }

    /// The body of a call.
    pub(super) fn encrypted(
        &self,
        key: &SymmetricKey,
        url: &str,
        plain: &str,
        iv: [u8; NONCE_LEN],
        at: i64,
    ) -> Result<String, Unsealable> {
        let mut data = plain.as_bytes().to_vec();
        let nonce = Nonce::assume_unique_for_key(iv);
        let aad = Aad::from(self.bound(key, url, at));
        let sealed = key.key.seal_in_place_separate_tag(nonce, aad, &mut data);
        let tag = sealed.map_err(|_| Unsealable::Crypto)?;
        let [iv, data, tag] = [&iv[..], &data, tag.as_ref()].map(|bytes| STANDARD.encode(bytes));
        Ok(format!(r#"{{"iv":"{iv}","data":"{data}","authtag":"{tag}"}}"#))
    }

    pub(super) fn decrypted(&self, url: &str, body: &[u8], at: i64) -> Option<Vec<u8>> {
        let body = Object::read(body)?;
        let bytes = |name| STANDARD.decode(body.string(name)?).ok();
        let (iv, mut sealed, tag) = (bytes("iv")?, bytes("data")?, bytes("authtag")?);
        sealed.extend_from_slice(tag.get(..TAG_LEN).filter(|_| tag.len() == TAG_LEN)?);
        let opened = |key: &SymmetricKey| {
            let nonce = Nonce::try_assume_unique_for_key(&iv).ok()?;
            let aad = Aad::from(self.bound(key, url, at));
            let mut data = sealed.clone();
            let plain = key.key.open_in_place(nonce, aad, &mut data).ok()?.len();
            data.truncate(plain);
            Some(data)
        };
        opened(&self.symmetric).or_else(|| opened(self.previous_symmetric.as_ref()?))
    }

    fn without_added(&self, plain: &[u8], at: i64) -> Option<String> {
        let mut object = Object::read(plain)?;
        let is_ours = object.string("_appid")? == *self.appid;
        let is_now = object.get("_timestamp")?.parse() == Ok(at);
        object.0.retain(|(name, _)| !ADDED.contains(&name.as_ref()));
        (is_ours && is_now).then(|| object.write())
    }

    pub(super) fn signed(&self, statement: &str) -> Result<String, Unsealable> {
        let key = &self.signing.key;
        let mut signature = vec![0; key.public().modulus_len()];
        // `ring` takes a salt as long as the hash: the 32 bytes that WeChat wants.
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), statement.as_bytes(), &mut signature)
            .map_err(|_| Unsealable::Crypto)?;
        Ok(STANDARD.encode(signature))
    }

    /// By which certificate the answer is signed: the number of the one to come if ours is about to be replaced.
    fn verify<'a>(
        &self,
        header: &impl Fn(&'static str) -> Option<&'a str>,
        statement: &str,
    ) -> Result<Option<String>, Unacceptable> {
        let ours = |serial: &'static str| {
            let serial = header(serial)?;
            self.platform.iter().find(|key| *key.serial == *serial)
        };
        let (key, signature, next) = match (ours(SERIAL), ours("Wechatmp-Serial-Deprecated")) {
            (Some(key), _) => (key, SIGNATURE, None),
            (None, Some(key)) => (key, "Wechatmp-Signature-Deprecated", header(SERIAL)),
            (None, None) => return Err(Unacceptable::UnknownCertificate),
        };
        let signature = header(signature).and_then(|text| STANDARD.decode(text).ok());
        let signature = signature.ok_or(Unacceptable::False)?;
        key.key.verify(statement.as_bytes(), &signature).map_err(|_| Unacceptable::False)?;
        Ok(next.map(str::to_owned))
    }

    /// What is signed.
    pub(super) fn statement(&self, url: &str, at: i64, body: &str) -> String {
        format!("{url}\n{}\n{at}\n{body}", self.appid)
    }

    /// What a ciphertext is bound to.
    fn bound(&self, key: &SymmetricKey, url: &str, at: i64) -> String {
        format!("{url}|{}|{at}|{}", self.appid, key.serial)
    }
}
