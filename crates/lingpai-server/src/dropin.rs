//! The paths that answer as WeChat does, so that an SDK fetches its token here by changing a host name.
//!
//! The `secret` is the client's key. Both of WeChat's paths answer the account's one current token, whatever family it is of.
//! WeCom's names the corp only: the application is the one that the key is for, or that the path names. A call
//! alone can never make upstream issue another: one that comes too early, or wants a forced refresh, counts as a report
//! (`given.rs`), and the engine tries the token before it believes that.
//!
//! A client that may use the gateway and not read tokens is given a virtual token in place of the real one: the same every
//! time, whatever happens to the real one, and good at the gateway only.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use lingpai_core::client::{Accounts, ApiKey, Denied, Right};
use lingpai_core::event::What;
use lingpai_core::keeper::Outcome;
use lingpai_core::rotation::Evidence;
use lingpai_core::span::Sort;
use lingpai_core::{AccountId, Generation, Kind, Secret, virtual_token};
use lingpai_wechat::kinds::Wanted;
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;

use crate::answer::{self, Body};
use crate::gateway::{account_named, split_account};
use crate::given::{Client, Learnt, Manner};
use crate::life;
use crate::params::{CorpCall, Params, TokenCall};
use crate::refusal::{Barred, Refusal};
use crate::serving::{Admitted, Caller, Served, Serving};
use crate::traces;
use crate::{platforms, services};

/// What is said of the life of a virtual token: as long as a real one's, well above every SDK's margin. It ends with its
/// key, which may be sooner.
const VIRTUAL_LIFE: Duration = Duration::from_secs(7200);

/// Which of WeChat's calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `/cgi-bin/token`.
    Token,
    /// `/cgi-bin/stable_token`.
    StableToken,
    /// WeCom's `/cgi-bin/gettoken`.
    Gettoken,
    /// One that is declared with its kind of token, such as a suite's or a platform's.
    Declared(Wanted),
    /// WeCom's `/cgi-bin/service/get_corp_token`, for the token of a suite in a corp.
    CorpToken,
    /// A third-party platform's `/cgi-bin/component/api_authorizer_token`, for that of an account that has authorised it.
    AuthorizerToken,
}

/// What WeChat answers; no `errcode`, by which SDKs tell success. WeCom's have one, of zero.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errmsg: Option<&'static str>,
    access_token: &'a str,
    expires_in: u64,
}

impl Call {
    /// Whether WeCom has it, whose answers always have an errcode.
    pub(crate) fn is_of_wecom(self) -> bool {
        match self {
            Self::Declared(wanted) => wanted.is_of_wecom(),
            _ => matches!(self, Self::Gettoken | Self::CorpToken),
        }
    }

    /// `shown` is what the client has shown for a key.
    fn answered(self, token: &Secret, expires_in: u64, shown: &Secret) -> Response<Body> {
        match self {
            Self::AuthorizerToken => {
                let answer = platforms::authorizer_answer(token, expires_in, shown);
                return answer::json(StatusCode::OK, &answer);
            }
            Self::Declared(wanted) => {
                let mut answer = match wanted.is_of_wecom() {
                    true => json!({"errcode": 0, "errmsg": "ok", "expires_in": expires_in}),
                    false => json!({"expires_in": expires_in}),
                };
                answer[wanted.declared.kind.as_str()] = token.expose().into();
                return answer::json(StatusCode::OK, &answer);
            }
            _ => {}
        }
        let is_wecom = self.is_of_wecom();
        let answer = TokenAnswer {
            errcode: is_wecom.then_some(0),
            errmsg: is_wecom.then_some("ok"),
            access_token: token.expose(),
            expires_in,
        };
        answer::json(StatusCode::OK, &answer)
    }
}

/// Answers any of these calls. What goes wrong is to be said in WeChat's shape.
pub(crate) async fn answer(
    serving: &Serving,
    call: Call,
    head: &Parts,
    body: Incoming,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    let sent;
    let asked = match call {
        Call::Gettoken => Box::pin(of_agent(serving, head, peer)).await?,
        Call::Declared(Wanted { declared, asked }) => {
            Box::pin(services::declared(serving, declared, asked, head, body)).await?
        }
        Call::CorpToken => Box::pin(services::in_corp(serving, head, body, peer)).await?,
        Call::AuthorizerToken => Box::pin(platforms::authorizer(serving, head, body)).await?,
        _ => {
            let mut params = Params::default();
            params.add_form(head.uri.query().unwrap_or_default().as_bytes());
            match (&head.method, call) {
                (&Method::GET, Call::Token) => {}
                (&Method::POST, _) => {
                    sent = serving.body(body).await?;
                    params.add_body(&sent)?;
                }
                (_, Call::Token) => return Err(Refusal::MethodUnknown("GET, POST")),
                _ => return Err(Refusal::MethodUnknown("POST")),
            }
            params.complete()?
        }
    };
    let mut caller = Caller::new(asked.key.expose(), peer);
    let takes_virtual = matches!(call, Call::AuthorizerToken | Call::CorpToken);
    if takes_virtual && virtual_token::is_virtual(caller.key) {
        caller.hash = platforms::behind(serving, caller.key).await?;
    }
    let (token, expires_in) = given(serving, call, head, caller, &asked).await?;
    Ok(call.answered(&token, expires_in, &asked.key))
}

/// The token that this caller is given, real or virtual, and what is said of its life in seconds.
pub(crate) async fn given(
    serving: &Serving,
    call: Call,
    head: &Parts,
    caller: Caller<'_>,
    asked: &TokenCall<'_>,
) -> Result<(Secret, u64), Refusal> {
    let right = right_of(serving, &caller, call.right()).await;
    if right == Right::Gateway {
        return Box::pin(give_virtual(serving, call, caller, asked)).await;
    }
    let admitted = serving.admit(caller, right, &asked.appid).await;
    let refused = |refusal: &_| serving.refused(refusal, &asked.appid, &caller, head.uri.path());
    let mut admitted = admitted.inspect_err(refused)?;
    admitted.credential.kind = call.kind();
    let mut span = serving.follow(traces::READ, &head.headers);
    span.is_about(&admitted.credential);
    span.set("lingpai.key", || serving.keys.id_of(&admitted.key));
    let current = serving.current(&admitted.credential);
    let mut served = span.within("token", Sort::Internal, current).await?;
    let mut stated = life::stated(admitted.preset, served.token.full_life, served.left);
    let client = Client::new(&admitted.key, &admitted.credential.account);
    let manner = serving.ask(client, &admitted, &served, stated, asked.forced);
    if let Some(asks) = manner.misuse {
        Box::pin(tell_of_misuse(serving, caller, &admitted, asks)).await;
    }
    if let Some(evidence) = manner.reports
        && admitted.may_report
    {
        let value = served.token.value.clone();
        drop(served);
        // What happens rarely must not make every connection larger.
        served = Box::pin(report(serving, client, &admitted, &value, evidence)).await?;
        stated = life::stated(admitted.preset, served.token.full_life, served.left);
        // Its next ask is about this token.
        serving.ask(client, &admitted, &served, stated, false);
    }
    serving.trail.read(&serving.registry, caller, &admitted.credential);
    Ok((served.token.value.clone(), stated))
}

/// The right by which a key is given something: this one, by which the real token is seen; who has not got that and may use
/// the gateway gets a virtual one.
pub(crate) async fn right_of(serving: &Serving, caller: &Caller<'_>, real: Right) -> Right {
    let look = |key: &ApiKey| key.is_given_virtual_tokens(real);
    let is_virtual =
        serving.gateway.is_some() && serving.keys.look(&caller.hash, look).await == Some(true);
    if is_virtual { Right::Gateway } else { real }
}

/// A call for a token of WeCom, with the application that is meant: the one that the path or the header names, or else the
/// only one of this corp that the key is for.
async fn of_agent(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<TokenCall<'static>, Refusal> {
    if head.method != Method::GET {
        return Err(Refusal::MethodUnknown("GET"));
    }
    let CorpCall { corpid, key } = CorpCall::of(head.uri.query())?;
    let path = head.uri.path();
    let path = serving.gateway.as_ref().map_or(path, |gateway| gateway.unmounted(path));
    let caller = Caller::new(key.expose(), peer);
    let right = right_of(serving, &caller, Right::TokenRead).await;
    let admitted = serving.admit_somewhere(caller, right).await;
    let refused = |refusal: &_| serving.refused(refusal, corpid.as_str(), &caller, path);
    let (_, accounts) = admitted.inspect_err(refused)?;
    let is_of_corp =
        |id: &AccountId| id.corp_and_agent().is_some_and(|(corp, _)| corp == corpid.as_str());
    let account = match account_named(head, split_account(path).0)? {
        Some(named) if is_of_corp(&named) => named,
        Some(_) => return Err(Barred::TwoAccounts.into()),
        None => {
            let (mut agents, none): (Vec<AccountId>, Refusal) = match accounts {
                Accounts::Only(only) => {
                    (only.into_iter().filter(is_of_corp).collect(), Denied::Account.into())
                }
                Accounts::All => {
                    (serving.accounts().filter(is_of_corp).collect(), Refusal::AccountUnknown)
                }
            };
            match (agents.pop(), agents.is_empty()) {
                (Some(one), true) => one,
                (Some(_), false) => return Err(Refusal::AgentUnclear),
                (None, _) => return Err(none),
            }
        }
    };
    Ok(TokenCall { appid: account.as_str().to_owned().into(), key, forced: false })
}

/// Answers with the client's virtual token. Asking for it again and again is of no use, and told as an event: most likely
/// it is sent to WeChat itself, which refuses it.
async fn give_virtual(
    serving: &Serving,
    call: Call,
    caller: Caller<'_>,
    asked: &TokenCall<'_>,
) -> Result<(Secret, u64), Refusal> {
    let mut admitted = serving.admit(caller, Right::Gateway, &asked.appid).await?;
    admitted.credential.kind = call.kind();
    let account = &admitted.credential.account;
    serving.keeper(&admitted.credential)?;
    let ends = serving.keys.look(&caller.hash, |key| key.expires_at).await.flatten();
    let now = serving.registry.clock().now();
    let left = ends.map_or(VIRTUAL_LIFE, |ends| ends.since(now.wall).min(VIRTUAL_LIFE));
    let stated = left.as_secs().max(1);
    let client = Client::new(&admitted.key, account);
    let keeps = life::kept_for(admitted.preset, stated);
    let manner = serving.given.ask(client, Generation::default(), now.instant, keeps, false);
    if let Some(asks) = manner.misuse {
        tell_of_misuse(serving, caller, &admitted, asks).await;
    }
    let token = virtual_token::for_another(caller.key, account)
        .unwrap_or_else(|| virtual_token::make(caller.key, account));
    Ok((token, stated))
}

/// Has the token tried that the client was given last, and answers with the one to use. What we have is better than an
/// error: if the trial takes too long, the current token is answered and the trial goes on.
async fn report(
    serving: &Serving,
    client: Client,
    admitted: &Admitted,
    value: &Secret,
    evidence: Evidence,
) -> Result<Served, Refusal> {
    let keeper = serving.keeper(&admitted.credential)?;
    let reported = keeper.report(value.expose(), evidence);
    match timeout(serving.limits.token_wait, reported).await {
        Ok(Ok(reported)) => {
            match reported.outcome {
                Outcome::Accepted => serving.given.learn(client, evidence, Learnt::Unfounded),
                Outcome::Unknown => {}
                _ => serving.given.learn(client, evidence, Learnt::Founded),
            }
            Ok(serving.served(reported.token))
        }
        Ok(Err(unavailable)) => Err(unavailable.into()),
        Err(_) => keeper.token().map(|token| serving.served(token)).ok_or(Refusal::Pending),
    }
}

async fn tell_of_misuse(serving: &Serving, caller: Caller<'_>, admitted: &Admitted, asks: u32) {
    if let Some(key) = serving.keys.look(&caller.hash, |key| key.id.clone()).await {
        let credential = Some(admitted.credential.clone());
        serving.registry.tell(credential, What::ClientMisuse { key, asks });
    }
}

impl Serving {
    /// All accounts that are kept.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let keepers = self.registry.keepers().into_iter();
        let tokens = keepers.filter(|keeper| keeper.credential().kind == Kind::ACCESS_TOKEN);
        tokens.map(|keeper| keeper.credential().account.clone())
    }

    /// Notes what the client is given now.
    fn ask(
        &self,
        client: Client,
        admitted: &Admitted,
        served: &Served,
        stated: u64,
        forced: bool,
    ) -> Manner {
        let keeps = life::kept_for(admitted.preset, stated);
        let now = self.registry.clock().coarse();
        self.given.ask(client, served.token.generation, now, keeps, forced)
    }
}
