//! `POST /v1/accounts/{account}/authorization-links`: a link for whoever is to authorise a platform or a suite.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::Right;
use lingpai_core::{AccountId, Timestamp};
use lingpai_wechat::{Device, Offered};
use percent_encoding::percent_decode_str;
use qrcode::{Color, QrCode};
use serde::{Deserialize, Serialize};

use super::errand::Errand;
use super::plain_url;
use crate::answer::{self, Body};
use crate::language::{Bilingual, both};
use crate::native::caller;
use crate::object;
use crate::proxies::Origin;
use crate::refusal::Refusal;
use crate::serving::{Admitted, Serving};

/// For how long a link is good: if nothing is said, and at most.
pub(crate) const LIFE: Duration = Duration::from_hours(1);
pub(crate) const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    device: Option<Device>,
    #[serde(default)]
    offered: Offered,
    only: Option<AccountId>,
    return_to: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Serialize)]
struct LinkAnswer {
    url: String,
    #[serde(serialize_with = "answer::rfc_3339")]
    expires_at: Timestamp,
    proof_key: String,
    /// The URL as a QR code, a text for each row: `#` where it is dark.
    qr: Vec<String>,
}

pub(super) async fn make(
    serving: &Serving,
    account: &str,
    head: &Parts,
    body: Incoming,
    (origin, peer): (&Origin, IpAddr),
) -> Result<Response<Body>, Refusal> {
    let account = percent_decode_str(account).decode_utf8_lossy();
    let caller = caller("POST", head, peer)?;
    let Admitted { credential, key, .. } = serving.admit(caller, Right::Platform, &account).await?;
    let authorizing = serving.authorizing.as_ref().ok_or(Refusal::PathUnknown)?;
    let settings = &authorizing.settings;
    let body = serving.body(body).await?;
    let is_empty = body.trim_ascii().is_empty();
    let wanted: Wanted = if is_empty { Wanted::default() } else { object::read(&body)? };
    let account = credential.account.clone();
    if !settings.authority.can_be_authorized(&account).await? {
        return Err(Refusal::NoPlatform);
    }
    if let Some(url) = &wanted.return_to {
        let url = plain_url(url).ok_or_else(|| Refusal::BodyWrong(NO_URL))?;
        if !settings.return_to.iter().any(|allowed| allowed.covers(&url)) {
            return Err(Refusal::BodyWrong(NOT_ALLOWED));
        }
    }
    let life = wanted.expires_in.map_or(LIFE, Duration::from_secs);
    if life.is_zero() || life > LONGEST_LIFE {
        let most = LONGEST_LIFE.as_secs();
        return Err(Refusal::BodyWrong(both!(
            "`expires_in` must be a whole number of seconds from 1 to {most}",
            "`expires_in` 应为 1 到 {most} 的整数秒",
            most = most
        )));
    }
    let base = authorizing.base(head, origin).ok_or(Refusal::BodyWrong(NO_HOST))?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|_| Refusal::NoRandomness)?;
    let expires_at = serving.registry.clock().now().wall + life;
    let errand = Errand {
        platform: account,
        nonce: nonce.iter().map(|byte| format!("{byte:02x}")).collect(),
        until: expires_at.as_millis(),
        device: wanted.device,
        offered: wanted.offered,
        only: wanted.only,
        return_to: wanted.return_to,
    };
    serving.did(&key, peer, Some(credential), Deed::new(Action::AuthorizationLinkMade));
    let signer = &authorizing.signer;
    let url = format!("{base}/authorize/{}", signer.link(&errand));
    let proof_key = signer.proof_key(&errand);
    let qr = drawn(&url);
    Ok(answer::json(StatusCode::CREATED, &LinkAnswer { url, expires_at, proof_key, qr }))
}

/// A QR code, row by row. Empty for what is too long for one, which no link is.
fn drawn(url: &str) -> Vec<String> {
    let Ok(code) = QrCode::new(url) else { return Vec::new() };
    let dark = |color: &Color| if *color == Color::Dark { '#' } else { ' ' };
    let rows = code.to_colors();
    rows.chunks(code.width()).map(|row| row.iter().map(dark).collect()).collect()
}

const NO_URL: Bilingual = Bilingual::fixed(
    "`return_to` is no URL such as https://shop.example.com/done, with at most 1024 characters and nothing to be encoded",
    "`return_to` 不是 https://shop.example.com/done 这样的 URL，最长 1024 个字符，需要编码的字符请先编码",
);
const NOT_ALLOWED: Bilingual = Bilingual::fixed(
    "`return_to` is not among the URLs that `return-to` of `[authorization]` in the configuration allows",
    "`return_to` 不在配置中 `[authorization]` 的 `return-to` 允许的 URL 之内",
);
const NO_HOST: Bilingual = Bilingual::fixed(
    "the request does not say which host it is for: set `url` of `[authorization]` in the configuration",
    "请求没有说明主机名：请在配置中设置 `[authorization]` 的 `url`",
);
