//! Quota, rid and address APIs, after WeChat's pages on openApi-mgnt.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Served;
use crate::{
    World,
    outcome::Success,
    quota::{STABLE_PATH, limit},
    refusal::Refusal,
    time::Moment,
    world::Call,
};

/// How long a rid can be looked up.
const RID_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn clear_quota(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    if text(&body, "appid").ok_or(Refusal::APPID_MISSING)? != appid {
        return Err(Refusal::INVALID_APPID);
    }
    clear(world, call.now, appid, None)
}

pub(super) fn quota_clear(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let path = known_path(&body)?;
    clear(world, call.now, appid, Some(path))
}

fn clear(world: &mut World, now: Moment, appid: &str, path: Option<&str>) -> Served {
    let app = world.apps.get_mut(appid).ok_or(Refusal::BAD_TOKEN)?;
    app.usage.clear(now, path, &app.quotas)?;
    world.revision += 1;
    Ok(Success::ok())
}

pub(super) fn quota_get(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let path = known_path(&body)?;
    let app = world.apps.get(appid).ok_or(Refusal::BAD_TOKEN)?;
    let daily_limit = limit(path, &app.quotas);
    let used = app.usage.used(call.now, path).min(daily_limit);
    let rate_limit = match path {
        STABLE_PATH => {
            json!({"call_count": app.quotas.stable_per_minute, "refresh_second": 60})
        }
        _ => json!({"call_count": 0, "refresh_second": 0}),
    };
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "quota": {"daily_limit": daily_limit, "used": used, "remain": daily_limit - used},
        "rate_limit": rate_limit,
        "component_rate_limit": {"call_count": 0, "refresh_second": 0},
    })))
}

pub(super) fn rid_get(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let body = call.json()?;
    let rid = text(&body, "rid").filter(|rid| is_rid(rid)).ok_or(Refusal::RID_MALFORMED)?;
    let entry = world.log.find(rid).ok_or(Refusal::RID_NOT_FOUND)?;
    if Moment::from_unix(entry.at).plus(RID_KEPT) <= call.now {
        return Err(Refusal::RID_NOT_FOUND);
    }
    if entry.appid.as_deref() != Some(appid) {
        return Err(Refusal::RID_OF_ANOTHER);
    }
    Ok(Success::Json(json!({
        "errcode": 0,
        "errmsg": "ok",
        "request": {
            "invoke_time": entry.at,
            "cost_in_ms": 30,
            "request_url": entry.query,
            "request_body": entry.body,
            "response_body": entry.answer,
            "client_ip": entry.caller,
        },
    })))
}

pub(super) fn callback_ips(_: &mut World, _: &Call<'_>, _: &str) -> Served {
    Ok(Success::Json(json!({"ip_list": ["101.226.103.0/25", "203.0.113.128/25"]})))
}

pub(super) fn api_domain_ips(_: &mut World, _: &Call<'_>, _: &str) -> Served {
    Ok(Success::Json(json!({"ip_list": ["203.0.113.10", "203.0.113.11"]})))
}

pub(super) fn callback_check(_: &mut World, call: &Call<'_>, _: &str) -> Served {
    let body = call.json()?;
    let operator = match text(&body, "check_operator").unwrap_or("DEFAULT") {
        // What the default is, the server that was asked decides.
        "DEFAULT" => "UNICOM",
        known @ ("CHINANET" | "UNICOM" | "CAP") => known,
        _ => return Err(Refusal::INVALID_OPERATOR),
    };
    let dns = json!([{"ip": "203.0.113.20", "real_operator": operator}]);
    let ping = json!([{
        "ip": "203.0.113.20", "from_operator": operator, "package_loss": "0%", "time": "23.079ms",
    }]);
    Ok(Success::Json(match text(&body, "action") {
        Some("dns") => json!({"dns": dns}),
        Some("ping") => json!({"ping": ping}),
        Some("all") => json!({"dns": dns, "ping": ping}),
        _ => return Err(Refusal::INVALID_ACTION),
    }))
}

/// What `/sns/*` has used up cannot be asked.
fn known_path(body: &Map<String, Value>) -> Result<&str, Refusal> {
    let path = text(body, "cgi_path");
    let counted = path.filter(|path| super::exists(path) && !path.starts_with("/sns/"));
    counted.ok_or(Refusal::PATH_UNKNOWN)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn is_rid(rid: &str) -> bool {
    let is_group = |group: &str| group.len() == 8 && group.bytes().all(|b| b.is_ascii_hexdigit());
    rid.split('-').count() == 3 && rid.split('-').all(is_group)
}
