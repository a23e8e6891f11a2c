//! Every path there is, and who answers it.
//!
//! The few paths are matched by hand: the two that carry nearly all requests come first, and nothing is allocated.

mod names;

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use lingpai_wechat::kinds::{self, Wanted};
use lingpai_wechat::protocol::WECOM_PREFIX;
use percent_encoding::percent_decode_str;

use crate::answer::Body;
use crate::dropin::{self, Call};
use crate::gateway::split_account;
use crate::listen::Surface;
use crate::proxies::Origin;
use crate::refusal::{Barred, Reads, Refusal};
use crate::serving::Serving;
use crate::trace::{self, Line};
use crate::{
    accounts, adopt, alerts, audit, authorize, console, diagnosis, doctor, events, keys, language,
    manage, monitor, native, nodes, openapi, overview, push, quota, sinks, tickets,
};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The current token of the account of this name, as it stands in the path.
    Token(&'a str),
    /// A report that the account's token is invalid.
    ReportInvalid(&'a str),
    /// The ticket of this type of the account of this name.
    Ticket(&'a str, &'a str),
    /// Sign a page of the account of this name.
    JsConfig(&'a str),
    /// Sign a card of the account of this name.
    CardSignature(&'a str),
    /// A call for a token in WeChat's shape.
    DropIn(Call),
    /// Whether the server runs.
    Health,
    /// Whether clients should be sent here.
    Ready,
    /// Numbers.
    Metrics,
    /// The description of all this.
    OpenApi,
    /// All accounts.
    Accounts,
    /// A page of them, the worst first.
    Overview,
    /// How it stands with the account of this name.
    Account(&'a str),
    /// Have the account's token replaced.
    Rotate(&'a str),
    Adopt(&'a str),
    /// Give the account another AppSecret.
    Secret(&'a str),
    /// What WeChat pushes to the account of this name.
    Push(&'a str),
    /// What it pushes to the platform of this name for the authorizer of that.
    PushOfAuthorizer(&'a str, &'a str),
    /// The pushes that wait for the account's business.
    Pushes(&'a str),
    /// One of them, by its id.
    PushOf(&'a str, &'a str),
    /// The same once more.
    PushRetry(&'a str, &'a str),
    /// What the account of this name has called, and may still call.
    Quota(&'a str),
    /// Have WeChat set the account's counters to zero.
    QuotaClear(&'a str),
    /// What WeChat knows of the request of this rid.
    Rid(&'a str),
    /// The nodes that share the store.
    Nodes,
    /// Events as they happen.
    Events,
    /// Events that were.
    History,
    /// Who read and changed what.
    Audit,
    /// How it stands with alerts.
    Alerts,
    /// Try the alert of this name.
    AlertTest(&'a str),
    /// How it stands with sinks.
    Sinks,
    /// Try the sink of this name.
    SinkTest(&'a str),
    /// Deliver to it now.
    SinkSync(&'a str),
    /// Why a token was refused.
    Diagnose,
    /// Find out what is wrong.
    Doctor,
    /// All keys, and making one.
    Keys,
    /// The key of this id.
    Key(&'a str),
    /// The log-in of the console.
    Session,
    /// Whatever else stands below `/console`, with what follows that.
    Console(&'a str),
    /// An authorisation that begins here.
    Authorization(authorize::Part<'a>),
    /// A call of WeChat's API, with this path.
    Forward(&'a str),
    /// Nowhere.
    Unknown,
}

/// The answer to one request. Never fails: what goes wrong is answered.
///
/// It is hyper's service as it is: each future around it would be another copy of every request.
pub(crate) async fn answer(
    serving: &Arc<Serving>,
    request: Request<Incoming>,
    origin: &Origin,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let peer = serving.proxies.client(origin, &head.headers);
    let path = head.uri.path();
    let path = serving.gateway.as_ref().map_or(path, |gateway| gateway.unmounted(path));
    let route = Route::of(path).or_forward(path);
    let is_hidden = origin.surface == Surface::Clients && route.is_for_admins();
    let route = if is_hidden { Route::Unknown } else { route };
    let clock = &**serving.registry.clock();
    let started = serving.trace.start(clock);
    let mut reads = Reads::Api;
    let outcome = match route {
        Route::Token(account) => native::token(serving, &decoded(account), &head, peer).await,
        Route::DropIn(call) => dropin::answer(serving, call, &head, body, peer).await,
        Route::Health => monitor::health(&head),
        Route::Forward(path) => {
            let forwarded = Box::pin(forward(serving, &head, body, path, peer)).await;
            forwarded.map_err(|(refusal, read)| {
                reads = read;
                refusal
            })
        }
        // What is asked for rarely must not make every connection larger.
        _ => Box::pin(rare(serving, route, &head, body, (origin, peer))).await,
    };
    let (mut response, error) = match outcome {
        Ok(response) => (response, None),
        Err(refusal) => {
            serving.metrics.refused(refusal.code());
            let response = match route {
                Route::DropIn(call) if call.is_of_wecom() => refusal.wecom(call),
                Route::DropIn(_) => refusal.wechat(),
                Route::Forward(_) => refusal.gateway(reads),
                _ => refusal.native(language::wanted(&head.headers)),
            };
            (response, Some(refusal.code()))
        }
    };
    if matches!(route, Route::Forward(_)) && serving.console.is_some() {
        console::keep_apart(&head.headers, response.headers_mut());
    }
    let status = response.status();
    serving.metrics.answered(route, status);
    let id = serving.trace.id(&head.headers, error.is_some());
    let (method, route) = (&head.method, route.name());
    let line = Line { peer, method, route, status, error, id: id.as_ref() };
    serving.trace.log(&line, started, clock);
    trace::name(response.headers_mut(), id);
    Ok(response)
}

/// All but the routes that carry nearly all requests.
pub(crate) async fn rare(
    serving: &Arc<Serving>,
    route: Route<'_>,
    head: &Parts,
    body: Incoming,
    (origin, peer): (&Origin, IpAddr),
) -> Result<Response<Body>, Refusal> {
    match route {
        Route::ReportInvalid(account) => {
            native::report_invalid(serving, &decoded(account), head, body, peer).await
        }
        Route::Adopt(account) => adopt::adopt(serving, &decoded(account), head, body, peer).await,
        Route::Rotate(account) => {
            native::rotate(serving, &decoded(account), head, body, peer).await
        }
        Route::Ticket(account, of) => {
            tickets::ticket(serving, &decoded(account), of, head, peer).await
        }
        Route::JsConfig(account) => {
            tickets::js_config(serving, &decoded(account), head, body, peer).await
        }
        Route::CardSignature(account) => {
            tickets::card_signature(serving, &decoded(account), head, body, peer).await
        }
        Route::Accounts => match head.method {
            Method::GET => accounts::list(serving, head, peer).await,
            Method::POST => manage::create(serving, head, body, peer).await,
            _ => Err(Refusal::MethodUnknown("GET, POST")),
        },
        Route::Account(account) => {
            let account = &decoded(account);
            match head.method {
                Method::GET => accounts::status(serving, account, head, peer).await,
                Method::PATCH => manage::update(serving, account, head, body, peer).await,
                Method::DELETE => manage::remove(serving, account, head, peer).await,
                _ => Err(Refusal::MethodUnknown("GET, PATCH, DELETE")),
            }
        }
        Route::Secret(account) => {
            manage::replace_secret(serving, &decoded(account), head, body, peer).await
        }
        Route::Push(account) => push::answer(serving, &decoded(account), None, head, body).await,
        Route::PushOfAuthorizer(platform, authorizer) => {
            let authorizer = decoded(authorizer);
            push::answer(serving, &decoded(platform), Some(&authorizer), head, body).await
        }
        Route::Pushes(account) => push::list(serving, &decoded(account), head, peer).await,
        Route::PushOf(account, id) => {
            push::remove(serving, &decoded(account), id, head, peer).await
        }
        Route::PushRetry(account, id) => {
            push::retry(serving, &decoded(account), id, head, peer).await
        }
        Route::Quota(account) => quota::read(serving, &decoded(account), head, peer).await,
        Route::QuotaClear(account) => {
            quota::clear(serving, &decoded(account), head, body, peer).await
        }
        Route::Rid(rid) => quota::rid(serving, &decoded(rid), head, peer).await,
        Route::Overview => overview::list(serving, head, peer).await,
        Route::Nodes => nodes::list(serving, head, peer).await,
        Route::Events => events::stream(serving, head, peer).await,
        Route::History => events::history(serving, head, peer).await,
        Route::Audit => audit::list(serving, head, peer).await,
        Route::Alerts => alerts::list(serving, head, peer).await,
        Route::AlertTest(name) => alerts::test(serving, &decoded(name), head, peer).await,
        Route::Sinks => sinks::list(serving, head, peer).await,
        Route::SinkTest(name) => sinks::test(serving, &decoded(name), head, peer).await,
        Route::SinkSync(name) => sinks::sync(serving, &decoded(name), head, peer).await,
        Route::Diagnose => diagnosis::api::answer(serving, head, body, peer).await,
        Route::Doctor => doctor::api::answer(serving, head, body, peer).await,
        Route::Keys => keys::collection(serving, head, body, peer).await,
        Route::Key(id) => keys::revoke(serving, id, head, peer).await,
        Route::Authorization(part) => {
            Box::pin(authorize::answer(serving, part, head, body, (origin, peer))).await
        }
        Route::Session => {
            Box::pin(console::answer(serving, "/session", head, body, (origin, peer))).await
        }
        Route::Console(path) => {
            Box::pin(console::answer(serving, path, head, body, (origin, peer))).await
        }
        // Only of whoever is logged in to the console.
        Route::Token(account) => native::token(serving, &decoded(account), head, peer).await,
        Route::Ready => monitor::readiness(serving, head),
        Route::Metrics => monitor::metrics(serving, head, peer).await,
        Route::OpenApi => openapi::answer(head),
        Route::DropIn(_) | Route::Health | Route::Forward(_) | Route::Unknown => {
            Err(Refusal::PathUnknown)
        }
    }
}

/// A call of WeChat's API; if it is refused here, also how its SDK reads that.
async fn forward(
    serving: &Serving,
    head: &Parts,
    body: Incoming,
    path: &str,
    peer: IpAddr,
) -> Result<Response<Body>, (Refusal, Reads)> {
    match &serving.gateway {
        Some(gateway) => gateway.answer(serving, head, body, path, peer).await,
        // An SDK may be pointed here all the same, and reads this only in WeChat's shape.
        None => Err((Barred::GatewayOff.into(), Reads::Api)),
    }
}

impl<'a> Route<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        if let Some(rest) = path.strip_prefix("/v1/accounts/") {
            return match rest.split_once('/') {
                Some((account, "token")) => Self::Token(account),
                Some((account, "token/report-invalid")) => Self::ReportInvalid(account),
                Some((account, "token/rotate")) => Self::Rotate(account),
                Some((account, "token/adopt")) => Self::Adopt(account),
                Some((account, "secret")) => Self::Secret(account),
                Some((account, "js-config")) => Self::JsConfig(account),
                Some((account, "card-signature")) => Self::CardSignature(account),
                Some((account, "pushes")) => Self::Pushes(account),
                Some((account, "quota")) => Self::Quota(account),
                Some((account, "quota/clear")) => Self::QuotaClear(account),
                Some((account, more)) => Self::of_account(account, more),
                None if !rest.is_empty() => Self::Account(rest),
                _ => Self::Unknown,
            };
        }
        if let Some(rest) = path.strip_prefix("/push/") {
            return match rest.split_once('/') {
                None if is_one(rest) => Self::Push(rest),
                Some((platform, of)) if is_one(platform) && is_one(of) => {
                    Self::PushOfAuthorizer(platform, of)
                }
                _ => Self::Unknown,
            };
        }
        if let Some(rest) = path.strip_prefix("/console")
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return if rest == "/session" { Self::Session } else { Self::Console(rest) };
        }
        match path {
            "/cgi-bin/token" => Self::DropIn(Call::Token),
            "/cgi-bin/stable_token" => Self::DropIn(Call::StableToken),
            // At the root too: no other host has this path.
            "/qyapi/cgi-bin/gettoken" | "/cgi-bin/gettoken" => Self::DropIn(Call::Gettoken),
            "/qyapi/cgi-bin/service/get_corp_token" | "/cgi-bin/service/get_corp_token" => {
                Self::DropIn(Call::CorpToken)
            }
            "/cgi-bin/component/api_authorizer_token" => Self::DropIn(Call::AuthorizerToken),
            "/healthz" => Self::Health,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/openapi.json" => Self::OpenApi,
            "/v1/accounts" => Self::Accounts,
            "/v1/overview" => Self::Overview,
            "/v1/nodes" => Self::Nodes,
            "/v1/events" => Self::Events,
            "/v1/events/history" => Self::History,
            "/v1/audit" => Self::Audit,
            "/v1/alerts" => Self::Alerts,
            "/v1/sinks" => Self::Sinks,
            _ if path.starts_with("/v1/alerts/") => Self::of_name(path),
            _ if path.starts_with("/v1/sinks/") => Self::of_name(path),
            "/v1/diagnose" => Self::Diagnose,
            "/v1/doctor" => Self::Doctor,
            "/v1/keys" => Self::Keys,
            _ if let Some(wanted) = declared(path) => Self::DropIn(Call::Declared(wanted)),
            _ => authorize::Part::of(path).map_or(Self::of_id(path), Self::Authorization),
        }
    }

    /// What is known by an id of its own.
    fn of_id(path: &'a str) -> Self {
        let below = |beginning| path.strip_prefix(beginning).filter(|id: &&str| is_one(id));
        match (below("/v1/keys/"), below("/v1/rids/")) {
            (Some(id), _) => Self::Key(id),
            (None, Some(rid)) => Self::Rid(rid),
            (None, None) => Self::Unknown,
        }
    }

    /// `/v1/alerts/{name}/test`, `/v1/sinks/{name}/test` and `/v1/sinks/{name}/sync`.
    fn of_name(path: &'a str) -> Self {
        let parts = path.strip_prefix("/v1/").and_then(|rest| rest.split_once('/'));
        match parts.and_then(|(of, rest)| Some((of, rest.split_once('/')?))) {
            Some(("alerts", (name, "test"))) if !name.is_empty() => Self::AlertTest(name),
            Some(("sinks", (name, "test"))) if !name.is_empty() => Self::SinkTest(name),
            Some(("sinks", (name, "sync"))) if !name.is_empty() => Self::SinkSync(name),
            _ => Self::Unknown,
        }
    }

    /// What stands below an account and has a name or an id of its own.
    fn of_account(account: &'a str, more: &'a str) -> Self {
        match more.split_once('/') {
            Some(("tickets", of)) if is_one(of) => Self::Ticket(account, of),
            Some(("pushes", id)) if is_one(id) => Self::PushOf(account, id),
            Some(("pushes", more)) => match more.split_once('/') {
                Some((id, "retry")) if is_one(id) => Self::PushRetry(account, id),
                _ => Self::Unknown,
            },
            _ => authorize::Part::of_account(account, more)
                .map_or(Self::Unknown, Self::Authorization),
        }
    }

    /// Whether it is hidden on a [`Surface::Clients`].
    fn is_for_admins(self) -> bool {
        match self {
            Self::Token(_) | Self::ReportInvalid(_) | Self::DropIn(_) | Self::Events => false,
            Self::Push(_) | Self::PushOfAuthorizer(..) => false,
            Self::Authorization(part) => part.is_for_admins(),
            Self::Pushes(_) | Self::PushOf(..) | Self::PushRetry(..) => true,
            Self::Ticket(..) | Self::JsConfig(_) | Self::CardSignature(_) => false,
            Self::Health | Self::Ready | Self::OpenApi | Self::Forward(_) | Self::Unknown => false,
            Self::Audit | Self::Alerts | Self::AlertTest(_) => true,
            Self::Sinks | Self::SinkTest(_) | Self::SinkSync(_) => true,
            Self::Rotate(_)
            | Self::Adopt(_)
            | Self::Accounts
            | Self::Overview
            | Self::Account(_)
            | Self::History => true,
            Self::Diagnose | Self::Doctor => true,
            Self::Quota(_) | Self::QuotaClear(_) | Self::Rid(_) => true,
            Self::Session | Self::Console(_) => true,
            Self::Secret(_) | Self::Keys | Self::Key(_) | Self::Metrics | Self::Nodes => true,
        }
    }

    /// Whether the console's sessions may ask for it: for nothing that shows a token, or that is signed with one.
    pub(crate) fn is_for_sessions(self) -> bool {
        !matches!(
            self,
            Self::Token(_)
                | Self::ReportInvalid(_)
                | Self::Ticket(..)
                | Self::JsConfig(_)
                | Self::CardSignature(_)
                | Self::DropIn(_)
                | Self::Push(_)
                | Self::PushOfAuthorizer(..)
                | Self::Session
                | Self::Console(_)
                | Self::Authorization(authorize::Part::Begin(_) | authorize::Part::Back(_))
                | Self::Forward(_)
        )
    }

    /// The same with what is not Lingpai's own, which is a call of WeChat's API. The token calls are Lingpai's, wherever an
    /// SDK's base URL puts them.
    fn or_forward(self, path: &'a str) -> Self {
        match self {
            Self::Unknown if path.starts_with("/v1/") => Self::Unknown,
            Self::Unknown => match Self::of(split_account(path).1) {
                token_call @ Self::DropIn(_) => token_call,
                _ => Self::Forward(path),
            },
            known => known,
        }
    }

    fn name(self) -> &'static str {
        Self::NAMES[self.number()]
    }
}

/// The token that is declared to be asked for at this path: WeCom's with its prefix too.
fn declared(path: &str) -> Option<Wanted> {
    let below = path.strip_prefix(WECOM_PREFIX);
    kinds::asked().find(|wanted| match below {
        Some(path) => wanted.is_of_wecom() && wanted.asked.path == path,
        None => wanted.asked.path == path,
    })
}

/// Whether it is one part of a path.
fn is_one(part: &str) -> bool {
    !part.is_empty() && !part.contains('/')
}

/// A part of a path as it was meant: clients may write the `:` of an account's name as `%3A`.
pub(crate) fn decoded(part: &str) -> Cow<'_, str> {
    if part.contains('%') { percent_decode_str(part).decode_utf8_lossy() } else { part.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_name() {
        for (number, name) in Route::NAMES.iter().copied().enumerate() {
            let route = match name {
                "gateway" => Route::Forward(name),
                "console" => Route::of("/console/app.js"),
                _ => Route::of(name),
            };
            assert_eq!(route.number(), number, "{name}");
        }
    }

    #[test]
    fn what_is_not_lingpais_own_is_forwarded() {
        let route = |path| Route::of(path).or_forward(path);
        for path in ["/cgi-bin/user/get", "/gateway/wx1/wxa/x", "/qyapi/cgi-bin/x", "/"] {
            assert_eq!(route(path), Route::Forward(path));
        }
        assert_eq!(route("/gateway/wx1/cgi-bin/token"), Route::DropIn(Call::Token));
        assert_eq!(route("/cgi-bin/stable_token"), Route::DropIn(Call::StableToken));
        for path in
            ["/cgi-bin/gettoken", "/qyapi/cgi-bin/gettoken", "/gateway/w:1/qyapi/cgi-bin/gettoken"]
        {
            assert_eq!(route(path), Route::DropIn(Call::Gettoken));
        }
        let corp = "/gateway/ww1:ww2/qyapi/cgi-bin/service/get_corp_token";
        assert_eq!(route(corp), Route::DropIn(Call::CorpToken));
        assert_eq!(route("/gateway/wx1/metrics"), Route::Forward("/gateway/wx1/metrics"));
        assert_eq!(route("/v1/unheard/of"), Route::Unknown);
        assert_eq!(route("/readyz"), Route::Ready);
    }

    #[test]
    fn an_account_stands_in_the_path_and_nothing_else_does() {
        assert_eq!(Route::of("/v1/accounts/wx1/token"), Route::Token("wx1"));
        assert_eq!(Route::of("/v1/accounts/wx1/token/report-invalid"), Route::ReportInvalid("wx1"));
        assert_eq!(decoded("ww1%3A1000002"), "ww1:1000002");
        for path in [
            "/",
            "/v1/accounts/",
            "/v1/accounts/wx1/token/",
            "/v1/accounts/wx1/tickets/",
            "/v1/accounts/wx1/tickets/jsapi/x",
            "/v1/keys/",
            "/v1/keys/a/b",
            "/cgi-bin/token/x",
        ] {
            assert_eq!(Route::of(path), Route::Unknown, "{path}");
        }
    }
}
