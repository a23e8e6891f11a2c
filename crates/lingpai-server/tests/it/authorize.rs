//! Links and their ways back, with a clerk in place of WeChat: what browsers are answered, whatever comes of it. The whole way, with the
//! real parts, is `lingpai-cli/tests/system/links.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lingpai_core::client::{Accounts, Right};
use lingpai_core::store::StoreErrorKind;
use lingpai_core::{AccountId, Class, Failure, Secret, StoreError, Timestamp};
use lingpai_server::Surface;
use lingpai_server::authorize::{
    Admission, Authority, Authorizer, Completion, Newcomer, NotInvited, Recovered, ReturnTo,
    Settings,
};
use lingpai_wechat::Invitation;
use serde_json::json;

use crate::house::{House, KEPT, OTHER, Reply, local};

const LINKS: &str = "/v1/accounts/{account}/authorization-links";
const AUTHORIZERS: &str = "/v1/accounts/{account}/authorizers";
const BEGIN: &str = "/authorize/{link}";
const BACK: &str = "/authorized/{link}";

/// Does what it is told. What browsers do once it remembers.
#[derive(Default)]
pub(crate) struct Clerk {
    wechat_fails: Mutex<bool>,
    store_fails: Mutex<bool>,
    completion: Mutex<Option<Completion>>,
    done: Mutex<HashMap<String, String>>,
    invited: Mutex<Vec<String>>,
}

impl Clerk {
    fn stored(&self) -> Result<(), StoreError> {
        let fails = *self.store_fails.lock().unwrap();
        let error = || StoreError::new(StoreErrorKind::Unavailable, "the store is down");
        if fails { Err(error()) } else { Ok(()) }
    }
}

#[async_trait]
impl Authority for Clerk {
    async fn can_be_authorized(&self, account: &AccountId) -> Result<bool, StoreError> {
        Ok(account.as_str() == KEPT)
    }

    async fn invite(
        &self,
        _: &AccountId,
        invitation: &Invitation<'_>,
    ) -> Result<String, NotInvited> {
        if *self.wechat_fails.lock().unwrap() {
            return Err(NotInvited::Refused(Failure::new(Class::Transient, "no answer")));
        }
        self.invited.lock().unwrap().push(invitation.back_to.to_owned());
        Ok("https://mp.weixin.qq.com/page".to_owned())
    }

    async fn complete(
        &self,
        _: &AccountId,
        _: &Secret,
        _: Duration,
    ) -> Result<Completion, StoreError> {
        Ok(self.completion.lock().unwrap().clone().unwrap_or(Completion::UnderWay))
    }

    async fn is_platform(&self, account: &AccountId) -> Result<bool, StoreError> {
        Ok(account.as_str() == KEPT)
    }

    async fn authorizers(&self, _: &AccountId) -> Result<Vec<Authorizer>, StoreError> {
        let of = |name: &str| Authorizer {
            account: name.parse().unwrap(),
            added_at: Timestamp::default(),
            changed_at: Timestamp::default(),
        };
        Ok(vec![of("wxz"), of(OTHER)])
    }

    async fn admit(
        &self,
        _: &AccountId,
        newcomers: Vec<Newcomer>,
        replace: bool,
    ) -> Result<Vec<(AccountId, Admission)>, StoreError> {
        let admission = if replace { Admission::Replaced } else { Admission::Added };
        Ok(newcomers.into_iter().map(|it| (it.account, admission)).collect())
    }

    async fn learn(&self, _: &AccountId) {}

    async fn recover(&self, _: &AccountId, offset: u64) -> Result<Recovered, NotInvited> {
        let admissions = vec![(OTHER.parse().unwrap(), Admission::Unchanged)];
        let next = (offset == 0).then_some(1);
        Ok(Recovered { total: 2, next, admissions })
    }

    async fn is_first(&self, _: &AccountId, deed: &str, by: &str) -> Result<bool, StoreError> {
        self.stored()?;
        let mut done = self.done.lock().unwrap();
        Ok(done.entry(deed.to_owned()).or_insert_with(|| by.to_owned()) == by)
    }
}

pub(crate) async fn house() -> (House, Arc<Clerk>) {
    let clerk = Arc::new(Clerk::default());
    let settings = Settings {
        authority: Arc::clone(&clerk) as _,
        url: None,
        return_to: vec![ReturnTo::parse("https://shop.example.com/").unwrap()],
        key: None,
    };
    let house =
        House::on(&[(local(), Surface::Whole)], None, |server| server.authorizing(settings)).await;
    (house, clerk)
}

/// A link that was made with this order: its path.
async fn link(house: &House, order: &str) -> (Reply, String) {
    let key = house.key_with(&[Right::Platform], Accounts::All, |_| {}).await;
    let made = house.call(&key, "POST", &LINKS.replace("{account}", KEPT), order).await;
    let path = made.text("url").split_once("/authorize/").unwrap().1.to_owned();
    (made, format!("/authorize/{path}"))
}

#[tokio::test]
async fn a_link_comes_with_its_qr_code() {
    let (house, _) = house().await;
    let (made, _) = link(&house, "").await;
    let rows: Vec<_> =
        made.json["qr"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    assert!(rows.iter().all(|row| row.len() == rows.len()), "it is square");
    let corner: Vec<_> = rows[..7].iter().map(|row| &row[..7]).collect();
    let finder = ["#######", "#     #", "# ### #", "# ### #", "# ### #", "#     #", "#######"];
    assert_eq!(corner, finder);
}

/// Presses the button of a link: the cookie, and where WeChat leads back to.
async fn begun(house: &House, clerk: &Clerk, order: &str) -> (String, String) {
    let (_, path) = link(house, order).await;
    let pressed = house.ask("POST", &path, &[], "").await;
    assert_eq!(pressed.status, 303, "{pressed:?}");
    let cookie = pressed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let back = clerk.invited.lock().unwrap().last().unwrap().clone();
    (cookie, format!("/authorized/{}", back.split_once("/authorized/").unwrap().1))
}

/// Every answer that is described.
pub(crate) async fn told_as_described(mut check: impl FnMut(&str, &str, &Reply)) {
    let (house, clerk) = house().await;
    let admin = house.admin().await;
    check("post", LINKS, &link(&house, "").await.0);
    let none = house.call(&admin, "POST", &LINKS.replace("{account}", OTHER), "").await;
    assert_eq!((none.status, none.error()), (404, "no-platform"));
    check("post", LINKS, &none);
    let (_, path) = link(&house, r#"{"device":"h5"}"#).await;
    check("get", BEGIN, &house.ask("GET", &path, &[], "").await);
    for method in ["GET", "POST"] {
        let unsigned = house.ask(method, "/authorize/x", &[], "").await;
        check(&method.to_lowercase(), BEGIN, &unsigned);
    }
    *clerk.wechat_fails.lock().unwrap() = true;
    check("post", BEGIN, &house.ask("POST", &path, &[], "").await);
    *clerk.wechat_fails.lock().unwrap() = false;
    check("post", BEGIN, &house.ask("POST", &path, &[], "").await);
    let (_, path) = link(&house, "").await;
    *clerk.store_fails.lock().unwrap() = true;
    check("post", BEGIN, &house.ask("POST", &path, &[], "").await);
    *clerk.store_fails.lock().unwrap() = false;
    check("post", BEGIN, &house.ask("POST", &path, &[], "").await);

    check("get", BACK, &house.ask("GET", "/authorized/x", &[], "").await);
    let (cookie, back) = begun(&house, &clerk, "").await;
    let cookie = [("Cookie", cookie.as_str())];
    let code = format!("{back}?auth_code=a");
    check("get", BACK, &house.ask("GET", &code, &[], "").await);
    check("get", BACK, &house.ask("GET", &back, &cookie, "").await);
    *clerk.store_fails.lock().unwrap() = true;
    check("get", BACK, &house.ask("GET", &code, &cookie, "").await);
    *clerk.store_fails.lock().unwrap() = false;
    for completion in [
        Completion::UnderWay,
        Completion::Lost("it is spent".to_owned()),
        Completion::Kept(OTHER.parse().unwrap()),
    ] {
        *clerk.completion.lock().unwrap() = Some(completion);
        check("get", BACK, &house.ask("GET", &code, &cookie, "").await);
    }
    let another = format!("{back}?auth_code=b");
    check("get", BACK, &house.ask("GET", &another, &cookie, "").await);
    let order = json!({"return_to": "https://shop.example.com/done"}).to_string();
    let (cookie, back) = begun(&house, &clerk, &order).await;
    let code = format!("{back}?auth_code=a");
    check("get", BACK, &house.ask("GET", &code, &[("Cookie", &cookie)], "").await);
    let (list, recover) = (AUTHORIZERS, "/v1/accounts/{account}/authorizers/recover");
    let rows = json!({"authorizers": [{"account": OTHER, "refresh_token": "refreshtoken@@@x"}]});
    let blank = json!({"authorizers": [{"account": OTHER, "refresh_token": "a b"}]}).to_string();
    for (method, path, account, more, body, status) in [
        ("get", list, KEPT, "?limit=1", "", 200),
        ("get", list, OTHER, "", "", 404),
        ("post", list, KEPT, "", rows.to_string().as_str(), 200),
        ("post", list, KEPT, "", blank.as_str(), 400),
        ("post", recover, KEPT, "", "", 200),
        ("post", recover, OTHER, "", "", 404),
    ] {
        let target = path.replace("{account}", account) + more;
        let reply = house.call(&admin, &method.to_uppercase(), &target, body).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(!reply.body.contains("refreshtoken"));
        check(method, path, &reply);
    }
}

#[tokio::test]
async fn those_who_have_authorised_are_listed_in_pages() {
    let (house, _) = house().await;
    let key = house.key_with(&[Right::Platform], Accounts::All, |_| {}).await;
    let path = AUTHORIZERS.replace("{account}", KEPT);
    let first = house.call(&key, "GET", &format!("{path}?limit=1"), "").await;
    assert_eq!(
        (&first.json["authorizers"][0]["account"], first.text("next")),
        (&json!(OTHER), OTHER)
    );
    let second = house.call(&key, "GET", &format!("{path}?after={OTHER}"), "").await;
    assert_eq!(second.json["authorizers"][0]["account"], "wxz");
    assert_eq!(second.json.get("next"), None);
}

#[tokio::test]
async fn a_page_loads_nothing_tells_nobody_and_speaks_the_readers_language() {
    let (house, _) = house().await;
    let (_, path) = link(&house, "").await;
    let page = house.ask("GET", &path, &[("Accept-Language", "zh-CN")], "").await;
    assert!(page.body.contains("前往微信授权") && !page.body.contains("<script"), "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("referrer-policy"), Some("origin"), "WeChat looks for the host");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let page = house.ask("GET", &path, &[("Accept-Language", "en")], "").await;
    assert!(page.body.contains("Go on to WeChat"), "{page:?}");
}

#[tokio::test]
async fn a_button_that_wechat_failed_can_be_pressed_again_by_the_same_browser_only() {
    let (house, clerk) = house().await;
    let (_, path) = link(&house, "").await;
    *clerk.wechat_fails.lock().unwrap() = true;
    let failed = house.ask("POST", &path, &[], "").await;
    assert_eq!(failed.status, 502);
    let cookie = failed.header("set-cookie").unwrap().split(';').next().unwrap();
    *clerk.wechat_fails.lock().unwrap() = false;
    assert_eq!(house.ask("POST", &path, &[], "").await.status, 410);
    assert_eq!(house.ask("POST", &path, &[("Cookie", cookie)], "").await.status, 303);
}
