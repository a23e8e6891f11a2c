//! Tickets of a real server, against a WeChat that says which signatures it would accept.

use std::time::Duration;

use lingpai_sandbox::TicketVerdict;
use serde_json::Value;

use crate::node::{Home, WeChat, appid};

const GETTICKET: &str = "/cgi-bin/ticket/getticket";

impl WeChat {
    fn ticket_calls(&self) -> u64 {
        self.counters().calls_of(GETTICKET)
    }

    fn accepts_page(&self, config: &Value, url: &str) -> bool {
        let word = |name: &str| config[name].as_str().unwrap().to_owned();
        let (nonce, signature) = (word("nonceStr"), word("signature"));
        let seconds = config["timestamp"].as_u64().unwrap();
        self.world.with(|world, now| {
            world.accepts_page(now, &word("appId"), (&nonce, seconds), url, &signature)
        })
    }
}

/// What a command printed.
fn said(home: &Home, arguments: &[&str]) -> String {
    let server = format!("http://127.0.0.1:{}", home.port);
    let mut command = home.command(arguments);
    let output =
        command.args(["--server", &server]).env("LINGPAI_KEY", home.key()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lingpai_signs_is_accepted_before_and_after_its_token_was_revoked() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    home.token(0).await.unwrap();
    assert_eq!(wechat.ticket_calls(), 0, "nobody has asked for a ticket");

    // The token dies, and the ticket is fetched all the same: one refused call, one trial, one token, one more call.
    wechat.revoke(0);
    let url = "https://shop.example.com/cart?id=1";
    let config =
        said(&home, &["js-config", &appid(0), &format!("{url}#/top"), "--api", "scanQRCode"]);
    let config: Value = serde_json::from_str(&config).unwrap();
    assert!(wechat.accepts_page(&config, url), "{config}");
    assert!(!wechat.accepts_page(&config, "https://shop.example.com/"));
    assert_eq!((wechat.ticket_calls(), wechat.fetches(), wechat.trials()), (2, 2, 1));

    let ticket = said(&home, &["ticket", &appid(0), "jsapi"]);
    assert!(matches!(
        wechat.world.ticket_verdict(&ticket),
        TicketVerdict::Good { latest: true, .. }
    ));
    let path = format!("/gateway/{}{GETTICKET}?type=jsapi", appid(0));
    let (_, drop_in) = home.get(&path).await.unwrap();
    assert!(drop_in.contains(&ticket), "{drop_in}");
    assert_eq!(wechat.ticket_calls(), 2, "the gateway answers it by itself");

    let body = r#"{"values": ["pFS7Fjg8kV1IdDz01r4SQwMkuCKc"]}"#;
    let (status, card) =
        home.call("POST", &format!("/v1/accounts/{}/card-signature", appid(0)), body).await;
    let card: Value = serde_json::from_str(&card).unwrap();
    let values = [
        "pFS7Fjg8kV1IdDz01r4SQwMkuCKc".to_owned(),
        card["nonceStr"].as_str().unwrap().to_owned(),
        card["timestamp"].to_string(),
    ];
    let accepted = wechat.world.with(|world, now| {
        world.accepts_card(now, &appid(0), &values, card["signature"].as_str().unwrap())
    });
    assert!(status == 200 && accepted, "{card}");
    node.end().await;

    // The store kept it.
    let node = home.start().await;
    assert_eq!(said(&home, &["ticket", &appid(0), "jsapi"]), ticket);
    assert_eq!(wechat.ticket_calls(), 3, "of the cards, the one");
    node.end().await;
    assert!(!home.printed().contains(&ticket), "a ticket stands in the log");
    assert!(!home.printed().contains("shop.example.com"), "a page's URL stands in the log");
    home.assert_nothing_leaked();
}
