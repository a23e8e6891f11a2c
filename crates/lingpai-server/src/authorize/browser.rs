//! What a customer's browser sees: the page of a link, WeChat's page after it, and what came of it in the end.
//!
//! Opening a link does nothing: whatever previews links may do it. Its button begins the authorisation, once; the browser that
//! presses it keeps a cookie, and only that browser is believed when it comes back. So nobody can have somebody else's browser
//! complete an authorisation that he has begun himself.

use std::time::Duration;

use http::header::{COOKIE, LOCATION, SET_COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use lingpai_core::{AccountId, Fingerprint, Secret, StoreError};
use lingpai_wechat::catalogue;
use lingpai_wechat::{Device, Invitation};

use super::errand::Errand;
use super::page::Page;
use super::{Authorizing, Completion, NotInvited};
use crate::answer::{self, Body};
use crate::language::{self, Bilingual, Language, both};
use crate::proxies::Origin;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::serving::Serving;

const COOKIE_NAME: &str = "lingpai_authorizing";
/// How long the owner may take on WeChat's pages. The code that leads there is good for ten minutes, and what comes back as long.
const WAY: Duration = Duration::from_hours(1);
/// How long a browser waits for what comes of its code.
const PATIENCE: Duration = Duration::from_secs(8);

/// `/authorize/{link}`: the page of a link, and its button.
pub(super) async fn begin(
    serving: &Serving,
    link: &str,
    head: &Parts,
    origin: &Origin,
) -> Result<Response<Body>, Refusal> {
    if !matches!(head.method, Method::GET | Method::POST) {
        return Err(Refusal::MethodUnknown("GET, POST"));
    }
    let authorizing = serving.authorizing.as_ref().ok_or(Refusal::PathUnknown)?;
    let language = language::wanted(&head.headers);
    let now = serving.registry.clock().now().wall;
    let errand = authorizing.signer.of_link(link, now);
    let (Some(errand), Some(base)) = (errand, authorizing.base(head, origin)) else {
        return Ok(over().answer(language));
    };
    let device = errand.device.unwrap_or_else(|| device(head));
    if head.method == Method::GET {
        let here = format!("{base}/authorize/{link}");
        return Ok(invitation(&errand, device, head, here).answer(language));
    }
    let signer = &authorizing.signer;
    let authority = &authorizing.settings.authority;
    let kept = signer.browser(&errand);
    let has_begun = signer.has_begun(&errand, cookie(head));
    let deed = format!("link-{}", errand.nonce);
    if !has_begun {
        match authority.is_first(&errand.platform, &deed, &fresh()?).await {
            Ok(true) => {}
            Ok(false) => return Ok(used().answer(language)),
            Err(error) => return Ok(unavailable(&errand, &error).answer(language)),
        }
    }
    let way_back = Errand { until: (now + WAY).as_millis(), ..errand.clone() };
    let back_to = format!("{base}/authorized/{}", signer.way_back(&way_back));
    let invitation = Invitation {
        device,
        offered: errand.offered,
        only: errand.only.as_ref(),
        back_to: &back_to,
    };
    let mut response = match authority.invite(&errand.platform, &invitation).await {
        Ok(page) => redirect(&page),
        // The browser keeps its cookie, and may press the button again.
        Err(why) => not_invited(&errand, why, language).answer(language),
    };
    let secure = if origin.is_encrypted(&head.headers) { "; Secure" } else { "" };
    let age = WAY.as_secs();
    let cookie =
        format!("{COOKIE_NAME}={kept}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `GET /authorized/{link}`: WeChat has sent the browser back.
pub(super) async fn back(
    serving: &Serving,
    link: &str,
    head: &Parts,
) -> Result<Response<Body>, Refusal> {
    if head.method != Method::GET {
        return Err(Refusal::MethodUnknown("GET"));
    }
    let authorizing = serving.authorizing.as_ref().ok_or(Refusal::PathUnknown)?;
    let language = language::wanted(&head.headers);
    let signer = &authorizing.signer;
    let errand = signer.of_way_back(link, serving.registry.clock().now().wall);
    let Some(errand) = errand else { return Ok(over().answer(language)) };
    if !signer.has_begun(&errand, cookie(head)) {
        return Ok(another_browser().answer(language));
    }
    let query = Query::of(head);
    let code = query.text("auth_code").filter(|code| code.len() <= 512);
    let Some(code) = code else { return Ok(nothing_came().answer(language)) };
    let code = Secret::from(&*code);
    let authority = &authorizing.settings.authority;
    // One errand brings one code: nobody can have codes tried.
    let by = Fingerprint::of(code.expose()).to_string();
    let deed = format!("back-{}", errand.nonce);
    let completion = match authority.is_first(&errand.platform, &deed, &by).await {
        Ok(true) => authority.complete(&errand.platform, &code, PATIENCE).await,
        Ok(false) => return Ok(used().answer(language)),
        Err(error) => Err(error),
    };
    let completion = match completion {
        Ok(completion) => completion,
        Err(error) => return Ok(unavailable(&errand, &error).answer(language)),
    };
    Ok(match errand.return_to.as_deref() {
        Some(url) => redirect(&returning(authorizing, &errand, url, &completion)),
        None => told(&errand.platform, &completion).answer(language),
    })
}

/// The business's URL, with what came of it.
fn returning(
    authorizing: &Authorizing,
    errand: &Errand,
    url: &str,
    completion: &Completion,
) -> String {
    let mut said = form_urlencoded::Serializer::new(String::new());
    said.append_pair("platform", errand.platform.as_str());
    match completion {
        Completion::Kept(account) => {
            let proof = authorizing.signer.proof(errand, account);
            said.append_pair("outcome", "authorized").append_pair("account", account.as_str());
            said.append_pair("proof", &proof);
        }
        Completion::UnderWay => drop(said.append_pair("outcome", "pending")),
        Completion::Lost(_) => drop(said.append_pair("outcome", "failed")),
    }
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}{}", said.finish())
}

fn fresh() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn cookie(head: &Parts) -> &str {
    let all = head.headers.get_all(COOKIE).iter().filter_map(|all| all.to_str().ok());
    let mut pairs = all.flat_map(|all| all.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map_or("", |(_, value)| value)
}

fn user_agent(head: &Parts) -> &str {
    head.headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default()
}

fn is_in_wechat(head: &Parts) -> bool {
    user_agent(head).contains("MicroMessenger")
}

/// What the browser is on.
fn device(head: &Parts) -> Device {
    let is_mobile = user_agent(head).contains("Mobile");
    if is_mobile && is_in_wechat(head) { Device::H5 } else { Device::Pc }
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    match HeaderValue::try_from(to) {
        Ok(to) => drop(response.headers_mut().insert(LOCATION, to)),
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    response
}

fn invitation(errand: &Errand, device: Device, head: &Parts, here: String) -> Page {
    let platform = &errand.platform;
    let title = both!("Authorise {platform}", "授权给 {platform}", platform = platform);
    let page = |text| Page {
        button: Some(Bilingual::fixed("Go on to WeChat", "前往微信授权")),
        ..Page::telling(StatusCode::OK, title, text)
    };
    match device {
        Device::Pc => page(Bilingual::fixed(
            "You are asked to let this service act for an account of yours. WeChat shows what it may do, and asks you. Have the \
             telephone of the account's administrator at hand: it scans the code that WeChat shows.",
            "该服务请求代你的账号进行操作。权限范围由微信展示，并由你确认。请准备好账号管理员的手机，扫描微信页面上的二维码。",
        )),
        Device::H5 if is_in_wechat(head) => page(Bilingual::fixed(
            "You are asked to let this service act for an account of yours. WeChat shows what it may do, and asks you.",
            "该服务请求代你的账号进行操作。权限范围由微信展示，并由你确认。",
        )),
        Device::H5 => Page {
            code: Some(here),
            ..page(Bilingual::fixed(
                "You are asked to let this service act for an account of yours. This is done in WeChat: scan the code with the \
                 telephone of the account's administrator.",
                "该服务请求代你的账号进行操作，授权需要在微信中进行：请用账号管理员的手机微信扫码。",
            ))
        },
    }
}

fn told(platform: &AccountId, completion: &Completion) -> Page {
    match completion {
        Completion::Kept(account) => Page::telling(
            StatusCode::OK,
            Bilingual::fixed("It is authorised", "授权成功"),
            both!(
                "{account} has authorised {platform}. You can close this page.",
                "{account} 已授权给 {platform}，可以关闭本页。",
                account = account,
                platform = platform
            ),
        ),
        Completion::UnderWay => Page::telling(
            StatusCode::ACCEPTED,
            Bilingual::fixed("It is noted", "授权已收到"),
            Bilingual::fixed(
                "Your authorisation has arrived and is not lost. WeChat does not answer at the moment; it is completed as soon as \
                 it does, without you. You can close this page.",
                "授权已经收到，不会丢失。微信暂时没有应答，恢复后会自动完成，不需要再操作。可以关闭本页。",
            ),
        ),
        Completion::Lost(why) => Page {
            note: Some(why.clone()),
            ..Page::telling(
                StatusCode::BAD_GATEWAY,
                Bilingual::fixed("It could not be completed", "授权没有完成"),
                Bilingual::fixed(
                    "Ask whoever gave you the link for another one, and authorise once more.",
                    "请向提供链接的人索取新的链接，重新授权。",
                ),
            )
        },
    }
}

fn not_invited(errand: &Errand, why: NotInvited, language: Language) -> Page {
    let (status, text, note) = match why {
        NotInvited::NoPlatform => (
            StatusCode::NOT_FOUND,
            Bilingual::fixed(
                "The service that asked for it is not kept here any more.",
                "请求授权的服务已不在这里。",
            ),
            None,
        ),
        NotInvited::Refused(failure) => {
            let remedy = catalogue::remedy(&failure, language).unwrap_or_default();
            (
                StatusCode::BAD_GATEWAY,
                Bilingual::fixed(
                    "WeChat cannot be asked to begin it now. Go back, and press the button again in a minute; if that does not help, \
                     tell whoever gave you the link what stands here.",
                    "现在无法在微信发起授权。请返回，一分钟后再试；仍然不行的话，请把下面的内容告诉提供链接的人。",
                ),
                Some(format!("{failure}. {remedy}")),
            )
        }
        NotInvited::Store(error) => return unavailable(errand, &error),
    };
    let title = Bilingual::fixed("It could not be begun", "无法开始授权");
    Page { note, ..Page::telling(status, title, text) }
}

fn unavailable(errand: &Errand, error: &StoreError) -> Page {
    tracing::error!(account = %errand.platform, %error, "an authorisation could not go on");
    Page::telling(
        StatusCode::SERVICE_UNAVAILABLE,
        Bilingual::fixed("It does not work at the moment", "服务暂时不可用"),
        Bilingual::fixed(
            "Load this page again in a minute; if it began with a button, go back and press it again.",
            "请一分钟后刷新本页；如果是点击按钮后出现的，请返回再点一次。",
        ),
    )
}

fn over() -> Page {
    Page::telling(
        StatusCode::NOT_FOUND,
        Bilingual::fixed("This link is not good any more", "链接已失效"),
        Bilingual::fixed(
            "It has expired, or was cut off on its way. Ask whoever gave it to you for another one.",
            "链接已过期，或不完整。请向提供链接的人索取新的链接。",
        ),
    )
}

fn used() -> Page {
    Page::telling(
        StatusCode::GONE,
        Bilingual::fixed("This link was used before", "链接已使用过"),
        Bilingual::fixed(
            "It is good once, in one browser. Ask whoever gave it to you for another one.",
            "链接只能在一个浏览器中使用一次。请向提供链接的人索取新的链接。",
        ),
    )
}

fn another_browser() -> Page {
    Page::telling(
        StatusCode::FORBIDDEN,
        Bilingual::fixed("This began in another browser", "请在原来的浏览器中完成"),
        Bilingual::fixed(
            "Whoever begins an authorisation must come back in the same browser, with cookies. If you have just agreed to it in \
             WeChat, WeChat tells the service by itself; otherwise ask for another link.",
            "授权需要在开始时的同一个浏览器中完成，并允许 Cookie。如果你刚在微信中同意了授权，微信会另行通知该服务；否则请索取新的链接。",
        ),
    )
}

fn nothing_came() -> Page {
    Page::telling(
        StatusCode::BAD_REQUEST,
        Bilingual::fixed("WeChat sent no code", "微信没有返回授权码"),
        Bilingual::fixed(
            "Nothing was authorised. Ask for another link, and agree on WeChat's page.",
            "没有完成授权。请索取新的链接，并在微信页面上同意授权。",
        ),
    )
}
