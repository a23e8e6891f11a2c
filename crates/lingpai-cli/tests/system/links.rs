//! Links by which a platform or a suite is authorised, walked by a client that does what a browser does: it keeps cookies, sends
//! forms, and goes where it is sent.

use std::collections::HashMap;
use std::time::Duration;

use lingpai_sandbox::{DEMO_COMPONENT, DEMO_CORPID, DEMO_SUITE, Fault, FaultKind, When};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::{Home, WeChat, appid};
use crate::platforms::{authorize, home, push, token, until};
use crate::suites;

const QUERY_AUTH: &str = "/cgi-bin/component/api_query_auth";
const WECHAT_ON_A_PHONE: &str =
    "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.50";
const ALLOWED: &str = "[authorization]\nreturn-to = [\"http://127.0.0.1:9/shop/\"]\n";

/// One browser: its cookies, by host.
#[derive(Default)]
struct Browser {
    cookies: HashMap<String, String>,
    user_agent: &'static str,
    language: &'static str,
}

struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn to(&self) -> String {
        assert!([302, 303].contains(&self.status), "{} {}", self.status, self.body);
        self.header("location").unwrap().to_owned()
    }
}

impl Browser {
    async fn get(&mut self, url: &str) -> Page {
        self.ask("GET", url, "").await
    }

    async fn ask(&mut self, method: &str, url: &str, form: &str) -> Page {
        let url = url.split('#').next().unwrap();
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut request = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {}\r\n\
             Accept-Language: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            self.user_agent,
            self.language,
            form.len()
        );
        if let Some(cookie) = self.cookies.get(host) {
            request += &format!("Cookie: other=1; {cookie}\r\n");
        }
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(format!("{request}\r\n{form}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let page = Page { status, head: head.to_owned(), body: body.to_owned() };
        if let Some(cookie) = page.header("set-cookie") {
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            let cookie = cookie.split(';').next().unwrap();
            self.cookies.insert(host.to_owned(), cookie.to_owned());
        }
        page
    }

    /// Opens a link, presses its button, and agrees on WeChat's page for this account: the URL that WeChat leads back to.
    async fn agree(&mut self, link: &str, account: &str) -> String {
        let page = self.get(link).await;
        assert!(
            page.status == 200 && page.body.contains("<form method=\"post\">"),
            "{}",
            page.body
        );
        let wechats = self.ask("POST", link, "").await.to();
        let page = self.get(&wechats).await;
        assert!(page.body.contains(account), "{}", page.body);
        // What its form would send.
        let query = wechats.split('#').next().unwrap();
        self.get(&format!("{query}&authorizer={account}")).await.to()
    }
}

/// A link, made with this order.
async fn link(home: &Home, platform: &str, order: &str) -> Value {
    let path = format!("/v1/accounts/{platform}/authorization-links");
    let (status, body) = home.call("POST", &path, order).await;
    assert_eq!(status, 201, "{body}");
    let mut link: Value = serde_json::from_str(&body).unwrap();
    // The test's client names another host than it reaches.
    let url = link["url"].as_str().unwrap();
    let url = url.replace("http://lingpai/", &format!("http://127.0.0.1:{}/", home.port));
    link["url"] = url.into();
    link
}

fn url(link: &Value) -> &str {
    link["url"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_authorises_by_a_link_in_a_browser_and_no_code_is_traded_twice() {
    let wechat = WeChat::start(Duration::from_secs(7200), 3).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    let mut browser = Browser { language: "zh-CN", ..Browser::default() };
    let made = link(&home, DEMO_COMPONENT, "").await;
    let back = browser.agree(url(&made), &appid(0)).await;
    let page = browser.get(&back).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("授权成功") && page.body.contains(&appid(0)), "{}", page.body);
    assert!(wechat.accepts(&token(&home, 0).await));
    // The code was pushed too, and the page is shown again when it is loaded again.
    assert_eq!(browser.get(&back).await.status, 200);
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1, "traded once");
    // The link is spent: for another browser it leads nowhere.
    let mut other = Browser { language: "en", ..Browser::default() };
    let page = other.ask("POST", url(&made), "").await;
    assert!(page.status == 410 && page.body.contains("used before"), "{}", page.body);
    assert_eq!(other.get(&back).await.status, 403, "nor is its way back another browser's");

    // On a telephone, in WeChat: no code to scan, and the other page.
    let mut phone = Browser { user_agent: WECHAT_ON_A_PHONE, ..Browser::default() };
    let made = link(&home, DEMO_COMPONENT, r#"{"offered":"mini-programs"}"#).await;
    assert!(!phone.get(url(&made)).await.body.contains("<svg"));
    let wechats = phone.ask("POST", url(&made), "").await.to();
    assert!(
        wechats.contains("/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1"),
        "{wechats}"
    );
    assert!(wechats.contains("auth_type=2") && wechats.ends_with("#wechat_redirect"), "{wechats}");
    // A link for telephones shows a code on a computer.
    let made = link(&home, DEMO_COMPONENT, r#"{"device":"h5"}"#).await;
    assert!(browser.get(url(&made)).await.body.contains("<svg"));
    home.assert_nothing_leaked();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_comes_first_the_push_or_the_browser_completes_it() {
    let wechat = WeChat::start(Duration::from_secs(7200), 3).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    let mut browser = Browser::default();
    // The push does, and the browser comes much later.
    let made = link(&home, DEMO_COMPONENT, "{}").await;
    let back = browser.agree(url(&made), &appid(0)).await;
    token(&home, 0).await;
    node.kill();
    let node = home.start().await;
    let page = browser.get(&back).await;
    assert!(page.status == 200 && page.body.contains("has authorised"), "{}", page.body);
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1, "also after a restart");
    // Nothing is pushed: the browser does.
    wechat.world.with(|world, now| world.push_to(now, DEMO_COMPONENT, None).unwrap());
    let made = link(&home, DEMO_COMPONENT, "{}").await;
    let back = browser.agree(url(&made), &appid(1)).await;
    assert_eq!(browser.get(&back).await.status, 200);
    assert!(wechat.accepts(&token(&home, 1).await));
    // It is killed while it does: the next process completes it.
    let hang = Fault::new(FaultKind::Hang { when: When::After }).on(QUERY_AUTH).times(1);
    wechat.world.with(|world, now| world.fault(now, hang).unwrap());
    let made = link(&home, DEMO_COMPONENT, "{}").await;
    let back = browser.agree(url(&made), &appid(2)).await;
    let waits = browser.get(&back);
    tokio::select! {
        page = waits => panic!("{}", page.status),
        () = until("no code is traded", async || wechat.counters().calls_of(QUERY_AUTH) == 3) => {}
    }
    node.kill();
    let node = home.start().await;
    assert!(wechat.accepts(&token(&home, 2).await));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_gets_its_customer_back_with_a_proof_and_only_where_that_is_allowed() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    home.write(&format!("{}{ALLOWED}", home.configuration()));
    let node = home.start().await;
    push(&wechat, &home).await;
    let path = format!("/v1/accounts/{DEMO_COMPONENT}/authorization-links");
    for (order, what) in [
        (r#"{"return_to":"http://127.0.0.1:9/other"}"#, "return-to"),
        (r#"{"return_to":"http://127.0.0.1:9/shop/../x"}"#, "no URL"),
        (r#"{"return_to":"http://evil@127.0.0.1:9/shop/"}"#, "no URL"),
        (r#"{"expires_in":604801}"#, "expires_in"),
    ] {
        let (status, body) = home.call("POST", &path, order).await;
        assert!(status == 400 && body.contains(what), "{order}: {status} {body}");
    }
    let missing =
        home.call("POST", "/v1/accounts/wx5a0db0c0ffee0404/authorization-links", "").await;
    assert!(missing.0 == 404 && missing.1.contains("no-platform"), "{missing:?}");

    let made =
        link(&home, DEMO_COMPONENT, r#"{"return_to":"http://127.0.0.1:9/shop/done?customer=7"}"#)
            .await;
    let mut browser = Browser::default();
    let back = browser.agree(url(&made), &appid(0)).await;
    let to = browser.get(&back).await.to();
    let expected = format!(
        "http://127.0.0.1:9/shop/done?customer=7&platform={DEMO_COMPONENT}&outcome=authorized&account={}&proof=",
        appid(0)
    );
    let proof = to.strip_prefix(&expected).unwrap_or_else(|| panic!("{to}"));
    // As a business would check it, with Python.
    let key = made["proof_key"].as_str().unwrap();
    let script = format!(
        "import hmac;print(hmac.new(b'{key}',b'{}','sha256').hexdigest(),end='')",
        appid(0)
    );
    let checked = std::process::Command::new("python3").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), proof);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_way_back_brings_nothing_and_has_nothing_traded() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    let mut browser = Browser::default();
    let made = link(&home, DEMO_COMPONENT, "").await;
    browser.get(url(&made)).await;
    let wechats = browser.ask("POST", url(&made), "").await.to();
    let back = wechats.split_once("redirect_uri=").unwrap().1.split('&').next().unwrap();
    let back = back.replace("%3A", ":").replace("%2F", "/");
    let secret = url(&made).rsplit('/').next().unwrap();
    let here = format!("http://127.0.0.1:{}", home.port);
    let mut other = Browser::default();
    for (page, status) in [
        // The link itself is no way back, nor is anything that was not signed.
        (browser.get(&format!("{here}/authorized/{secret}?auth_code=x")).await, 404),
        (browser.get(&format!("{here}/authorized/AAAA?auth_code=x")).await, 404),
        (browser.get(&format!("{here}/authorize/AAAA")).await, 404),
        // Another browser was lured to it.
        (other.get(&format!("{back}?auth_code=x&expires_in=600")).await, 403),
        (browser.get(&back).await, 400),
    ] {
        assert_eq!(page.status, status, "{}", page.body);
    }
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 0);
    // A code that WeChat does not know is tried once, and no other is tried in its place.
    let page = browser.get(&format!("{back}?auth_code=invented&expires_in=600")).await;
    assert!(page.status == 502 && page.body.contains("61009"), "{} {}", page.status, page.body);
    assert_eq!(browser.get(&format!("{back}?auth_code=another&expires_in=600")).await.status, 410);
    assert_eq!(wechat.counters().calls_of(QUERY_AUTH), 1);
    let listed = "/cgi-bin/component/api_get_authorizer_list";
    assert_eq!(wechat.counters().calls_of(listed), 0);
    authorize(&wechat, 0);
    token(&home, 0).await;
    home.assert_nothing_leaked();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corp_authorises_a_suite_by_a_link_in_a_browser() {
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = suites::home(&wechat);
    let node = home.start().await;
    suites::push(&wechat, &home);
    until("no suite token", async || wechat.counters().app(DEMO_SUITE).minted.suite == 1).await;
    let mut browser = Browser::default();
    let made = link(&home, DEMO_SUITE, "").await;
    browser.get(url(&made)).await;
    let wecoms = browser.ask("POST", url(&made), "").await.to();
    let (page, query) = wecoms.split_once('?').unwrap();
    assert!(page.ends_with("/3rdapp/install"), "{page}");
    assert!(browser.get(&wecoms).await.body.contains(DEMO_CORPID));
    let back = browser.ask("POST", page, &format!("{query}&corpid={DEMO_CORPID}")).await.to();
    let page = browser.get(&back).await;
    let account = format!("{DEMO_CORPID}:{DEMO_SUITE}");
    assert!(page.status == 200 && page.body.contains(&account), "{}", page.body);
    suites::corp_token(&home).await;
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_a_link() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = home(&wechat);
    let node = home.start().await;
    push(&wechat, &home).await;
    let server = format!("http://127.0.0.1:{}", home.port);
    let arguments = ["platform", "authorize", DEMO_COMPONENT, "--pc", "--server", &server];
    let output = home.command(&arguments).env("LINGPAI_KEY", home.key()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let link = String::from_utf8(output.stdout).unwrap();
    let mut browser = Browser::default();
    let back = browser.agree(link.trim(), &appid(0)).await;
    assert_eq!(browser.get(&back).await.status, 200);
    node.end().await;
}
