//! The APIs of this WeChat: the table of them, and the checks that come before each.

mod bulk;
mod business;
mod diagnostics;
pub(crate) mod login;
mod multipart;
mod secret;
mod tickets;

use http::Method;

pub use self::tickets::{TicketType, TicketVerdict};
pub(crate) use self::{
    bulk::{Meter, UPLOAD_PATH as BULK_UPLOAD},
    business::{FOLLOWERS, Media, media_upload as upload},
    tickets::{Kept as KeptTickets, Tickets, hand_out as hand_out_ticket, sha1},
};
use crate::{
    World,
    app::ApiKind,
    outcome::Success,
    people::Person,
    platform,
    quota::{CLASSIC_PATH, STABLE_PATH},
    refusal::Refusal,
    settings::AppKind,
    tokens::Standing,
    world::Call,
};

pub(crate) type Served = Result<Success, Refusal>;

struct Api {
    path: &'static str,
    method: Verb,
    serve: Serve,
}

#[derive(Clone, Copy)]
enum Verb {
    Get,
    Post,
    Either,
}

/// What an API asks of its caller, and what it then does.
#[derive(Clone, Copy)]
enum Serve {
    /// The AppSecret; the API checks it by itself.
    WithSecret(fn(&mut World, &Call<'_>) -> Served),
    /// A live token, by which the app is known.
    WithToken(fn(&mut World, &Call<'_>, &str) -> Served),
    /// The token of a person who has logged in, and their openid.
    WithUserToken(fn(&mut World, &Call<'_>, &Person) -> Served),
    /// No credential.
    ForAll(fn(&mut World, &Call<'_>) -> Served),
}

use Serve::{ForAll, WithSecret, WithToken, WithUserToken};

/// An API that refuses every token with 40001, as WeChat's do when only a third-party platform may
/// call them.
const ALWAYS_40001: &str = "/wxa/get_latest_auditstatus";

const APIS: &[Api] = &[
    Api { path: CLASSIC_PATH, method: Verb::Either, serve: WithSecret(secret::token) },
    Api { path: STABLE_PATH, method: Verb::Post, serve: WithSecret(secret::stable_token) },
    post("/cgi-bin/clear_quota/v2", WithSecret(secret::clear_quota_v2)),
    post(CLEAR_QUOTA, WithToken(diagnostics::clear_quota)),
    post("/cgi-bin/openapi/quota/get", WithToken(diagnostics::quota_get)),
    post("/cgi-bin/openapi/quota/clear", WithToken(diagnostics::quota_clear)),
    post("/cgi-bin/openapi/rid/get", WithToken(diagnostics::rid_get)),
    get(tickets::PATH, WithToken(tickets::getticket)),
    get("/cgi-bin/getcallbackip", WithToken(diagnostics::callback_ips)),
    get("/cgi-bin/get_api_domain_ip", WithToken(diagnostics::api_domain_ips)),
    post("/cgi-bin/callback/check", WithToken(diagnostics::callback_check)),
    get("/cgi-bin/user/info", WithToken(business::user_info)),
    get("/cgi-bin/user/get", WithToken(business::user_list)),
    post("/cgi-bin/message/custom/send", WithToken(business::custom_send)),
    post("/cgi-bin/media/upload", WithToken(business::media_upload)),
    get("/cgi-bin/media/get", WithToken(business::media_get)),
    post("/cgi-bin/qrcode/create", WithToken(business::qrcode_create)),
    get("/cgi-bin/showqrcode", ForAll(business::show_qrcode)),
    post("/wxa/getwxacodeunlimit", WithToken(business::wxa_code)),
    post("/wxa/msg_sec_check", WithToken(business::message_check)),
    post("/wxa/getuserriskrank", WithToken(business::risk_rank)),
    post("/cgi-bin/express/intracity/createstore", WithToken(business::create_store)),
    get(ALWAYS_40001, WithToken(|_, _, _| Err(Refusal::BAD_TOKEN))),
    get("/sns/jscode2session", WithSecret(login::code_to_session)),
    get("/sns/oauth2/access_token", WithSecret(login::code_to_token)),
    get("/sns/oauth2/refresh_token", ForAll(login::refresh)),
    get("/sns/userinfo", WithUserToken(login::user_info)),
    get("/sns/auth", WithUserToken(login::auth)),
    post(BULK_UPLOAD, WithToken(bulk::upload)),
    get(bulk::DOWNLOAD_PATH, WithToken(bulk::download)),
];

const CLEAR_QUOTA: &str = "/cgi-bin/clear_quota";

const fn get(path: &'static str, serve: Serve) -> Api {
    Api { path, method: Verb::Get, serve }
}

const fn post(path: &'static str, serve: Serve) -> Api {
    Api { path, method: Verb::Post, serve }
}

pub(crate) fn exists(path: &str) -> bool {
    paths().any(|known| known == path)
}

pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    APIS.iter().map(|api| api.path).chain(platform::APIS.iter().map(|(path, _)| *path))
}

/// Carries out one call.
pub(crate) fn serve(world: &mut World, call: &Call<'_>) -> Served {
    if let Some((_, api)) = platform::APIS.iter().find(|(path, _)| *path == call.path()) {
        return serve_platform(world, call, *api);
    }
    if platform::PAGES.contains(&call.path()) {
        return platform::serve_page(world, call);
    }
    let api = APIS.iter().find(|api| api.path == call.path()).ok_or(Refusal::INVALID_URL)?;
    match (api.method, call.request.method()) {
        (Verb::Get | Verb::Either, &Method::GET) | (Verb::Post | Verb::Either, &Method::POST) => {}
        (Verb::Get, _) => return Err(Refusal::REQUIRE_GET),
        (Verb::Post | Verb::Either, _) => return Err(Refusal::REQUIRE_POST),
    }
    match api.serve {
        WithSecret(serve) | ForAll(serve) => serve(world, call),
        // The one of these that a platform has too.
        WithToken(_) if api.path == CLEAR_QUOTA && is_of_platform(world, call) => {
            platform::clear_own_quota(world, call)
        }
        WithToken(serve) => {
            let appid = authorise(world, call)?;
            serve(world, call, &appid)
        }
        WithUserToken(serve) => {
            let person = login::identify(world, call)?;
            serve(world, call, &person)
        }
    }
}

fn serve_platform(world: &mut World, call: &Call<'_>, api: platform::Serve) -> Served {
    let is_log_in = matches!(api, platform::Serve::LogIn(_));
    match (is_log_in, call.request.method()) {
        (true, &Method::GET) | (false, &Method::POST) => {}
        (true, _) => return Err(Refusal::REQUIRE_GET),
        (false, _) => return Err(Refusal::REQUIRE_POST),
    }
    match api {
        platform::Serve::LogIn(serve) => serve(world, call),
        platform::Serve::WithSecret(serve) => serve(world, call),
        platform::Serve::WithToken(serve) => {
            let appid = platform::identify(world, call)?;
            serve(world, call, &appid)
        }
    }
}

/// Whether the call carries a platform's token.
fn is_of_platform(world: &World, call: &Call<'_>) -> bool {
    let owner = call.token().and_then(|token| world.tokens.owner(token));
    owner.is_some_and(|(owner, _)| world.platforms.has(owner))
}

/// Finds the app by its token and checks that it may call this API from here. Only the query is
/// read: a token in a header or body is no token, as calls to the real one have shown.
fn authorise(world: &mut World, call: &Call<'_>) -> Result<String, Refusal> {
    let token = call.query.value("access_token").ok_or(Refusal::TOKEN_MISSING)?;
    match world.tokens.standing(call.now, token) {
        Some(Standing::Live { .. }) => {}
        Some(Standing::Expired) => return Err(Refusal::TOKEN_EXPIRED),
        Some(Standing::Replaced) | None => return Err(Refusal::BAD_TOKEN),
    }
    let (appid, _) = world.tokens.owner(token).ok_or(Refusal::BAD_TOKEN)?;
    let appid = appid.to_owned();
    if world.platforms.has(&appid) {
        return Err(Refusal::WANTS_ACCOUNT_TOKEN);
    }
    let app = world.apps.get_mut(&appid).ok_or(Refusal::BAD_TOKEN)?;
    // A mini program's whitelist guards only the APIs that take the AppSecret .
    if app.kind == AppKind::OfficialAccount {
        app.check_whitelist(call.caller)?;
    }
    app.check_punishment(ApiKind::Other)?;
    app.usage.take(call.now, call.path(), &app.quotas)?;
    Ok(appid)
}
