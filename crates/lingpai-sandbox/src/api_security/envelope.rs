//! What goes over the wire: `{"iv", "data", "authtag"}`, and a signature of it.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand::SystemRandom,
    signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};

use super::pem;

/// A text encrypted with AES-256-GCM, each part in base64.
#[derive(Deserialize, Serialize)]
pub(super) struct Envelope {
    iv: String,
    data: String,
    authtag: String,
}

impl Envelope {
    pub(super) fn read(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn seal(key: &[u8; 32], random: [u8; 16], bound: &str, plain: &[u8]) -> Self {
        let mut iv = [0; 12];
        iv.copy_from_slice(&random[..12]);
        let mut data = plain.to_vec();
        let sealed = cipher(key).and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(iv);
            key.seal_in_place_separate_tag(nonce, Aad::from(bound), &mut data).ok()
        });
        let tag = sealed.map(|tag| tag.as_ref().to_vec()).unwrap_or_default();
        let [iv, data, authtag] = [&iv[..], &data, &tag].map(pem::to_base64);
        Self { iv, data, authtag }
    }

    pub(super) fn open(&self, key: &[u8; 32], bound: &str) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(&pem::base64(&self.iv)?).ok()?;
        let mut data = pem::base64(&self.data)?;
        data.extend(pem::base64(&self.authtag)?);
        let length = cipher(key)?.open_in_place(nonce, Aad::from(bound), &mut data).ok()?.len();
        data.truncate(length);
        Some(data)
    }

    /// With another first byte of the ciphertext.
    pub(super) fn altered(&self) -> Self {
        let mut data = pem::base64(&self.data).unwrap_or_default();
        if let Some(first) = data.first_mut() {
            *first ^= 1;
        }
        let (iv, authtag) = (self.iv.clone(), self.authtag.clone());
        Self { iv, data: pem::to_base64(&data), authtag }
    }
}

/// RSA-PSS with SHA-256 and a salt of 32 bytes, in base64; empty if the key is none.
pub(super) fn sign(private_key: &str, statement: &str) -> String {
    let key = pem::der(private_key).and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
    let signed = key.and_then(|key| {
        let mut signature = vec![0; key.public().modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PSS_SHA256, &random, statement.as_bytes(), &mut signature).ok()?;
        Some(signature)
    });
    signed.map(|signature| pem::to_base64(&signature)).unwrap_or_default()
}

pub(super) fn verify(public_key: &[u8], statement: &str, signature: &str) -> bool {
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public_key);
    pem::base64(signature)
        .is_some_and(|signature| key.verify(statement.as_bytes(), &signature).is_ok())
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../../lingpai-wechat/tests/vectors/api_signature.json");

    #[test]
    fn the_call_of_wechats_guide_is_proven_and_opened() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let text = |path: &str| vectors.pointer(path).unwrap().as_str().unwrap();
        let body = text("/request/postdata");
        let statement = format!(
            "{}\n{}\n{}\n{body}",
            text("/url"),
            text("/appid"),
            vectors.pointer("/request/timestamp").unwrap()
        );
        let public = pem::public_key(text("/request/app_public_key_pem")).unwrap();
        assert!(verify(&public, &statement, text("/request/signature_b64")));
        assert!(!verify(&public, &statement.replace("wxa", "wxb"), text("/request/signature_b64")));
        let key = pem::base64(text("/sym_key_b64")).unwrap().try_into().unwrap();
        let envelope = Envelope::read(body).unwrap();
        let plain = envelope.open(&key, text("/request/aad")).unwrap();
        assert_eq!(plain, text("/request/plaintext").as_bytes());
        assert_eq!(envelope.altered().open(&key, text("/request/aad")), None);
    }
}
