//! What is searched: each test is one target, and says what must hold whatever the input is.

use http::{HeaderMap, HeaderValue, StatusCode};
use lingpai_core::Secret;
use lingpai_wechat::api_security::{ApiSecurity, PlatformKey, SigningKey, SymmetricKey, Which};
use lingpai_wechat::catalogue::{self, Language, Scope};
use lingpai_wechat::push::{Envelope, Format, Message, Notice, Signed};
use serde_json::Value;

use super::search;
use crate::push::crypt;

const INNER: &[u8] = b"<xml><AppId>wx1</AppId><InfoType>component_verify_ticket</InfoType></xml>";
const NAMES: [&str; 6] = ["Encrypt", "InfoType", "MsgType", "FromUserName", "MsgId", "AppId"];

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Reads a push as a whole: what it is made of is never more than what came.
fn read(body: &[u8]) -> Result<String, String> {
    let envelope = Envelope::read(body).is_ok();
    let Ok(message) = Message::read(body) else { return Ok(format!("refused {envelope}")) };
    let found = NAMES.map(|name| message.get(name).map(str::len));
    if found.iter().flatten().sum::<usize>() > body.len() {
        return Err("it says more than what was sent".to_owned());
    }
    let markup = body.windows(9).any(|nine| nine == b"<!DOCTYPE" || nine.starts_with(b"<!ENTITY"));
    let inside = body.windows(9).any(|nine| nine == b"<![CDATA[")
        || body.windows(4).any(|four| four == b"<!--");
    if message.format() == Format::Xml && markup && !inside {
        return Err("a document type was taken".to_owned());
    }
    let notice = match Notice::of(&message) {
        Ok(Some(_)) => "a notice",
        Ok(None) => "a message",
        Err(_) => "a bad notice",
    };
    let _ = message.identity();
    let found = found.map(|length| length.map(|length| length.min(3)));
    Ok(format!("{:?} {notice} {envelope} {found:?}", message.format()))
}

#[test]
fn xml_is_read_or_refused_and_never_expanded() {
    let texts = [
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[QUJD]]></Encrypt></xml>",
        "<xml><AppId>wx1</AppId><CreateTime>1413192760</CreateTime><InfoType>authorized</InfoType>\
         <AuthorizerAppid>wx2</AuthorizerAppid><AuthorizationCode>c</AuthorizationCode>\
         <AuthorizationCodeExpiredTime>600</AuthorizationCodeExpiredTime><PreAuthCode>p</PreAuthCode></xml>",
        "<xml><FromUserName>o1</FromUserName><MsgType>text</MsgType><Content>a &lt; b</Content><MsgId>1</MsgId></xml>",
        "<xml><SuiteId>w</SuiteId><InfoType>suite_ticket</InfoType><SuiteTicket>t</SuiteTicket></xml>",
    ];
    let mut seeds = seeds(&texts);
    seeds.push(INNER.to_vec());
    search("xml", seeds, read);
}

#[test]
fn json_is_read_or_refused() {
    let texts = [
        r#"{"ToUserName":"gh_1","Encrypt":"QUJD"}"#,
        r#"{"AppId":"wx1","InfoType":"component_verify_ticket","ComponentVerifyTicket":"t","CreateTime":1}"#,
        r#"{"FromUserName":"o1","MsgType":"event","Event":"x","a":{"b":[1,null,true,1e3]},"MsgId":12345678901234567890}"#,
    ];
    search("json", seeds(&texts), read);
}

#[test]
fn push_crypto_believes_nothing_but_what_was_sealed() {
    let sealed = crypt().seal(&crypt().sealing(), INNER, 5).unwrap();
    let bodies =
        [Format::Xml, Format::Json].map(|format| sealed.as_push(format, "gh_1").into_bytes());
    search("push", bodies.to_vec(), |body| {
        let signed = Signed {
            signature: &sealed.msg_signature,
            timestamp: &sealed.timestamp,
            nonce: &sealed.nonce,
        };
        let envelope = Envelope::read(body);
        let outer = match &envelope {
            Err(_) => "no envelope",
            Ok(envelope) => match crypt().open(signed, &envelope.encrypt) {
                Err(_) => "refused",
                Ok(opened) if opened.message == INNER => "opened",
                Ok(_) => return Err("a forged push was opened".to_owned()),
            },
        };
        // As if WeChat had sealed it.
        let inner = crypt().seal(&crypt().sealing(), body, 5).map_err(|error| error.to_string())?;
        let signed = Signed {
            signature: &inner.msg_signature,
            timestamp: &inner.timestamp,
            nonce: &inner.nonce,
        };
        let opened = crypt().open(signed, &inner.encrypt).map_err(|_| "its own seal is refused")?;
        if opened.message != body {
            return Err("a message did not come back".to_owned());
        }
        let length = envelope.map_or(0, |envelope| envelope.encrypt.len() % 17);
        Ok(format!("{outer} {length}"))
    });
}

#[test]
fn answer_in_json_is_used_only_if_it_is_no_refusal_and_no_failure_tells_a_secret() {
    const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";
    let secret = Secret::from(SECRET);
    let texts = [
        r#"{"access_token":"53_abcdefghijklmnopqrstuvwxyz0123456789-_","expires_in":7200}"#,
        r#"{"errcode":40164,"errmsg":"invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 61725984-6126f6f9-040f19c4"}"#,
        r#"{"errcode":0,"errmsg":"ok","quota":{"daily_limit":0,"used":0,"remain":0}}"#,
        r#"{"errcode":"42001","errmsg":"5ec2e75ec2e75ec2e75ec2e75ec2e75e is expired, hint: [123456]"}"#,
        "\u{feff} {\"ip_list\":[\"127.0.0.1\"]} ",
        "<html>502</html>",
    ];
    search("answer", seeds(&texts), |body| {
        let text = String::from_utf8_lossy(body);
        let explained = catalogue::explain(&text)
            .map(|explained| explained.to_text(Language::Chinese).len() / 64);
        match lingpai_wechat::accepted(StatusCode::OK, body, Scope::Token, &[&secret]) {
            Ok(object) => {
                let code = object.get("errcode");
                let is_ok = code.is_none_or(|code| {
                    code.as_i64() == Some(0)
                        || code.as_str().is_some_and(|code| code.trim().parse() == Ok(0))
                });
                let fields = object.len().min(9);
                is_ok
                    .then(|| format!("{fields} {explained:?}"))
                    .ok_or("a refusal was taken".to_owned())
            }
            Err(failure) if failure.message.contains(SECRET) => Err("a secret is told".to_owned()),
            Err(failure) if failure.message.chars().count() > 500 => {
                Err("no end of words".to_owned())
            }
            Err(failure) => {
                let (code, rid) =
                    (failure.code.map(|code| code % 100), failure.request_id.is_some());
                Ok(format!("{code:?} {rid} {explained:?} {:?}", failure.class))
            }
        }
    });
}

#[test]
fn security_of_the_api_opens_only_the_answer_that_was_signed() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../vectors/api_signature.json")).unwrap();
    let text = |path: &str| {
        let value = vectors.pointer(path).unwrap();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let symmetric = SymmetricKey::new(&text("/sym_sn"), &text("/sym_key_b64").into()).unwrap();
    let signing = SigningKey::from_pem("", &text("/request/app_private_key_pem").into()).unwrap();
    let platform =
        PlatformKey::from_pem(&text("/response/serial"), &text("/response/certificate_pem"))
            .unwrap();
    let keys = ApiSecurity::new(&text("/appid"), symmetric, signing, vec![platform]);
    let mut headers = HeaderMap::new();
    for (name, path) in [
        ("wechatmp-appid", "/appid"),
        ("wechatmp-timestamp", "/response/timestamp"),
        ("wechatmp-serial", "/response/serial"),
        ("wechatmp-signature", "/response/signature_b64"),
    ] {
        headers.insert(name, HeaderValue::try_from(text(path)).unwrap());
    }
    let (url, now) = (text("/url"), text("/response/timestamp").parse().unwrap());
    let genuine = text("/response/respdata");
    assert!(keys.open(&url, &headers, genuine.as_bytes(), now).is_ok());
    let seeds = seeds(&[&genuine, r#"{"a":1,"b":"令","c":{"d":[1.10,-0]}}"#, "{}"]);
    search("security", seeds, |body| {
        let opened = keys.open(&url, &headers, body, now);
        if opened.is_ok() && body != genuine.as_bytes() {
            return Err("a forged answer was opened".to_owned());
        }
        // To sign takes a while, and says nothing more of most.
        let sealed =
            (body.len() < 64).then(|| keys.seal(Which::Current, &url, &[("a", "b")], body, now));
        let sealed = sealed
            .map(|sealed| sealed.map(|call| call.body.len() / 16).map_err(|why| why.to_string()));
        Ok(format!("{:?} {sealed:?}", opened.is_ok()))
    });
}
