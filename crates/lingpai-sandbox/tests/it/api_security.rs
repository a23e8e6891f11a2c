//! API security: what is refused before a call is opened. What is opened, a real gateway proves (`lingpai-cli/tests/system`).

use bytes::Bytes;
use http::Request;
use lingpai_sandbox::{ApiSecuritySettings, AppCounters, Certificate};
use serde_json::{Value, json};

use crate::sky::{MINI, Sky, code, parsed, token};

const RISK: &str = "/wxa/getuserriskrank";
const STORE: &str = "/cgi-bin/express/intracity/createstore";
const VECTORS: &str = include_str!("../../../lingpai-wechat/tests/vectors/api_signature.json");

/// A mini program's token.
fn mini(sky: &mut Sky) -> String {
    let secret = sky.world.secret(MINI).unwrap().expose().to_owned();
    let body = json!({"grant_type": "client_credential", "appid": MINI, "secret": secret});
    token(&sky.post("/cgi-bin/stable_token", &body))
}

pub(crate) fn settings() -> ApiSecuritySettings {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let public_key = vectors["request"]["app_public_key_pem"].as_str().unwrap().to_owned();
    ApiSecuritySettings {
        symmetric_serial: "5e1f".to_owned(),
        symmetric_key: None,
        public_key,
        certificate: Certificate::First,
    }
}

/// Calls a path with these headers; the errcode.
fn called(sky: &mut Sky, path: &str, token: &str, headers: &[(&str, &str)]) -> i64 {
    let mut request = Request::post(format!("{path}?access_token={token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Bytes::from_static(br#"{"openid":"o1","out_store_id":"s"}"#);
    let answer = sky.answer(&request.body(body).unwrap());
    code(&parsed(&answer))
}

#[test]
fn a_call_is_opened_only_if_all_of_it_is_right() {
    let mut sky = Sky::with_mini_program();
    let token = mini(&mut sky);
    assert_eq!(called(&mut sky, STORE, &token, &[]), 40238, "no keys are set");
    sky.world.set_api_security(MINI, settings()).unwrap();
    let now = "1767225600";
    for (headers, expected) in [
        (&[][..], 40233),
        (&[("wechatmp-appid", MINI)], 40231),
        (&[("wechatmp-appid", MINI), ("wechatmp-timestamp", now)], 40232),
        (
            &[
                ("wechatmp-appid", "wxother"),
                ("wechatmp-timestamp", now),
                ("wechatmp-signature", "x"),
            ],
            40237,
        ),
        (
            &[
                ("wechatmp-appid", MINI),
                ("wechatmp-timestamp", "1767225299"),
                ("wechatmp-signature", "x"),
            ],
            40240,
        ),
        (
            &[
                ("wechatmp-appid", MINI),
                ("wechatmp-timestamp", now),
                ("wechatmp-signature", "bm8="),
            ],
            40234,
        ),
    ] {
        assert_eq!(called(&mut sky, STORE, &token, headers), expected);
    }
    // A dead token is refused before anything is opened, in plain.
    assert_eq!(called(&mut sky, STORE, "dead", &[("wechatmp-appid", MINI)]), 40001);
    // Calls that need not be sealed are still taken in plain.
    assert_eq!(called(&mut sky, RISK, &token, &[]), 0);
    let AppCounters { sealed, .. } = sky.world.counters().app(MINI);
    assert_eq!(sealed, 0);
}

#[test]
fn the_page_gives_a_key_and_the_certificates() {
    let mut sky = Sky::with_mini_program();
    let wanted = json!({"symmetric_serial": "5e1f", "public_key": settings().public_key});
    let path = format!("/__sandbox/apps/{MINI}/api-security");
    let shown = sky.post(&path, &wanted);
    assert_eq!(shown["symmetric_key"].as_str().unwrap().len(), 44);
    let first = shown["platform"].clone();
    assert!(first["certificate"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let path = format!("/__sandbox/apps/{MINI}/replace-certificate");
    let replaced = sky.post(&path, &json!({"certificate": "second"}));
    assert_ne!(replaced["platform"], first);
    assert_eq!(replaced["symmetric_key"], shown["symmetric_key"]);
    for (name, wrong) in [("public_key", json!("x")), ("symmetric_key", json!("AAAA"))] {
        let mut wanted = wanted.clone();
        wanted[name] = wrong;
        let refused = sky.post(&format!("/__sandbox/apps/{MINI}/api-security"), &wanted);
        assert!(refused["error"].as_str().unwrap().contains(name), "{refused}");
    }
    assert!(!format!("{:?}", sky.world).contains(shown["symmetric_key"].as_str().unwrap()));
}
