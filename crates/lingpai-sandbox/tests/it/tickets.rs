//! Tickets: repeated for two hours, and good for longer.

use lingpai_sandbox::{DEMO_APPID, Family, Revocation, TicketType, TicketVerdict};
use serde_json::{Value, json};

use crate::sky::{MINI, Sky, classic_uri, code, token};

const TWO_HOURS: u64 = 7200;

fn ask(sky: &mut Sky, of: &str) -> Value {
    let token = token(&sky.stable());
    sky.get(&format!("/cgi-bin/ticket/getticket?access_token={token}&type={of}"))
}

fn ticket(sky: &mut Sky, of: &str) -> String {
    let answer = ask(sky, of);
    assert_eq!(
        (code(&answer), &answer["errmsg"], &answer["expires_in"]),
        (0, &json!("ok"), &json!(7200))
    );
    answer["ticket"].as_str().unwrap().to_owned()
}

#[test]
fn a_ticket_is_repeated_for_two_hours_with_a_constant_expires_in() {
    let mut sky = Sky::new();
    let first = ticket(&mut sky, "jsapi");
    sky.pass(TWO_HOURS - 1);
    assert_eq!(ticket(&mut sky, "jsapi"), first);
    sky.pass(1);
    assert_ne!(ticket(&mut sky, "jsapi"), first);
    assert_ne!(ticket(&mut sky, "wx_card"), ticket(&mut sky, "jsapi"));
    assert_eq!(sky.world.counters().app(DEMO_APPID).tickets, 3);
}

#[test]
fn an_old_ticket_lives_on_for_three_hours() {
    let mut sky = Sky::new();
    let first = ticket(&mut sky, "jsapi");
    sky.pass(TWO_HOURS);
    ticket(&mut sky, "jsapi");
    sky.pass(3 * 3600 - 1);
    let (appid, of) = (DEMO_APPID.to_owned(), TicketType::Jsapi);
    let verdict = |sky: &Sky| sky.world.ticket_verdict(sky.now, &first);
    assert_eq!(verdict(&sky), TicketVerdict::Good { appid, of, latest: false });
    sky.pass(1);
    assert_eq!(verdict(&sky), TicketVerdict::Expired);
}

#[test]
fn a_ticket_does_not_die_with_the_token_it_was_asked_for_with() {
    let mut sky = Sky::new();
    let first = ticket(&mut sky, "jsapi");
    sky.world.revoke(sky.now, DEMO_APPID, Family::ALL, Revocation::Noticed).unwrap();
    assert_eq!(ticket(&mut sky, "jsapi"), first);
}

#[test]
fn a_mini_program_has_no_tickets_and_no_other_type_is_known() {
    let mut sky = Sky::with_mini_program();
    assert_eq!(code(&ask(&mut sky, "sdk")), 40097);
    let secret = sky.world.secret(MINI).unwrap().expose().to_owned();
    let token = token(&sky.get(&classic_uri(MINI, &secret)));
    let refused = sky.get(&format!("/cgi-bin/ticket/getticket?access_token={token}&type=jsapi"));
    assert_eq!(code(&refused), 48001);
    let bad = sky.get("/cgi-bin/ticket/getticket?access_token=bad&type=jsapi");
    assert_eq!(code(&bad), 40001);
}

#[test]
fn a_signature_is_checked_with_the_tickets_that_are_good() {
    let mut sky = Sky::new();
    ticket(&mut sky, "jsapi");
    let page = json!({
        "appid": DEMO_APPID, "url": "https://a.cn/", "noncestr": "n", "timestamp": 1, "signature": "0",
    });
    assert_eq!(sky.post("/__sandbox/check-signature", &page), json!({"accepted": false}));
    let card = json!({"appid": DEMO_APPID, "values": ["n", "1"], "signature": "0"});
    assert_eq!(sky.post("/__sandbox/check-signature", &card), json!({"accepted": false}));
    assert!(
        sky.post("/__sandbox/check-signature", &json!({"appid": "x", "signature": "0"}))["error"]
            .is_string()
    );
    let unknown = sky.post("/__sandbox/check-ticket", &json!({"ticket": "x"}));
    assert_eq!(unknown, json!({"verdict": "unknown"}));
}
