//! Messages of those who have authorised a platform, through a real server: believed, passed on with whose they are, answered,
//! and not lost when the business is away and the server is killed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lingpai_sandbox::{
    AppKind, AppSettings, DEMO_COMPONENT, DEMO_COMPONENT_KEY, DEMO_COMPONENT_TOKEN, World,
};
use serde_json::{Value, json};

use crate::node::{Home, WeChat, appid};
use crate::platforms::{authorize, home_with, push, token, until};
use crate::pushes::{Business, FAULTS, REPLY, message, ordered};

/// Has WeChat push what an authorizer of the platform was sent.
async fn pushed(wechat: &WeChat, home: &Home, authorizer: &str, more: Value) -> Vec<Value> {
    let url = format!("http://127.0.0.1:{}/push/{DEMO_COMPONENT}/$APPID$", home.port);
    let mut order = json!({
        "url": url, "appid": DEMO_COMPONENT, "authorizer": authorizer,
        "token": DEMO_COMPONENT_TOKEN, "encoding_aes_key": DEMO_COMPONENT_KEY,
    });
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ordered(wechat, &order).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_of_an_authorizer_is_lost_or_told_of_another() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let business = Business::open().await;
    let home = home_with(&wechat, "private-networks = [\"127.0.0.0/8\"]\n");
    home.write(&format!(
        "{}authorizer-relay = \"http://127.0.0.1:{}/callback/$APPID$\"\nrelay-form = \"plain\"\n",
        home.configuration(),
        business.port
    ));
    let node = home.start().await;
    push(&wechat, &home).await;
    authorize(&wechat, 0);
    token(&home, 0).await;

    let echo = pushed(&wechat, &home, "$APPID$", json!({"echostr": "4711"})).await;
    assert_eq!(echo[0]["body"], "4711");
    for fault in FAULTS {
        let wrong = json!({"fault": fault, "message": message(1)});
        let tries = pushed(&wechat, &home, &appid(0), wrong).await;
        assert!(tries.iter().all(|it| it["status"] == 403), "{fault}");
    }
    assert!(business.requests().is_empty());
    for authorizer in [appid(0), appid(1)] {
        let replayed = json!({"fault": "replay", "message": message(1)});
        let tries = pushed(&wechat, &home, &authorizer, replayed).await;
        assert!(tries.len() == 2 && tries.iter().all(|it| it["decrypted"] == REPLY), "{tries:?}");
    }
    // The second has not authorised the platform as far as anybody here knows.
    for ((head, body), authorizer) in business.requests().iter().zip([appid(0), appid(1)]) {
        assert!(head.starts_with(&format!("POST /callback/{authorizer}?signature=")), "{head}");
        assert!(head.contains(&format!("x-lingpai-account: {authorizer}")), "{head}");
        assert_eq!(*body, message(1));
    }

    business.is_away.store(true, Ordering::SeqCst);
    for id in 2..5 {
        let tries = pushed(&wechat, &home, &appid(0), json!({"message": message(id)})).await;
        assert_eq!((tries.len(), &tries[0]["body"]), (1, &json!("success")));
    }
    let (_, listed) = home.get(&format!("/v1/accounts/{}/pushes", appid(0))).await.unwrap();
    assert_eq!(listed.matches("waiting").count(), 3, "{listed}");
    node.kill();
    let node = home.start().await;
    business.is_away.store(false, Ordering::SeqCst);
    until("messages that wait are not delivered", async || business.requests().len() == 5).await;
    for ((head, body), id) in business.requests()[2..].iter().zip(2..) {
        assert!(head.starts_with(&format!("POST /callback/{}?", appid(0))), "{head}");
        assert_eq!(*body, message(id));
    }
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechats_check_before_the_release_of_a_platform_is_passed_without_the_business() {
    const TESTER: &str = "wx570bc396a51b8ff8";
    let wechat = WeChat::start(Duration::from_secs(7200), 0).await;
    let home = home_with(&wechat, "");
    let node = home.start().await;
    push(&wechat, &home).await;
    let authorized = |world: &mut World, now| {
        world.add_app(AppSettings::new(TESTER, AppKind::OfficialAccount)).unwrap();
        // It is pushed too, and may come after the message or before.
        world.authorize(now, DEMO_COMPONENT, TESTER).unwrap()
    };
    let code = wechat.world.with(authorized);
    let said = |content: &str| {
        json!({"message": format!(
            "<xml><ToUserName>gh_3c884a361561</ToUserName><FromUserName>o1</FromUserName><MsgType>text</MsgType>\
             <Content><![CDATA[{content}]]></Content><MsgId>{}</MsgId></xml>",
            content.len()
        )})
    };
    let tries = pushed(&wechat, &home, TESTER, said("TESTCOMPONENT_MSG_TYPE_TEXT")).await;
    let reply = tries[0]["decrypted"].as_str().unwrap();
    let answer = "<Content><![CDATA[TESTCOMPONENT_MSG_TYPE_TEXT_callback]]></Content>";
    assert!(reply.contains(answer) && reply.contains("<ToUserName><![CDATA[o1]]>"), "{reply}");

    let tries = pushed(&wechat, &home, TESTER, said(&format!("QUERY_AUTH_CODE:{code}"))).await;
    assert_eq!((tries.len(), &tries[0]["body"]), (1, &json!("")));
    let mut messages = Vec::new();
    until("no message was sent", async || {
        messages.extend(wechat.world.with(|world, _| world.take_messages()));
        !messages.is_empty()
    })
    .await;
    let text = json!({"content": format!("{code}_from_api")});
    let message = json!({"touser": "o1", "msgtype": "text", "text": text});
    assert_eq!(messages, [json!({"from": TESTER, "message": message})]);
    let traded = wechat.counters().calls_of("/cgi-bin/component/api_query_auth");
    assert_eq!(traded, 1, "the code is traded once, however often it comes");
    node.end().await;
    assert!(!home.printed().contains(&code));
}
