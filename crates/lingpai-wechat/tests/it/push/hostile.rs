//! Whatever strangers send: nothing panics, and nothing but what WeChat sealed is believed.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use lingpai_core::Secret;
use lingpai_wechat::api_security::{ApiSecurity, PlatformKey, SigningKey, SymmetricKey, Which};
use lingpai_wechat::push::{
    AesKey, Envelope, Format, Message, Notice, Refused, Sealed, Signed, Unreadable,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{crypt, opened};

/// Pieces of which XML and JSON are made, well and badly.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "<xml>",
        "</xml>",
        "<Encrypt>",
        "</Encrypt>",
        "<Encrypt/>",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE x [",
        "<!ENTITY a \"",
        "]>",
        "&a;",
        "&lt;",
        "&#65;",
        "&#x110000;",
        "<?xml version=\"1.0\"?>",
        "<!--",
        "-->",
        "<InfoType>",
        "</InfoType>",
        "authorized",
        "{",
        "}",
        "[",
        "]",
        "\"Encrypt\"",
        ":",
        ",",
        "\"",
        "\\u0000",
        "\\ud800",
        "1e999",
        "null",
        " ",
        "\n",
        "\u{feff}",
        "\0",
        "a",
        "令",
    ]);
    proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn sealed() -> Sealed {
    crypt().seal(&crypt().sealing(), b"<xml><A>1</A></xml>", 5).unwrap()
}

/// What a push URL does with a body, as far as this crate goes.
fn received(signed: Signed<'_>, body: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::read(body).ok()?;
    let opened = crypt().open(signed, &envelope.encrypt).ok()?;
    Some(opened.message)
}

fn api_security() -> ApiSecurity {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/api_signature.json")).unwrap();
    let text = |path| vectors.pointer(path).unwrap().as_str().unwrap();
    let symmetric = SymmetricKey::new("s", &Secret::from(text("/sym_key_b64"))).unwrap();
    let signing = SigningKey::from_pem("", &text("/request/app_private_key_pem").into()).unwrap();
    let platform = PlatformKey::from_pem("p", text("/response/certificate_pem")).unwrap();
    ApiSecurity::new("wx", symmetric, signing, vec![platform])
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::read(&body) {
            let _ = (Notice::of(&message), message.identity());
        }
        let _ = Envelope::read(&body);
        prop_assert_eq!(received(Signed { signature: "", timestamp: "", nonce: "" }, &body), None);
    }

    #[test]
    fn no_markup_makes_a_reader_panic_or_expand(body in pieces()) {
        if let Ok(message) = Message::read(body.as_bytes()) {
            let _ = (Notice::of(&message), message.identity());
            let length = ["Encrypt", "InfoType"].iter().filter_map(|name| message.get(name)).map(str::len).sum::<usize>();
            prop_assert!(length <= body.len());
            prop_assert!(!body.contains("<!DOCTYPE") || message.format() == Format::Json);
        }
        let _ = Envelope::read(body.as_bytes());
    }

    #[test]
    fn no_query_and_no_ciphertext_of_a_stranger_are_believed(
        signature in "\\PC{0,50}|[0-9a-f]{40}", timestamp in "\\PC{0,12}", nonce in "\\PC{0,12}",
        encrypt in "\\PC{0,100}|([A-Za-z0-9+/]{4}){0,60}",
    ) {
        let signed = Signed { signature: &signature, timestamp: &timestamp, nonce: &nonce };
        prop_assert_eq!(crypt().open(signed, &encrypt), Err(Refused));
        prop_assert_eq!(crypt().know(signed), Err(Refused));
    }

    #[test]
    fn a_push_that_was_changed_anywhere_is_refused_or_says_the_same(
        json in any::<bool>(), place in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let sealed = sealed();
        let mut body = sealed.as_push(if json { Format::Json } else { Format::Xml }, "gh_1").into_bytes();
        let place = place.index(body.len());
        if cut { body.truncate(place) } else { body[place] = byte }
        let signed =
            Signed { signature: &sealed.msg_signature, timestamp: &sealed.timestamp, nonce: &sealed.nonce };
        prop_assert!(matches!(received(signed, &body).as_deref(), None | Some(b"<xml><A>1</A></xml>")));
    }

    #[test]
    fn every_message_comes_back(message in "\\PC{0,300}", json in any::<bool>()) {
        let sealed = crypt().seal(&crypt().sealing(), message.as_bytes(), 5).unwrap();
        prop_assert_eq!(opened(&sealed.as_answer(if json { Format::Json } else { Format::Xml })), message);
    }

    #[test]
    fn no_key_makes_its_reader_panic(text in "\\PC{0,100}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = (AesKey::parse(&text.as_str().into()), SymmetricKey::new("", &text.as_str().into()));
        let inner = base64(&bytes);
        for label in ["CERTIFICATE", "PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY"] {
            let pem = format!("-----BEGIN {label}-----\n{inner}\n-----END {label}-----\n");
            prop_assert!(PlatformKey::from_pem("", &pem).is_err() || label == "CERTIFICATE" || label == "PUBLIC KEY");
            prop_assert!(SigningKey::from_pem("", &pem.as_str().into()).is_err());
        }
    }

    #[test]
    fn no_answer_of_a_stranger_is_opened(
        body in pieces(), appid in "wx|\\PC{0,5}", serial in "p|s", signature in "[A-Za-z0-9+/]{0,40}",
    ) {
        let pairs = [("appid", appid.as_str()), ("timestamp", "5"), ("serial", &serial), ("signature", &signature)];
        let headers: HeaderMap = pairs
            .iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::try_from(format!("wechatmp-{name}")).ok()?;
                Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
            })
            .collect();
        let url = "https://api.weixin.qq.com/wxa/x";
        prop_assert!(api_security().open(url, &headers, body.as_bytes(), 5).is_err());
        let _ = api_security().seal(Which::Current, url, &[], body.as_bytes(), 5);
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A billion laughs, a quadratic blow-up and the like, signed by WeChat itself: they are no messages.
#[test]
fn bombs_are_refused_inside_and_outside() {
    let laughs = (1..10).fold("<!ENTITY a0 \"ha\">".to_owned(), |entities, level| {
        let before = format!("&a{};", level - 1).repeat(10);
        format!("{entities}<!ENTITY a{level} \"{before}\">")
    });
    let bombs = [
        format!("<!DOCTYPE xml [{laughs}]><xml><Encrypt>&a9;</Encrypt></xml>"),
        "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><Encrypt>&a;</Encrypt></xml>".to_owned(),
        format!("{}<Encrypt>x</Encrypt>{}", "<xml>".repeat(30_000), "</xml>".repeat(30_000)),
        format!("<xml>{}<Encrypt>x</Encrypt></xml>", "<a/>".repeat(50_000)),
        format!("{{\"Encrypt\": {}}}", "[".repeat(100_000)),
        format!("<xml><Encrypt>{}</Encrypt></xml>", "A".repeat(300_000)),
    ];
    for bomb in bombs {
        assert_eq!(Envelope::read(bomb.as_bytes()), Err(Unreadable), "{}", &bomb[..60]);
        assert_eq!(Message::read(bomb.as_bytes()), Err(Unreadable), "{}", &bomb[..60]);
    }
}
