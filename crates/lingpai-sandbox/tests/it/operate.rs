//! What is done to the world by types.

use std::time::Duration;

use lingpai_sandbox::{
    AppKind, AppSecret, AppSettings, DEMO_APPID, DEMO_SECRET, Error, Family, OtherSystem,
    Revocation, Settings, Verdict, World,
};

use crate::sky::{CLASSIC, STABLE, Sky, token};

#[test]
fn a_revoked_token_is_40001_and_stable_mints_another() {
    let mut sky = Sky::new();
    let (stable, classic) = (token(&sky.stable()), token(&sky.classic()));
    sky.world.revoke(sky.now, DEMO_APPID, &[Family::Stable], Revocation::Noticed).unwrap();
    assert_eq!((sky.tried(&stable), sky.tried(&classic)), (40001, 0));
    let fresh = token(&sky.stable());
    assert_ne!(fresh, stable);
    assert_eq!(sky.tried(&fresh), 0);
}

#[test]
fn a_stubborn_revocation_ends_with_a_forced_refresh() {
    let mut sky = Sky::new();
    let dead = token(&sky.stable());
    sky.world.revoke(sky.now, DEMO_APPID, Family::ALL, Revocation::Stubborn).unwrap();
    assert_eq!(token(&sky.stable()), dead);
    assert_eq!(sky.tried(&dead), 40001);
    let fresh = token(&sky.forced());
    assert_ne!(fresh, dead);
    assert_eq!(token(&sky.stable()), fresh);
    assert_eq!((sky.tried(&fresh), sky.tried(&dead)), (0, 40001));
}

#[test]
fn an_expired_token_is_42001_at_once() {
    let mut sky = Sky::new();
    let (stable, classic) = (token(&sky.stable()), token(&sky.classic()));
    sky.world.expire(sky.now, DEMO_APPID, Family::ALL).unwrap();
    assert_eq!((sky.tried(&stable), sky.tried(&classic)), (42001, 42001));
    assert_ne!(token(&sky.stable()), stable);
}

#[test]
fn another_system_kills_our_classic_token_after_the_overlap() {
    let mut sky = Sky::new();
    let ours = token(&sky.classic());
    let theirs =
        sky.world.other_system_refreshes(sky.now, DEMO_APPID, OtherSystem::Classic).unwrap();
    assert_eq!((sky.tried(&ours), sky.tried(&theirs)), (0, 0));
    sky.pass(300);
    assert_eq!((sky.tried(&ours), sky.tried(&theirs)), (40001, 0));
    let counters = sky.counters();
    assert_eq!((counters.minted.classic, counters.minted_for_others.classic), (1, 1));
    assert_eq!(sky.world.counters().fetches(), 1);
}

#[test]
fn another_system_that_forces_replaces_ours_and_one_that_does_not_is_harmless() {
    let mut sky = Sky::new();
    let ours = token(&sky.stable());
    let mut other = |how| sky.world.other_system_refreshes(sky.now, DEMO_APPID, how).unwrap();
    assert_eq!(other(OtherSystem::Stable), ours);
    let theirs = other(OtherSystem::Forced);
    assert_ne!(theirs, ours);
    assert_eq!(other(OtherSystem::Forced), theirs, "30 s apart, for others too");
    assert_eq!(token(&sky.stable()), theirs);
}

#[test]
fn time_can_be_advanced_and_sped_up_in_the_middle() {
    let mut sky = Sky::new();
    let first = token(&sky.stable());
    sky.world.advance(sky.now, Duration::from_secs(6000));
    assert_eq!(sky.stable()["expires_in"], 1200);
    sky.world.set_speed(sky.now, 120.0).unwrap();
    let answer = sky.stable();
    assert_eq!((token(&answer), &answer["expires_in"]), (first.clone(), &10.into()));
    sky.pass(10);
    assert_eq!(sky.verdict(&first), Verdict::Expired);
}

#[test]
fn a_removed_app_takes_its_tokens_with_it() {
    let mut sky = Sky::new();
    let orphan = token(&sky.stable());
    sky.world.remove_app(DEMO_APPID).unwrap();
    assert_eq!(sky.verdict(&orphan), Verdict::Unknown);
    assert_eq!(sky.tried(&orphan), 40001);
    assert!(matches!(sky.world.remove_app(DEMO_APPID), Err(Error::UnknownApp { .. })));
}

#[test]
fn bad_settings_say_what_to_write() {
    let refused = |settings| World::new(settings).unwrap_err().to_string();
    let of_app = |app| Settings { apps: vec![app], ..Settings::default() };
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refused(Settings { speed, ..Settings::default() }).contains("0.001 to 1000000"));
    }
    let zero_lifetime = Settings::default().with_lifetime(Duration::ZERO);
    assert!(refused(zero_lifetime).contains("cannot be kept"));
    let app = AppSettings::new("wxshort", AppKind::MiniProgram);
    assert!(refused(of_app(app)).contains("16 digits"));
    let secret = Some(AppSecret::new("hunter2"));
    let told = refused(of_app(AppSettings { secret, ..AppSettings::demo() }));
    assert!(told.contains("32 digits") && !told.contains("hunter2"));
    let twice = Settings { apps: vec![AppSettings::demo(); 2], ..Settings::default() };
    assert!(refused(twice).contains("exists already"));
}

#[test]
fn secrets_and_tokens_never_show_in_debug_or_log() {
    let mut sky = Sky::new();
    let tokens = [token(&sky.classic()), token(&sky.stable())];
    for token in &tokens {
        sky.tried(token);
    }
    sky.get(&format!("{CLASSIC}?appid={DEMO_APPID}&secret=oddsecret"));
    sky.get(&format!("{STABLE}?access_token=oddtoken"));
    let log = serde_json::to_string(&sky.world.log(100).collect::<Vec<_>>()).unwrap();
    let settings = format!("{:?}", Settings::default());
    for hidden in [DEMO_SECRET, "oddsecret", "oddtoken", &tokens[0], &tokens[1]] {
        assert!(!log.contains(hidden), "{hidden}");
        assert!(!settings.contains(hidden));
        assert!(!format!("{:?}", sky.world).contains(hidden), "{hidden}");
    }
}

#[test]
fn the_log_keeps_only_the_last_calls() {
    let mut sky = Sky::with(Settings { log_size: 3, ..Settings::default() });
    for _ in 0..5 {
        sky.stable();
    }
    sky.get("/cgi-bin/last");
    let paths: Vec<_> = sky.world.log(2).map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, [STABLE, "/cgi-bin/last"]);
    assert_eq!(sky.world.log(100).count(), 3);
}

#[test]
fn counters_can_be_reset_and_name_every_outcome() {
    let mut sky = Sky::new();
    let live = token(&sky.stable());
    sky.tried(&live);
    sky.tried("x");
    let counters = sky.world.counters();
    assert_eq!((counters.calls, counters.fetches()), (3, 1));
    let outcomes = &counters.paths["/cgi-bin/user/info"].outcomes;
    assert_eq!((outcomes["0"], outcomes["40001"]), (1, 1));
    assert_eq!(counters.app(DEMO_APPID).calls, 2, "an unknown token belongs to nobody");
    sky.world.reset_counters();
    assert_eq!(sky.world.counters().calls, 0);
}

#[test]
fn settings_can_be_read_from_a_file() {
    let settings: Settings = serde_json::from_str(
        r#"{"addr":"127.0.0.1:0","speed":120,"seed":1,"caller_ip":"203.0.113.7","apps":[
            {"appid":"wx00000000000000aa","kind":"mini-program","whitelist":["10.0.0.0/8"],
             "secret":"5a0db0c0ffee00015a0db0c0ffee0001","quotas":{"classic_per_day":5}}]}"#,
    )
    .unwrap();
    assert_eq!(settings.apps[0].kind, AppKind::MiniProgram);
    assert!(World::new(settings).is_ok());
    assert!(serde_json::from_str::<Settings>(r#"{"sped":1}"#).is_err());
}
