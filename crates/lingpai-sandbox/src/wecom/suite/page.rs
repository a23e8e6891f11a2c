//! The page on which a corp's administrator authorises a suite (`/3rdapp/install` of `open.work.weixin.qq.com`).
//!
//! A person chooses a corp and agrees. With a `redirect_uri` he is sent there with the auth_code, and nothing is pushed;
//! without one it is as in WeCom's market: `create_auth` is pushed.

use std::fmt::Write;

use http::Method;

use super::api::stated_life;
use crate::{
    World, api::Served, outcome::Success, params::Params, push::in_query, refusal::Refusal,
    world::Call,
};

pub(crate) const PATH: &str = "/3rdapp/install";
/// A corp that anybody may be, besides those that are known.
const NEIGHBOUR: &str = "ww5a0db0c0ffee0002";

/// Shows the page, or takes what was chosen on it.
pub(crate) fn serve(world: &mut World, call: &Call<'_>) -> Served {
    if call.request.method() == Method::POST {
        let form = std::str::from_utf8(call.request.body()).unwrap_or_default();
        return agree(world, call, &Params::parse(form));
    }
    let suite_id = call.query.value("suite_id").ok_or(Refusal::SUITE_ID_MISSING)?;
    check(world, call, &call.query)?;
    let mut corps: Vec<_> = world.wecom.corps().collect();
    corps.push(NEIGHBOUR);
    corps.dedup();
    let mut choices = String::new();
    for (at, corpid) in corps.iter().enumerate() {
        let checked = if at == 0 { " checked" } else { "" };
        let _ = write!(
            choices,
            "<p><label><input type=\"radio\" name=\"corpid\" value=\"{0}\"{checked}> 企业 {0}</label></p>",
            escaped(corpid)
        );
    }
    let mut kept = String::new();
    for name in ["suite_id", "pre_auth_code", "redirect_uri", "state"] {
        let value = escaped(call.query.value(name).unwrap_or_default());
        let _ = write!(kept, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    Ok(Success::Page(page(&format!(
        "<h1>授权安装第三方应用</h1><p>应用套件 <code>{}</code> 请求以下企业的授权（这是沙箱，不是企业微信）。</p>\
         <form method=\"post\" action=\"{PATH}\">{kept}{choices}<p><button>同意授权</button></p></form>",
        escaped(suite_id)
    ))))
}

fn agree(world: &mut World, call: &Call<'_>, form: &Params) -> Served {
    let suite_id = form.value("suite_id").ok_or(Refusal::SUITE_ID_MISSING)?;
    let corpid = form.value("corpid").ok_or(Refusal::CORPID_MISSING)?;
    check(world, call, form)?;
    world.revision += 1;
    let code = world.authorized(call.now, suite_id, corpid, false);
    let code = code.map_err(|_| Refusal::INVALID_CORPID)?;
    let Some(uri) = form.value("redirect_uri") else {
        let suite = world.wecom.suite(suite_id).ok_or(Refusal::INVALID_SUITE_ID)?;
        world.outgoing.extend(suite.notice("create_auth", call.now, &[("AuthCode", &code)]));
        return Ok(Success::Page(page("<h1>授权成功</h1><p>授权通知已推送给服务商。</p>")));
    };
    let join = if uri.contains('?') { '&' } else { '?' };
    let state = in_query(form.value("state").unwrap_or_default());
    let life = stated_life(world);
    Ok(Success::Redirect(format!("{uri}{join}auth_code={code}&expires_in={life}&state={state}")))
}

fn check(world: &World, call: &Call<'_>, params: &Params) -> Result<(), Refusal> {
    let suite = params.value("suite_id").and_then(|id| world.wecom.suite(id));
    let suite = suite.ok_or(Refusal::INVALID_SUITE_ID)?;
    if let Some(code) = params.value("pre_auth_code") {
        let known = suite.pre_auth.iter().find(|(known, _)| known == code);
        let (_, until) = known.ok_or(Refusal::INVALID_PRE_AUTH_CODE)?;
        if call.now >= *until {
            return Err(Refusal::PRE_AUTH_CODE_EXPIRED);
        }
    }
    let is_url = |uri: &str| {
        (uri.starts_with("http://") || uri.starts_with("https://"))
            && uri.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match params.value("redirect_uri") {
        Some(uri) if !is_url(uri) => Err(Refusal::INVALID_PARAMETER),
        _ => Ok(()),
    }
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>沙箱：授权安装</title>\
         <body style=\"font-family:sans-serif;max-width:40em;margin:3em auto\">{body}</body></html>"
    )
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
