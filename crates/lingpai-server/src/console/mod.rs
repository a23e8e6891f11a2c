//! The console: pages for people out of this very binary, and the sessions by which a browser asks for what they show.
//!
//! The pages hold nothing and know nothing. They ask the native API, which stands once more under `/console/v1/`: there, and
//! nowhere else, a session takes the place of a key. The session is a cookie that scripts cannot read and that is sent to no
//! other path, and it counts only together with a header that no other site can send. It never sees a token, unless the
//! operator says so.

mod files;
mod lockout;
mod session;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, COOKIE, HeaderMap, LOCATION, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::audit::{Action, Deed};
use lingpai_core::client::{Accounts, Right};
use lingpai_core::{CredentialId, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::answer::{self, Body};
use crate::keys::Named;
use crate::language::Bilingual;
use crate::object;
use crate::proxies::Origin;
use crate::refusal::Refusal;
use crate::routes::{self, Route};
use crate::serving::{Caller, Serving};

use self::lockout::Lockout;
pub(crate) use self::session::Session;
pub use self::session::SessionKey;
use self::session::Sessions;

/// The name of the cookie. Browsers send it to the console's own paths only.
const COOKIE_NAME: &str = "lingpai_session";
/// What the pages send along, and no other site can.
const PROOF: HeaderName = HeaderName::from_static("x-lingpai-csrf");
/// What a browser says of where a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a browser says of what it wants a thing for. No program sends it.
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// How the console is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a session lives, whatever is done with it. Default 8 h.
    pub life: Duration,
    /// Whether a session may read a token: each time it is logged. Default no.
    pub reveal: bool,
    /// What signs sessions. With the same on several servers, a session is one on each of them, and after a restart. Default:
    /// made anew with the server.
    pub session_key: Option<SessionKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { life: Duration::from_hours(8), reveal: false, session_key: None }
    }
}

/// The console of a server.
pub(crate) struct Console {
    settings: Settings,
    sessions: Sessions,
    lockout: Lockout,
}

/// What a browser is told of its session.
#[derive(Serialize)]
struct SessionAnswer {
    /// To be sent in `X-Lingpai-CSRF` with everything that is asked for.
    csrf: String,
    key: KeyName,
    accounts: Named,
    #[serde(serialize_with = "answer::rfc_3339")]
    expires_at: Timestamp,
    /// Whether it may read tokens.
    reveal: bool,
    version: &'static str,
}

/// The key behind a session.
#[derive(Serialize)]
struct KeyName {
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    key: Secret,
}

impl Console {
    /// # Errors
    /// If the operating system gives no random bytes.
    pub(crate) fn new(settings: Settings) -> Result<Self, getrandom::Error> {
        let sessions = Sessions::new(settings.life, settings.session_key.as_ref())?;
        Ok(Self { settings, sessions, lockout: Lockout::default() })
    }

    /// Whether a session that was opened is one still.
    pub(crate) fn holds(&self, session: &Session, now: Timestamp) -> bool {
        self.sessions.holds(session, now)
    }
}

/// Shuts a page of somebody else's, which a browser was led to by way of the gateway, into an origin of its own: from this one it
/// could ask whatever the console's pages can. What no browser asks for is left as it is.
pub(crate) fn keep_apart(asked: &HeaderMap, answer: &mut HeaderMap) {
    let is_browser = asked.contains_key(SEC_FETCH_DEST)
        || header(asked, &ACCEPT).is_some_and(|kinds| kinds.contains("text/html"));
    if is_browser {
        answer.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// Everything below `/console`; `path` is what follows that.
pub(crate) async fn answer(
    serving: &Arc<Serving>,
    path: &str,
    head: &Parts,
    body: Incoming,
    (origin, peer): (&Origin, IpAddr),
) -> Result<Response<Body>, Refusal> {
    let console = serving.console.as_ref().ok_or(Refusal::PathUnknown)?;
    if path.starts_with("/v1/") {
        return by_session(serving, console, path, head, body, (origin, peer)).await;
    }
    if path == "/session" {
        return match head.method {
            Method::GET => console.told(serving, &console.session(serving, head)?),
            Method::POST => console.open(serving, head, body, (origin, peer)).await,
            Method::DELETE => console.end(serving, head, origin),
            _ => Err(Refusal::MethodUnknown("GET, POST, DELETE")),
        };
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Refusal::MethodUnknown("GET"));
    }
    if path.is_empty() {
        let mut response = answer::empty(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/console/"));
        return Ok(response);
    }
    files::answer(path, &head.headers).ok_or(Refusal::PathUnknown)
}

/// A call of the native API, for whoever is logged in.
async fn by_session(
    serving: &Arc<Serving>,
    console: &Console,
    path: &str,
    head: &Parts,
    body: Incoming,
    (origin, peer): (&Origin, IpAddr),
) -> Result<Response<Body>, Refusal> {
    let session = console.session(serving, head)?;
    if !console.sessions.is_proven(&session, header(&head.headers, &PROOF)) {
        return Err(Refusal::SessionUnknown);
    }
    let route = Route::of(path);
    let reads_token = matches!(route, Route::Token(_)) && console.settings.reveal;
    if !route.is_for_sessions() && !reads_token {
        return Err(Refusal::SessionLimited);
    }
    let mut head = head.clone();
    head.extensions.insert(session);
    let answered = routes::rare(serving, route, &head, body, (origin, peer)).await?;
    if let Route::Token(account) = route {
        revealed(serving, &session, &routes::decoded(account), peer);
    }
    Ok(answered)
}

/// Notes for good that somebody has looked at a token.
fn revealed(serving: &Serving, session: &Session, account: &str, peer: IpAddr) {
    let key = serving.keys.id_of(&session.key);
    tracing::info!(account, key, %peer, "a token was revealed in the console");
    let credential = account.parse().ok().map(CredentialId::access_token);
    serving.did(&session.key, peer, credential, Deed::new(Action::TokenRevealed));
}

impl Console {
    /// The session of a request, if its key is good still. Other sites cannot ask.
    fn session(&self, serving: &Serving, head: &Parts) -> Result<Session, Refusal> {
        let site = header(&head.headers, &SEC_FETCH_SITE);
        if !matches!(site, None | Some("same-origin" | "none")) {
            return Err(Refusal::SessionUnknown);
        }
        let now = serving.registry.clock().now().wall;
        let mut cookies = head.headers.get_all(COOKIE).iter().filter_map(|all| all.to_str().ok());
        let session = cookies.find_map(|all| {
            let mut pairs = all.split(';').filter_map(|pair| pair.trim().split_once('='));
            let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
            self.sessions.read(value)
        });
        let session = session.filter(|it| self.holds(it, now)).ok_or(Refusal::SessionUnknown)?;
        let is_good = serving
            .keys
            .look_now(&session.key, |key| key.allows_somewhere(Right::Admin, now).is_ok());
        if is_good == Some(true) { Ok(session) } else { Err(Refusal::SessionUnknown) }
    }

    /// `POST /console/session`: a key for a session.
    async fn open(
        &self,
        serving: &Serving,
        head: &Parts,
        body: Incoming,
        (origin, peer): (&Origin, IpAddr),
    ) -> Result<Response<Body>, Refusal> {
        const EXPECTED: Bilingual = Bilingual::fixed(
            "the JSON object {\"key\": \"...\"} and the header `X-Lingpai-CSRF: login`",
            " JSON 对象 {\"key\": \"...\"}，以及请求头 `X-Lingpai-CSRF: login`",
        );
        // No other site can send this header, so none logs anybody in.
        if header(&head.headers, &PROOF).is_none() {
            return Err(Refusal::BodyUnreadable(EXPECTED));
        }
        let body = serving.body(body).await?;
        let Login { key } = object::read(&body).map_err(|_| Refusal::BodyUnreadable(EXPECTED))?;
        let now = serving.registry.clock().now();
        let attempt = self.lockout.begin(peer, now.instant).map_err(Refusal::LoginLocked)?;
        let caller = Caller::new(key.expose().trim(), peer);
        let admitted = serving.admit_somewhere(caller, Right::Admin).await;
        let (key, _) = admitted.inspect_err(|refusal| {
            tracing::warn!(%peer, why = refusal.code(), "nobody was logged in to the console");
        })?;
        attempt.succeeded();
        serving.did(&key, peer, None, Deed::new(Action::ConsoleEntered));
        let (session, cookie) =
            self.sessions.open(key, now.wall).map_err(|_| Refusal::NoRandomness)?;
        tracing::info!(%peer, key = serving.keys.id_of(&key), "somebody logged in to the console");
        let mut response = self.told(serving, &session)?;
        set_cookie(&mut response, &cookie, self.settings.life, origin.is_encrypted(&head.headers));
        Ok(response)
    }

    /// `DELETE /console/session`: it ends at once.
    fn end(
        &self,
        serving: &Serving,
        head: &Parts,
        origin: &Origin,
    ) -> Result<Response<Body>, Refusal> {
        let session = self.session(serving, head)?;
        if !self.sessions.is_proven(&session, header(&head.headers, &PROOF)) {
            return Err(Refusal::SessionUnknown);
        }
        self.sessions.end(&session, serving.registry.clock().now().wall);
        let mut response = answer::empty(StatusCode::NO_CONTENT);
        set_cookie(&mut response, "", Duration::ZERO, origin.is_encrypted(&head.headers));
        Ok(response)
    }

    fn told(&self, serving: &Serving, session: &Session) -> Result<Response<Body>, Refusal> {
        let key = serving.keys.look_now(&session.key, |key| {
            let name = KeyName { id: key.id.clone(), name: key.name.clone() };
            (name, key.accounts.clone())
        });
        let (key, accounts): (_, Accounts) = key.ok_or(Refusal::SessionUnknown)?;
        let told = SessionAnswer {
            csrf: self.sessions.proof(session),
            key,
            accounts: Named::of(&accounts),
            expires_at: self.sessions.ends(session),
            reveal: self.settings.reveal,
            version: env!("CARGO_PKG_VERSION"),
        };
        Ok(answer::json(StatusCode::OK, &told))
    }
}

fn set_cookie(response: &mut Response<Body>, value: &str, life: Duration, is_encrypted: bool) {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={value}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={age}{secure}",
        age = life.as_secs()
    );
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
