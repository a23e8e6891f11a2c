//! Rotation and overlap of both families.

use lingpai_sandbox::{DEMO_APPID, Family, Rank, Settings, Verdict};
use std::time::Duration;

use crate::sky::{Sky, token};

#[test]
fn a_token_looks_like_wechats() {
    let mut sky = Sky::new();
    for _ in 0..50 {
        let answer = sky.classic();
        let token = token(&answer);
        let (number, rest) = token.split_once('_').unwrap();
        assert!(number.len() == 2 && number.parse::<u32>().is_ok(), "{token}");
        assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
        assert!((136..=157).contains(&token.len()), "{}", token.len());
        assert!(answer.get("errcode").is_none(), "success has no errcode");
    }
}

#[test]
fn the_same_seed_gives_the_same_tokens() {
    assert_eq!(Sky::new().classic(), Sky::new().classic());
    let other = Settings { seed: 7, ..Settings::default() };
    assert_ne!(Sky::new().classic(), Sky::with(other).classic());
}

#[test]
fn every_classic_call_mints_and_the_former_lives_300_s_more() {
    let mut sky = Sky::new();
    let first = token(&sky.classic());
    sky.pass(1000);
    let answer = sky.classic();
    let second = token(&answer);
    assert_eq!(answer["expires_in"], 7200);
    assert_ne!(first, second);
    sky.pass(299);
    assert_eq!((sky.tried(&first), sky.tried(&second)), (0, 0));
    sky.pass(1);
    assert_eq!((sky.tried(&first), sky.tried(&second)), (40001, 0));
    assert_eq!(sky.verdict(&first), Verdict::Replaced);
}

#[test]
fn two_classic_calls_kill_the_oldest_at_once() {
    let mut sky = Sky::new();
    let tokens: Vec<_> = (0..3).map(|_| token(&sky.classic())).collect();
    let codes: Vec<_> = tokens.iter().map(|token| sky.tried(token)).collect();
    assert_eq!(codes, [40001, 0, 0]);
}

#[test]
fn an_overlap_never_outlives_the_tokens_own_expiry() {
    let mut sky = Sky::new();
    let first = token(&sky.classic());
    sky.pass(7100);
    sky.classic();
    sky.pass(99);
    assert_eq!(sky.tried(&first), 0);
    sky.pass(1);
    assert_eq!(sky.tried(&first), 42001);
}

#[test]
fn a_token_past_its_lifetime_is_42001_replaced_or_not() {
    let mut sky = Sky::new();
    let old = token(&sky.classic());
    let latest = token(&sky.classic());
    sky.pass(7200);
    assert_eq!((sky.tried(&old), sky.tried(&latest)), (42001, 42001));
    assert_eq!(sky.verdict(&latest), Verdict::Expired);
}

#[test]
fn an_unknown_token_is_40001_and_a_missing_one_41001() {
    let mut sky = Sky::new();
    assert_eq!(sky.tried("96_neverissued"), 40001);
    assert_eq!(sky.tried(""), 41001);
    assert_eq!(sky.verdict("96_neverissued"), Verdict::Unknown);
}

#[test]
fn stable_repeats_its_token_with_what_is_left_of_it() {
    let mut sky = Sky::new();
    let first = sky.stable();
    assert_eq!(first["expires_in"], 7200);
    sky.pass(6900);
    let again = sky.stable();
    assert_eq!(token(&again), token(&first));
    assert_eq!(again["expires_in"], 300);
    let counters = sky.counters();
    assert_eq!((counters.minted.stable, counters.repeated), (1, 1));
}

#[test]
fn stable_mints_in_its_last_five_minutes_and_both_are_good() {
    let mut sky = Sky::new();
    let first = token(&sky.stable());
    sky.pass(6901);
    let answer = sky.stable();
    let second = token(&answer);
    assert_ne!(first, second);
    assert_eq!(answer["expires_in"], 7200);
    sky.pass(298);
    assert_eq!((sky.tried(&first), sky.tried(&second)), (0, 0));
    sky.pass(1);
    assert_eq!((sky.tried(&first), sky.tried(&second)), (42001, 0));
}

#[test]
fn the_two_families_leave_each_other_alone() {
    let mut sky = Sky::new();
    let stable = token(&sky.stable());
    for _ in 0..5 {
        sky.classic();
    }
    assert_eq!(sky.tried(&stable), 0);
    let classic = token(&sky.classic());
    sky.forced();
    sky.pass(30);
    sky.forced();
    assert_eq!((sky.tried(&stable), sky.tried(&classic)), (40001, 0));
}

#[test]
fn a_forced_refresh_mints_and_the_former_token_overlaps() {
    let mut sky = Sky::new();
    let first = token(&sky.stable());
    let second = token(&sky.forced());
    assert_ne!(first, second);
    assert_eq!(token(&sky.stable()), second);
    sky.pass(299);
    assert_eq!(sky.tried(&first), 0);
    sky.pass(1);
    assert_eq!(sky.tried(&first), 40001);
    assert_eq!(sky.counters().forced, 1);
}

#[test]
fn a_forced_refresh_within_30_s_of_the_last_repeats_the_current_token() {
    let mut sky = Sky::new();
    let first = token(&sky.forced());
    sky.pass(29);
    assert_eq!(token(&sky.forced()), first);
    sky.pass(1);
    assert_ne!(token(&sky.forced()), first);
    let counters = sky.counters();
    assert_eq!((counters.forced, counters.forced_in_vain, counters.repeated), (2, 1, 1));
}

#[test]
fn the_leak_drill_of_two_forced_refreshes_kills_the_leaked_token() {
    let mut sky = Sky::new();
    let leaked = token(&sky.stable());
    sky.forced();
    sky.pass(30);
    sky.forced();
    assert_eq!(sky.tried(&leaked), 40001);
}

#[test]
fn the_verdict_names_app_family_rank_and_what_is_left() {
    let mut sky = Sky::new();
    let first = token(&sky.classic());
    sky.pass(10);
    let second = token(&sky.classic());
    sky.pass(100);
    let live = |rank, seconds_left| Verdict::Live {
        appid: DEMO_APPID.to_owned(),
        family: Family::Classic,
        rank,
        seconds_left,
    };
    assert_eq!(sky.verdict(&first), live(Rank::Previous, 200));
    assert_eq!(sky.verdict(&second), live(Rank::Latest, 7100));
}

#[test]
fn a_lifetime_of_60_s_scales_everything_that_belongs_to_it() {
    let mut sky = Sky::with(Settings::default().with_lifetime(Duration::from_secs(60)));
    let answer = sky.stable();
    let first = token(&answer);
    assert_eq!(answer["expires_in"], 60);
    sky.pass_f64(57.5); // 300 virtual seconds are left
    let again = sky.stable();
    assert_eq!((token(&again), &again["expires_in"]), (first.clone(), &2.into()));
    sky.pass_f64(0.1);
    let second = token(&sky.stable());
    assert_ne!(first, second);
    sky.pass_f64(2.4);
    assert_eq!((sky.tried(&first), sky.tried(&second)), (42001, 0));
    let third = token(&sky.forced());
    sky.pass_f64(0.24); // 30 virtual seconds are 0.25
    assert_eq!(token(&sky.forced()), third);
    sky.pass_f64(0.02);
    assert_ne!(token(&sky.forced()), third);
}

#[test]
fn what_is_stated_is_never_less_than_a_second() {
    let mut sky = Sky::with(Settings { speed: 100_000.0, ..Settings::default() });
    assert_eq!(sky.classic()["expires_in"], 1);
}

#[test]
fn oracle_and_api_agree_and_no_more_than_two_of_a_family_are_live() {
    let mut sky = Sky::new();
    let mut tokens: Vec<(Family, String)> = Vec::new();
    let mut walk = 1_u64;
    for _ in 0..400 {
        walk = walk.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (step, seconds) = ((walk >> 33) % 6, (walk >> 40) % 500);
        match step {
            0 => tokens.push((Family::Classic, token(&sky.classic()))),
            1 | 2 => tokens.push((Family::Stable, token(&sky.stable()))),
            3 => tokens.push((Family::Stable, token(&sky.forced()))),
            _ => sky.pass(seconds),
        }
        tokens.sort();
        tokens.dedup();
        let mut live = [0, 0];
        for (family, token) in &tokens {
            let expected = match sky.verdict(token) {
                Verdict::Live { family: of, .. } => {
                    assert_eq!(of, *family);
                    live[*family as usize] += 1;
                    0
                }
                Verdict::Expired => 42001,
                Verdict::Replaced | Verdict::Unknown => 40001,
            };
            assert_eq!(sky.tried(token), expected);
        }
        assert!(live.iter().all(|&n| n <= 2), "{live:?}");
    }
    assert!(tokens.len() > 50, "{}", tokens.len());
}
