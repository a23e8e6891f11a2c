//! What it costs to seal a call and to open its answer (API security), beside the RSA operation alone that each contains.
//!
//! `cargo xtask bench sealing`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench measures time, prints, and may fail loudly"
)]

#[allow(dead_code, reason = "each bench uses its part of it")]
#[path = "../../lingpai-core/benches/common/mod.rs"]
mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Contender, machine, take_turns};
use http::{HeaderMap, HeaderName};
use lingpai_core::Secret;
use lingpai_wechat::api_security::{ApiSecurity, PlatformKey, SigningKey, SymmetricKey, Which};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use serde_json::Value;

const ROUNDS: usize = 21;
const TURN: Duration = Duration::from_millis(60);

const SIGNATURE: &str = "an RSA signature alone (`ring`)";
const SIGNATURE_AGAIN: &str = "an RSA signature alone, again (A/A)";
const SMALL: &str = "**sealing a call** of 100 B";
const LARGE: &str = "**sealing a call** of 64 KiB";
const ANSWER: &str = "**opening an answer**, the one that WeChat publishes";

fn main() {
    println!("{}\n", machine());
    let vector: Value =
        serde_json::from_str(include_str!("../tests/vectors/api_signature.json")).unwrap();
    let text = |path| vector.pointer(path).unwrap().as_str().unwrap();
    let private = text("/request/app_private_key_pem");
    let keys = ApiSecurity::new(
        text("/appid"),
        SymmetricKey::new(text("/sym_sn"), &Secret::from(text("/sym_key_b64").to_owned())).unwrap(),
        SigningKey::from_pem("mine", &Secret::from(private.to_owned())).unwrap(),
        vec![
            PlatformKey::from_pem(text("/response/serial"), text("/response/certificate_pem"))
                .unwrap(),
        ],
    );
    let url = text("/url");
    let at = vector["response"]["timestamp"].as_i64().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("wechatmp-appid", text("/appid")),
        ("wechatmp-timestamp", &at.to_string()),
        ("wechatmp-serial", text("/response/serial")),
        ("wechatmp-signature", text("/response/signature_b64")),
    ] {
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    let answer = text("/response/respdata").as_bytes();
    let bare = bare(private);
    let random = SystemRandom::new();
    let sign = || {
        let mut signature = vec![0; bare.public().modulus_len()];
        bare.sign(&RSA_PSS_SHA256, &random, &[7; 400], &mut signature).unwrap();
        signature
    };
    let [small, large] =
        [100, 64 << 10].map(|size| format!(r#"{{"text":"{}"}}"#, "a".repeat(size - 11)));
    let seal = |body: &str| keys.seal(Which::Current, url, &[], body.as_bytes(), at).unwrap();

    let none = || ();
    let contenders = [
        Contender::new(SIGNATURE, none, |()| sign()),
        Contender::new(SMALL, none, |()| seal(&small)),
        Contender::new(SIGNATURE_AGAIN, none, |()| sign()),
        Contender::new(LARGE, none, |()| seal(&large)),
        Contender::new(ANSWER, none, |()| keys.open(url, &headers, answer, at).unwrap()),
    ];
    let taken = take_turns(&contenders, 1, ROUNDS, TURN);
    let floor = taken[0].median;
    println!("| | CPU us | to the signature alone | rounds |\n|---|---|---|---|");
    for each in taken {
        let (median, ratio) = (each.median / 1000.0, each.median / floor);
        println!("| {} | {median:.1} | {ratio:.2} | {} |", each.name, each.rounds);
    }
}

/// The key as `ring` has it, to sign with and nothing else.
fn bare(pem: &str) -> RsaKeyPair {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(base64).unwrap();
    RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).unwrap()
}
