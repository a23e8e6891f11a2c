//! Sealed calls and answers, against WeChat's side written in another language with another library.

use http::HeaderMap;
use lingpai_wechat::api_security::{ApiSecurity, PlatformKey, SigningKey, SymmetricKey, Which};
use serde_json::{Value, json};

use crate::peer::asked;

const VECTORS: &str = include_str!("../vectors/api_signature.json");
const URL: &str = "https://api.weixin.qq.com/wxa/getuserriskrank";
const NOW: i64 = 1_714_112_445;

fn published(path: &str) -> String {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors.pointer(path).unwrap().as_str().unwrap().to_owned()
}

/// Keys for which the peer can play the platform: it signs with the published private key, whose public half is "its certificate".
fn keys() -> ApiSecurity {
    let private = published("/request/app_private_key_pem").into();
    ApiSecurity::new(
        "wx1",
        SymmetricKey::new("5e1f", &published("/sym_key_b64").into()).unwrap(),
        SigningKey::from_pem("97845f6e", &private).unwrap(),
        vec![PlatformKey::from_pem("79ba", &published("/request/app_public_key_pem")).unwrap()],
    )
}

fn ask(more: &Value) -> Value {
    let mut ask = json!({
        "url": URL, "appid": "wx1", "timestamp": NOW, "serial": "5e1f", "key": published("/sym_key_b64"),
    });
    ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask
}

/// What calls and answers say, of several lengths and alphabets.
fn texts() -> Vec<Value> {
    let mut texts: Vec<Value> =
        (0..40).map(|length| json!({"errcode": 0, "text": "x".repeat(length)})).collect();
    texts.push(
        json!({"errcode": 0, "text": "我是中文 😀 \"\\ \u{7f}", "f": 1.5, "o": {"a": [1, null]}}),
    );
    texts.push(json!({"errcode": 0, "text": "长".repeat(20_000)}));
    texts
}

#[test]
fn another_hand_proves_and_opens_what_we_seal() {
    let public = published("/request/app_public_key_pem");
    let asks = texts().into_iter().map(|text| {
        let sealed = keys().seal(Which::Current, URL, &[], text.to_string().as_bytes(), NOW);
        let sealed = sealed.unwrap();
        let [.., (_, signature)] = sealed.headers;
        ask(&json!({"body": sealed.body, "signature": signature, "public_key": public}))
    });
    assert_eq!(asked("api_security.py", &asks.collect::<Vec<_>>()), texts());
}

#[test]
fn we_prove_and_open_what_another_hand_seals() {
    let private = published("/request/app_private_key_pem");
    let asks: Vec<_> = texts()
        .into_iter()
        .map(|answer| ask(&json!({"answer": answer, "private_key": private})))
        .collect();
    for (answer, text) in asked("api_security.py", &asks).into_iter().zip(texts()) {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("wechatmp-appid", "wx1"),
            ("wechatmp-timestamp", &NOW.to_string()),
            ("wechatmp-serial", "79ba"),
            ("wechatmp-signature", answer["signature"].as_str().unwrap()),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let body = answer["body"].as_str().unwrap();
        let opened = keys().open(URL, &headers, body.as_bytes(), NOW).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&opened.body).unwrap(), text);
    }
}
