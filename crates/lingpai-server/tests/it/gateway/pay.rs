//! Calls of WeChat Pay, which are signed by whoever makes them.

use lingpai_core::Bounds;
use lingpai_core::client::Right;
use lingpai_server::gateway;

use super::stand_in::Plan;
use super::{Answer, Forwarding};
use crate::house::{KEPT, only};

const SIGNATURE: &str =
    "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str=\"n\",signature=\"c2lnbg==\"";
/// As WeChat Pay answers in version 3, signed over its bytes.
const PAID: &str = "{\"code_url\":\"weixin://x\",  \"errcode\": 40001}\n";

async fn paying() -> Forwarding {
    let answer = |_: &_| {
        Plan::with("Wechatpay-Signature: c2ln\r\nWechatpay-Serial: 5157\r\n", PAID.as_bytes())
    };
    Forwarding::with(answer, |settings, _| settings.rules.pay = true).await
}

async fn call(it: &Forwarding, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut head = format!("{line} HTTP/1.1\r\nHost: lingpai\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    it.exchange(format!("{head}\r\n{body}").as_bytes()).await
}

/// The code of a refusal in version 3, and its status.
fn refused(answer: &Answer) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(json["message"].as_str().unwrap().starts_with("lingpai: "), "{answer:?}");
    (answer.status, json["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_signed_call_passes_as_it_is_and_is_sent_once_whatever_is_answered() {
    let it = paying().await;
    let body = r#"{"mchid":"1900000001", "amount":{"total":1}}"#;
    let headers =
        [("Authorization", SIGNATURE), ("X-Lingpai-Key", &it.key), ("Wechatpay-Serial", "7777")];
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let target = "/v3/pay/transactions/native?mchid=1&access_token=theirs&&x=%2f";
        let answer = call(&it, &format!("{method} /mch{target}"), &headers, body).await;
        assert_eq!((answer.status, answer.text()), (200, PAID), "every byte is signed");
        assert_eq!(answer.header("wechatpay-signature"), Some("c2ln"));
        let seen = it.wechat.seen().pop().unwrap();
        assert_eq!(seen.head.split(' ').next(), Some(method));
        assert_eq!(seen.target().strip_prefix("/mch"), Some(target));
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.header("authorization"), Some(SIGNATURE));
        assert_eq!(seen.header("wechatpay-serial"), Some("7777"));
        assert_eq!(seen.header("x-lingpai-key"), None);
    }
    assert_eq!(it.wechat.seen().len(), 4);
    assert_eq!((it.house.upstream.calls(), it.house.upstream.trials()), (0, 0), "no token is used");
}

#[tokio::test]
async fn the_name_that_a_client_was_led_here_by_says_that_it_pays() {
    let it = paying().await;
    let lines = format!("Host: api.mch.weixin.qq.com\r\nX-Lingpai-Key: {}\r\n", it.key);
    let request = format!("GET /v3/certificates HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    assert_eq!(it.exchange(request.as_bytes()).await.text(), PAID);
    assert_eq!(it.wechat.only().target(), "/mch/v3/certificates");
}

#[tokio::test]
async fn in_version_2_the_key_stands_in_the_usual_header_and_goes_no_further() {
    let it = paying().await;
    let bearer = format!("Bearer {}", it.key);
    let xml = "<xml><mch_id>1</mch_id><sign>ABC</sign></xml>";
    let answer = call(&it, "POST /mch/pay/unifiedorder", &[("Authorization", &bearer)], xml).await;
    assert_eq!(answer.text(), PAID);
    let seen = it.wechat.only();
    assert_eq!((seen.header("authorization"), &*seen.body), (None, xml.as_bytes()));
}

#[tokio::test]
async fn nobody_pays_here_unless_the_operator_wants_it_and_is_told_so_in_the_shape_of_his_version()
{
    let it = Forwarding::to(|_| Plan::json(PAID)).await;
    let key = [("X-Lingpai-Key", &*it.key)];
    let answer = call(&it, "GET /mch/v3/certificates", &key, "").await;
    assert_eq!(refused(&answer), (403, "LINGPAI_PAY_OFF".to_owned()));
    assert_eq!(answer.header("x-lingpai-error"), Some("pay-off"));
    let answer = call(&it, "POST /mch/pay/unifiedorder", &key, "<xml/>").await;
    let beginning =
        "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[lingpai: ";
    assert!(answer.status == 200 && answer.text().starts_with(beginning), "{answer:?}");
    assert!(answer.text().contains("gateway.pay"), "{answer:?}");
    assert!(it.wechat.seen().is_empty());
}

#[tokio::test]
async fn only_keys_that_may_pay_and_nothing_that_needs_a_certificate() {
    let it = paying().await;
    let reader = it.house.key_with(&[Right::TokenRead], only(KEPT), |_| {}).await;
    let paths = vec!["/mch/v3/pay/**".parse().unwrap()];
    let bounds = Bounds { paths, ..Bounds::default() };
    let some = it.house.key_with(&[Right::Gateway], only(KEPT), |key| key.bounds = bounds).await;
    let v3 = "GET /mch/v3/certificates";
    for (key, status, code) in [
        (None, 403, "LINGPAI_CALLER_UNKNOWN"),
        (Some("lp_1_nobody"), 401, "LINGPAI_KEY_UNKNOWN"),
        (Some(&*reader), 403, "LINGPAI_RIGHT_MISSING"),
        (Some(&*some), 403, "LINGPAI_PATH_FORBIDDEN"),
    ] {
        let key: Vec<_> = key.map(|key| ("X-Lingpai-Key", key)).into_iter().collect();
        assert_eq!(refused(&call(&it, v3, &key, "").await), (status, code.to_owned()));
    }
    let key = [("X-Lingpai-Key", &*it.key)];
    let unclear = call(&it, "GET /mch/v3/pay/transactions/out-trade-no/a%7Cb", &key, "").await;
    assert_eq!(refused(&unclear), (400, "LINGPAI_PATH_UNCLEAR".to_owned()));
    for path in ["/secapi/pay/refund", "/mmpaymkttransfers/sendredpack", "/SecApi/pay/reverse"] {
        let answer = call(&it, &format!("POST /mch{path}"), &key, "<xml/>").await;
        assert!(answer.text().contains("the merchant's certificate"), "{answer:?}");
        assert_eq!(answer.header("x-lingpai-error"), Some("certificate-needed"));
    }
    assert!(it.wechat.seen().is_empty());
}

#[tokio::test]
async fn a_payment_of_which_nothing_is_heard_is_answered_as_one_that_may_have_been_made() {
    let change = |settings: &mut gateway::Settings| settings.rules.pay = true;
    let it = Forwarding::with(|_| Plan::raw("").closing(), |settings, _| change(settings)).await;
    let key = [("X-Lingpai-Key", &*it.key)];
    let answer = call(&it, "POST /mch/v3/refund/domestic/refunds", &key, "{}").await;
    assert_eq!(refused(&answer), (502, "LINGPAI_UPSTREAM_LOST".to_owned()));
    assert_eq!(it.wechat.seen().len(), 1);
}
