//! Each cause is named from the facts that tell it, in both languages; and what does not tell is said to be uncertain.

use std::time::Duration;

use lingpai_core::event::{Event, What};
use lingpai_core::rotation::Reason;
use lingpai_core::{Class, CredentialId, Failure, Fingerprint, Generation, NodeId, Timestamp, Way};

use super::*;
use crate::language::Language;

const LIFE: i64 = 120;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(minutes * 60_000)
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn event(minutes: i64, of: &str, what: What) -> Event {
    let credential = Some(CredentialId::access_token(account(of)));
    Event { at: at(minutes), credential, node: NodeId::new("n"), what }
}

fn rotated(minutes: i64, of: &str, token: &str) -> Event {
    let what = What::Rotated {
        generation: Generation(u64::try_from(minutes).unwrap()),
        fingerprint: Fingerprint::of(token),
        reason: Reason::Scheduled,
        way: Way::Primary,
        expires_at: at(minutes + LIFE),
    };
    event(minutes, of, what)
}

fn refusal(code: i64) -> Failure {
    Failure { code: Some(code), ..Failure::new(Class::NeedsPerson, "so WeChat says") }
}

fn rogue(minutes: i64, token: &str) -> Event {
    let what =
        What::RogueRefresher { fingerprint: Fingerprint::of(token), failure: refusal(40001) };
    event(minutes, "wx1", what)
}

fn failed(minutes: i64, failure: Failure) -> Event {
    let (reason, way, retry_after) = (Reason::Scheduled, Way::Primary, Duration::ZERO);
    event(minutes, "wx1", What::Failed { reason, way, failure, retry_after })
}

fn of_token(token: &str) -> Question {
    Question { token: Some((Fingerprint::of(token), Looks::Token)), ..Question::default() }
}

/// What is found from events in their order, at this minute.
fn found(question: &Question, events: &[Event], minute: i64) -> Diagnosis {
    found_with(question, events, minute, None)
}

fn found_with(
    question: &Question,
    events: &[Event],
    minute: i64,
    trial: Option<&Trial>,
) -> Diagnosis {
    let events: Vec<_> = events.iter().rev().cloned().collect();
    let facts = Facts { now: at(minute), events: &events, kept: &[], trial };
    let found = diagnose(question, &facts);
    assert!(!found.remedy.is_empty());
    for text in found.remedy.iter().chain([&found.headline]) {
        let chinese = text.text(Language::Chinese);
        assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{chinese}");
        assert!(!text.text(Language::English).contains("  "), "{text:?}");
    }
    found
}

fn english(diagnosis: &Diagnosis) -> &str {
    diagnosis.headline.text(Language::English)
}

#[test]
fn a_token_that_we_replaced_was_kept_for_too_long() {
    let events = [rotated(0, "wx1", "A"), rotated(100, "wx1", "B")];
    let late = found(&of_token("A"), &events, 110);
    assert_eq!((late.cause, late.certain), (Cause::ReplacedByUs, true));
    assert!(english(&late).contains("by 5 min"), "{late:?}");
    assert_eq!(late.evidence.len(), 2);
    let early = found(&of_token("A"), &events, 102);
    assert!(english(&early).contains("accepts it until"), "{early:?}");
    let expired = Question { errcode: Some(42001), ..of_token("A") };
    assert_eq!(found(&expired, &events, 200).cause, Cause::Expired);
}

#[test]
fn a_token_that_was_refused_while_it_was_ours_was_replaced_by_somebody_else() {
    let mut events = vec![rotated(0, "wx1", "A"), rogue(20, "A"), rotated(21, "wx1", "B")];
    let once = found(&of_token("A"), &events, 25);
    assert_eq!((once.cause, once.schedule), (Cause::ReplacedByOther, None));
    assert!(english(&once).contains("first seen at 1970-01-01T00:20:00Z (1 seen"), "{once:?}");
    events.extend([
        rogue(50, "B"),
        rotated(51, "wx1", "C"),
        rogue(80, "C"),
        rotated(81, "wx1", "D"),
    ]);
    let again = found(&of_token("C"), &events, 85);
    assert_eq!(again.schedule, Some(Duration::from_mins(30)));
    assert!(english(&again).contains("about every 30 minutes"), "{again:?}");
}

#[test]
fn a_token_that_expired_with_no_other_to_follow_is_told_with_what_stood_in_the_way() {
    for (failure, cause) in [
        (refusal(40125), Cause::SecretReset),
        (refusal(40001), Cause::SecretReset),
        (refusal(40243), Cause::SecretFrozen),
        (refusal(40164), Cause::IpNotAllowed),
        (refusal(45009), Cause::Quota),
        (refusal(50004), Cause::AccountRestricted),
        (refusal(-1), Cause::PlatformTrouble),
        (Failure::new(Class::Transient, "no connection"), Cause::PlatformTrouble),
    ] {
        let events = [rotated(0, "wx1", "A"), failed(100, failure.clone()), failed(110, failure)];
        let kept = Kept {
            credential: CredentialId::access_token(account("wx1")),
            current: Some(Current {
                fingerprint: Fingerprint::of("A"),
                generation: Generation(0),
                issued_at: at(0),
                expires_at: at(LIFE),
            }),
            previous: None,
            failure: None,
        };
        let newest_first: Vec<_> = events.iter().rev().cloned().collect();
        let facts = Facts { now: at(130), events: &newest_first, kept: &[kept], trial: None };
        let found = diagnose(&of_token("A"), &facts);
        assert_eq!(found.cause, cause);
        assert!(english(&found).contains("expired at 1970-01-01T02:00:00Z"), "{found:?}");
        assert_eq!(found.evidence[1].at, Some(at(100)), "since when it stands in the way");
    }
    let found = found(&of_token("A"), &[rotated(0, "wx1", "A")], 130);
    assert_eq!(found.cause, Cause::Expired);
}

#[test]
fn the_token_of_another_account_is_known_by_whose_it_is() {
    let question = Question { account: Some(account("wx2")), ..of_token("A") };
    let found = found(&question, &[rotated(0, "wx1", "A"), rotated(1, "wx2", "B")], 5);
    assert_eq!((found.cause, found.certain), (Cause::OtherAccount, true));
    assert!(english(&found).contains("of the account wx1, and the call was for wx2"), "{found:?}");
}

#[test]
fn a_token_that_nobody_issued_here_is_a_persons_or_another_systems() {
    let events = [rotated(0, "wx1", "A")];
    let person = found_with(&of_token("P"), &events, 5, Some(&Trial::OfPerson));
    assert_eq!((person.cause, person.certain), (Cause::UserToken, true));
    let of_sns = Question { is_of_person: true, ..of_token("P") };
    let likely = found(&of_sns, &events, 5);
    assert_eq!((likely.cause, likely.certain), (Cause::UserToken, false));
    let others = found_with(&of_token("X"), &events, 5, Some(&Trial::Accepted));
    assert_eq!((others.cause, others.certain), (Cause::NotOurs, true));
    assert!(!found(&of_token("X"), &events, 5).certain);
}

#[test]
fn the_current_token_is_good_as_far_as_wechat_says() {
    let events = [rotated(0, "wx1", "A")];
    let tried = found_with(&of_token("A"), &events, 5, Some(&Trial::Accepted));
    assert_eq!((tried.cause, tried.certain), (Cause::Current, true));
    assert!(!found(&of_token("A"), &events, 5).certain);
    let refused = Trial::Refused(refusal(40001));
    let dead = found_with(&of_token("A"), &events, 5, Some(&refused));
    assert_eq!((dead.cause, dead.certain), (Cause::ReplacedByOther, false));
}

#[test]
fn a_code_that_blames_no_token_tells_the_cause_whatever_the_token_is() {
    for (code, cause) in [
        (45009, Cause::Quota),
        (40164, Cause::IpNotAllowed),
        (60020, Cause::IpNotAllowed),
        (40125, Cause::SecretReset),
        (40243, Cause::SecretFrozen),
        (50007, Cause::AccountRestricted),
        (-1, Cause::PlatformTrouble),
    ] {
        let question = Question { errcode: Some(code), ..of_token("A") };
        assert_eq!(found(&question, &[rotated(0, "wx1", "A")], 5).cause, cause);
        let alone = Question { errcode: Some(code), ..Question::default() };
        assert_eq!(found(&alone, &[], 5).cause, cause);
    }
    let down = Question { is_down: true, ..Question::default() };
    assert_eq!(found(&down, &[], 5).cause, Cause::PlatformTrouble);
}

#[test]
fn an_error_without_a_token_is_judged_by_what_happened_lately() {
    let question =
        Question { errcode: Some(40001), account: Some(account("wx1")), ..Question::default() };
    let first = rotated(0, "wx1", "A");
    let found = |events: &[Event]| found(&question, events, 300);
    let other = found(&[first.clone(), rogue(290, "A"), rotated(291, "wx1", "B")]);
    assert_eq!((other.cause, other.certain), (Cause::ReplacedByOther, false));
    assert_eq!(found(&[first.clone(), failed(250, refusal(40125))]).cause, Cause::SecretReset);
    assert_eq!(found(&[first.clone(), rotated(290, "wx1", "B")]).cause, Cause::ReplacedByUs);
    let nothing = found(&[first]);
    assert_eq!(nothing.cause, Cause::Unknown);
    assert!(
        nothing.evidence[0]
            .text
            .text(Language::English)
            .contains("events (1, of which rotations: 1)")
    );
}

#[test]
fn what_is_no_token_is_said_to_be_none() {
    for (looks, cause) in [
        (Looks::Placeholder, Cause::NotAToken),
        (Looks::AppSecret, Cause::NotAToken),
        (Looks::Virtual, Cause::VirtualToken),
    ] {
        let question =
            Question { token: Some((Fingerprint::of("x"), looks)), ..Question::default() };
        assert_eq!(found(&question, &[], 5).cause, cause);
    }
}
