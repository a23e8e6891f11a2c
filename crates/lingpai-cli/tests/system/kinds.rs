//! Every call that a kind of credential declares has its counterpart in the sandbox, which says so itself.

use std::time::Duration;

use bytes::Bytes;
use lingpai_sandbox::Act;
use lingpai_wechat::{kinds, protocol};
use serde_json::Value;

use crate::node::WeChat;

#[tokio::test]
async fn the_sandbox_has_every_call_that_a_kind_of_credential_declares() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let asked = kinds::asked().map(|wanted| ("POST", wanted.is_of_wecom(), wanted.asked.path));
    let endpoints = kinds::ALL.iter().copied().flat_map(|declared| declared.endpoints());
    let tickets = endpoints.map(|at| ("GET", at.of_wecom, at.path));
    for (method, of_wecom, path) in asked.chain(tickets) {
        let prefix = if of_wecom { protocol::WECOM_PREFIX } else { "" };
        let errcode = errcode(&wechat, method, &format!("{prefix}{path}"));
        // It is refused, since nothing came along, and not for being unheard of.
        assert!(!matches!(errcode, None | Some(0 | 40066 | 43001 | 43002)), "{path}: {errcode:?}");
    }
    assert_eq!(errcode(&wechat, "GET", "/cgi-bin/unheard_of"), Some(40066));
}

fn errcode(wechat: &WeChat, method: &str, path: &str) -> Option<i64> {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.body(Bytes::from_static(b"{}")).unwrap();
    let peer = wechat.addr.ip();
    let reply = wechat.world.with(|world, now| world.handle(now, peer, &request));
    let Act::Answer(answer) = reply.act else { return None };
    let answer: Value = serde_json::from_slice(answer.body()).ok()?;
    answer["errcode"].as_i64()
}
