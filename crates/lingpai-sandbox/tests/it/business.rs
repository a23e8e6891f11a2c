//! The business APIs: enough of each to see that the token was accepted.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::sky::{Sky, code, parsed, request, token};

fn sky() -> (Sky, String) {
    let mut sky = Sky::new();
    let token = token(&sky.stable());
    (sky, token)
}

fn upload(token: &str, kind: &str, body: &'static [u8]) -> Request<Bytes> {
    Request::post(format!("/cgi-bin/media/upload?access_token={token}&type={kind}"))
        .header("content-type", "multipart/form-data; boundary=\"b1\"")
        .body(Bytes::from_static(body))
        .unwrap()
}

const FORM: &[u8] =
    b"--b1\r\nContent-Disposition: form-data; name=\"note\"; filename=\"media\"\r\n\r\nno\r\n\
    --b1\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\n\
    Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--b\x00\r\n--b1--\r\n";

#[test]
fn user_info_and_list_answer_without_errcode() {
    let (mut sky, token) = sky();
    let info = sky.get(&format!("/cgi-bin/user/info?access_token={token}&openid=o1"));
    assert_eq!((&info["openid"], info.get("errcode")), (&json!("o1"), None));
    let list = sky.get(&format!("/cgi-bin/user/get?access_token={token}"));
    assert_eq!(list["count"], 2);
    let last = list["next_openid"].as_str().unwrap();
    let rest = sky.get(&format!("/cgi-bin/user/get?access_token={token}&next_openid={last}"));
    assert_eq!(rest["count"], 0);
    assert_eq!(code(&sky.get(&format!("/cgi-bin/user/info?access_token={token}"))), 41009);
}

#[test]
fn a_message_is_checked_for_its_parts() {
    let (mut sky, token) = sky();
    let uri = format!("/cgi-bin/message/custom/send?access_token={token}");
    let good = json!({"touser": "o1", "msgtype": "text", "text": {"content": "你好"}});
    assert_eq!(sky.post(&uri, &good), json!({"errcode": 0, "errmsg": "ok"}));
    assert_eq!(code(&sky.post(&uri, &json!({"msgtype": "text"}))), 40003);
    assert_eq!(code(&sky.post(&uri, &json!({"touser": "o1", "msgtype": "x"}))), 40008);
    assert_eq!(code(&parsed(&sky.answer(&request("POST", &uri, "{")))), 47001);
    assert_eq!(code(&parsed(&sky.answer(&request("POST", &uri, "")))), 44002);
}

#[test]
fn an_upload_comes_back_byte_for_byte_for_three_days() {
    let (mut sky, first) = sky();
    let answer = parsed(&sky.answer(&upload(&first, "image", FORM)));
    assert_eq!(answer["type"], "image");
    let id = answer["media_id"].as_str().unwrap().to_owned();
    let fetch = |token: &str| {
        request("GET", &format!("/cgi-bin/media/get?access_token={token}&media_id={id}"), "")
    };
    let file = sky.answer(&fetch(&first));
    assert_eq!(file.headers()["content-type"], "image/jpeg");
    assert_eq!(file.body().as_ref(), b"\xff\xd8\r\n--b\x00");
    sky.pass(3 * 24 * 3600);
    let later = token(&sky.stable());
    assert_eq!(code(&parsed(&sky.answer(&fetch(&later)))), 40007);
}

#[test]
fn a_bad_upload_is_named() {
    let (mut sky, token) = sky();
    let mut refused = |kind, body| code(&parsed(&sky.answer(&upload(&token, kind, body))));
    assert_eq!(refused("spreadsheet", FORM), 40004);
    for body in [&b""[..], b"--b1\r\n", &FORM[..FORM.len() - 12], b"--b1--\r\n\r\n\r\n"] {
        assert_eq!(refused("image", body), 41005, "{body:?}");
    }
}

#[test]
fn a_mini_program_code_is_a_png() {
    let (mut sky, token) = sky();
    let uri = format!("/wxa/getwxacodeunlimit?access_token={token}");
    let file = sky.answer(&request("POST", &uri, r#"{"scene":"a=1"}"#));
    assert_eq!(file.headers()["content-type"], "image/png");
    assert!(file.body().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(code(&sky.post(&uri, &json!({"scene": ""}))), 40129);
}

#[test]
fn a_text_is_checked_for_the_person_who_wrote_it() {
    let (mut sky, token) = sky();
    let uri = format!("/wxa/msg_sec_check?access_token={token}");
    let body = json!({"openid": "o1", "scene": 1, "version": 2, "content": "你好"});
    assert_eq!(sky.post(&uri, &body)["result"]["suggest"], "pass");
    assert_eq!(code(&sky.post(&uri, &json!({"content": "你好"}))), 40003);
}

#[test]
fn a_qr_code_has_a_ticket() {
    let (mut sky, token) = sky();
    let body = json!({"expire_seconds": 600, "action_name": "QR_SCENE"});
    let answer: Value = sky.post(&format!("/cgi-bin/qrcode/create?access_token={token}"), &body);
    assert_eq!(answer["expire_seconds"], 600);
    let ticket = answer["ticket"].as_str().unwrap();
    let picture = sky.answer(&request("GET", &format!("/cgi-bin/showqrcode?ticket={ticket}"), ""));
    assert_eq!(picture.headers()["content-type"], "image/png");
}
