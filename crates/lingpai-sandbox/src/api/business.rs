//! Some APIs that do something with a token: enough to see that it is accepted, with every kind of
//! answer (JSON, uploads, bytes). What they say of users and media is invented.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use serde_json::{Value, json};

use super::{Served, multipart};
use crate::{World, outcome::Success, refusal::Refusal, time::Moment, world::Call};

const MEDIA_KEPT: Duration = Duration::from_secs(3 * 24 * 3600);
/// Uploads beyond this push out the oldest.
const MEDIA_BYTES: usize = 64 * 1024 * 1024;

/// Those who follow every account.
pub(crate) const FOLLOWERS: [&str; 2] =
    ["oSandbox0000000000000000001", "oSandbox0000000000000000002"];

/// A PNG of one white pixel.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x01, 0x48, 0xaf, 0xa4, 0x71, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

/// An uploaded temporary medium.
#[derive(Debug)]
pub(crate) struct Media {
    id: String,
    appid: String,
    content_type: String,
    bytes: Bytes,
    expires_at: Moment,
}

pub(super) fn user_info(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let openid = call.query.value("openid").ok_or(Refusal::OPENID_MISSING)?;
    Ok(Success::Json(json!({
        "subscribe": 1,
        "openid": openid,
        "language": "zh_CN",
        "subscribe_time": call.now.unix_seconds(),
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": "ADD_SCENE_QR_CODE",
        "qr_scene": 0,
        "qr_scene_str": "",
    })))
}

pub(super) fn user_list(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let after = call.query.value("next_openid");
    let skipped = after.and_then(|id| FOLLOWERS.iter().position(|f| *f == id)).map_or(0, |i| i + 1);
    let page = &FOLLOWERS[skipped..];
    let next = page.last().copied().unwrap_or_default();
    Ok(Success::Json(json!({
        "total": FOLLOWERS.len(),
        "count": page.len(),
        "data": {"openid": page},
        "next_openid": next,
    })))
}

pub(super) fn custom_send(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("touser").ok_or(Refusal::INVALID_OPENID)?;
    let kind = text("msgtype").ok_or(Refusal::INVALID_MESSAGE_TYPE)?;
    if !body.get(kind).is_some_and(Value::is_object) {
        return Err(Refusal::INVALID_MESSAGE_TYPE);
    }
    world.note_message(json!({"from": appid, "message": body}));
    Ok(Success::ok())
}

pub(crate) fn media_upload(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let kind = match call.query.value("type") {
        Some(kind @ ("image" | "voice" | "video" | "thumb")) => kind,
        // WeCom's name for anything else.
        Some("file") if call.path_at_wecom().is_some() => "file",
        _ => return Err(Refusal::INVALID_MEDIA_TYPE),
    };
    let content_type = call.request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let part = multipart::part(content_type, call.request.body(), "media")
        .filter(|part| !part.bytes.is_empty())
        .ok_or(Refusal::MEDIA_MISSING)?;
    let id = world.random.url_safe(64);
    world.media.push_back(Media {
        id: id.clone(),
        appid: appid.to_owned(),
        content_type: part.content_type,
        bytes: part.bytes,
        expires_at: call.now.plus(MEDIA_KEPT),
    });
    while world.media.iter().map(|media| media.bytes.len()).sum::<usize>() > MEDIA_BYTES {
        world.media.pop_front();
    }
    let created_at = call.now.unix_seconds();
    let answer = match call.path_at_wecom() {
        // A string, which WeChat's is not.
        Some(_) => json!({
            "errcode": 0, "errmsg": "ok", "type": kind, "media_id": id,
            "created_at": created_at.to_string(),
        }),
        None => json!({"type": kind, "media_id": id, "created_at": created_at}),
    };
    Ok(Success::Json(answer))
}

pub(super) fn media_get(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let id = call.query.value("media_id").ok_or(Refusal::INVALID_MEDIA_ID)?;
    let found = world
        .media
        .iter()
        .find(|media| media.id == id && media.appid == appid && call.now < media.expires_at);
    let media = found.ok_or(Refusal::INVALID_MEDIA_ID)?;
    let content_type = media.content_type.clone();
    Ok(Success::File { content_type, name: "media", bytes: media.bytes.clone() })
}

pub(super) fn qrcode_create(world: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    let expire_seconds = body.get("expire_seconds").and_then(Value::as_u64).unwrap_or(60);
    let ticket = world.random.url_safe(96);
    let url = format!("http://weixin.qq.com/q/{}", world.random.url_safe(22));
    Ok(Success::Json(json!({"ticket": ticket, "expire_seconds": expire_seconds, "url": url})))
}

/// The picture of a QR code, on another host of WeChat's (`mp.weixin.qq.com`), open to all.
pub(super) fn show_qrcode(_: &mut World, _: &Call<'_>) -> Served {
    let bytes = Bytes::from_static(PIXEL);
    Ok(Success::File { content_type: "image/png".to_owned(), name: "qrcode.png", bytes })
}

pub(super) fn message_check(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    let openid = body.get("openid").and_then(Value::as_str).unwrap_or_default();
    if openid.is_empty() {
        return Err(Refusal::INVALID_OPENID);
    }
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": "pass", "label": 100},
        "detail": [],
        "trace_id": "",
    })))
}

/// The guide's example.
pub(super) fn risk_rank(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    if body.get("openid").and_then(Value::as_str).unwrap_or_default().is_empty() {
        return Err(Refusal::INVALID_OPENID);
    }
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "getuserriskrank succ",
        "risk_rank": 0,
        "unoin_id": 2_258_658_297_u64,
    })))
}

/// One that is refused unless it is sealed.
pub(super) fn create_store(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    let own = body.get("out_store_id").and_then(Value::as_str).ok_or(Refusal::INVALID_ARGS)?;
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "wx_store_id": format!("4000000000{}", own.len()),
        "out_store_id": own,
    })))
}

pub(super) fn wxa_code(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    let scene = body.get("scene").and_then(Value::as_str);
    scene.filter(|scene| (1..=32).contains(&scene.len())).ok_or(Refusal::INVALID_SCENE)?;
    let bytes = Bytes::from_static(PIXEL);
    Ok(Success::File { content_type: "image/png".to_owned(), name: "code.png", bytes })
}
