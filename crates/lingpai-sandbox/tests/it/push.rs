//! Pushes, as whoever is pushed to sees them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::wire::{body, post, run};

const APPID: &str = "wxb11529c136998cb6";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A push URL that answers each request with the next of these, and what came.
pub(crate) async fn url(answers: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push?k=1", listener.local_addr().unwrap());
    let came = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&came);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let is_whole = |request: &[u8]| {
                let text = String::from_utf8_lossy(request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
                let length = head.to_lowercase();
                let length = length.split_once("content-length: ").map(|(_, rest)| rest.to_owned());
                let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
                body.len() >= length
            };
            while !is_whole(&request) {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            seen.lock().unwrap().push(String::from_utf8(request).unwrap());
            let answer: &str = answers.get(number).unwrap_or(&"success");
            let head = if answer.is_empty() { "500 Wrong" } else { "200 OK" };
            let length = answer.len();
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{answer}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, came)
}

fn order(url: &str, mut more: Value) -> Value {
    let mut order = json!({"url": url, "appid": APPID, "token": "AAAAA", "encoding_aes_key": KEY});
    order.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    order
}

async fn pushed(order: Value) -> Value {
    let server = run().await;
    body(&server.exchange(&post("/__sandbox/push", &order)).await)
}

#[tokio::test]
async fn a_push_is_sent_signed_and_encrypted_until_it_is_answered() {
    let (url, came) = url(&["", "", "success"]).await;
    let told = pushed(order(&url, json!({}))).await;
    let statuses: Vec<_> =
        told["tries"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, [500, 500, 200]);
    let came = came.lock().unwrap();
    assert_eq!(came.len(), 3);
    assert!(came.iter().all(|request| request == &came[0]), "the same three times");
    assert!(came[0].starts_with("POST /push?k=1&signature="), "{}", came[0]);
    assert!(came[0].contains("&encrypt_type=aes&msg_signature=") && came[0].contains("<Encrypt>"));
    assert!(!came[0].contains("<Content>"));
}

#[tokio::test]
async fn plain_compatible_and_json_pushes_look_as_they_should() {
    let (url, came) = url(&[]).await;
    for more in [
        json!({"mode": "plain", "message": "<xml><A>1</A></xml>"}),
        json!({"mode": "compatible", "message": "<xml><A>1</A></xml>"}),
        json!({"mode": "compatible", "message": "{\"A\": 1}"}),
        json!({"mode": "safe", "message": "{\"A\": 1}"}),
        json!({"echostr": "4711", "mode": "plain"}),
    ] {
        pushed(order(&url, more)).await;
    }
    let came = came.lock().unwrap();
    assert!(came[0].ends_with("<xml><A>1</A></xml>") && !came[0].contains("msg_signature"));
    assert!(came[1].contains("<A>1</A><Encrypt>"), "{}", came[1]);
    assert!(came[2].contains("\"A\":1") && came[2].contains("\"Encrypt\":\""), "{}", came[2]);
    assert!(!came[3].contains("\"A\"") && came[3].contains("\"Encrypt\":\""), "{}", came[3]);
    assert!(came[4].starts_with("GET ") && came[4].contains("&echostr=4711"), "{}", came[4]);
}

#[tokio::test]
async fn an_order_that_cannot_be_sent_is_refused() {
    for order in [
        json!({}),
        order("https://127.0.0.1/", json!({})),
        order("nothing", json!({})),
        order("http://127.0.0.1:9/", json!({"encoding_aes_key": "x"})),
        order("http://127.0.0.1:9/", json!({"fault": "unheard-of"})),
    ] {
        assert!(pushed(order.clone()).await["error"].is_string(), "{order}");
    }
}
