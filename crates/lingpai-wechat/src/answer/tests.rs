//! What upstream may answer to a fetch, and what is made of it.

use lingpai_core::Reached;
use proptest::prelude::*;

use super::*;
use crate::catalogue::Language;

const TOKEN: &str = "70_GTSJtrFxsfqLhFZVtPFpjI3G6VpKgx-Sn6ed_oYQbJhVE6";
const SECRET: &str = "8f5c0dea11ce5eed8f5c0dea11ce5eed";

fn of_status(status: u16, body: impl Into<Bytes>) -> Result<Issued, Failure> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    issued(&answer, Expected::ACCESS_TOKEN, &[&Secret::from(SECRET)])
}

fn read(body: &str) -> Result<Issued, Failure> {
    of_status(200, body.as_bytes().to_vec())
}

fn answer(expires_in: &str) -> String {
    format!(r#"{{"access_token":"{TOKEN}","expires_in":{expires_in}}}"#)
}

fn refused(code: i64) -> Failure {
    read(&format!(r#"{{"errcode":{code},"errmsg":"no rid: 6aac0063-7ed08fb9-1250f724"}}"#))
        .unwrap_err()
}

fn assert_advised_in_both_languages(failure: &Failure) {
    let english = catalogue::remedy(failure, Language::English);
    let chinese = catalogue::remedy(failure, Language::Chinese);
    assert!(english.is_some() && chinese.is_some() && english != chinese, "{failure:?}");
}

#[test]
fn a_token_is_read_with_the_life_that_is_stated() {
    for (expires_in, seconds) in
        [("7200", 7200), ("345", 345), ("1", 1), ("\"7200\"", 7200), ("\" 60 \"", 60), ("59.9", 59)]
    {
        let issued = read(&answer(expires_in)).unwrap();
        assert_eq!(issued.value.expose(), TOKEN);
        assert_eq!(issued.life, Duration::from_secs(seconds), "{expires_in}");
    }
}

#[test]
fn an_errcode_of_zero_is_success() {
    for code in ["0", "\"0\""] {
        let body = format!(
            r#"{{"errcode":{code},"errmsg":"ok","access_token":"{TOKEN}","expires_in":7200}}"#
        );
        assert!(read(&body).is_ok(), "{code}");
    }
}

#[test]
fn blanks_and_a_byte_order_mark_around_an_answer_are_ignored() {
    assert!(read(&format!("\u{feff} \r\n{}\n", answer("7200"))).is_ok());
}

#[test]
fn a_token_of_512_characters_is_taken_and_a_longer_one_refused() {
    let body = |length| format!(r#"{{"access_token":"{}","expires_in":7200}}"#, "x".repeat(length));
    assert_eq!(read(&body(512)).unwrap().value.expose().len(), 512);
    let failure = read(&body(513)).unwrap_err();
    assert!(failure.message.contains("513 characters"), "{failure}");
}

#[test]
fn every_lie_in_a_success_is_a_transient_failure_that_may_have_minted() {
    let long_life = (30 * 86_400 + 1).to_string();
    let with_token = |token: &str| format!(r#"{{"access_token":{token},"expires_in":7200}}"#);
    let lies = [
        ("life of zero", answer("0"), "expires_in is 0 s"),
        ("negative life", answer("-7200"), "expires_in is -7200 s"),
        ("life beyond 30 days", answer(&long_life), "expires_in is 2592001 s"),
        ("huge life", answer("1e300"), "expires_in is 1e300 s"),
        (
            "life beyond any number",
            answer("18446744073709551615"),
            "expires_in is 1.8446744073709552e19 s",
        ),
        ("life of half a second", answer("0.5"), "expires_in is 0.5 s"),
        ("life in words", answer("\"soon\""), "expires_in is not a number"),
        ("life NaN", answer("\"NaN\""), "expires_in is not a number"),
        ("life of null", answer("null"), "expires_in is not a number"),
        ("life as a list", answer("[7200]"), "expires_in is not a number"),
        ("no life", format!(r#"{{"access_token":"{TOKEN}"}}"#), "has no expires_in"),
        ("no token", r#"{"expires_in":7200}"#.to_owned(), "has no access_token"),
        ("empty token", with_token("\"\""), "access_token is empty"),
        ("token as a number", with_token("7"), "access_token is not a string"),
        ("token of null", with_token("null"), "access_token is not a string"),
        ("token with a space", with_token("\"a b\""), "cannot stand in a URL"),
        ("token with a line break", with_token("\"a\\nb\""), "cannot stand in a URL"),
        ("token with a parameter", with_token("\"a&b=c\""), "cannot stand in a URL"),
        ("token in Chinese", with_token("\"令牌\""), "cannot stand in a URL"),
        ("errcode in words", r#"{"errcode":"bad"}"#.to_owned(), "errcode is not a whole number"),
        ("HTML", "<html><body>502</body></html>".to_owned(), "web page"),
        ("truncated JSON", answer("7200")[..40].to_owned(), "breaks off"),
        ("empty body", String::new(), "is empty"),
        ("blank body", " \n".to_owned(), "is empty"),
        ("JSON but no object", "[]".to_owned(), "no object"),
        ("empty object", "{}".to_owned(), "has no access_token"),
        ("plain text", "success".to_owned(), "not JSON"),
        ("deep nesting", "[".repeat(100_000), "not JSON"),
    ];
    for (lie, body, said) in lies {
        let failure = read(&body).unwrap_err();
        assert!(failure.message.contains(said), "{lie}: {failure}");
        assert_eq!((failure.class, failure.reached), (Class::Transient, Reached::Perhaps), "{lie}");
        assert!(!failure.to_string().contains(TOKEN), "{lie}: {failure}");
        assert_advised_in_both_languages(&failure);
    }
}

#[test]
fn bytes_that_are_no_text_are_not_json() {
    let failure = of_status(200, &b"\x1f\x8b\x08\x00\xff"[..]).unwrap_err();
    assert_eq!(failure.message, "the answer is not JSON");
}

#[test]
fn a_status_other_than_200_is_a_failure_whatever_the_body_promises() {
    for (status, class, reached) in [
        (204, Class::Transient, Reached::Perhaps),
        (302, Class::Transient, Reached::No),
        (404, Class::Transient, Reached::No),
        (412, Class::Transient, Reached::No),
        (429, Class::RateLimited(Duration::from_secs(60)), Reached::No),
        (500, Class::Transient, Reached::Perhaps),
        (502, Class::Transient, Reached::Perhaps),
    ] {
        let failure = of_status(status, answer("7200")).unwrap_err();
        assert_eq!((failure.class, failure.reached), (class, reached), "{status}");
        assert!(failure.message.contains(&status.to_string()), "{failure}");
    }
}

#[test]
fn an_errcode_says_more_than_the_status_around_it() {
    let body = br#"{"errcode":40125,"errmsg":"invalid appsecret"}"#;
    let failure = of_status(502, &body[..]).unwrap_err();
    assert_eq!((failure.code, failure.class), (Some(40125), Class::NeedsPerson));
}

#[test]
fn an_errcode_beats_a_token_beside_it() {
    let body = format!(r#"{{"errcode":"40013","access_token":"{TOKEN}","expires_in":7200}}"#);
    assert_eq!(read(&body).unwrap_err().code, Some(40013));
}

#[test]
fn every_refusal_has_the_class_that_the_engine_needs() {
    let minutes = |count: u64| Class::RateLimited(Duration::from_secs(count * 60));
    for (class, codes) in [
        (Class::Transient, &[-1, 12345][..]),
        (Class::Quota, &[45009]),
        (minutes(1), &[45011]),
        (minutes(60), &[89507]),
        (minutes(24 * 60), &[89506]),
        (
            Class::NeedsPerson,
            &[
                40001, 40002, 40013, 40125, 40164, 40243, 41002, 41004, 43002, 45035, 50002, 50004,
                50007, 61004, 61024, 89501, 89503,
            ],
        ),
    ] {
        for code in codes {
            let failure = refused(*code);
            assert_eq!(failure.class, class, "{code}");
            assert_eq!(failure.code, Some(*code));
            assert_eq!(failure.request_id.as_deref(), Some("6aac0063-7ed08fb9-1250f724"));
            assert_advised_in_both_languages(&failure);
        }
    }
}

#[test]
fn a_refusal_issued_nothing_but_a_system_error_may_have() {
    assert_eq!(refused(45009).reached, Reached::No);
    assert_eq!(refused(12345).reached, Reached::No);
    assert_eq!(refused(-1).reached, Reached::Perhaps);
}

#[test]
fn the_remedy_of_a_refused_ip_names_the_address() {
    let body = r#"{"errcode":40164,"errmsg":"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 60196b9b-4c5ba79c-066b49c8"}"#;
    let failure = read(body).unwrap_err();
    let remedy = |language| catalogue::remedy(&failure, language).unwrap().into_owned();
    let english = remedy(Language::English);
    assert!(english.starts_with("Add 203.0.113.7 to the account's IP whitelist"), "{english}");
    assert_eq!(remedy(Language::Chinese), "在微信后台把 203.0.113.7 加入该账号的 IP 白名单。");
}

#[test]
fn an_errmsg_that_repeats_the_secret_is_masked() {
    let body = format!(r#"{{"errcode":40125,"errmsg":"bad secret {SECRET}\u0007"}}"#);
    assert_eq!(read(&body).unwrap_err().message, "bad secret ***");
}

#[test]
fn a_trial_is_passed_only_by_an_answer_that_says_so() {
    let tried = |body: &str| tried(StatusCode::OK, body.as_bytes(), Scope::Api, &[]);
    assert!(tried(r#"{"ip_list":["101.226.103.0/25"]}"#).is_ok());
    assert!(tried(r#"{"errcode":0,"errmsg":"ok"}"#).is_ok());
    assert!(tried("{}").is_err());
    assert!(tried("<html>").is_err());
}

#[test]
fn only_the_codes_of_a_bad_token_blame_the_token() {
    for code in [40001, 40014, 42001] {
        assert!(blames_token(&catalogue::failure(code, Scope::Api, ""), Scope::Api), "{code}");
    }
    for code in [-1, 40013, 40164, 45009, 45011, 48001, 41001, 42007, 89503, 12345] {
        assert!(!blames_token(&catalogue::failure(code, Scope::Api, ""), Scope::Api), "{code}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic_or_repeat_the_secret(
        status in 100_u16..600,
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let tried_as = StatusCode::from_u16(status).unwrap();
        let _ = tried(tried_as, &body, Scope::Api, &[&Secret::from(SECRET)]);
        let _ = of_status(status, body);
    }

    #[test]
    fn no_field_makes_the_reader_panic_or_repeat_the_secret(
        code in prop_oneof![any::<i64>().prop_map(|code| code.to_string()), ".{0,8}".prop_map(|text| Value::from(text).to_string())],
        before in ".{0,40}",
        after in ".{0,40}",
        life in any::<f64>(),
    ) {
        let errmsg = Value::from(format!("{before}{SECRET}{after}"));
        let life = Value::from(life);
        let body = format!(r#"{{"errcode":{code},"errmsg":{errmsg},"expires_in":{life}}}"#);
        let failure = read(&body).unwrap_err();
        let printed = format!("{failure} {failure:?}");
        prop_assert!(!printed.contains(SECRET));
    }

    #[test]
    fn no_life_is_taken_that_is_no_life(life in any::<f64>()) {
        if let Ok(issued) = read(&answer(&Value::from(life).to_string())) {
            prop_assert!(issued.life >= Duration::from_secs(1));
            prop_assert!(issued.life <= Duration::from_secs(30 * 86_400));
        }
    }
}
