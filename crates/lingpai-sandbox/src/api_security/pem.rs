//! Keys in PEM and base64, as far as the guide's are.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The bytes of a text in base64.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What is between the lines of dashes.
pub(super) fn der(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    base64(&lines.collect::<String>())
}

/// The RSAPublicKey (PKCS #1) in a SubjectPublicKeyInfo: what stands in its only BIT STRING, behind rsaEncryption.
pub(super) fn public_key(pem: &str) -> Option<Vec<u8>> {
    const RSA: [u8; 13] =
        [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let info = der(pem)?;
    let behind = info.windows(RSA.len()).position(|window| window == RSA)? + RSA.len();
    // `03`, a length in two bytes, and how many bits of the last byte do not count: none.
    match info.get(behind..)? {
        [0x03, 0x82, _, _, 0x00, key @ ..] => Some(key.to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_found_and_other_texts_are_none() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----";
        assert!(public_key(pem).unwrap().starts_with(&[0x30, 0x82]));
        for text in ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert_eq!(public_key(text), None);
        }
    }
}
