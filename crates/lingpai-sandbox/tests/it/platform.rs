//! Third-party platforms: tickets, tokens, authorisations, refresh tokens, and the pages in between.

use lingpai_sandbox::{DEMO_APPID, DEMO_COMPONENT, DEMO_COMPONENT_SECRET, RefreshVerdict, Scope};
use serde_json::{Value, json};

use crate::sky::{MINI, Sky, code, request, text};
use crate::wire::{body, get, post, run};

const OF: (&str, &str) = (DEMO_COMPONENT, DEMO_APPID);

fn api(name: &str) -> String {
    format!("/cgi-bin/component/{name}")
}

fn with(name: &str, token: &str) -> String {
    format!("/cgi-bin/component/{name}?component_access_token={token}")
}

/// A ticket as it stands in a world's snapshot: nobody is pushed to here.
fn ticket(sky: &mut Sky) -> String {
    sky.post(
        &format!("/__sandbox/components/{DEMO_COMPONENT}/set-push"),
        &json!({"url": "http://127.0.0.1:9/"}),
    );
    sky.post(&format!("/__sandbox/components/{DEMO_COMPONENT}/push-ticket"), &json!({}));
    let snapshot: Value =
        serde_json::from_str(&sky.world.snapshot(sky.now, std::time::Duration::ZERO)).unwrap();
    let tickets = &snapshot["platforms"]["all"][DEMO_COMPONENT]["tickets"];
    tickets.as_array().unwrap().last().unwrap()[0].as_str().unwrap().to_owned()
}

fn component_token_body(ticket: &str) -> Value {
    json!({
        "component_appid": DEMO_COMPONENT, "component_appsecret": DEMO_COMPONENT_SECRET,
        "component_verify_ticket": ticket,
    })
}

fn component_token(sky: &mut Sky) -> String {
    let ticket = ticket(sky);
    let answer = sky.post(&api("api_component_token"), &component_token_body(&ticket));
    answer["component_access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Has the demo app authorise the platform: the authorizer's token and refresh token.
fn authorized(sky: &mut Sky, token: &str) -> (String, String) {
    let code = sky.world.authorize(sky.now, DEMO_COMPONENT, DEMO_APPID).unwrap();
    let asked = json!({"component_appid": DEMO_COMPONENT, "authorization_code": code});
    let answer = sky.post(&with("api_query_auth", token), &asked);
    let info = &answer["authorization_info"];
    assert_eq!(info["authorizer_appid"], DEMO_APPID, "{answer}");
    let again = sky.post(&with("api_query_auth", token), &asked);
    assert_eq!(crate::sky::code(&again), 61009, "a code is good once");
    let text = |name: &str| info[name].as_str().unwrap().to_owned();
    (text("authorizer_access_token"), text("authorizer_refresh_token"))
}

fn refreshed(sky: &mut Sky, token: &str, refresh_token: &str) -> Value {
    let asked = json!({
        "component_appid": DEMO_COMPONENT, "authorizer_appid": DEMO_APPID,
        "authorizer_refresh_token": refresh_token,
    });
    sky.post(&with("api_authorizer_token", token), &asked)
}

#[test]
fn a_component_token_wants_secret_and_ticket_and_its_caller_on_the_list() {
    let mut sky = Sky::new();
    let path = api("api_component_token");
    let refused = |sky: &mut Sky, body: &Value| code(&sky.post(&api("api_component_token"), body));
    assert_eq!(refused(&mut sky, &json!({})), 41018);
    assert_eq!(refused(&mut sky, &json!({"component_appid": "wx00000000000000c9"})), 40013);
    assert_eq!(refused(&mut sky, &json!({"component_appid": DEMO_COMPONENT})), 41004);
    assert_eq!(refused(&mut sky, &component_token_body("ticket@@@guessed")), 61006);
    let ticket = ticket(&mut sky);
    let answer = sky.post(&path, &component_token_body(&ticket));
    assert_eq!(answer["expires_in"], 7200, "{answer}");
    sky.peer = [203, 0, 113, 7].into();
    let answer = sky.post(&path, &component_token_body(&ticket));
    assert_eq!(
        (code(&answer), text(&answer)),
        (61004, "access clientip is not registered requestIP: 203.0.113.7")
    );
    sky.peer = crate::sky::LOOPBACK;
    sky.pass(12 * 3600);
    assert_eq!(refused(&mut sky, &component_token_body(&ticket)), 61005);
}

#[test]
fn a_new_component_token_ends_the_one_before_after_five_minutes() {
    let mut sky = Sky::new();
    let first = component_token(&mut sky);
    let second = component_token(&mut sky);
    let asked = json!({"component_appid": DEMO_COMPONENT});
    let tried = |sky: &mut Sky, token: &str, name: &str| {
        let uri = format!("/cgi-bin/component/api_create_preauthcode?{name}={token}");
        sky.post(&uri, &asked)
    };
    for name in ["access_token", "component_access_token"] {
        assert!(tried(&mut sky, &first, name)["pre_auth_code"].is_string());
    }
    sky.pass(300);
    assert_eq!(code(&tried(&mut sky, &first, "access_token")), 40001);
    assert!(tried(&mut sky, &second, "access_token")["pre_auth_code"].is_string());
    sky.pass(7200);
    assert_eq!(code(&tried(&mut sky, &second, "access_token")), 42006);
    assert_eq!(sky.tried(&second), 42001);
}

#[test]
fn a_refresh_replaces_the_refresh_token_which_lives_on_for_five_minutes() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    let (access, first) = authorized(&mut sky, &token);
    assert_eq!(sky.tried(&access), 0, "the token is good for the account's calls");
    let answer = refreshed(&mut sky, &token, &first);
    let second = answer["authorizer_refresh_token"].as_str().unwrap().to_owned();
    let newer = answer["authorizer_access_token"].as_str().unwrap().to_owned();
    assert_eq!((sky.tried(&access), sky.tried(&newer)), (0, 0));
    let verdict = |sky: &Sky, token: &str| sky.world.refresh_verdict(sky.now, OF, token);
    assert_eq!(verdict(&sky, &first), RefreshVerdict::InGrace);
    assert_eq!(verdict(&sky, &second), RefreshVerdict::Latest);
    sky.pass(299);
    let third = refreshed(&mut sky, &token, &first);
    assert!(third["authorizer_access_token"].is_string(), "{third}");
    sky.pass(301);
    assert_eq!(verdict(&sky, &second), RefreshVerdict::Dead);
    let refused = refreshed(&mut sky, &token, &second);
    assert_eq!((code(&refused), text(&refused)), (61023, "refresh_token is invalid"));
    // The list tells the latest.
    let asked = json!({"component_appid": DEMO_COMPONENT, "offset": 0, "count": 500});
    let list = sky.post(&with("api_get_authorizer_list", &token), &asked);
    assert_eq!(list["total_count"], 1);
    assert_eq!(list["list"][0]["refresh_token"], third["authorizer_refresh_token"]);
}

#[test]
fn the_list_has_nobody_whose_code_was_never_traded() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    sky.world.authorize(sky.now, DEMO_COMPONENT, DEMO_APPID).unwrap();
    let asked = json!({"component_appid": DEMO_COMPONENT, "offset": 0, "count": 500});
    assert_eq!(sky.post(&with("api_get_authorizer_list", &token), &asked)["total_count"], 0);
}

#[test]
fn an_owner_takes_it_back_or_changes_the_password() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    let (access, refresh) = authorized(&mut sky, &token);
    let deed = |deed: &str| format!("/__sandbox/components/{DEMO_COMPONENT}/{deed}");
    sky.post(&deed("change-password"), &json!({"authorizer": DEMO_APPID}));
    assert_eq!(code(&refreshed(&mut sky, &token, &refresh)), 42007);
    assert_eq!(sky.tried(&access), 40001);
    let (_, refresh) = authorized(&mut sky, &token);
    assert!(refreshed(&mut sky, &token, &refresh)["errcode"].is_null());
    sky.post(&deed("unauthorize"), &json!({"authorizer": DEMO_APPID}));
    assert_eq!(code(&refreshed(&mut sky, &token, &refresh)), 61003);
}

#[test]
fn people_log_in_with_the_platforms_token_to_accounts_that_have_authorised_it() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    let log_in = |sky: &mut Sky| sky.world.log_in(sky.now, DEMO_APPID, "o1", Scope::Base).unwrap();
    let session = |token: &str, component: &str, code: &str| {
        format!(
            "/sns/component/jscode2session?appid={DEMO_APPID}&js_code={code}&grant_type=authorization_code\
             &component_appid={component}&component_access_token={token}"
        )
    };
    let person = log_in(&mut sky);
    let asked = session(&token, DEMO_COMPONENT, &person);
    assert_eq!(code(&sky.get(&asked)), 61003);
    let (access, _) = authorized(&mut sky, &token);
    assert_eq!(code(&sky.get(&session(&access, DEMO_COMPONENT, &person))), 61014);
    assert_eq!(code(&sky.get(&session("none", DEMO_COMPONENT, &person))), 40001);
    assert_eq!(code(&sky.get(&session(&token, DEMO_COMPONENT, "none"))), 40029);
    assert_eq!(sky.get(&asked)["openid"], "o1", "what was refused has not spent the code");
    assert_eq!(code(&sky.get(&asked)), 40163);
}

#[test]
fn a_platforms_quota_and_its_authorizers_are_cleared_ten_times_a_month_each() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    authorized(&mut sky, &token);
    let by_secret = |secret: &str, appid: &str| json!({"component_appid": DEMO_COMPONENT, "appsecret": secret, "appid": appid});
    let path = api("clear_quota/v2");
    assert_eq!(code(&sky.post(&path, &by_secret("wrong", DEMO_APPID))), 40125);
    let stranger = by_secret(DEMO_COMPONENT_SECRET, "wx00000000000000ff");
    assert_eq!(code(&sky.post(&path, &stranger)), 61003);
    let own = format!("/cgi-bin/clear_quota?access_token={token}");
    assert_eq!(code(&sky.post(&own, &json!({"appid": DEMO_COMPONENT}))), 0);
    for account in [DEMO_COMPONENT, DEMO_APPID] {
        let asked = by_secret(DEMO_COMPONENT_SECRET, account);
        let cleared = if account == DEMO_COMPONENT { 9 } else { 10 };
        for _ in 0..cleared {
            assert_eq!(code(&sky.post(&path, &asked)), 0);
        }
        assert_eq!(code(&sky.post(&path, &asked)), 48006);
    }
}

#[test]
fn what_is_told_of_an_account_says_whether_it_is_a_mini_program() {
    let mut sky = Sky::with_mini_program();
    let token = component_token(&mut sky);
    for (appid, is_mini) in [(DEMO_APPID, false), (MINI, true)] {
        let asked = json!({"component_appid": DEMO_COMPONENT, "authorizer_appid": appid});
        assert_eq!(code(&sky.post(&with("api_get_authorizer_info", &token), &asked)), 61003);
        sky.world.authorize(sky.now, DEMO_COMPONENT, appid).unwrap();
        let told = sky.post(&with("api_get_authorizer_info", &token), &asked);
        assert_eq!(told["authorizer_info"]["MiniProgramInfo"].is_object(), is_mini, "{told}");
    }
}

#[test]
fn a_person_clicks_through_the_page_and_is_led_back_with_a_code() {
    let mut sky = Sky::new();
    let token = component_token(&mut sky);
    let asked = json!({"component_appid": DEMO_COMPONENT});
    let answer = sky.post(&with("api_create_preauthcode", &token), &asked);
    let pre = answer["pre_auth_code"].as_str().unwrap().replace('@', "%40");
    for path in ["/cgi-bin/componentloginpage", "/wxaopen/safe/bindcomponent"] {
        let uri = format!(
            "{path}?component_appid={DEMO_COMPONENT}&pre_auth_code={pre}&auth_type=3\
             &redirect_uri=http%3A%2F%2F127.0.0.1%2Fback%3Fs%3D1"
        );
        let page = sky.answer(&request("GET", &uri, ""));
        let html = String::from_utf8(page.body().to_vec()).unwrap();
        assert!(html.contains(&format!("value=\"{DEMO_APPID}\"")), "{html}");
        assert!(html.contains("value=\"http://127.0.0.1/back?s=1\""), "{html}");
        let back = sky.answer(&request("GET", &format!("{uri}&authorizer={DEMO_APPID}"), ""));
        let location = back.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("http://127.0.0.1/back?s=1&auth_code=queryauthcode%40%40%40"));
        let (_, code) = location.split_once("auth_code=").unwrap();
        let code = code.split('&').next().unwrap().replace("%40", "@");
        let asked = json!({"component_appid": DEMO_COMPONENT, "authorization_code": code});
        let answer = sky.post(&with("api_query_auth", &token), &asked);
        assert_eq!(answer["authorization_info"]["authorizer_appid"], DEMO_APPID);
    }
    sky.pass(600);
    let stale = format!(
        "/safe/bindcomponent?component_appid={DEMO_COMPONENT}&pre_auth_code={pre}&redirect_uri=http://a"
    );
    let page = sky.answer(&request("GET", &stale, ""));
    assert!(String::from_utf8_lossy(page.body()).contains("expired"));
}

#[tokio::test]
async fn a_ticket_that_is_asked_for_is_pushed_sealed_and_its_fate_is_told() {
    let (url, came) = crate::push::url(&["success", "success"]).await;
    let server = run().await;
    let deed = |deed: &str| format!("/__sandbox/components/{DEMO_COMPONENT}/{deed}");
    server.exchange(&post(&deed("set-push"), &json!({"url": url, "on": false}))).await;
    let told = body(&server.exchange(&post(&deed("push-ticket"), &json!({}))).await);
    assert_eq!(told["pushes"][0]["tries"][0]["status"], 200, "{told}");
    let came = came.lock().unwrap().clone();
    assert!(
        came[0].contains("<xml><AppId><![CDATA[wx5a0db0c0ffee00c0]]></AppId><Encrypt>"),
        "{}",
        came[0]
    );
    assert!(came[0].contains("&encrypt_type=aes&msg_signature="));
    let listed = body(&server.exchange(&get("/__sandbox/")).await);
    assert!(listed.to_string().contains("/push-ticket"));
}
