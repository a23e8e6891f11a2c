//! Day, minute and month windows.

use lingpai_sandbox::{
    AppSettings, DEMO_APPID, DEMO_SECRET, ForcedBeyondLimit, Quota, Quotas, Settings,
};
use serde_json::json;

use crate::sky::{Sky, classic_uri, code, text, token};

/// The default start is 08:00 in Shanghai.
const UNTIL_MIDNIGHT: u64 = 16 * 3600;

fn limited(quotas: Quotas) -> Settings {
    Settings { apps: vec![AppSettings { quotas, ..AppSettings::demo() }], ..Settings::default() }
}

#[test]
fn the_2001st_classic_call_of_a_day_is_45009_until_midnight_in_shanghai() {
    let mut sky = Sky::new();
    for _ in 0..2000 {
        token(&sky.classic());
    }
    let answer = sky.classic();
    assert_eq!(code(&answer), 45009);
    assert_eq!(
        text(&answer),
        "reach max api daily quota limit, could get access_token by getStableAccessToken, more \
         details at https://mmbizurl.cn/s/JtxxFh33r"
    );
    token(&sky.stable());
    sky.pass(UNTIL_MIDNIGHT - 1);
    assert_eq!(code(&sky.classic()), 45009);
    sky.pass(1);
    token(&sky.classic());
}

#[test]
fn refused_calls_use_no_quota() {
    let mut sky = Sky::with(limited(Quotas { classic_per_day: 1, ..Quotas::default() }));
    for _ in 0..3 {
        assert_eq!(code(&sky.get(&classic_uri(DEMO_APPID, "wrong"))), 40125);
    }
    token(&sky.classic());
}

#[test]
fn stable_is_limited_by_the_minute_and_by_the_day() {
    let quotas = Quotas { stable_per_minute: 2, stable_per_day: 3, ..Quotas::default() };
    let mut sky = Sky::with(limited(quotas));
    sky.stable();
    sky.stable();
    let answer = sky.stable();
    assert_eq!(code(&answer), 45011);
    assert_eq!(text(&answer), "api minute-quota reach limit  mustslower  retry next minute");
    sky.pass(60);
    token(&sky.stable());
    let answer = sky.stable();
    assert_eq!((code(&answer), text(&answer)), (45009, "reach max api daily quota limit"));
}

#[test]
fn the_default_minute_allows_10000_stable_calls() {
    let mut sky = Sky::new();
    for _ in 0..10_000 {
        token(&sky.stable());
    }
    assert_eq!(code(&sky.stable()), 45011);
    assert_eq!(sky.counters().minted.stable, 1);
}

#[test]
fn the_21st_forced_refresh_of_a_day_repeats_the_current_token() {
    let mut sky = Sky::new();
    for _ in 0..20 {
        sky.forced();
        sky.pass(30);
    }
    let current = token(&sky.stable());
    assert_eq!(token(&sky.forced()), current);
    assert_eq!((sky.counters().forced, sky.counters().forced_in_vain), (20, 1));
    sky.pass(UNTIL_MIDNIGHT);
    let next_day = token(&sky.stable());
    assert_ne!(token(&sky.forced()), next_day);
}

#[test]
fn the_21st_forced_refresh_can_be_refused_instead() {
    let forced_beyond_limit = ForcedBeyondLimit::Refuse;
    let mut sky = Sky::with(Settings { forced_beyond_limit, ..Settings::default() });
    sky.world.exhaust(sky.now, DEMO_APPID, &Quota::ForcedDay).unwrap();
    assert_eq!(code(&sky.forced()), 45009);
    token(&sky.stable());
}

#[test]
fn a_quota_can_be_exhausted_by_name_and_restored() {
    let mut sky = Sky::new();
    let live = token(&sky.stable());
    let cases = [("classic-day", 45009), ("stable-day", 45009), ("stable-minute", 45011)];
    for (name, expected) in cases {
        sky.world.exhaust(sky.now, DEMO_APPID, &name.parse().unwrap()).unwrap();
        let answer = if name == "classic-day" { sky.classic() } else { sky.stable() };
        assert_eq!(code(&answer), expected, "{name}");
        sky.world.restore_quotas(DEMO_APPID).unwrap();
        token(&sky.stable());
    }
    let quota = "/cgi-bin/user/info".parse().unwrap();
    sky.world.exhaust(sky.now, DEMO_APPID, &quota).unwrap();
    assert_eq!(sky.tried(&live), 45009);
    assert!("/no/such/path".parse::<Quota>().is_err());
}

#[test]
fn clear_quota_v2_needs_no_token_and_works_ten_times_a_month() {
    let mut sky = Sky::with(limited(Quotas { classic_per_day: 1, ..Quotas::default() }));
    let in_query = format!("/cgi-bin/clear_quota/v2?appid={DEMO_APPID}&appsecret={DEMO_SECRET}");
    let in_body = json!({"appid": DEMO_APPID, "appsecret": DEMO_SECRET});
    for round in 0..10 {
        token(&sky.classic());
        assert_eq!(code(&sky.classic()), 45009);
        let cleared = match round % 2 {
            0 => sky.post(&in_query, &json!({})),
            _ => sky.post("/cgi-bin/clear_quota/v2", &in_body),
        };
        assert_eq!(cleared, json!({"errcode": 0, "errmsg": "ok"}));
    }
    let refused = sky.post(&in_query, &json!({}));
    assert_eq!(code(&refused), 48006);
    assert_eq!(text(&refused), "forbid to clear quota because of reaching the limit");
    sky.pass(31 * 24 * 3600);
    assert_eq!(code(&sky.post(&in_query, &json!({}))), 0);
}

#[test]
fn clear_quota_v2_checks_who_asks() {
    let mut sky = Sky::new();
    let mut clear =
        |query: &str| code(&sky.post(&format!("/cgi-bin/clear_quota/v2?{query}"), &json!({})));
    assert_eq!(clear(""), 41002);
    assert_eq!(clear("appid=wx1"), 41004);
    assert_eq!(clear("appid=wx1&appsecret=x"), 40013);
    assert_eq!(clear(&format!("appid={DEMO_APPID}&appsecret=x")), 40125);
}
