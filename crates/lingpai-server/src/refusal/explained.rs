//! What Lingpai's own errors mean, for one who meets a code or a name of them in a log: the words that the server says, asked
//! for without a request.

use std::time::Duration;

use http::StatusCode;
use lingpai_core::Keeping;
use lingpai_core::client::{Denied, Right};
use lingpai_core::keeper::{RotateError, Unavailable};
use lingpai_core::rotation::AskDenied;
use lingpai_core::{Class, CredentialId, Failure, Instant, StoreError, StoreErrorKind};

use super::gateway::Barred;
use super::{Parameter, Refusal, errcode};
use crate::gateway::Trouble;
use crate::language::{Bilingual, Language};
use lingpai_wechat::api_security::{Unacceptable, Unsealable};
use lingpai_wechat::kinds::{self, Wanted};

/// What an error of Lingpai's own means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The `errcode`, where the text holds one of Lingpai's own.
    pub errcode: Option<i64>,
    /// What it may come from: one reason where the text tells which, and never none.
    pub reasons: Vec<Reason>,
}

/// One reason why Lingpai does not serve a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its stable name: `code` in the native API, the header `X-Lingpai-Error` where the answer looks like WeChat's.
    pub name: &'static str,
    /// What happened, and why. `N`, `RIGHT`, `NAME` or `...` stands where the answer itself says more.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// The names behind each `errcode` of Lingpai's own.
const NAMES: [(i64, &[&str]); 18] = [
    (errcode::NO_TOKEN, &["no-token", "store-unavailable"]),
    (errcode::TOKEN_PENDING, &["token-pending"]),
    (errcode::CALLER_UNKNOWN, &["caller-unknown", "key-missing", "parameter-missing"]),
    (errcode::KEY_REFUSED, &["key-unknown", "key-revoked", "key-expired", "network-forbidden"]),
    (
        errcode::NOT_ALLOWED,
        &[
            "right-missing",
            "account-forbidden",
            "path-forbidden",
            "token-call",
            "wrong-kind",
            "wrong-host",
            "domain-forbidden",
            "no-tickets",
            "pay-off",
            "certificate-needed",
        ],
    ),
    (
        errcode::ACCOUNT_UNCLEAR,
        &["account-unnamed", "account-unknown", "agent-unclear", "two-accounts"],
    ),
    (errcode::REAL_TOKEN, &["real-token"]),
    (errcode::TOO_MANY_CALLS, &["too-fast", "too-many-at-once"]),
    (errcode::DAY_SPENT, &["day-spent"]),
    (
        errcode::NOT_FORWARDABLE,
        &[
            "absolute-form",
            "path-unclear",
            "tokens-differ",
            "query-unreadable",
            "method-unknown",
            "ticket-unknown",
        ],
    ),
    (errcode::BODY_REFUSED, &["body-too-large", "body-slow", "body-broken", "not-encryptable"]),
    (errcode::GATEWAY_OFF, &["gateway-off"]),
    (errcode::BUSY, &["busy", "no-room"]),
    (errcode::UPSTREAM_UNREACHABLE, &["upstream-unreachable"]),
    (errcode::UPSTREAM_LOST, &["upstream-lost"]),
    (errcode::UPSTREAM_SLOW, &["upstream-slow"]),
    (errcode::LOOPING, &["looping"]),
    (errcode::ANSWER_UNPROVEN, &["answer-unproven"]),
];

/// Reads an `errcode` of Lingpai's own (`990109`), the name of an error (`key-unknown`), an answer that holds one of them, or
/// a line of a log. `None` if there is no error of Lingpai's own in it.
pub fn explain(input: &str, language: Language) -> Option<Explained> {
    let number = |word: &str| word.parse().ok();
    let numbers = input.split(|c: char| !c.is_ascii_digit()).filter_map(number);
    let of_code = numbers.filter_map(|code: i64| NAMES.iter().find(|(own, _)| *own == code)).next();
    let named: Vec<Refusal> = one_of_each().into_iter().filter(|it| is_in(it, input)).collect();
    let refusals = match of_code {
        None => named,
        Some((_, names)) => {
            let fits = |refusal: &Refusal| names.contains(&refusal.code());
            let told: Vec<_> = named.into_iter().filter(fits).collect();
            if told.is_empty() { one_of_each().into_iter().filter(fits).collect() } else { told }
        }
    };
    let mut reasons: Vec<Reason> = Vec::new();
    for refusal in refusals {
        let reason = Reason::of(&refusal, language);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    (!reasons.is_empty()).then(|| Explained { errcode: of_code.map(|(code, _)| *code), reasons })
}

/// All reasons that there are, each with its `errcode` where it has one: what a list of all errors is made of.
pub fn reasons(language: Language) -> Vec<(Option<i64>, Reason)> {
    let errcode_of =
        |name| NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(errcode, _)| *errcode);
    let mut all = Vec::new();
    for refusal in one_of_each() {
        let reason = Reason::of(&refusal, language);
        let told = (errcode_of(reason.name), reason);
        if !all.contains(&told) {
            all.push(told);
        }
    }
    all
}

/// The status with which the native API answers an error of this name; nothing if there is none.
pub(crate) fn status_of(name: &str) -> Option<StatusCode> {
    one_of_each().iter().find(|refusal| refusal.code() == name).map(Refusal::status)
}

/// Whether a text names this refusal, or holds what it says.
fn is_in(refusal: &Refusal, input: &str) -> bool {
    let name = refusal.code();
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut words = input.split(|c| !in_word(c)).filter(|word| !word.is_empty()).peekable();
    let mut before = "";
    let is_named = words.any(|word| {
        // A name that is a word of English says something only in its place.
        let is_in_place = name.contains('-')
            || ["code", "x-lingpai-error"].iter().any(|mark| before.eq_ignore_ascii_case(mark))
            || input.trim() == name;
        before = word;
        let of_pay = word.strip_prefix("LINGPAI_").is_some_and(|word| {
            word.len() == name.len() && word.replace('_', "-").eq_ignore_ascii_case(name)
        });
        of_pay || (word == name && is_in_place)
    });
    is_named
        || (input.contains("lingpai: ")
            && input.contains(refusal.message(Language::English).as_ref()))
}

impl Reason {
    fn of(refusal: &Refusal, language: Language) -> Self {
        let general =
            |words: &str| words.replace(SAMPLE_NUMBER, "N").replace(SAMPLE_RIGHT, "RIGHT");
        Self {
            name: refusal.code(),
            message: general(&refusal.message(language)),
            remedy: general(&refusal.remedy(language)),
        }
    }
}

/// Stands where a refusal has a number, until it is `N`.
const NUMBER: u32 = 987_654_321;
const SAMPLE_NUMBER: &str = "987654321";
const SAMPLE_RIGHT: &str = "quota:clear";
/// Stands where a refusal has words of others.
const WORDS: &str = "...";

/// Every refusal there is, with nothing in it that a request would bring.
fn one_of_each() -> Vec<Refusal> {
    let failure = || Failure::new(Class::Transient, WORDS);
    let until = Instant::from_millis(0);
    let not_rotated = |error| Refusal::NotRotated(Box::new(error), Duration::ZERO);
    let documented = || Bilingual::fixed("what docs/api.md says", " docs/zh/api.md 所述的内容");
    let mut all = vec![
        Refusal::KeyMissing,
        Refusal::KeyUnknown,
        Refusal::Denied(Denied::Revoked),
        Refusal::Denied(Denied::Expired),
        Refusal::Denied(Denied::Right(Right::QuotaClear)),
        Refusal::Denied(Denied::Account),
        Refusal::Denied(Denied::Network),
        Refusal::Denied(Denied::Domain),
        Refusal::AccountUnknown,
        Refusal::AgentUnclear,
        Refusal::TicketUnknown,
        Refusal::NoTickets,
        Refusal::NoQuota,
        Refusal::UpstreamRefused(Box::new(failure())),
        Refusal::PathUnknown,
        Refusal::MethodUnknown("METHOD"),
        Refusal::BodyTooLarge(NUMBER as usize),
        Refusal::BodySlow,
        Refusal::BodyUnreadable(documented()),
        Refusal::QueryUnreadable("NAME", documented()),
        Refusal::ParameterMissing(Parameter::AppId),
        Refusal::ParameterMissing(Parameter::Secret),
        Refusal::ParameterMissing(Parameter::CorpId),
        Refusal::ParameterMissing(Parameter::CorpSecret),
        Refusal::ParameterMissing(Parameter::AuthCorpId),
        Refusal::ParameterMissing(Parameter::PermanentCode),
        Refusal::ParameterMissing(Parameter::AuthorizerAppId),
        Refusal::ParameterMissing(Parameter::RefreshToken),
        Refusal::ParameterMissing(Parameter::Account),
        Refusal::GrantType,
        Refusal::BodyWrong(Bilingual::fixed(WORDS, WORDS)),
        Refusal::KeyIdUnknown,
        Refusal::SomeAccountsOnly,
        Refusal::NoRandomness,
        Refusal::AccountExists,
        Refusal::AccountConfigured("lingpai.toml".to_owned()),
        Refusal::SecretRefused(Box::new(failure())),
        Refusal::AccountsFixed,
        Refusal::ChangePending,
        Refusal::Store(StoreError::new(StoreErrorKind::Unavailable, WORDS)),
        not_rotated(RotateError::Denied(AskDenied::NotFetched(Keeping::Paused))),
        not_rotated(RotateError::Denied(AskDenied::TooSoon(until))),
        not_rotated(RotateError::Denied(AskDenied::BudgetSpent { used: NUMBER, until })),
        not_rotated(RotateError::Failed(failure())),
        Refusal::Pending,
        Refusal::PushRefused,
        Refusal::PushNotTaken,
        Refusal::PushUnknown,
        Refusal::AlertUnknown,
        Refusal::SinkUnknown,
        Refusal::NoPlatform,
        Refusal::SessionUnknown,
        Refusal::SessionLimited,
        Refusal::LoginLocked(Duration::from_secs(NUMBER.into())),
    ];
    for Wanted { asked, .. } in kinds::asked() {
        all.extend(
            [&asked.account, &asked.secret]
                .map(|field| Refusal::ParameterMissing(Parameter::Declared(field))),
        );
    }
    // A name that is good, so it is always there.
    if let Ok(account) = "wx".parse() {
        let credential = CredentialId::access_token(account);
        all.push(
            Unavailable { credential, failure: failure(), retry_after: Duration::ZERO }.into(),
        );
    }
    let barred = [
        Barred::CallerUnknown,
        Barred::VirtualTokenUnknown,
        Barred::RealToken,
        Barred::WrongKind,
        Barred::AccountUnnamed,
        Barred::TwoAccounts,
        Barred::WrongHost,
        Barred::PathForbidden,
        Barred::TokenCall,
        Barred::GatewayOff,
        Barred::PayOff,
        Barred::CertificateNeeded,
        Barred::TooFast(Duration::ZERO),
        Barred::TooManyAtOnce,
        Barred::DaySpent(Duration::ZERO),
    ];
    let troubles = [
        Trouble::AbsoluteForm,
        Trouble::PathUnclear,
        Trouble::TokensDiffer,
        Trouble::BodyTooLarge(NUMBER.into()),
        Trouble::BodySlow,
        Trouble::BodyBroken,
        Trouble::NoRoom,
        Trouble::Busy,
        Trouble::Unreachable,
        Trouble::Lost,
        Trouble::Slow,
        Trouble::Looping(NUMBER.into()),
        Trouble::TooLargeToSeal(NUMBER as usize),
        Trouble::Unsealable(Unsealable::Body),
        Trouble::Unsealable(Unsealable::Reserved),
        Trouble::Unsealable(Unsealable::Crypto),
        Trouble::Unproven(Unacceptable::Unsigned),
        Trouble::Unproven(Unacceptable::UnknownCertificate),
        Trouble::Unproven(Unacceptable::Time),
        Trouble::Unproven(Unacceptable::False),
    ];
    all.extend(barred.into_iter().map(Refusal::from));
    all.extend(troubles.into_iter().map(Refusal::from));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::super::gateway::Reads;
    use super::*;

    fn names_in(input: &str) -> Vec<&'static str> {
        let explained = explain(input, Language::English).unwrap_or_else(|| panic!("{input}"));
        explained.reasons.iter().map(|reason| reason.name).collect()
    }

    /// The strings that the functions named `code` of these sources answer.
    fn codes_in_the_sources() -> BTreeSet<&'static str> {
        let sources = [
            include_str!("mod.rs"),
            include_str!("gateway.rs"),
            include_str!("../gateway/trouble.rs"),
        ];
        let bodies = sources.map(|source| {
            let (_, body) = source.split_once(" fn code(").unwrap();
            body.split_once("\n    }\n").unwrap().0
        });
        let arms = bodies.iter().flat_map(|body| body.split("=> \"").skip(1));
        arms.map(|arm| arm.split_once('"').unwrap().0).collect()
    }

    #[test]
    fn every_errcode_of_lingpais_own_is_explained() {
        let source = include_str!("errcode.rs");
        let own = source.lines().filter_map(|line| {
            let (_, value) = line.strip_prefix("pub const ")?.split_once(" = ")?;
            value.trim_end_matches(';').replace('_', "").parse::<i64>().ok()
        });
        let own: Vec<i64> = own.filter(|code| *code > 990_000).collect();
        assert_eq!(own.len(), NAMES.len());
        for code in own {
            for language in [Language::English, Language::Chinese] {
                let explained = explain(&code.to_string(), language).unwrap();
                assert_eq!(explained.errcode, Some(code));
            }
        }
    }

    #[test]
    fn every_name_of_an_error_is_explained() {
        let names = codes_in_the_sources();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            assert!(names_in(name).iter().all(|it| *it == name), "{name}");
        }
    }

    #[test]
    fn the_names_behind_an_errcode_are_those_that_are_answered_with_it() {
        let refusals = one_of_each();
        for (code, names) in NAMES {
            for name in names {
                let answered = refusals.iter().filter(|refusal| refusal.code() == *name);
                let mut codes = answered.flat_map(|refusal| {
                    let of_gateway = [Reads::Api, Reads::WeCom, Reads::Secret];
                    let codes = of_gateway.map(|reads| refusal.gateway_errcode(reads));
                    codes.into_iter().chain([refusal.errcode_and_errmsg().0])
                });
                assert!(codes.any(|it| it == code), "{code} {name}");
            }
        }
    }

    #[test]
    fn the_pages_about_the_gateway_name_the_same_errors_behind_an_errcode() {
        let pages = [
            include_str!("../../../../docs/gateway.md"),
            include_str!("../../../../docs/zh/gateway.md"),
        ];
        for page in pages {
            for (code, names) in NAMES.into_iter().filter(|(code, _)| *code >= 990_100) {
                let mark = format!("| {code} | ");
                let row = page.lines().find_map(|line| line.strip_prefix(&mark)).unwrap();
                let told = row.split(" | ").next().unwrap().split(['`', ',', '、', ' ']);
                let told: BTreeSet<_> = told.filter(|name| !name.is_empty()).collect();
                assert_eq!(told, names.iter().copied().collect(), "{code}");
            }
        }
    }

    #[test]
    fn an_answer_tells_which_of_the_reasons_it_is() {
        let (code, errmsg) =
            (990_102, "lingpai: this path may not be called through the gateway by you. Ask");
        let answer = format!("{{\"errcode\":{code},\"errmsg\":\"{errmsg}\"}}");
        assert_eq!(names_in(&answer), ["path-forbidden"]);
        assert_eq!(names_in("x-lingpai-error: two-accounts errcode=990103"), ["two-accounts"]);
        assert_eq!(names_in(r#"{"error":{"code":"busy","message":"..."}}"#), ["busy"]);
        assert_eq!(names_in(r#"{"code":"LINGPAI_KEY_UNKNOWN"}"#), ["key-unknown"]);
        assert_eq!(names_in("990102").len(), 10);
    }

    #[test]
    fn what_wechat_says_is_no_error_of_lingpai() {
        for text in
            ["40164", "system busy", "invalid credential, looping", "1990109", "all is well"]
        {
            assert_eq!(explain(text, Language::English), None, "{text}");
        }
    }

    /// They were read; a change is to be read again. `UPDATE_EXPECT=1` writes them anew.
    #[test]
    fn every_error_as_it_is_explained() {
        let mut text = String::new();
        for refusal in one_of_each() {
            for language in [Language::English, Language::Chinese] {
                let Reason { name, message, remedy } = Reason::of(&refusal, language);
                text += &format!("{name}: {message}\n  {remedy}\n");
            }
        }
        expect_file!["../../tests/snapshots/explained.txt"].assert_eq(&text);
    }
}
