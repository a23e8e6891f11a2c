//! Authorisations that begin here: a link for whoever owns an account, and the way back that completes it (授权流程).
//!
//! The business asks for a link and gives it to its customer (`links`). The customer's browser shows a page of ours, and goes on
//! to WeChat's with a pre-auth code (`browser`); WeChat sends it back here with the authorization code. What a link is for
//! stands in it, signed (`errand`): nothing is kept of a link until it is used. Whoever runs the server knows WeChat, and keeps
//! what comes of it ([`Authority`]). Those who have authorised a platform are listed, imported and recovered here too
//! (`authorizers`).

mod authorizers;
mod browser;
mod errand;
mod links;
mod page;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::uri::{Authority as Host, Scheme};
use http::{Response, Uri};
use hyper::body::Incoming;
use lingpai_core::{AccountId, Failure, Secret, StoreError, Timestamp};
use lingpai_wechat::Invitation;
use serde::{Deserialize, Serialize};

pub(crate) use self::authorizers::{MOST, PAGE};
use self::errand::Signer;
pub(crate) use self::links::{LIFE, LONGEST_LIFE};
use crate::answer::Body;
use crate::console::SessionKey;
use crate::error::Error;
use crate::proxies::Origin;
use crate::refusal::Refusal;
use crate::serving::Serving;

/// Knows WeChat, and keeps those who have authorised a platform or a suite.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// Whether this is an account that can be authorised: a platform or a suite.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn can_be_authorized(&self, account: &AccountId) -> Result<bool, StoreError>;

    /// The URL of WeChat's page on which it is authorised, good once.
    ///
    /// # Errors
    /// Why there is none.
    async fn invite(
        &self,
        account: &AccountId,
        invitation: &Invitation<'_>,
    ) -> Result<String, NotInvited>;

    /// Has the code traded that a browser brought, and waits so long for what comes of it. A code that was brought before, or
    /// pushed, is not traded again.
    ///
    /// # Errors
    /// It could not be stored.
    async fn complete(
        &self,
        account: &AccountId,
        code: &Secret,
        patience: Duration,
    ) -> Result<Completion, StoreError>;

    /// Whether this is a third-party platform.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn is_platform(&self, account: &AccountId) -> Result<bool, StoreError>;

    /// Those who have authorised this platform, in any order.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn authorizers(&self, platform: &AccountId) -> Result<Vec<Authorizer>, StoreError>;

    /// Keeps these as having authorised this platform, with their refresh tokens. What is known already stays as it is, unless it is
    /// to be replaced. All that is answered is durable.
    ///
    /// # Errors
    /// The store cannot do it; some may be kept.
    async fn admit(
        &self,
        platform: &AccountId,
        newcomers: Vec<Newcomer>,
        replace: bool,
    ) -> Result<Vec<(AccountId, Admission)>, StoreError>;

    /// Asks WeChat of what sort this account is, if it is one that has authorised a platform and that is not known, and keeps it as
    /// that from then on. It takes seconds at most; where nothing can be learnt, everything stays as it is.
    async fn learn(&self, account: &AccountId);

    /// Keeps those on the page of WeChat's list that begins at this place.
    ///
    /// # Errors
    /// WeChat or the store cannot do it; some may be kept.
    async fn recover(&self, platform: &AccountId, offset: u64) -> Result<Recovered, NotInvited>;

    /// Whether nobody else has done this before: on all nodes, and for as long as a link is good. `by` tells who does it: the
    /// same may do it again.
    ///
    /// # Errors
    /// It could not be stored.
    async fn is_first(&self, account: &AccountId, deed: &str, by: &str)
    -> Result<bool, StoreError>;
}

/// Why there is no page to go to.
#[derive(Debug)]
pub enum NotInvited {
    /// The account is no platform and no suite, or not any more.
    NoPlatform,
    /// WeChat gave no code for it.
    Refused(Failure),
    /// The store cannot be read.
    Store(StoreError),
}

/// What came of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// This account is kept.
    Kept(AccountId),
    /// Nothing yet: it is stored, and tried on.
    UnderWay,
    /// Nothing, and nothing will: why.
    Lost(String),
}

/// One who has authorised a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// Who it is.
    pub account: AccountId,
    /// Since when it is kept.
    pub added_at: Timestamp,
    /// When it was last authorised or changed.
    pub changed_at: Timestamp,
}

/// One who is to be kept as having authorised a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Who it is.
    pub account: AccountId,
    /// With what its token is fetched.
    pub refresh_token: Secret,
    /// Of what sort it is.
    pub sort: Sort,
}

/// Of what sort an account is that has authorised a platform, as far as whoever brings it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// An Official Account (公众号), or not known.
    #[default]
    OfficialAccount,
    /// A Mini Program (小程序) or a Mini Game.
    MiniProgram,
}

/// What came of an attempt to keep somebody who has authorised a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was not there, and is kept now.
    Added,
    /// It was there with this refresh token.
    Unchanged,
    /// It was there, and its refresh token stays; that it is a Mini Program is new.
    Classified,
    /// It was there with another refresh token, and this one took its place: it is used as soon as that is refused.
    Replaced,
    /// It was there with another refresh token, which stays.
    Kept,
    /// There is an account of this name with a secret of its own, or of another platform. It was left alone.
    Taken,
}

impl Admission {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Added, Self::Unchanged, Self::Classified, Self::Replaced, Self::Kept, Self::Taken];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Unchanged => "unchanged",
            Self::Classified => "classified",
            Self::Replaced => "replaced",
            Self::Kept => "kept",
            Self::Taken => "taken",
        }
    }
}

/// What came of one page of WeChat's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// How many there are in all.
    pub total: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
    /// What came of each.
    pub admissions: Vec<(AccountId, Admission)>,
}

/// Whether this can be a refresh token: WeChat's have about 60 characters.
pub fn is_refresh_token(token: &Secret) -> bool {
    let text = token.expose();
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// How authorisations begin here.
#[derive(Clone)]
pub struct Settings {
    /// Who knows WeChat.
    pub authority: Arc<dyn Authority>,
    /// Where browsers find this server, where that differs from the host that they name: `https://token.example.com`.
    pub url: Option<BaseUrl>,
    /// Where a business may have browsers sent in the end.
    pub return_to: Vec<ReturnTo>,
    /// What signs links, where several servers must know each other's.
    pub key: Option<SessionKey>,
}

/// Where browsers find a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Box<str>);

/// URLs that begin alike: the scheme and the host are the same, and the path begins with this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    scheme: Scheme,
    host: Host,
    path: Box<str>,
}

/// Begins authorisations.
pub(crate) struct Authorizing {
    settings: Settings,
    signer: Signer,
}

/// The paths of authorisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Making links for this account.
    Links(&'a str),
    /// The page of a link.
    Begin(&'a str),
    /// The way back from WeChat.
    Back(&'a str),
    /// Those who have authorised this platform.
    Authorizers(&'a str),
    /// Finding them again.
    Recovery(&'a str),
}

impl<'a> Part<'a> {
    /// Their names, in the order of [`Part::number`].
    pub(crate) const NAMES: [&'static str; 5] = [
        "/v1/accounts/{account}/authorization-links",
        "/authorize/{link}",
        "/authorized/{link}",
        "/v1/accounts/{account}/authorizers",
        "/v1/accounts/{account}/authorizers/recover",
    ];

    /// One below an account.
    pub(crate) fn of_account(account: &'a str, more: &str) -> Option<Self> {
        match more {
            "authorization-links" => Some(Self::Links(account)),
            "authorizers" => Some(Self::Authorizers(account)),
            "authorizers/recover" => Some(Self::Recovery(account)),
            _ => None,
        }
    }

    /// One of a browser's.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let below = |beginning| {
            path.strip_prefix(beginning).filter(|it: &&str| !it.is_empty() && !it.contains('/'))
        };
        below("/authorize/").map(Self::Begin).or_else(|| below("/authorized/").map(Self::Back))
    }

    pub(crate) fn number(self) -> usize {
        match self {
            Self::Links(_) => 0,
            Self::Begin(_) => 1,
            Self::Back(_) => 2,
            Self::Authorizers(_) => 3,
            Self::Recovery(_) => 4,
        }
    }

    /// Whether it is for whoever manages accounts.
    pub(crate) fn is_for_admins(self) -> bool {
        !matches!(self, Self::Begin(_) | Self::Back(_))
    }
}

/// Whatever is asked of authorisations.
pub(crate) async fn answer(
    serving: &Serving,
    part: Part<'_>,
    head: &Parts,
    body: Incoming,
    (origin, peer): (&Origin, IpAddr),
) -> Result<Response<Body>, Refusal> {
    match part {
        Part::Links(account) => links::make(serving, account, head, body, (origin, peer)).await,
        Part::Begin(link) => browser::begin(serving, link, head, origin).await,
        Part::Back(link) => browser::back(serving, link, head).await,
        Part::Authorizers(account) => {
            authorizers::collection(serving, account, head, body, peer).await
        }
        Part::Recovery(account) => authorizers::recover(serving, account, head, body, peer).await,
    }
}

impl Authorizing {
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let signer = Signer::new(settings.key.as_ref()).map_err(|_| Error::NoRandomness)?;
        Ok(Self { settings, signer })
    }

    /// Who knows WeChat.
    pub(crate) fn authority(&self) -> &dyn Authority {
        &*self.settings.authority
    }

    /// Where the browser that asks finds this server. None if it does not say what it has asked.
    fn base(&self, head: &Parts, origin: &Origin) -> Option<String> {
        if let Some(BaseUrl(url)) = &self.settings.url {
            return Some(url.to_string());
        }
        let named = || head.headers.get(http::header::HOST)?.to_str().ok()?.parse().ok();
        let host: Host = head.uri.authority().cloned().or_else(named)?;
        let scheme = if origin.is_encrypted(&head.headers) { "https" } else { "http" };
        (!host.as_str().contains('@')).then(|| format!("{scheme}://{host}"))
    }
}

impl BaseUrl {
    /// Reads one: none if it is not like `https://host` or `https://host/path`.
    pub fn parse(text: &str) -> Option<Self> {
        let ReturnTo { scheme, host, path } = ReturnTo::parse(text)?;
        Some(Self(format!("{scheme}://{host}{}", path.trim_end_matches('/')).into()))
    }
}

impl ReturnTo {
    /// Reads what URLs are to begin with: none if it is no URL, or has more than scheme, host and path.
    pub fn parse(text: &str) -> Option<Self> {
        let uri = plain_url(text)?;
        if uri.query().is_some() {
            return None;
        }
        let parts = uri.into_parts();
        let path = parts.path_and_query.as_ref().map_or("/", |it| it.path()).into();
        Some(Self { scheme: parts.scheme?, host: parts.authority?, path })
    }

    /// Whether a URL begins so.
    fn covers(&self, url: &Uri) -> bool {
        let is_same_host =
            url.scheme() == Some(&self.scheme) && url.authority() == Some(&self.host);
        let rest = url.path().strip_prefix(&*self.path);
        is_same_host
            && rest
                .is_some_and(|it| it.is_empty() || self.path.ends_with('/') || it.starts_with('/'))
    }
}

/// A URL that every browser reads alike: no login, nothing that stands for something else, no way up.
fn plain_url(text: &str) -> Option<Uri> {
    let is_plain = text.len() <= 1024
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte));
    let uri: Uri = text.parse().ok().filter(|_| is_plain)?;
    let is_web = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let has_host = uri.authority().is_some_and(|it| !it.as_str().contains('@'));
    let path = uri.path().to_ascii_lowercase();
    let goes_up = path.split('/').any(|part| part.replace("%2e", ".") == "..");
    (is_web && has_host && !goes_up).then_some(uri)
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("url", &self.url).field("return_to", &self.return_to).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_only_where_the_operator_allows() {
        let allowed = ReturnTo::parse("https://shop.example.com/wechat").unwrap();
        let covers = |url: &str| plain_url(url).is_some_and(|url| allowed.covers(&url));
        for good in ["https://shop.example.com/wechat", "https://SHOP.example.com/wechat/done?x=1"]
        {
            assert!(covers(good), "{good}");
        }
        for bad in [
            "http://shop.example.com/wechat",
            "https://shop.example.com/wechats",
            "https://shop.example.com/",
            "https://shop.example.com/wechat/../x",
            "https://shop.example.com/wechat/%2E%2e/x",
            "https://shop.example.com.evil/wechat",
            "https://shop.example.com@evil/wechat",
            "https://shop.example.com:444/wechat",
            "https://shop.example.com\\@evil/wechat",
            "javascript:alert(1)",
            "//shop.example.com/wechat",
        ] {
            assert!(!covers(bad), "{bad}");
        }
        let all = ReturnTo::parse("http://127.0.0.1:8080").unwrap();
        assert!(all.covers(&plain_url("http://127.0.0.1:8080/any?x").unwrap()));
        assert_eq!(ReturnTo::parse("https://a.cn/?x"), None);
    }

    #[test]
    fn a_base_has_no_slash_at_its_end() {
        assert_eq!(BaseUrl::parse("https://a.cn/"), Some(BaseUrl("https://a.cn".into())));
        assert_eq!(BaseUrl::parse("https://a.cn/lp/"), Some(BaseUrl("https://a.cn/lp".into())));
        assert_eq!(BaseUrl::parse("a.cn"), None);
    }
}
