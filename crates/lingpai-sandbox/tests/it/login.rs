//! Log-in: codes, the tokens of people, and that these are not the app's.

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Scope};
use serde_json::{Value, json};

use crate::sky::{Sky, code, token};

impl Sky {
    fn log_in(&mut self, scope: Scope) -> String {
        self.world.log_in(self.now, DEMO_APPID, "o1", scope).unwrap()
    }

    fn session(&mut self, code: &str) -> Value {
        self.get(&format!("/sns/jscode2session?{}&js_code={code}", app("authorization_code")))
    }

    fn trade(&mut self, code: &str) -> Value {
        self.get(&format!("/sns/oauth2/access_token?{}&code={code}", app("authorization_code")))
    }

    fn refresh(&mut self, token: &str) -> Value {
        let grant = format!("appid={DEMO_APPID}&grant_type=refresh_token");
        self.get(&format!("/sns/oauth2/refresh_token?{grant}&refresh_token={token}"))
    }

    fn who(&mut self, token: &str) -> Value {
        self.get(&format!("/sns/userinfo?access_token={token}&openid=o1&lang=zh_CN"))
    }
}

fn app(grant: &str) -> String {
    format!("appid={DEMO_APPID}&secret={DEMO_SECRET}&grant_type={grant}")
}

#[test]
fn a_code_is_good_once_for_five_minutes_and_at_its_app_only() {
    let mut sky = Sky::new();
    let first = sky.log_in(Scope::Base);
    let session = sky.session(&first);
    assert_eq!((&session["openid"], session.get("errcode")), (&json!("o1"), None));
    assert_eq!(session["session_key"].as_str().unwrap().len(), 24);
    assert_eq!(code(&sky.session(&first)), 40163);
    let second = sky.log_in(Scope::Base);
    sky.pass(300);
    assert_eq!(code(&sky.session(&second)), 40029);
    assert_eq!(code(&sky.session("x")), 40029);
}

#[test]
fn log_in_wants_the_secret_and_says_no_with_a_comma() {
    let mut sky = Sky::new();
    let wrong = format!("appid={DEMO_APPID}&secret=x&grant_type=authorization_code&js_code=x");
    let refused = sky.get(&format!("/sns/jscode2session?{wrong}"));
    assert_eq!(code(&refused), 40125);
    assert!(refused["errmsg"].as_str().unwrap().starts_with("invalid appsecret, rid: "));
    let grant = format!("/sns/jscode2session?{}&js_code=x", app("client_credential"));
    assert_eq!(code(&sky.get(&grant)), 40002);
    let bare = format!("/sns/jscode2session?{}", app("authorization_code"));
    assert_eq!(code(&sky.get(&bare)), 41008);
}

#[test]
fn a_persons_token_tells_of_the_person_and_lives_anew_when_refreshed() {
    let mut sky = Sky::new();
    let login = sky.log_in(Scope::UserInfo);
    let granted = sky.trade(&login);
    let (theirs, refresh) = (token(&granted), granted["refresh_token"].as_str().unwrap());
    assert_eq!(
        (&granted["expires_in"], &granted["scope"]),
        (&json!(7200), &json!("snsapi_userinfo"))
    );
    assert_eq!(sky.who(&theirs)["openid"], "o1");
    assert_eq!(code(&sky.get(&format!("/sns/auth?access_token={theirs}&openid=o1"))), 0);
    assert_eq!(code(&sky.get(&format!("/sns/auth?access_token={theirs}&openid=o2"))), 40003);

    sky.pass(7000);
    assert_eq!(token(&sky.refresh(refresh)), theirs);
    sky.pass(7000);
    assert_eq!(sky.who(&theirs)["openid"], "o1");
    sky.pass(200);
    assert_eq!(code(&sky.who(&theirs)), 42001);
    let renewed = token(&sky.refresh(refresh));
    assert_ne!(renewed, theirs);
    assert_eq!(code(&sky.who(&theirs)), 42001);
    assert_eq!(sky.who(&renewed)["openid"], "o1");

    sky.pass(30 * 24 * 3600);
    let late = sky.refresh(refresh);
    assert_eq!(code(&late), 40030);
    assert!(late["errmsg"].as_str().unwrap().starts_with("invalid refresh_token rid: "));
}

#[test]
fn a_silent_log_in_tells_no_name() {
    let mut sky = Sky::new();
    let login = sky.log_in(Scope::Base);
    let theirs = token(&sky.trade(&login));
    assert_eq!(code(&sky.who(&theirs)), 48001);
}

#[test]
fn neither_token_opens_what_is_the_others() {
    let mut sky = Sky::new();
    let ours = token(&sky.stable());
    let login = sky.log_in(Scope::UserInfo);
    let theirs = token(&sky.trade(&login));
    let refused = sky.who(&ours);
    assert_eq!(code(&refused), 40001);
    let text = "invalid credential, access_token is invalid or not latest, rid: ";
    assert!(refused["errmsg"].as_str().unwrap().starts_with(text), "{refused}");
    assert_eq!(sky.tried(&theirs), 40001);
    assert_eq!(sky.tried(&ours), 0);
}

#[test]
fn neither_codes_nor_session_keys_are_logged_and_log_ins_count_for_the_app() {
    let mut sky = Sky::new();
    let login = sky.log_in(Scope::UserInfo);
    let session = sky.session(&login);
    let other = sky.log_in(Scope::UserInfo);
    let theirs = token(&sky.trade(&other));
    sky.who(&theirs);
    let logged = sky.get("/__sandbox/log").to_string();
    for secret in [&login, &other, session["session_key"].as_str().unwrap(), &theirs] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
    for path in ["/sns/jscode2session", "/sns/oauth2/access_token", "/sns/userinfo"] {
        assert_eq!(sky.counters().paths[path].outcomes["0"], 1, "{path}");
    }
}
