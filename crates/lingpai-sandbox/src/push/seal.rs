//! The encryption of messages, as WeChat's page describes it.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use crate::api::sha1;

/// The 32 bytes of an EncodingAESKey, whose last character may have bits that mean nothing.
pub(super) fn key(encoding_aes_key: &str) -> Option<[u8; 32]> {
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let decoder = GeneralPurpose::new(&ALPHABET, lenient);
    decoder.decode(format!("{encoding_aes_key}=")).ok()?.try_into().ok()
}

/// `random(16) + length(4, big-endian) + message + receiver`, padded to 32 and encrypted, in base64. A `padding` replaces the
/// last byte.
pub(super) fn encrypt(
    key: &[u8; 32],
    random: [u8; 16],
    message: &str,
    receiver: &str,
    padding: Option<u8>,
) -> String {
    let mut plain = random.to_vec();
    plain.extend((message.len() as u32).to_be_bytes());
    plain.extend(message.bytes());
    plain.extend(receiver.bytes());
    let pad = 32 - plain.len() % 32;
    plain.extend(std::iter::repeat_n(pad as u8, pad));
    if let (Some(padding), Some(last)) = (padding, plain.last_mut()) {
        *last = padding;
    }
    if let Ok(mut cipher) = cbc::Encryptor::<Aes256>::new_from_slices(key, &key[..16]) {
        cipher.encrypt_blocks(Array::slice_as_chunks_mut(&mut plain).0);
    }
    STANDARD.encode(plain)
}

/// The message in what `encrypt` makes, if it is for this receiver.
pub(super) fn decrypt(key: &[u8; 32], encrypt: &str, receiver: &str) -> Option<String> {
    let mut plain = STANDARD.decode(encrypt).ok()?;
    let mut cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, &key[..16]).ok()?;
    cipher.decrypt_blocks(Array::slice_as_chunks_mut(&mut plain).0);
    let pad = usize::from(*plain.last()?);
    plain.truncate(plain.len().checked_sub(pad)?);
    let (length, rest) = plain.get(16..)?.split_first_chunk::<4>()?;
    let (message, to) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    (to == receiver.as_bytes()).then(|| String::from_utf8_lossy(message).into_owned())
}

/// `sha1(sort(parts))` in hexadecimal digits.
pub(super) fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    sha1(&parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WeChat's Java demo.
    #[test]
    fn wechats_demo_comes_out_byte_for_byte() {
        let key = key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
        let sealed = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==";
        let (message, receiver) = ("我是中文abcd123", "wxb11529c136998cb6");
        assert_eq!(encrypt(&key, *b"aaaabbbbccccdddd", message, receiver, None), sealed);
        assert_eq!(decrypt(&key, sealed, receiver).as_deref(), Some(message));
        assert_eq!(decrypt(&key, sealed, "wxother"), None);
    }

    #[test]
    fn wechats_signature_comes_out() {
        let signature = sign(&["AAAAA", "1714036504", "1514711492"]);
        assert_eq!(signature, "f464b24fc39322e44b38aa78f5edd27bd1441696");
    }
}
