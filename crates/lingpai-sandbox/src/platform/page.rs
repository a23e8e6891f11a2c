//! The pages on which the owner of an account authorises a platform: on a computer, where a code is scanned, and on a
//! telephone. Here whoever has the page is the owner of every app.

use std::fmt::Write;

use crate::{World, api::Served, outcome::Success, refusal::Refusal, time::Moment, world::Call};

/// Where they are; of the two for telephones the second is the newer.
pub(crate) const PAGES: [&str; 3] =
    ["/cgi-bin/componentloginpage", "/safe/bindcomponent", "/wxaopen/safe/bindcomponent"];

/// The page; or, with the `authorizer` that its button names, the way back to the platform.
pub(crate) fn serve(world: &mut World, call: &Call<'_>) -> Served {
    let value = |name: &str| call.query.value(name);
    let appid = value("component_appid").ok_or(Refusal::COMPONENT_APPID_MISSING)?.to_owned();
    let pre_auth_code = value("pre_auth_code").ok_or(Refusal::AUTH_CODE_INVALID)?.to_owned();
    let redirect_uri = value("redirect_uri").unwrap_or_default().to_owned();
    let is_url = ["https://", "http://"].iter().any(|scheme| redirect_uri.starts_with(scheme));
    let component = world.platforms.get(&appid).map_err(|_| Refusal::INVALID_APPID)?;
    let is_good =
        |(code, ends_at): &(String, Moment)| *code == pre_auth_code && call.now < *ends_at;
    if !component.pre_auth_codes.iter().any(is_good) {
        return Ok(Success::Page(told(
            "请重新打开授权链接",
            "the pre_auth_code is unknown or expired",
        )));
    }
    if !is_url {
        return Ok(Success::Page(told("参数错误", "redirect_uri is not a URL")));
    }
    let Some(authorizer) = value("authorizer") else {
        return Ok(Success::Page(page(world, call)));
    };
    if !world.apps.contains_key(authorizer) {
        return Err(Refusal::INVALID_APPID);
    }
    let code = world.accept(call.now, &appid, authorizer, &pre_auth_code);
    let code = code.map_err(|_| Refusal::INVALID_APPID)?;
    let join = if redirect_uri.contains('?') { '&' } else { '?' };
    let code = code.replace('@', "%40");
    Ok(Success::Redirect(format!("{redirect_uri}{join}auth_code={code}&expires_in=600")))
}

fn page(world: &World, call: &Call<'_>) -> String {
    let mut buttons = String::new();
    for appid in world.apps.keys() {
        // Writing into a string cannot fail.
        let _ = write!(
            buttons,
            "<p><button name=\"authorizer\" value=\"{appid}\">授权 {appid} (authorise)</button></p>"
        );
    }
    let mut hidden = String::new();
    for (name, value) in call.query.iter().filter(|(name, _)| *name != "authorizer") {
        let (name, value) = (escaped(name), escaped(value));
        let _ = write!(hidden, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let (path, component) = (call.path(), call.query.value("component_appid").unwrap_or_default());
    let component = escaped(component);
    format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>沙箱：公众平台账号授权</title><body>\
         <h1>公众平台账号授权</h1><p>第三方平台 {component} 申请获得你的账号授权。\
         (This is the sandbox: choose the account that authorises the platform.)</p>\
         <form method=\"get\" action=\"{path}\">{hidden}{buttons}</form></body></html>"
    )
}

fn told(chinese: &str, english: &str) -> String {
    format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>沙箱</title><body>\
         <h1>{chinese}</h1><p>{english}</p></body></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
