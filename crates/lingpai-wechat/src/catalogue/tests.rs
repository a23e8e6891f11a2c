//! The catalogue is complete, in both languages, and found by what people paste.

use std::collections::BTreeSet;

use expect_test::expect_file;
use proptest::prelude::*;

use super::*;

/// Every code that reference texts about tokens, tickets, quotas, platforms, WeCom and signed calls
/// name.
const CODES: &[i64] = &[
    -1, 0, 40001, 40002, 40003, 40007, 40013, 40014, 40030, 40058, 40078, 40082, 40083, 40084,
    40085, 40091, 40125, 40164, 40201, 40202, 40203, 40230, 40231, 40232, 40233, 40234, 40235,
    40236, 40237, 40238, 40239, 40240, 40243, 41001, 41002, 41004, 41018, 41021, 41022, 41023,
    41024, 41025, 42001, 42006, 42007, 42009, 43001, 43002, 43003, 44002, 45009, 45011, 45033,
    45035, 47001, 48001, 48003, 48004, 48006, 50002, 50003, 50004, 50007, 60020, 61003, 61004,
    61005, 61006, 61007, 61009, 61010, 61011, 61014, 61015, 61023, 61024, 76001, 76002, 76003,
    76021, 76022, 89501, 89503, 89506, 89507,
];

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

fn sentences(text: &Text) -> Vec<&'static str> {
    [&[text.meaning, text.lingpai], text.causes, text.advice].concat()
}

#[test]
fn every_code_is_in_the_catalogue_and_no_other() {
    let codes: BTreeSet<i64> = all().map(|entry| entry.code).collect();
    assert_eq!(codes, CODES.iter().copied().collect());
}

#[test]
fn a_code_has_one_meaning_in_each_scope() {
    let mut seen = Vec::new();
    for entry in all() {
        assert!(!entry.scopes.is_empty(), "{}", entry.code);
        for scope in entry.scopes {
            assert!(!seen.contains(&(entry.code, *scope)), "{} {scope:?}", entry.code);
            seen.push((entry.code, *scope));
        }
    }
}

#[test]
fn every_entry_is_whole_in_both_languages() {
    for entry in all().chain([&UNKNOWN]) {
        assert!(!entry.name.is_empty());
        for (text, end) in [(&entry.en, '.'), (&entry.zh, '。')] {
            assert!(!text.causes.is_empty() && !text.advice.is_empty(), "{}", entry.code);
            for sentence in sentences(text) {
                let whole = sentence.ends_with(end) && sentence == sentence.trim();
                assert!(whole, "{}: {sentence:?}", entry.code);
                assert!(!sentence.contains("  "), "{}: {sentence:?}", entry.code);
            }
        }
        assert!(sentences(&entry.zh).into_iter().all(is_chinese), "{}", entry.code);
        assert!(entry.en.meaning.starts_with(|c: char| c.is_ascii()), "{}", entry.code);
    }
}

#[test]
fn the_first_advice_is_one_sentence() {
    for entry in all().chain([&UNKNOWN]) {
        let advice = entry.en.advice[0];
        assert!(!advice.trim_end_matches('.').contains(". "), "{}: {advice}", entry.code);
    }
}

#[test]
fn both_languages_name_the_address_in_the_same_entries() {
    for entry in all() {
        let names_ip = |text: &Text| text.advice[0].contains("{ip}");
        assert_eq!(names_ip(&entry.en), names_ip(&entry.zh), "{}", entry.code);
    }
}

#[test]
fn codes_that_blame_the_token_are_those_of_bad_tokens() {
    let blamed: BTreeSet<i64> =
        all().filter(|entry| entry.nature == Nature::TokenBad).map(|entry| entry.code).collect();
    assert_eq!(blamed, BTreeSet::from([40001, 40014, 42001, 42006, 42009, 40082]));
}

#[test]
fn a_platforms_token_is_blamed_as_any_token_is_and_by_a_code_of_its_own() {
    for code in [40001, 40014, 42001, 42006] {
        assert!(blames_token(code, Scope::Platform), "{code}");
    }
    for code in [0, 42007, 42009, 61003, 61004, 61005, 61023] {
        assert!(!blames_token(code, Scope::Platform), "{code}");
    }
    assert!(!blames_token(42006, Scope::Api));
}

#[test]
fn a_code_means_what_it_means_where_it_is_met() {
    let nature = |code, scope| find(code, scope).unwrap().nature;
    assert_eq!(nature(40001, Scope::Api), Nature::TokenBad);
    assert_eq!(nature(40001, Scope::Token), Nature::NEEDS_PERSON);
    assert_eq!(nature(40001, Scope::WeCom), Nature::NEEDS_PERSON);
    assert_eq!(nature(42007, Scope::Platform), Nature::NEEDS_PERSON);
    assert_eq!(nature(42007, Scope::WeCom), Nature::CallersFault);
    assert_eq!(nature(40014, Scope::WeCom), Nature::TokenBad);
}

mod explaining {
    use super::*;

    fn codes(input: &str) -> Option<i64> {
        explain(input).map(|explained| explained.code)
    }

    #[test]
    fn a_code_is_found_in_whatever_form_it_comes() {
        for (input, code) in [
            ("40164", 40164),
            (" -1\n", -1),
            (r#"{"errcode":40164,"errmsg":"invalid ip"}"#, 40164),
            (r#"{"errcode":"40013"}"#, 40013),
            (r#"body="{\"errcode\":48001}""#, 48001),
            (r#"{"errcode": -1, "errmsg": "system error"}"#, -1),
            ("WxErrorException: 错误代码：40125, 错误信息：...", 40125),
            ("Request access_token fail: errcode=42001", 42001),
            ("weixin error 45009: reach max api daily quota limit", 45009),
            ("error:61023", 61023),
            ("微信返回40164，请检查", 40164),
            (
                "invalid credential, access_token is invalid or not latest, rid: 6aac0063-7ed08fb9-1250f724",
                40001,
            ),
            ("Access_Token Expired rid: 627ca5cf-7e811ede-0fbc1f73", 42001),
            ("invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist", 40164),
            ("invalid appsecret, view more at http://t.cn/RAEkdVq", 40125),
            ("see https://open.work.weixin.qq.com/devtool/query?e=60020", 60020),
            ("99999", 99999),
        ] {
            assert_eq!(codes(input), Some(code), "{input}");
        }
    }

    #[test]
    fn what_only_looks_like_a_code_is_none() {
        for input in ["", "hello", "10.0.0.1:40001 refused", "wx40164", "on 2026-11-23", "{}"] {
            assert_eq!(codes(input), None, "{input}");
        }
    }

    #[test]
    fn an_unknown_code_is_explained_as_unknown() {
        let explained = explain(r#"{"errcode":99999,"errmsg":"?"}"#).unwrap();
        assert!(!explained.is_known());
        let text = explained.to_text(Language::English);
        assert!(
            text.starts_with("99999: not in Lingpai's catalogue\nLingpai does not know"),
            "{text}"
        );
    }

    #[test]
    fn the_address_to_add_is_shown_once() {
        let explained = explain(
            "invalid ip 118.190.42.90 ipv6 ::ffff:118.190.42.90, not in whitelist rid: 60196b9b-4c5ba79c-066b49c8",
        )
        .unwrap();
        assert_eq!(explained.caller_ips, ["118.190.42.90".parse::<IpAddr>().unwrap()]);
        let english = explained.to_text(Language::English);
        assert!(
            english.contains("1. Add 118.190.42.90 to the account's IP whitelist"),
            "{english}"
        );
        let chinese = explained.to_text(Language::Chinese);
        assert!(chinese.contains("把 118.190.42.90 加入该账号的 IP 白名单"), "{chinese}");
    }

    #[test]
    fn addresses_are_read_in_the_forms_of_each_code() {
        for (input, ip) in [
            ("invalid ip 2409:8a00::1 ipv6 2409:8a00::1, not in whitelist", "2409:8a00::1"),
            (
                "access clientip is not registered requestIP: 58.246.231.235 rid: x",
                "58.246.231.235",
            ),
            (
                "not allow to access from your ip, hint: [1688229570612130651539009], from ip: 1.1.1.1, more info at https://open.work.weixin.qq.com/devtool/query?e=60020",
                "1.1.1.1",
            ),
        ] {
            assert_eq!(explain(input).unwrap().caller_ips, [ip.parse::<IpAddr>().unwrap()]);
        }
    }

    #[test]
    fn without_an_address_the_text_says_where_it_stands() {
        let text = explain("40164").unwrap().to_text(Language::English);
        assert!(text.contains("Add the address that the error text names to"), "{text}");
    }

    #[test]
    fn a_rid_tells_the_request_and_its_second() {
        let request = explain("40013 rid: 6aac005a-01bfdbee-79769285").unwrap().request.unwrap();
        assert_eq!(request.text, "6aac005a-01bfdbee-79769285");
        assert_eq!(request.at.unwrap().as_seconds(), 0x6aac_005a);
    }

    #[test]
    fn a_hint_of_wecom_is_a_name_too_and_leaves_only_the_meaning_of_wecom() {
        let explained = explain(
            "errcode 40001: invalid credential, hint: [1642406569024700231269230], from ip: 1.2.3.4, more info at https://open.work.weixin.qq.com/devtool/query?e=40001",
        )
        .unwrap();
        assert_eq!(explained.request.unwrap().text, "1642406569024700231269230");
        assert_eq!(explained.entries.len(), 1);
        assert_eq!(explained.entries[0].scopes, [Scope::WeCom]);
    }

    #[test]
    fn a_bare_code_with_several_meanings_shows_them_all_and_a_rid_rules_wecom_out() {
        assert_eq!(explain("40001").unwrap().entries.len(), 3);
        assert_eq!(explain("40001 rid: 6aac005a-01bfdbee-79769285").unwrap().entries.len(), 2);
        let text = explain("40001").unwrap().to_text(Language::Chinese);
        assert!(text.contains("[携带凭据调用接口时]") && text.contains("[企业微信]"), "{text}");
    }

    #[test]
    fn every_code_can_be_shown_in_both_languages() {
        for code in CODES {
            let explained = explain(&code.to_string()).unwrap();
            assert!(explained.is_known(), "{code}");
            for language in [Language::English, Language::Chinese] {
                let text = explained.to_text(language);
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
                assert!(!text.contains("{ip}"), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_explaining_panic(
            text in ".{0,80}",
            mark in prop::sample::select(vec!["errcode", "rid: ", "invalid ip ", "hint: [", "from ip:", "error:"]),
            rest in ".{0,40}",
        ) {
            for input in [text.clone(), format!("{text}{mark}{rest}"), format!("{mark}-{rest}")] {
                if let Some(explained) = explain(&input) {
                    explained.to_text(Language::Chinese);
                }
            }
        }
    }
}

/// What `lingpai explain` says of every code. It was read; a change is to be read again. `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_explanations_as_people_read_them() {
    let of = |language| {
        let explained = CODES.iter().map(|code| explain(&code.to_string()).unwrap());
        let texts: Vec<String> = explained.map(|explained| explained.to_text(language)).collect();
        texts.join("\n")
    };
    expect_file!["../../tests/snapshots/catalogue.en.txt"].assert_eq(&of(Language::English));
    expect_file!["../../tests/snapshots/catalogue.zh.txt"].assert_eq(&of(Language::Chinese));
}
