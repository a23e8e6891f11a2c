//! Opening what WeChat pushes, and sealing what answers it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingpai_core::Secret;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use super::aes_key::AesKey;
use super::signature::{Signed, sign};

/// Random bytes before a message, so that no two ciphertexts are alike.
const RANDOM: usize = 16;
/// With the length of the message, which follows.
const HEAD: usize = RANDOM + 4;

/// The keys of one push URL.
///
/// ```
/// use lingpai_core::Secret;
/// use lingpai_wechat::push::{AesKey, PushCrypt, Signed};
///
/// let key = AesKey::parse(&Secret::from("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"))?;
/// let crypt = PushCrypt::new(Secret::from("pamtest"), key, None, ["wxb11529c136998cb6"]);
/// let sealed = crypt.seal(&crypt.sealing(), b"hello", 1_714_112_445)?;
/// let signed = Signed { signature: &sealed.msg_signature, timestamp: &sealed.timestamp, nonce: &sealed.nonce };
/// assert_eq!(crypt.open(signed, &sealed.encrypt)?.message, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PushCrypt {
    token: Secret,
    current: AesKey,
    previous: Option<AesKey>,
    receive_ids: Box<[Box<str>]>,
}

/// A push is not to be believed. Why is for nobody to know: its sender may be guessing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the push is not signed and encrypted with the keys of this URL")]
pub struct Refused;

/// What was in a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The message, in the format of its envelope.
    pub message: Vec<u8>,
    /// How an answer is to be sealed.
    pub sealing: Sealing,
}

/// With which key, and for whom, a message is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    key: Which,
    receive_id: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Current,
    Previous,
}

/// A ciphertext with what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext in base64.
    pub encrypt: String,
    /// Its signature.
    pub msg_signature: String,
    /// When it was signed, in seconds.
    pub timestamp: String,
    /// A number used once.
    pub nonce: String,
}

impl PushCrypt {
    /// The keys as the console of WeChat has them. While an EncodingAESKey is being replaced, both open; an answer is sealed
    /// with the one that did. `receive_ids` are for whom messages may be: the appid, or where several names are one
    /// receiver (a WeCom suite and its corp) all of them. Those that are sealed by ourselves are for the first.
    pub fn new<'a>(
        token: Secret,
        current: AesKey,
        previous: Option<AesKey>,
        receive_ids: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let receive_ids = receive_ids.into_iter().map(Box::from).collect();
        Self { token, current, previous, receive_ids }
    }

    /// Believes the sender of a push that is not encrypted, but not its body: that is not signed.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn know(&self, signed: Signed<'_>) -> Result<(), Refused> {
        if signed.holds(&self.token, None).into() { Ok(()) } else { Err(Refused) }
    }

    /// The signature of a push that is not encrypted.
    pub fn sign(&self, timestamp: &str, nonce: &str) -> String {
        sign(&self.token, timestamp, nonce, None)
    }

    /// Opens a ciphertext, be it of a message or of an `echostr`: its signature (`msg_signature`), padding, length and
    /// receiver have to be right.
    ///
    /// # Errors
    /// [`Refused`], whatever is wrong, after the same work: both keys are tried even when the signature is false.
    pub fn open(&self, signed: Signed<'_>, encrypt: &str) -> Result<Opened, Refused> {
        let is_signed = signed.holds(&self.token, Some(encrypt));
        let ciphertext = STANDARD.decode(encrypt).map_err(|_| Refused)?;
        let current = self.opened(Which::Current, &ciphertext, is_signed);
        let previous = self.opened(Which::Previous, &ciphertext, is_signed);
        current.or(previous).ok_or(Refused)
    }

    /// With the current key, for the first receiver: for messages that answer nothing.
    pub fn sealing(&self) -> Sealing {
        let receive_id = self.receive_ids.first().cloned().unwrap_or_default();
        Sealing { key: Which::Current, receive_id }
    }

    /// Encrypts and signs a message. `at` is the time in seconds.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn seal(
        &self,
        with: &Sealing,
        message: &[u8],
        at: i64,
    ) -> Result<Sealed, getrandom::Error> {
        let mut random = [0; RANDOM + 4];
        getrandom::fill(&mut random)?;
        let [salt @ .., a, b, c, d] = random;
        let nonce = u32::from_ne_bytes([a, b, c, d]).to_string();
        Ok(self.sealed(with, message, &salt, at.to_string(), nonce))
    }

    fn sealed(
        &self,
        with: &Sealing,
        message: &[u8],
        random: &[u8; RANDOM],
        timestamp: String,
        nonce: String,
    ) -> Sealed {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        let plain = [random.as_slice(), &length, message, with.receive_id.as_bytes()].concat();
        let key = self.key(with.key).unwrap_or(&self.current);
        let encrypt = STANDARD.encode(key.encrypt(plain));
        let msg_signature = sign(&self.token, &timestamp, &nonce, Some(&encrypt));
        Sealed { encrypt, msg_signature, timestamp, nonce }
    }

    fn key(&self, which: Which) -> Option<&AesKey> {
        match which {
            Which::Current => Some(&self.current),
            Which::Previous => self.previous.as_ref(),
        }
    }

    fn opened(&self, which: Which, ciphertext: &[u8], is_signed: Choice) -> Option<Opened> {
        let (mut plain, length, is_padded) = self.key(which)?.decrypt(ciphertext)?;
        plain.truncate(length);
        let split = split(&plain);
        // What is too short or says a false length is looked at all the same.
        let receive_id = split.map_or(&[][..], |(_, receive_id)| receive_id);
        let is_right = is_signed & is_padded & Choice::from(u8::from(split.is_some()));
        let is_ours = |id: &str| bool::from(is_right & id.as_bytes().ct_eq(receive_id));
        let receive_id = self.receive_ids.iter().find(|id| is_ours(id))?.clone();
        let sealing = Sealing { key: which, receive_id };
        split.map(|(message, _)| Opened { message: message.to_vec(), sealing })
    }
}

/// The message and the receiver in what was encrypted, if it is long enough for what it says.
fn split(plain: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = plain.get(RANDOM..)?.split_first_chunk::<{ HEAD - RANDOM }>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
