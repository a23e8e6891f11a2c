//! The EncodingAESKey, and the cipher under it: AES-256-CBC with blocks of 32 bytes for the padding, whatever AES says.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use lingpai_core::Secret;
use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};
use thiserror::Error;

/// To what WeChat pads.
const BLOCK: usize = 32;

/// Two of the keys in WeChat's own samples have bits set that belong to no byte: a strict decoder refuses them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// An EncodingAESKey (消息加解密密钥), decoded.
#[derive(Clone, Debug)]
pub struct AesKey(Secret<Vec<u8>>);

/// What was given is no EncodingAESKey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an EncodingAESKey has 43 letters and digits; copy it from the page of WeChat's console where the push URL stands"
)]
pub struct InvalidAesKey;

impl AesKey {
    /// Decodes the 43 characters that WeChat's console shows.
    ///
    /// # Errors
    /// [`InvalidAesKey`], which does not repeat what was given.
    pub fn parse(text: &Secret) -> Result<Self, InvalidAesKey> {
        let key = Secret::new(LENIENT.decode(text.expose()).map_err(|_| InvalidAesKey)?);
        if key.expose_bytes().len() == 32 { Ok(Self(key)) } else { Err(InvalidAesKey) }
    }

    /// One that nobody knows, for where none is configured.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = vec![0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(Secret::new(key)))
    }

    /// `plain`, padded and encrypted.
    pub(super) fn encrypt(&self, mut plain: Vec<u8>) -> Vec<u8> {
        let padding = BLOCK - plain.len() % BLOCK;
        // From 1 to 32.
        plain.resize(plain.len() + padding, padding as u8);
        if let Ok(mut cipher) = cbc::Encryptor::<Aes256>::new_from_slices(self.key(), self.iv()) {
            cipher.encrypt_blocks(Array::slice_as_chunks_mut(&mut plain).0);
        }
        plain
    }

    /// What `ciphertext` decrypts to, and how much of it is not padding: `None` unless it is a whole number of blocks. The
    /// choice says whether the padding is right, found in a time that does not depend on what it is.
    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Option<(Vec<u8>, usize, Choice)> {
        let whole = !ciphertext.is_empty() && ciphertext.len().is_multiple_of(BLOCK);
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(self.key(), self.iv());
        let mut cipher = whole.then(|| cipher.ok()).flatten()?;
        let mut plain = ciphertext.to_vec();
        cipher.decrypt_blocks(Array::slice_as_chunks_mut(&mut plain).0);
        let padding = *plain.last()?;
        let mut right = !padding.ct_eq(&0) & !33_u8.ct_lt(&padding) & !33_u8.ct_eq(&padding);
        for (from_end, byte) in (0_u8..).zip(plain.iter().rev().take(BLOCK)) {
            right &= !from_end.ct_lt(&padding) | byte.ct_eq(&padding);
        }
        let length = plain.len().saturating_sub(usize::from(padding));
        Some((plain, length, right))
    }

    fn key(&self) -> &[u8] {
        self.0.expose_bytes()
    }

    fn iv(&self) -> &[u8] {
        &self.key()[..16]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AesKey {
        AesKey::parse(&Secret::from("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")).unwrap()
    }

    /// Encrypts what is a whole number of blocks already, as it is.
    fn unpadded(mut blocks: Vec<u8>) -> Vec<u8> {
        let key = key();
        let mut cipher = cbc::Encryptor::<Aes256>::new_from_slices(key.key(), key.iv()).unwrap();
        cipher.encrypt_blocks(Array::slice_as_chunks_mut(&mut blocks).0);
        blocks
    }

    fn is_right(blocks: Vec<u8>) -> bool {
        key().decrypt(&unpadded(blocks)).is_some_and(|(_, _, right)| right.into())
    }

    #[test]
    fn a_key_with_bits_that_belong_to_no_byte_is_read() {
        for given in ["abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", &"A".repeat(43)] {
            assert!(AesKey::parse(&Secret::from(given)).is_ok());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for given in ["", "A", &"A".repeat(42), &"A".repeat(44), &"?".repeat(43), &"A".repeat(4000)]
        {
            let error = AesKey::parse(&Secret::from(given)).unwrap_err();
            assert!(!error.to_string().contains("AAA"), "{error}");
        }
    }

    #[test]
    fn every_length_comes_back_padded_to_32() {
        for length in 0..100 {
            let ciphertext = key().encrypt(vec![7; length]);
            assert!(ciphertext.len() > length && ciphertext.len() <= length + 32);
            let (plain, kept, right) = key().decrypt(&ciphertext).unwrap();
            assert!(bool::from(right));
            assert_eq!((kept, &plain[..kept]), (length, &vec![7; length][..]));
        }
    }

    #[test]
    fn each_byte_of_the_padding_counts() {
        for padding in 1..=32_usize {
            let mut blocks = vec![0; 64];
            blocks[64 - padding..].fill(padding as u8);
            assert!(is_right(blocks.clone()), "{padding}");
            for wrong in 64 - padding..63 {
                let mut blocks = blocks.clone();
                blocks[wrong] ^= 1;
                assert!(!is_right(blocks), "{padding}, byte {wrong}");
            }
        }
        for padding in [0, 33, 34, 64, 65, 128, 255] {
            assert!(!is_right(vec![padding; 64]), "{padding}");
        }
    }

    #[test]
    fn half_a_block_is_refused() {
        for length in [0, 1, 16, 31, 33, 48] {
            assert!(key().decrypt(&vec![0; length]).is_none());
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", key()), "AesKey(***)");
    }
}
