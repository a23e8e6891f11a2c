//! The published vectors of message crypto, and what must be refused.

use serde_json::Value;

use super::*;

/// What WeChat publishes.
fn vectors(name: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/push.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} of {vector}"))
}

fn key(text: &str) -> AesKey {
    AesKey::parse(&Secret::from(text)).unwrap()
}

fn crypt_of(vector: &Value) -> PushCrypt {
    let aes_key = key(text(vector, "encoding_aes_key"));
    PushCrypt::new(text(vector, "token").into(), aes_key, None, [text(vector, "receive_id")])
}

const RECEIVER: &str = "wx134c8103faa5a59e";

fn old() -> AesKey {
    key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
}

fn new() -> AesKey {
    key("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
}

fn ours() -> PushCrypt {
    PushCrypt::new(Secret::from("AAAAA"), new(), Some(old()), [RECEIVER, "wwcorp"])
}

/// A ciphertext of any plain bytes under a key, signed as it should be.
fn signed(crypt: &PushCrypt, key: &AesKey, plain: &[u8]) -> Sealed {
    let encrypt = STANDARD.encode(key.encrypt(plain.to_vec()));
    let msg_signature = sign(&crypt.token, "1", "2", Some(&encrypt));
    Sealed { encrypt, msg_signature, timestamp: "1".into(), nonce: "2".into() }
}

fn open(crypt: &PushCrypt, sealed: &Sealed) -> Result<Opened, Refused> {
    let Sealed { encrypt, msg_signature, timestamp, nonce } = sealed;
    crypt.open(Signed { signature: msg_signature, timestamp, nonce }, encrypt)
}

#[test]
fn wechats_vectors_are_opened() {
    for vector in vectors("encrypted") {
        let crypt = crypt_of(&vector);
        let encrypt = text(&vector, "encrypt");
        let mut sealed = Sealed {
            encrypt: encrypt.into(),
            msg_signature: sign(&crypt.token, "1", "2", Some(encrypt)),
            timestamp: "1".into(),
            nonce: "2".into(),
        };
        // The Java demo has a ciphertext without a signature.
        if vector.get("msg_signature").is_some() {
            sealed.msg_signature = text(&vector, "msg_signature").into();
            sealed.timestamp = text(&vector, "timestamp").into();
            sealed.nonce = text(&vector, "nonce").into();
        }
        let opened = open(&crypt, &sealed).unwrap_or_else(|_| panic!("{vector}"));
        assert_eq!(String::from_utf8(opened.message).unwrap(), text(&vector, "msg"));
    }
}

#[test]
fn wechats_vectors_are_sealed() {
    for vector in vectors("encrypted") {
        let crypt = crypt_of(&vector);
        let random = text(&vector, "random16").as_bytes().try_into().unwrap();
        let or_none = |name| vector[name].as_str().unwrap_or_default().to_owned();
        let message = text(&vector, "msg").as_bytes();
        let sealed =
            crypt.sealed(&crypt.sealing(), message, random, or_none("timestamp"), or_none("nonce"));
        assert_eq!(sealed.encrypt, text(&vector, "encrypt"), "{vector}");
        if let Some(signature) = vector["msg_signature"].as_str() {
            assert_eq!(sealed.msg_signature, signature, "{vector}");
        }
    }
}

#[test]
fn wechats_plain_signatures_hold_and_no_others() {
    let mut all = vectors("plain_signature");
    // Encrypted pushes have one too.
    all.extend(vectors("encrypted").into_iter().filter(|vector| vector.get("signature").is_some()));
    assert!(all.len() >= 4);
    for vector in all {
        let crypt = PushCrypt::new(text(&vector, "token").into(), new(), None, [RECEIVER]);
        let (timestamp, nonce) = (text(&vector, "timestamp"), text(&vector, "nonce"));
        let know = |signature: &str, timestamp: &str, nonce: &str| {
            crypt.know(Signed { signature, timestamp, nonce })
        };
        let signature = text(&vector, "signature");
        assert_eq!(crypt.sign(timestamp, nonce), signature);
        assert_eq!(know(signature, timestamp, nonce), Ok(()));
        assert_eq!(know(&signature.to_uppercase(), timestamp, nonce), Err(Refused));
        assert_eq!(know(&signature[..39], timestamp, nonce), Err(Refused));
        assert_eq!(know("", timestamp, nonce), Err(Refused));
        assert_eq!(know(signature, "1", nonce), Err(Refused));
        assert_eq!(know(signature, timestamp, "1"), Err(Refused));
    }
}

#[test]
fn whichever_key_opens_seals_the_answer() {
    let before = PushCrypt::new(Secret::from("AAAAA"), old(), None, [RECEIVER]);
    let after = PushCrypt::new(Secret::from("AAAAA"), new(), None, [RECEIVER]);
    for wechat in [before, after] {
        let opened = open(&ours(), &wechat.seal(&wechat.sealing(), b"hello", 5).unwrap()).unwrap();
        let answer = ours().seal(&opened.sealing, b"answer", 6).unwrap();
        assert_eq!(open(&wechat, &answer).unwrap().message, b"answer");
    }
}

#[test]
fn an_answer_is_for_whom_the_message_was() {
    let corp = PushCrypt::new(Secret::from("AAAAA"), new(), None, ["wwcorp"]);
    let opened = open(&ours(), &corp.seal(&corp.sealing(), b"hello", 5).unwrap()).unwrap();
    let answer = ours().seal(&opened.sealing, b"answer", 6).unwrap();
    assert_eq!(open(&corp, &answer).unwrap().message, b"answer");
}

#[test]
fn two_ciphertexts_of_one_message_differ() {
    let (crypt, seal) = (ours(), ours().sealing());
    let [first, second] = [0, 0].map(|at| crypt.seal(&seal, b"hello", at).unwrap());
    assert!(first.encrypt != second.encrypt && first.nonce != second.nonce);
}

#[test]
fn whatever_is_wrong_with_a_push_is_the_same_refusal() {
    let crypt = ours();
    let plain = |message: &[u8], length: u32, receiver: &str| {
        [&[7; RANDOM], &length.to_be_bytes()[..], message, receiver.as_bytes()].concat()
    };
    let right = signed(&crypt, &new(), &plain(b"hello", 5, RECEIVER));
    assert_eq!(open(&crypt, &right).unwrap().message, b"hello");

    let strange = key(&"A".repeat(43));
    let wrong = [
        ("another key", signed(&crypt, &strange, &plain(b"hello", 5, RECEIVER))),
        ("another receiver", signed(&crypt, &new(), &plain(b"hello", 5, "wxother"))),
        ("a longer receiver", signed(&crypt, &new(), &plain(b"hello", 5, "wx134c8103faa5a59ee"))),
        ("no receiver", signed(&crypt, &new(), &plain(b"hello", 5, ""))),
        ("a length too long", signed(&crypt, &new(), &plain(b"hello", 6, RECEIVER))),
        ("a length too short", signed(&crypt, &new(), &plain(b"hello", 4, RECEIVER))),
        ("a length beyond all", signed(&crypt, &new(), &plain(b"hello", u32::MAX, RECEIVER))),
        ("no length", signed(&crypt, &new(), &[7; 18])),
        ("nothing", signed(&crypt, &new(), b"")),
    ];
    for (what, push) in wrong {
        assert_eq!(open(&crypt, &push), Err(Refused), "{what}");
    }
    type Change = fn(&mut Sealed);
    let changes: [(&str, Change); 8] = [
        ("a false signature", |push| push.msg_signature = "0".repeat(40)),
        ("an empty signature", |push| push.msg_signature.clear()),
        ("another time", |push| push.timestamp = "3".into()),
        ("another nonce", |push| push.nonce = "3".into()),
        ("another ciphertext", |push| push.encrypt.replace_range(..1, "/")),
        ("no base64", |push| push.encrypt.replace_range(..1, "*")),
        ("a truncated ciphertext", |push| push.encrypt.truncate(40)),
        ("no ciphertext", |push| push.encrypt.clear()),
    ];
    for (what, change) in changes {
        let mut push = right.clone();
        change(&mut push);
        assert_eq!(open(&crypt, &push), Err(Refused), "{what}");
    }
}

#[test]
fn a_signed_push_with_a_wrong_padding_or_half_a_block_is_refused() {
    let crypt = ours();
    let right = signed(&crypt, &new(), &[&[7; 20], RECEIVER.as_bytes()].concat());
    let ciphertext = STANDARD.decode(&right.encrypt).unwrap();
    for end in [ciphertext.len() - 1, ciphertext.len() - 16, 16, 0] {
        let encrypt = STANDARD.encode(&ciphertext[..end]);
        let msg_signature = sign(&crypt.token, "1", "2", Some(&encrypt));
        let push = Sealed { encrypt, msg_signature, ..right.clone() };
        assert_eq!(open(&crypt, &push), Err(Refused), "{end}");
    }
}

#[test]
fn a_message_that_is_shorter_than_it_says_is_refused_for_an_empty_receiver_too() {
    // Some of WeCom's URLs have no receiver.
    let nobody = PushCrypt::new(Secret::from("AAAAA"), new(), None, [""]);
    assert_eq!(open(&nobody, &signed(&nobody, &new(), &[7; 10])), Err(Refused));
    assert_eq!(open(&nobody, &signed(&nobody, &new(), &[7; 20])), Err(Refused));
    assert!(open(&nobody, &signed(&nobody, &new(), &[0; 20])).is_ok());
}

#[test]
fn the_keys_print_nothing() {
    let printed = format!("{:?}", ours());
    assert!(!printed.contains("AAAAA"), "{printed}");
}
