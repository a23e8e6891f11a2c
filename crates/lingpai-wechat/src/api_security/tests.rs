//! The published vectors of API security, and what must be refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::HeaderName;
use lingpai_core::api_security::NumberedKey;
use lingpai_core::{ApiSecurityKeys, Secret};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::*;
use crate::catalogue::Language;

/// What WeChat publishes, the keys included.
fn vector(path: &str) -> Value {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/vectors/api_signature.json")).unwrap();
    all.pointer(path).unwrap_or_else(|| panic!("no {path}")).clone()
}

fn text(path: &str) -> String {
    vector(path).as_str().unwrap().to_owned()
}

fn at(path: &str) -> i64 {
    vector(path).as_i64().unwrap()
}

fn symmetric() -> SymmetricKey {
    SymmetricKey::new(&text("/sym_sn"), &Secret::from(text("/sym_key_b64"))).unwrap()
}

fn signing() -> SigningKey {
    SigningKey::from_pem("mine", &Secret::from(text("/request/app_private_key_pem"))).unwrap()
}

/// Ours, with these certificates of the platform.
fn ours(platform: Vec<PlatformKey>) -> ApiSecurity {
    ApiSecurity::new(&text("/appid"), symmetric(), signing(), platform)
}

fn published() -> ApiSecurity {
    let certificate = text("/response/certificate_pem");
    ours(vec![PlatformKey::from_pem(&text("/response/serial"), &certificate).unwrap()])
}

/// Keys with which an answer can be signed as WeChat would, and `serial` for their certificate.
fn played(serials: &[&str]) -> ApiSecurity {
    let public = text("/request/app_public_key_pem");
    ours(serials.iter().map(|serial| PlatformKey::from_pem(serial, &public).unwrap()).collect())
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), value.parse().unwrap())
    };
    pairs.iter().map(pair).collect()
}

/// An answer with this plain text, signed and encrypted for `at`.
fn answer(plain: &str, at: i64) -> (String, String) {
    let wechat = played(&[]);
    let body = wechat.encrypted(&symmetric(), &url(), plain, [1; 12], at).unwrap();
    let signature = wechat.signed(&wechat.statement(&url(), at, &body)).unwrap();
    (body, signature)
}

fn url() -> String {
    text("/url")
}

const NOW: i64 = 1_700_000_000;

fn plain() -> String {
    format!(r#"{{"_n":"x","_appid":"{}","_timestamp":{NOW},"errcode":0}}"#, text("/appid"))
}

#[test]
fn wechats_call_is_sealed_byte_for_byte() {
    let keys = published();
    let at = at("/request/timestamp");
    let query = [("appid", "wxba6223c06417af7b")];
    let body = br#"{"openid":"oEWzBfmdLqhFS2mTXCo2E4Y9gJAM","scene":0,"client_ip":"127.0.0.1"}"#;
    let plain = keys.with_added(&query, body, "o89QaPVsRu1yppIZzvSZc4", at).unwrap();
    assert_eq!(plain, text("/request/plaintext"));
    let iv = STANDARD.decode("fmW/zNxXlytUZBgj").unwrap().try_into().unwrap();
    let postdata = keys.encrypted(&symmetric(), &url(), &plain, iv, at).unwrap();
    assert_eq!(postdata, text("/request/postdata"));
}

#[test]
fn wechats_signature_of_a_call_holds_under_its_public_key_and_so_does_ours() {
    let key = PlatformKey::from_pem("", &text("/request/app_public_key_pem")).unwrap().key;
    let statement =
        published().statement(&url(), at("/request/timestamp"), &text("/request/postdata"));
    let ours = published().signed(&statement).unwrap();
    for signature in [text("/request/signature_b64"), ours] {
        let signature = STANDARD.decode(signature).unwrap();
        assert!(key.verify(statement.as_bytes(), &signature).is_ok());
        assert!(key.verify(statement.trim_end_matches('}').as_bytes(), &signature).is_err());
    }
}

#[test]
fn wechats_answer_is_opened() {
    let (at, body) = (at("/response/timestamp"), text("/response/respdata"));
    let statement = published().statement(&url(), at, &body);
    let sum: String =
        digest(&SHA256, statement.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(sum, text("/response/sign_string_sha256"));
    let headers = headers(&[
        ("wechatmp-appid", &text("/appid")),
        ("wechatmp-timestamp", &at.to_string()),
        ("wechatmp-serial", &text("/response/serial")),
        ("wechatmp-signature", &text("/response/signature_b64")),
        ("wechatmp-serial-deprecated", &text("/response/serial_deprecated")),
        ("wechatmp-signature-deprecated", "bm8="),
    ]);
    let answer = published().open(&url(), &headers, body.as_bytes(), at + 300).unwrap();
    let plain =
        r#"{"errcode":0,"errmsg":"getuserriskrank succ","risk_rank":0,"unoin_id":2258658297}"#;
    assert_eq!(answer, Answer { body: plain.to_owned(), replace_certificate: None });
    let late = published().open(&url(), &headers, body.as_bytes(), at + 301);
    assert_eq!(late, Err(Unacceptable::Time));
}

#[test]
fn a_certificate_that_is_about_to_be_replaced_still_verifies_and_says_so() {
    let (body, signature) = answer(&plain(), NOW);
    let headers = headers(&[
        ("wechatmp-appid", &text("/appid")),
        ("wechatmp-timestamp", &NOW.to_string()),
        ("wechatmp-serial", "new"),
        ("wechatmp-signature", "bm8="),
        ("wechatmp-serial-deprecated", "old"),
        ("wechatmp-signature-deprecated", &signature),
    ]);
    let open = |keys: &ApiSecurity| keys.open(&url(), &headers, body.as_bytes(), NOW);
    let opened = open(&played(&["old"])).unwrap();
    assert_eq!(opened.replace_certificate.as_deref(), Some("new"));
    assert_eq!(open(&played(&["other"])), Err(Unacceptable::UnknownCertificate));
    assert_eq!(open(&played(&[])), Err(Unacceptable::UnknownCertificate));
    // Whoever has both is not to be content with the old one: the signature of the new one is false here.
    assert_eq!(open(&played(&["old", "new"])), Err(Unacceptable::False));
}

#[test]
fn an_answer_that_is_not_for_this_call_is_refused() {
    let opened = |url: &str, body: &str, appid: &str, time: i64, signature: &str, now: i64| {
        let headers = headers(&[
            ("wechatmp-appid", appid),
            ("wechatmp-timestamp", &time.to_string()),
            ("wechatmp-serial", "s"),
            ("wechatmp-signature", signature),
        ]);
        played(&["s"]).open(url, &headers, body.as_bytes(), now)
    };
    let appid = text("/appid");
    let (body, signature) = answer(&plain(), NOW);
    let right = opened(&url(), &body, &appid, NOW, &signature, NOW).unwrap();
    assert_eq!(right.body, r#"{"errcode":0}"#);

    let refused = [
        opened("https://api.weixin.qq.com/wxa/other", &body, &appid, NOW, &signature, NOW),
        opened(&url(), &body.replace("iv", "vi"), &appid, NOW, &signature, NOW),
        opened(&url(), &body, "wxother", NOW, &signature, NOW),
        opened(&url(), &body, &appid, NOW + 1, &signature, NOW),
        opened(&url(), &body, &appid, NOW, "bm8=", NOW),
        opened(&url(), &body, &appid, NOW, "*", NOW),
    ];
    assert!(refused.iter().all(|result| *result == Err(Unacceptable::False)), "{refused:?}");
    for now in [NOW - 301, NOW + 301] {
        assert_eq!(opened(&url(), &body, &appid, NOW, &signature, now), Err(Unacceptable::Time));
    }
    // Signed by WeChat, and yet of another account or time inside.
    for plain in [
        plain().replace(&appid, "wxother"),
        plain().replace(&NOW.to_string(), "1"),
        r#"{"errcode":0}"#.to_owned(),
        "[]".to_owned(),
    ] {
        let (body, signature) = answer(&plain, NOW);
        let result = opened(&url(), &body, &appid, NOW, &signature, NOW);
        assert_eq!(result, Err(Unacceptable::False), "{plain}");
    }
}

#[test]
fn an_answer_without_a_signature_is_told_apart() {
    let refusal = br#"{"errcode":40234,"errmsg":"invalid signature"}"#;
    let result = published().open(&url(), &HeaderMap::new(), refusal, NOW);
    assert_eq!(result, Err(Unacceptable::Unsigned));
}

#[test]
fn values_stay_as_they_were_written_and_the_query_joins_them() {
    let body = br#" {"big": 12345678901234567890123, "f": 1.10, "o": {"b" : [1]}, "q": "body"} "#;
    let sealed = published().with_added(&[("q", "query"), ("r", "a\"b")], body, "n", 5).unwrap();
    assert_eq!(
        sealed,
        r#"{"_n":"n","_appid":"wxba6223c06417af7b","_timestamp":5,"r":"a\"b","big":12345678901234567890123,"f":1.10,"o":{"b" : [1]},"q":"body"}"#
    );
    let empty = published().with_added(&[], b"", "n", 5).unwrap();
    assert_eq!(empty, r#"{"_n":"n","_appid":"wxba6223c06417af7b","_timestamp":5}"#);
}

#[test]
fn what_cannot_be_sealed_is_not_sent() {
    let seal = |query: &[(&str, &str)], body: &[u8]| {
        published().seal(Which::Current, &url(), query, body, NOW).map(drop)
    };
    assert_eq!(seal(&[], b"{}"), Ok(()));
    for body in [&b"[1]"[..], b"--boundary", b"{", b"\xff"] {
        assert_eq!(seal(&[], body), Err(Unsealable::Body));
    }
    assert_eq!(seal(&[], br#"{"_n":"x"}"#), Err(Unsealable::Reserved));
    assert_eq!(seal(&[("_appid", "wx")], b"{}"), Err(Unsealable::Reserved));
}

#[test]
fn a_sealed_call_opens_under_the_same_key_and_no_two_are_alike() {
    let [first, second] = [0, 0]
        .map(|_| published().seal(Which::Current, &url(), &[], br#"{"scene":0}"#, NOW).unwrap());
    assert_ne!(first.body, second.body);
    let plain = published().decrypted(&url(), first.body.as_bytes(), NOW).unwrap();
    assert!(String::from_utf8(plain).unwrap().ends_with(r#","scene":0}"#));
    assert!(published().decrypted(&url(), first.body.as_bytes(), NOW + 1).is_none());
    let names: Vec<_> = first.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["Wechatmp-Appid", "Wechatmp-TimeStamp", "Wechatmp-Serial", "Wechatmp-Signature"]
    );
}

#[test]
fn keys_in_the_usual_forms_are_read_and_others_are_refused_without_repeating_them() {
    let private = text("/request/app_private_key_pem");
    let public = text("/request/app_public_key_pem");
    for bad in ["", "x", &public, &private[..800]] {
        let error = SigningKey::from_pem("mine", &Secret::from(bad)).unwrap_err();
        assert_eq!(error, InvalidKey::Signing);
    }
    for bad in ["", "x", &private, &public[..200]] {
        assert_eq!(PlatformKey::from_pem("", bad).unwrap_err(), InvalidKey::Platform);
    }
    for bad in ["", "AAAA", "*"] {
        let error = SymmetricKey::new("", &Secret::from(bad)).unwrap_err();
        assert_eq!(error, InvalidKey::Symmetric);
    }
    assert!(!format!("{:?}", published()).contains("KEY"));
}

fn numbered(serial: &str, key: String) -> NumberedKey {
    NumberedKey { serial: serial.into(), key: key.into() }
}

/// The published keys as an account keeps them.
fn kept() -> ApiSecurityKeys {
    ApiSecurityKeys {
        symmetric: numbered("b", STANDARD.encode([7; 32])),
        previous_symmetric: Some(numbered(&text("/sym_sn"), text("/sym_key_b64"))),
        private: numbered("97845f6e", text("/request/app_private_key_pem")),
        platform: numbered(&text("/response/serial"), text("/response/certificate_pem")),
        other_platform: None,
        calls: None,
    }
}

#[test]
fn while_the_symmetric_key_is_replaced_both_seal_and_both_open() {
    let account = text("/appid").parse().unwrap();
    let keys = ApiSecurity::of(&account, &kept()).unwrap();
    for (which, other) in [(Which::Previous, published()), (Which::Current, keys)] {
        let keys = ApiSecurity::of(&account, &kept()).unwrap();
        let sealed = keys.seal(which, &url(), &[], b"{}", NOW).unwrap();
        assert!(keys.decrypted(&url(), sealed.body.as_bytes(), NOW).is_some());
        assert!(other.decrypted(&url(), sealed.body.as_bytes(), NOW).is_some());
        assert_eq!(
            published().decrypted(&url(), sealed.body.as_bytes(), NOW).is_some(),
            which == Which::Previous
        );
    }
}

#[test]
fn the_keys_of_an_account_are_looked_at_before_they_are_taken() {
    let account = text("/appid").parse().unwrap();
    let with = |change: &dyn Fn(&mut ApiSecurityKeys)| {
        let mut keys = kept();
        change(&mut keys);
        ApiSecurity::of(&account, &keys).map(drop)
    };
    let public = text("/request/app_public_key_pem");
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|it| it.symmetric = numbered("x", "AAAA".into())), Err(InvalidKey::Symmetric));
    assert_eq!(with(&|it| it.private = it.platform.clone()), Err(InvalidKey::Signing));
    assert_eq!(with(&|it| it.platform = it.symmetric.clone()), Err(InvalidKey::Platform));
    assert_eq!(
        with(&|it| it.other_platform = Some(numbered("x", public.clone()))),
        Err(InvalidKey::OwnKey)
    );
    assert!(matches!(with(&|it| it.private.serial = "".into()), Err(InvalidKey::Form(_))));
    for key in [InvalidKey::Symmetric, InvalidKey::Signing, InvalidKey::OwnKey] {
        assert!(key.told(Language::Chinese).starts_with(['A', '开']));
    }
}
