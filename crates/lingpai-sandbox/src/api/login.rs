//! Logging in (`/sns/*`): an app trades a person's one-time code for who they are, with its
//! AppSecret; what it then asks about them goes with their own token, never with the app's.

use serde_json::{Value, json};

use super::{
    Served,
    secret::{Claim, Grant, check},
};
use crate::{
    World,
    app::ApiKind,
    outcome::Success,
    people::{BadCode, Granted, Person, Scope, Standing},
    refusal::Refusal,
    world::Call,
};

/// GET `/sns/jscode2session`: the log-in of a mini program.
pub(super) fn code_to_session(world: &mut World, call: &Call<'_>) -> Served {
    let appid = with_secret(world, call, "js_code")?;
    session(world, call, &appid)
}

/// The same for an app whose right to ask was proven.
pub(crate) fn session(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let person = redeemed(world, call, (appid, "js_code"))?;
    // 16 bytes in base64; the sandbox encrypts nothing with it.
    let digits = world.random.url_safe(21).replace('-', "+").replace('_', "/");
    Ok(Success::Json(json!({"session_key": format!("{digits}A=="), "openid": person.openid})))
}

/// GET `/sns/oauth2/access_token`: the log-in of a web page.
pub(super) fn code_to_token(world: &mut World, call: &Call<'_>) -> Served {
    let appid = with_secret(world, call, "code")?;
    grant(world, call, &appid)
}

/// The same for an app whose right to ask was proven.
pub(crate) fn grant(world: &mut World, call: &Call<'_>, appid: &str) -> Served {
    let person = redeemed(world, call, (appid, "code"))?;
    let granted = world.people.grant(call.now, person, &mut world.random);
    Ok(told(world, granted))
}

/// GET `/sns/oauth2/refresh_token`: needs no AppSecret.
pub(crate) fn refresh(world: &mut World, call: &Call<'_>) -> Served {
    let appid = call.query.value("appid").ok_or(Refusal::APPID_MISSING)?;
    world.app(appid).map_err(|_| Refusal::INVALID_APPID)?;
    if call.query.value("grant_type") != Some("refresh_token") {
        return Err(Refusal::INVALID_GRANT_TYPE);
    }
    let token = call.query.value("refresh_token").ok_or(Refusal::REFRESH_TOKEN_MISSING)?;
    let granted = world.people.refresh(call.now, appid, token, &mut world.random);
    Ok(told(world, granted.ok_or(Refusal::INVALID_REFRESH_TOKEN)?))
}

/// GET `/sns/userinfo`.
pub(super) fn user_info(_: &mut World, _: &Call<'_>, person: &Person) -> Served {
    if person.scope == Scope::Base {
        return Err(Refusal::API_UNAUTHORISED);
    }
    Ok(Success::Json(json!({
        "openid": person.openid,
        "nickname": "沙箱用户",
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
    })))
}

/// GET `/sns/auth`: whether the token is good.
pub(super) fn auth(_: &mut World, _: &Call<'_>, _: &Person) -> Served {
    Ok(Success::ok())
}

/// Who the token in the query belongs to, if it is theirs and the openid with it is, too.
pub(super) fn identify(world: &World, call: &Call<'_>) -> Result<Person, Refusal> {
    let token = call.query.value("access_token").ok_or(Refusal::TOKEN_MISSING)?;
    let person = match world.people.standing(call.now, token) {
        Standing::Live(person) => person,
        Standing::Expired => return Err(Refusal::TOKEN_EXPIRED),
        Standing::Unknown => return Err(Refusal::BAD_USER_TOKEN),
    };
    let openid = call.query.value("openid").ok_or(Refusal::OPENID_MISSING)?;
    if openid != person.openid {
        return Err(Refusal::INVALID_OPENID);
    }
    Ok(person.clone())
}

/// Whose secret the call shows, which also has a code.
fn with_secret(world: &mut World, call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let appid = call.query.value("appid").ok_or(Refusal::APPID_MISSING)?;
    let claim = Claim {
        appid,
        secret: call.query.value("secret").ok_or(Refusal::SECRET_MISSING)?,
        grant: Grant::Asked { wanted: "authorization_code", given: call.query.value("grant_type") },
        kind: ApiKind::Other,
    };
    call.query.value(name).ok_or(Refusal::CODE_MISSING)?;
    check(world, call, &claim)?;
    Ok(appid.to_owned())
}

fn redeemed(
    world: &mut World,
    call: &Call<'_>,
    (appid, name): (&str, &str),
) -> Result<Person, Refusal> {
    if call.query.value("grant_type") != Some("authorization_code") {
        return Err(Refusal::INVALID_GRANT_TYPE);
    }
    let code = call.query.value(name).ok_or(Refusal::CODE_MISSING)?;
    world.people.redeem(call.now, appid, code).map_err(|bad| match bad {
        BadCode::Unknown => Refusal::INVALID_CODE,
        BadCode::Used => Refusal::CODE_USED,
    })
}

fn told(world: &World, granted: Granted) -> Success {
    let Granted { person, access_token, refresh_token, left } = granted;
    let body: Value = json!({
        "access_token": access_token,
        "expires_in": world.clock.stated(left).max(1),
        "refresh_token": refresh_token,
        "openid": person.openid,
        "scope": person.scope,
    });
    Success::Json(body)
}
