//! WeCom: a token for each application, repeated until it expires.

use lingpai_sandbox::{
    AgentSettings, DEMO_AGENT, DEMO_AGENT_SECRET, DEMO_CORPID, TicketType, TicketVerdict,
};
use serde_json::{Value, json};

use crate::sky::{Sky, code, request};

const DEMO: &str = "ww5a0db0c0ffee0001:1000002";

fn gettoken(sky: &mut Sky, secret: &str) -> Value {
    sky.get(&format!("/qyapi/cgi-bin/gettoken?corpid={DEMO_CORPID}&corpsecret={secret}"))
}

fn token(sky: &mut Sky) -> String {
    let answer = gettoken(sky, DEMO_AGENT_SECRET);
    assert_eq!((code(&answer), &answer["errmsg"]), (0, &json!("ok")));
    answer["access_token"].as_str().unwrap().to_owned()
}

fn user(sky: &mut Sky, token: &str) -> Value {
    sky.get(&format!("/qyapi/cgi-bin/user/get?access_token={token}&userid=zhangsan"))
}

#[test]
fn a_token_is_repeated_with_what_is_left_until_it_expires_and_nothing_overlaps() {
    let mut sky = Sky::new();
    let first = token(&mut sky);
    sky.pass(7199);
    let again = gettoken(&mut sky, DEMO_AGENT_SECRET);
    assert_eq!((&again["access_token"], &again["expires_in"]), (&json!(first), &json!(1)));
    assert_eq!(code(&user(&mut sky, &first)), 0);
    sky.pass(1);
    assert_eq!(code(&user(&mut sky, &first)), 42001);
    let second = token(&mut sky);
    assert_ne!(second, first);
    let counters = sky.world.counters().app(DEMO);
    assert_eq!((counters.minted.wecom, counters.repeated), (2, 1));
}

#[test]
fn each_application_has_its_own_token() {
    let mut sky = Sky::new();
    let secret = "other-0123456789-0123456789-0123456789-0123";
    let other = AgentSettings {
        secret: Some(lingpai_sandbox::AppSecret::new(secret)),
        ..AgentSettings::new(DEMO_CORPID, 1_000_003)
    };
    sky.world.add_agent(other).unwrap();
    let (first, second) = (token(&mut sky), gettoken(&mut sky, secret));
    assert_ne!(json!(first), second["access_token"]);
    let send = |agent: u32| json!({"touser": "zhangsan|nobody", "msgtype": "text", "agentid": agent, "text": {"content": "x"}});
    let uri = format!("/qyapi/cgi-bin/message/send?access_token={first}");
    let sent = sky.post(&uri, &send(DEMO_AGENT));
    assert_eq!((code(&sent), &sent["invaliduser"]), (0, &json!("nobody")));
    assert_eq!(code(&sky.post(&uri, &send(1_000_003))), 301_002);
}

#[test]
fn a_wrong_secret_is_40001_and_a_bad_token_40014_each_with_a_hint() {
    let mut sky = Sky::new();
    let refused = gettoken(&mut sky, "wrong");
    let said = refused["errmsg"].as_str().unwrap();
    assert_eq!(code(&refused), 40001);
    assert!(said.starts_with("invalid credential, hint: ["), "{said}");
    let end =
        "], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=40001";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(code(&user(&mut sky, "nonsense")), 40014);
    let live = token(&mut sky);
    sky.world.revoke_agent(DEMO_CORPID, DEMO_AGENT).unwrap();
    assert_eq!(code(&user(&mut sky, &live)), 40014);
    assert_ne!(token(&mut sky), live);
    for (query, expected) in [
        ("", 41002),
        ("corpid=ww5a0db0c0ffee0001", 41004),
        ("corpid=ww00000000000000ff&corpsecret=x", 40013),
    ] {
        assert_eq!(code(&sky.get(&format!("/qyapi/cgi-bin/gettoken?{query}"))), expected);
    }
}

#[test]
fn an_address_that_is_not_trusted_gets_a_token_and_nothing_else() {
    let mut sky = Sky::new();
    sky.world.trust(DEMO_CORPID, DEMO_AGENT, vec!["203.0.113.7".parse().unwrap()]).unwrap();
    let token = token(&mut sky);
    let refused = sky.get(&format!("/qyapi/cgi-bin/user/get?access_token={token}"));
    assert_eq!(code(&refused), 60020, "before the missing userid");
    sky.peer = "203.0.113.7".parse().unwrap();
    assert_eq!(code(&user(&mut sky, &token)), 0);
}

#[test]
fn two_thousand_wrong_calls_block_the_corp_for_an_hour() {
    let mut sky = Sky::new();
    for _ in 0..2001 {
        assert_eq!(code(&gettoken(&mut sky, "wrong")), 40001);
    }
    assert_eq!(code(&gettoken(&mut sky, DEMO_AGENT_SECRET)), 45009);
    sky.pass(3600);
    assert_eq!(code(&gettoken(&mut sky, DEMO_AGENT_SECRET)), 0);
}

#[test]
fn tickets_belong_to_the_corp_or_the_application_and_are_limited_by_the_hour() {
    let mut sky = Sky::new();
    let token = token(&mut sky);
    let corp = format!("/qyapi/cgi-bin/get_jsapi_ticket?access_token={token}");
    let agent = format!("/qyapi/cgi-bin/ticket/get?access_token={token}&type=agent_config");
    for (uri, owner, of) in
        [(&corp, DEMO_CORPID, TicketType::Jsapi), (&agent, DEMO, TicketType::AgentConfig)]
    {
        let ticket = sky.get(uri)["ticket"].as_str().unwrap().to_owned();
        assert_eq!(
            sky.world.ticket_verdict(sky.now, &ticket),
            TicketVerdict::Good { appid: owner.to_owned(), of, latest: true }
        );
    }
    for _ in 0..99 {
        assert_eq!(code(&sky.get(&agent)), 0);
    }
    assert_eq!(code(&sky.get(&agent)), 45009);
    assert_eq!(code(&sky.get(&corp)), 0);
    let untyped = format!("/qyapi/cgi-bin/ticket/get?access_token={token}");
    assert_eq!(code(&sky.get(&untyped)), 40058);
}

#[test]
fn wecoms_applications_and_tokens_outlive_a_restart() {
    let mut sky = Sky::new();
    let before = token(&mut sky);
    let snapshot = sky.world.snapshot(sky.now, sky.now);
    let settings = lingpai_sandbox::Settings::default();
    sky.world = lingpai_sandbox::World::restore(settings, sky.now, &snapshot).unwrap();
    assert_eq!(token(&mut sky), before);
    let ask = request("GET", &format!("/qyapi/cgi-bin/getcallbackip?access_token={before}"), "");
    assert_eq!(sky.answer(&ask).status(), 200);
}
