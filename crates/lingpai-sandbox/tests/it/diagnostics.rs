//! Quota, rid and address APIs.

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET};
use serde_json::{Value, json};

use crate::sky::{MINI, Sky, classic_uri, code, text, token};

fn ask(sky: &mut Sky, path: &str, body: &Value) -> Value {
    let token = token(&sky.stable());
    sky.post(&format!("{path}?access_token={token}"), body)
}

#[test]
fn quota_get_tells_limit_used_and_remain() {
    let mut sky = Sky::new();
    sky.classic();
    sky.classic();
    let answer =
        ask(&mut sky, "/cgi-bin/openapi/quota/get", &json!({"cgi_path": "/cgi-bin/token"}));
    assert_eq!(answer["errcode"], 0);
    assert_eq!(answer["quota"], json!({"daily_limit": 2000, "used": 2, "remain": 1998}));
    let unknown = ask(&mut sky, "/cgi-bin/openapi/quota/get", &json!({"cgi_path": "/x"}));
    assert_eq!((code(&unknown), text(&unknown)), (76021, "cgi_path not found, please check"));
}

#[test]
fn quota_get_of_an_exhausted_api_has_nothing_left() {
    let mut sky = Sky::new();
    sky.world.exhaust(sky.now, DEMO_APPID, &"classic-day".parse().unwrap()).unwrap();
    let answer =
        ask(&mut sky, "/cgi-bin/openapi/quota/get", &json!({"cgi_path": "/cgi-bin/token"}));
    assert_eq!(answer["quota"], json!({"daily_limit": 2000, "used": 2000, "remain": 0}));
}

#[test]
fn clear_quota_clears_only_the_tokens_own_app() {
    let mut sky = Sky::new();
    sky.world.exhaust(sky.now, DEMO_APPID, &"classic-day".parse().unwrap()).unwrap();
    let other = ask(&mut sky, "/cgi-bin/clear_quota", &json!({"appid": MINI}));
    assert_eq!(code(&other), 40013);
    assert_eq!(code(&ask(&mut sky, "/cgi-bin/clear_quota", &json!({"appid": DEMO_APPID}))), 0);
    token(&sky.classic());
}

#[test]
fn quota_clear_clears_one_api() {
    let mut sky = Sky::new();
    for quota in ["classic-day", "/cgi-bin/user/info"] {
        sky.world.exhaust(sky.now, DEMO_APPID, &quota.parse().unwrap()).unwrap();
    }
    let body = json!({"cgi_path": "/cgi-bin/user/info"});
    assert_eq!(code(&ask(&mut sky, "/cgi-bin/openapi/quota/clear", &body)), 0);
    let live = token(&sky.stable());
    assert_eq!(sky.tried(&live), 0);
    assert_eq!(code(&sky.classic()), 45009);
}

#[test]
fn every_form_of_clearing_shares_ten_a_month() {
    let mut sky = Sky::new();
    let body = json!({"appid": DEMO_APPID});
    for _ in 0..10 {
        assert_eq!(code(&ask(&mut sky, "/cgi-bin/clear_quota", &body)), 0);
    }
    let v2 = format!("/cgi-bin/clear_quota/v2?appid={DEMO_APPID}&appsecret={DEMO_SECRET}");
    assert_eq!(code(&sky.post(&v2, &json!({}))), 48006);
}

fn rid_of(answer: &Value) -> String {
    answer["errmsg"].as_str().unwrap().split_once(" rid: ").unwrap().1.to_owned()
}

fn look_up(sky: &mut Sky, rid: &str) -> Value {
    ask(sky, "/cgi-bin/openapi/rid/get", &json!({"rid": rid}))
}

#[test]
fn a_rid_is_found_for_seven_days_with_its_secrets_masked() {
    let mut sky = Sky::new();
    let rid = rid_of(&sky.get(&classic_uri(DEMO_APPID, "0123456789abcdef")));
    let found = look_up(&mut sky, &rid);
    let request = &found["request"];
    assert_eq!(request["client_ip"], "127.0.0.1");
    assert!(request["response_body"].as_str().unwrap().contains("40125"));
    assert!(!found.to_string().contains("0123456789abcdef"));
    sky.pass(7 * 24 * 3600 - 1);
    assert_eq!(code(&look_up(&mut sky, &rid)), 0);
    sky.pass(1);
    assert_eq!(code(&look_up(&mut sky, &rid)), 76001);
}

#[test]
fn a_rid_is_refused_if_malformed_unknown_or_anothers() {
    let mut sky = Sky::with_mini_program();
    let malformed = look_up(&mut sky, "xyz");
    assert_eq!((code(&malformed), text(&malformed)), (76002, "rid is error"));
    let unknown = look_up(&mut sky, "61725984-6126f6f9-040f19c4");
    assert_eq!((code(&unknown), text(&unknown)), (76001, "rid not found"));
    let of_another = rid_of(&sky.get(&classic_uri(MINI, "x")));
    let refused = look_up(&mut sky, &of_another);
    assert_eq!((code(&refused), text(&refused)), (76003, "could not query this rid,no permission"));
}

#[test]
fn the_address_lists_need_a_token() {
    let mut sky = Sky::new();
    for path in ["/cgi-bin/getcallbackip", "/cgi-bin/get_api_domain_ip"] {
        assert_eq!(code(&sky.get(path)), 41001);
        let token = token(&sky.stable());
        let answer = sky.get(&format!("{path}?access_token={token}"));
        assert!(answer["ip_list"].as_array().is_some_and(|list| !list.is_empty()));
        assert!(answer.get("errcode").is_none());
    }
}

#[test]
fn callback_check_answers_what_was_asked() {
    let mut sky = Sky::new();
    let mut check = |body: Value| ask(&mut sky, "/cgi-bin/callback/check", &body);
    let dns = check(json!({"action": "dns", "check_operator": "UNICOM"}));
    assert!(dns.get("dns").is_some() && dns.get("ping").is_none());
    let all = check(json!({"action": "all"}));
    assert!(all.get("dns").is_some() && all.get("ping").is_some());
    assert_eq!(code(&check(json!({"action": "x"}))), 40202);
    assert_eq!(code(&check(json!({"action": "all", "check_operator": "x"}))), 40203);
}
