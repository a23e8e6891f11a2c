//! The control API: the same over HTTP, with clear errors.

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET};
use serde_json::{Value, json};

use crate::api_security::settings;
use crate::sky::{MINI, STABLE, Sky, classic_uri, code, parsed, request, token};

fn on_demo(deed: &str) -> String {
    format!("/__sandbox/apps/{DEMO_APPID}/{deed}")
}

#[test]
fn every_route_of_the_index_works_as_its_example_says() {
    let mut sky = Sky::new();
    let index = sky.get("/__sandbox/");
    let routes = index["routes"].as_array().unwrap().clone();
    assert!(routes.len() > 30);
    for route in routes {
        // `accept` and `refuse` need an address that has asked.
        sky.world.set_caller_ip(Some([198, 51, 100, 1].into()));
        sky.world.require_confirmation(DEMO_APPID, [198, 51, 100, 1].into()).unwrap();
        sky.classic();
        let (method, path) = route["route"].as_str().unwrap().split_once(' ').unwrap();
        if path == "/__sandbox/push" {
            continue; // It takes a network, which only the server has: `push.rs`.
        }
        let curl = route["example"].as_str().unwrap();
        let body = curl.split_once(" -d '").map_or("", |(_, body)| body.trim_end_matches('\''));
        // A key of one's own takes the place of the one that is only begun in the example.
        let key = settings().public_key.replace('\n', "\\n");
        let body = body.replace("-----BEGIN PUBLIC KEY-----...", &key);
        let answer = sky.answer(&request(method, path, &body));
        let shown = String::from_utf8_lossy(answer.body());
        assert_eq!(answer.status(), 200, "{curl}: {shown}");
        sky.world.mend_all();
    }
}

#[test]
fn the_index_shows_the_address_that_the_caller_used() {
    let mut sky = Sky::new();
    let mut ask = request("GET", "/__sandbox", "");
    ask.headers_mut().insert("host", "127.0.0.1:4321".parse().unwrap());
    let index = parsed(&sky.answer(&ask));
    assert_eq!(index["routes"][0]["example"], "curl '127.0.0.1:4321/__sandbox/'");
}

#[test]
fn an_app_can_be_created_used_and_removed() {
    let mut sky = Sky::new();
    let made = sky.post("/__sandbox/apps", &json!({"appid": MINI, "kind": "mini-program"}));
    let uri = classic_uri(MINI, made["secret"].as_str().unwrap());
    token(&sky.get(&uri));
    let listed = sky.get("/__sandbox/apps");
    assert_eq!(listed["apps"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("secret\":\""), "no secrets in the list");
    sky.delete(&format!("/__sandbox/apps/{MINI}"));
    assert_eq!(code(&sky.get(&uri)), 40013);
}

#[test]
fn the_token_can_be_revoked_expired_and_asked_about() {
    let mut sky = Sky::new();
    let first = token(&sky.stable());
    let verdict = |sky: &mut Sky, token: &str| {
        sky.post("/__sandbox/verdict", &json!({"token": token}))["verdict"].clone()
    };
    assert_eq!(verdict(&mut sky, &first), "live");
    sky.post(&on_demo("revoke"), &json!({"family": "stable"}));
    assert_eq!(verdict(&mut sky, &first), "replaced");
    let second = token(&sky.stable());
    sky.post(&on_demo("expire"), &json!({}));
    assert_eq!(verdict(&mut sky, &second), "expired");
    assert_eq!(verdict(&mut sky, "x"), "unknown");
    let theirs = sky.post(&on_demo("other-system"), &json!({"how": "classic"}));
    assert_eq!(verdict(&mut sky, &token(&theirs)), "live");
}

#[test]
fn time_is_told_and_changed() {
    let mut sky = Sky::new();
    let told = sky.post("/__sandbox/time", &json!({"lifetime_seconds": 60}));
    assert_eq!(told["speed"], 120.0);
    let told = sky.post("/__sandbox/time", &json!({"advance_seconds": 3600}));
    assert_eq!(told["virtual_unix_seconds"], 1_767_225_600 + 3600);
}

#[test]
fn an_address_left_out_is_the_callers_own() {
    let mut sky = Sky::new();
    sky.post("/__sandbox/caller-ip", &json!({"ip": "203.0.113.7"}));
    assert_eq!(code(&sky.classic()), 40164);
    sky.post(&on_demo("allow-ip"), &json!({}));
    token(&sky.classic());
    sky.post("/__sandbox/caller-ip", &json!({"ip": null}));
    sky.post(&on_demo("block-ip"), &json!({}));
    assert_eq!(code(&sky.classic()), 40164);
}

#[test]
fn a_fault_is_made_listed_and_mended() {
    let mut sky = Sky::new();
    let made = sky.post("/__sandbox/faults", &json!({"fault": "errcode", "errcode": -1}));
    assert_eq!(code(&sky.stable()), -1);
    let listed = sky.get("/__sandbox/faults");
    assert_eq!(
        (&listed["faults"][0]["met"], &listed["faults"][0]["fault"]),
        (&json!(1), &json!("errcode"))
    );
    assert_eq!(sky.delete(&format!("/__sandbox/faults/{}", made["id"])), json!({"removed": true}));
    token(&sky.stable());
}

#[test]
fn state_shows_what_was_done() {
    let mut sky = Sky::new();
    sky.stable();
    sky.post(&on_demo("freeze"), &json!({"at_once": true}));
    sky.post(&on_demo("punish"), &json!({"punishment": "token-forbidden"}));
    let app = sky.get("/__sandbox/state")["apps"][0].clone();
    assert_eq!(app["used_today"], json!({STABLE: 1}));
    assert_eq!(app["secret_frozen"], true);
    assert_eq!(app["punishment"], "token-forbidden");
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let mut sky = Sky::new();
    let cases = [
        ("GET", "/__sandbox/nothing".to_owned(), "", 404, "lists every route"),
        ("POST", "/__sandbox/apps/wx1/revoke".to_owned(), "", 404, "no app wx1"),
        ("POST", on_demo("dance"), "", 404, "lists every route"),
        ("POST", on_demo("revoke"), r#"{"famly":"stable"}"#, 400, "unknown field `famly`"),
        ("POST", on_demo("exhaust"), r#"{"quota":"x"}"#, 400, "classic-day"),
        ("POST", on_demo("accept"), "", 409, "nothing is pending"),
        ("POST", on_demo("reset-secret"), r#"{"secret":"x"}"#, 400, "32 digits"),
        ("POST", "/__sandbox/time".to_owned(), r#"{"speed":0}"#, 400, "cannot be kept"),
        ("POST", "/__sandbox/time".to_owned(), r#"{"advance_seconds":-1}"#, 400, "backwards"),
        ("POST", "/__sandbox/time".to_owned(), "{", 400, "EOF"),
        ("POST", "/__sandbox/faults".to_owned(), r#"{"fault":"flood"}"#, 400, "latency"),
        ("POST", "/__sandbox/faults".to_owned(), r#"{"fault":"hang","tims":1}"#, 400, "tims"),
        ("POST", "/__sandbox/faults".to_owned(), "[]", 400, "object"),
        ("POST", "/__sandbox/apps".to_owned(), r#"{"appid":"wx1"}"#, 400, "16 digits"),
        ("GET", "/__sandbox/log?last=x".to_owned(), "", 400, "number"),
    ];
    for (method, path, body, status, words) in cases {
        let answer = sky.answer(&request(method, &path, body));
        let said = parsed(&answer)["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status().as_u16(), status, "{path} {body}: {said}");
        assert!(said.contains(words), "{path} {body}: {said}");
    }
}

#[test]
fn taken_appids_are_a_conflict_and_the_log_is_masked() {
    let mut sky = Sky::new();
    let again = request("POST", "/__sandbox/apps", &json!({"appid": DEMO_APPID}).to_string());
    assert_eq!(sky.answer(&again).status(), 409);
    let live = token(&sky.classic());
    let log: Value = sky.get("/__sandbox/log?last=1");
    assert_eq!(log["calls"][0]["path"], "/cgi-bin/token");
    assert!(!log.to_string().contains(DEMO_SECRET) && !log.to_string().contains(&live));
}
