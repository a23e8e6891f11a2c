//! Every refusal of the token APIs, its text, and the order of the checks.

use lingpai_sandbox::{
    AppKind, AppSettings, Check, DEMO_APPID, DEMO_SECRET, Decision, Error, Punishment, Settings,
    Takes, World,
};
use serde_json::{Value, json};

use crate::sky::{
    CLASSIC, MINI, STABLE, Sky, classic_uri, code, request, stable_body, text, token,
};

const STRANGER: [u8; 4] = [203, 0, 113, 7];

fn stable_with(name: &str, value: Value) -> Value {
    let mut body = stable_body(false);
    body[name] = value;
    body
}

#[test]
fn refusals_are_http_200_with_a_rid_of_the_virtual_time() {
    let mut sky = Sky::new();
    sky.pass(16);
    let answer = sky.answer(&request("GET", CLASSIC, ""));
    assert_eq!(answer.status(), 200);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let errmsg = body["errmsg"].as_str().unwrap();
    // 2026-01-01 00:00 UTC is 0x6955b900.
    assert!(errmsg.starts_with("appid missing rid: 6955b910-"), "{errmsg}");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let mut sky = Sky::new();
    let uri = |query: &str| format!("{CLASSIC}?{query}");
    let full =
        |appid, grant, secret| uri(&format!("grant_type={grant}&appid={appid}&secret={secret}"));
    let cases = [
        (uri("grant_type=client_credential"), 41002, "appid missing"),
        (uri("grant_type=client_credential&appid=wx1"), 41004, "appsecret missing"),
        (full("wx1", "client_credential", "s"), 40013, "invalid appid"),
        (full(DEMO_APPID, "password", DEMO_SECRET), 40002, "invalid grant_type"),
        (uri(&format!("appid={DEMO_APPID}&secret=s")), 40002, "invalid grant_type"),
        (full(DEMO_APPID, "client_credential", "s"), 40125, "invalid appsecret"),
    ];
    for (uri, expected, words) in cases {
        let answer = sky.get(&uri);
        assert_eq!((code(&answer), text(&answer)), (expected, words), "{uri}");
    }
}

#[test]
fn stable_token_names_them_too() {
    let mut sky = Sky::new();
    let cases = [
        (stable_with("appid", Value::Null), 41002),
        (stable_with("secret", json!("")), 41004),
        (stable_with("appid", json!("wx1")), 40013),
        (stable_with("grant_type", json!("x")), 40002),
        (stable_with("secret", json!("x")), 40125),
        (stable_with("force_refresh", json!("yes")), 47001),
        (json!([1]), 47001),
    ];
    for (body, expected) in cases {
        assert_eq!(code(&sky.post(STABLE, &body)), expected, "{body}");
    }
    let answer = sky.answer(&request("POST", STABLE, "{\"appid\":"));
    assert!(String::from_utf8_lossy(answer.body()).contains("47001"));
}

#[test]
fn the_wrong_method_is_43002() {
    let mut sky = Sky::new();
    let answer = sky.get(STABLE);
    assert_eq!((code(&answer), text(&answer)), (43002, "require POST method"));
    assert_eq!(code(&sky.post("/cgi-bin/user/info", &json!({}))), 43001);
}

#[test]
fn the_classic_api_also_takes_a_posted_form() {
    let mut sky = Sky::new();
    let uri = classic_uri(DEMO_APPID, DEMO_SECRET);
    let (path, form) = uri.split_once('?').unwrap();
    let answer = sky.answer(&request("POST", path, form));
    assert!(String::from_utf8_lossy(answer.body()).contains("access_token"));
    assert!(sky.post(&uri, &json!({})).get("access_token").is_some());
}

#[test]
fn the_appid_is_checked_before_the_grant_type() {
    let uri = format!("{CLASSIC}?grant_type=x&appid=wx1&secret=s");
    assert_eq!(code(&Sky::new().get(&uri)), 40013);
}

#[test]
fn the_order_of_checks_can_be_switched() {
    let mut order = Check::ALL.to_vec();
    order.swap(0, 1);
    let mut sky = Sky::with(Settings { check_order: order.clone(), ..Settings::default() });
    let uri = format!("{CLASSIC}?grant_type=x&appid=wx1&secret=s");
    assert_eq!(code(&sky.get(&uri)), 40002);
    order.pop();
    let missing = World::new(Settings { check_order: order, ..Settings::default() });
    assert!(matches!(missing, Err(Error::BadCheckOrder { .. })));
}

#[test]
fn a_token_of_another_place_than_the_query_is_no_token() {
    let mut sky = Sky::new();
    let token = token(&sky.stable());
    let answer = sky.post("/cgi-bin/message/custom/send", &json!({"access_token": token}));
    assert_eq!((code(&answer), text(&answer)), (41001, "access_token missing"));
}

#[test]
fn a_bad_token_gets_the_long_text() {
    let mut sky = Sky::new();
    let answer = sky.get("/cgi-bin/getcallbackip?access_token=x");
    assert_eq!(
        text(&answer),
        "invalid credential, access_token is invalid or not latest, could get access_token by \
         getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
    );
}

#[test]
fn an_unlisted_address_is_40164_and_named() {
    let mut sky = Sky::new();
    sky.world.set_caller_ip(Some(STRANGER.into()));
    for answer in [sky.classic(), sky.stable()] {
        assert_eq!(code(&answer), 40164);
        assert_eq!(
            text(&answer),
            "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"
        );
    }
    sky.world.allow_ip(DEMO_APPID, STRANGER.into()).unwrap();
    token(&sky.classic());
    sky.world.block_ip(DEMO_APPID, STRANGER.into()).unwrap();
    assert_eq!(code(&sky.classic()), 40164);
}

#[test]
fn the_whitelist_of_an_official_account_guards_every_api() {
    let mut sky = Sky::new();
    let token = token(&sky.stable());
    sky.peer = STRANGER.into();
    assert_eq!(sky.tried(&token), 40164);
}

#[test]
fn the_whitelist_of_a_mini_program_guards_only_the_secret() {
    let mut sky = Sky::with_mini_program();
    let secret = sky.world.secret(MINI).unwrap().expose().to_owned();
    let uri = classic_uri(MINI, &secret);
    let token = token(&sky.get(&uri));
    sky.peer = STRANGER.into();
    assert_eq!(sky.tried(&token), 0);
    assert_eq!(code(&sky.get(&uri)), 40164);
    let clear = format!("/cgi-bin/clear_quota/v2?appid={MINI}&appsecret={secret}");
    assert_eq!(code(&sky.post(&clear, &json!({}))), 40164);
}

#[test]
fn an_empty_whitelist_opens_a_mini_program_and_closes_an_official_account() {
    for (kind, expected) in [(AppKind::MiniProgram, None), (AppKind::OfficialAccount, Some(40164))]
    {
        let app = AppSettings { whitelist: vec![], ..AppSettings::demo() };
        let mut sky =
            Sky::with(Settings { apps: vec![AppSettings { kind, ..app }], ..Settings::default() });
        assert_eq!(sky.classic().get("errcode").and_then(Value::as_i64), expected);
    }
}

#[test]
fn a_new_address_waits_for_the_administrator() {
    let mut sky = Sky::new();
    sky.world.require_confirmation(DEMO_APPID, sky.peer).unwrap();
    let early = sky.world.decide(sky.now, DEMO_APPID, sky.peer, Decision::Accept);
    assert!(matches!(early, Err(Error::NothingPending { .. })));
    assert_eq!(code(&sky.classic()), 89503);
    assert_eq!(code(&sky.stable()), 89501);
    sky.world.decide(sky.now, DEMO_APPID, sky.peer, Decision::Accept).unwrap();
    token(&sky.classic());
}

#[test]
fn an_accepted_address_needs_no_whitelist_entry() {
    let mut sky = Sky::new();
    sky.peer = STRANGER.into();
    sky.world.require_confirmation(DEMO_APPID, sky.peer).unwrap();
    assert_eq!(code(&sky.classic()), 89503);
    sky.world.decide(sky.now, DEMO_APPID, sky.peer, Decision::Accept).unwrap();
    token(&sky.classic());
}

#[test]
fn one_refusal_bans_for_an_hour_and_the_second_for_a_day() {
    let mut sky = Sky::new();
    let refuse = |sky: &mut Sky| {
        sky.world.decide(sky.now, DEMO_APPID, sky.peer, Decision::Refuse).unwrap();
    };
    sky.world.require_confirmation(DEMO_APPID, sky.peer).unwrap();
    assert_eq!(code(&sky.classic()), 89503);
    refuse(&mut sky);
    assert_eq!(code(&sky.classic()), 89507);
    sky.pass(3599);
    assert_eq!(code(&sky.classic()), 89507);
    sky.pass(1);
    assert_eq!(code(&sky.classic()), 89503);
    refuse(&mut sky);
    sky.pass(24 * 3600 - 1);
    assert_eq!(code(&sky.classic()), 89506);
    sky.pass(1);
    assert_eq!(code(&sky.classic()), 89503);
    sky.world.allow_ip(DEMO_APPID, sky.peer).unwrap();
    token(&sky.classic());
}

#[test]
fn a_freeze_and_its_end_take_ten_minutes() {
    let mut sky = Sky::new();
    let live = token(&sky.stable());
    sky.world.freeze(sky.now, DEMO_APPID, Takes::TenMinutes).unwrap();
    sky.pass(599);
    token(&sky.stable());
    sky.pass(1);
    assert_eq!(code(&sky.stable()), 40243);
    assert_eq!(sky.tried(&live), 0, "only the APIs that take the secret are closed");
    sky.world.unfreeze(sky.now, DEMO_APPID, Takes::TenMinutes).unwrap();
    sky.pass(599);
    assert_eq!(code(&sky.stable()), 40243);
    sky.pass(1);
    token(&sky.stable());
}

#[test]
fn a_freeze_can_act_at_once() {
    let mut sky = Sky::new();
    sky.world.freeze(sky.now, DEMO_APPID, Takes::NoTime).unwrap();
    assert_eq!(code(&sky.classic()), 40243);
    sky.world.unfreeze(sky.now, DEMO_APPID, Takes::NoTime).unwrap();
    token(&sky.classic());
}

#[test]
fn a_reset_secret_is_dead_at_once() {
    let mut sky = Sky::new();
    let fresh = sky.world.reset_secret(DEMO_APPID, None).unwrap();
    assert_eq!(code(&sky.classic()), 40125);
    token(&sky.get(&classic_uri(DEMO_APPID, fresh.expose())));
}

#[test]
fn punishments_close_the_token_apis_or_all() {
    let cases = [
        (Punishment::Limited, 50002, 50002),
        (Punishment::TokenForbidden, 50004, 0),
        (Punishment::AccountFrozen, 50007, 50007),
        (Punishment::ComponentOnly, 61024, 0),
    ];
    for (punishment, on_token, on_others) in cases {
        let mut sky = Sky::new();
        let live = token(&sky.stable());
        sky.world.punish(DEMO_APPID, Some(punishment)).unwrap();
        assert_eq!(code(&sky.stable()), on_token);
        assert_eq!(sky.tried(&live), on_others);
        sky.world.punish(DEMO_APPID, None).unwrap();
        token(&sky.stable());
    }
}

#[test]
fn one_api_refuses_even_a_good_token() {
    let mut sky = Sky::new();
    let good = token(&sky.stable());
    let uri = format!("/wxa/get_latest_auditstatus?access_token={good}");
    assert_eq!(code(&sky.get(&uri)), 40001);
    assert_eq!(sky.tried(&good), 0);
}

#[test]
fn an_unknown_path_is_40066() {
    let answer = Sky::new().get("/cgi-bin/nothing/here");
    assert_eq!((code(&answer), text(&answer)), (40066, "invalid url"));
}

#[test]
fn a_chunked_post_is_412_and_empty_and_does_nothing() {
    let mut sky = Sky::new();
    let mut chunked = request("POST", STABLE, &stable_body(false).to_string());
    chunked.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    let answer = sky.answer(&chunked);
    assert_eq!((answer.status().as_u16(), answer.body().len()), (412, 0));
    assert_eq!(sky.counters().minted.stable, 0);
}
