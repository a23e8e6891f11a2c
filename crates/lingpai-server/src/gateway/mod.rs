//! The gateway: any call of WeChat's API, forwarded with the right token.
//!
//! The way of a call: `hosts` says where it goes, `who` who makes it, `rules` whether that client may; `secret` says what it
//! carries. `target` puts the token in, `upload` keeps the body aside while it streams, `upstream` sends it, `look` sees
//! whether the answer blames the token, and `repair` does something about it, within what `breaker` allows. What goes wrong
//! on the way is in `trouble`.

mod aside;
mod breaker;
mod head;
mod hosts;
mod issued;
mod ledger;
mod look;
mod meter;
mod pace;
mod passing;
mod repair;
mod rules;
mod secret;
mod settings;
mod target;
mod trouble;
mod upload;
mod upstream;
mod who;

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, response};
use http_body_util::Full;
use hyper::body::Incoming;
use lingpai_core::{AccountId, CredentialId, Directory, Registry, Secret};
use lingpai_wechat::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use self::aside::Place;
use self::breaker::{Caller, Outcome};
use self::hosts::Destination;
use self::look::Seen;
use self::repair::{Repairs, blames_the_token};
use self::rules::{Gate, Permit, permit, permit_passing};
use self::secret::{Carries, put_in};
use self::upload::{Sending, Upload};
use self::upstream::{Call, Upstream};
use self::who::{who, who_passes};
use crate::answer::Body;
use crate::refusal::{Reads, Refusal};
use crate::serving::Serving;

pub(crate) use self::hosts::split_account;
pub(crate) use self::ledger::Called;
pub(crate) use self::passing::Passing;
pub use self::rules::Rules;
pub use self::settings::Settings;
pub(crate) use self::trouble::Trouble;

/// Says in an answer that its call was sent twice, or that it could not have been.
const REPLAY: HeaderName = HeaderName::from_static("x-lingpai-replay");
/// It was sent again, with another token, and this is the second answer.
const DONE: HeaderValue = HeaderValue::from_static("done");
/// Its body could not be kept aside.
const IMPOSSIBLE: HeaderValue = HeaderValue::from_static("impossible");

/// What forwards calls.
pub(crate) struct Gateway {
    pub(crate) gate: Gate,
    settings: Settings,
    upstream: Upstream,
    place: Arc<Place>,
    repairs: Repairs,
}

/// A call that is let through, with everything that it needs.
struct Request<'a> {
    head: &'a Parts,
    destination: &'a Destination<'a>,
    registry: &'a Registry,
    /// For whose account it is made, if it is for one.
    account: Option<&'a AccountId>,
    upload: Upload,
    /// Its place among its client's calls, and among all that are under way.
    held: (Permit, OwnedSemaphorePermit),
}

/// What came of sending a call once more.
enum Second {
    /// The answer, and the token that it was sent with.
    Heard(Box<Heard>, Secret),
    /// Its body is not there any more.
    NotKept,
    /// There was no better token, or no connection.
    NotSent,
}

/// An answer of upstream, as far as it was looked at.
struct Heard {
    head: response::Parts,
    body: Passing,
    seen: Seen,
}

impl Gateway {
    /// Nothing is sent before the first call.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed.
    pub(crate) fn new(settings: Settings, directory: Arc<dyn Directory>) -> Result<Self, Error> {
        Ok(Self {
            gate: Gate::new(settings.rules.clone(), directory),
            upstream: Upstream::new(&settings)?,
            place: Arc::new(Place::new(&settings.spool_dir, settings.spool_limit)),
            repairs: Repairs::default(),
            settings,
        })
    }

    /// A path without the prefix that everything is mounted under, if it has one.
    pub(crate) fn unmounted<'a>(&self, path: &'a str) -> &'a str {
        let rest =
            |mount: &String| path.strip_prefix(mount.as_str()).filter(|rest| rest.starts_with('/'));
        self.settings.mounts.iter().find_map(rest).unwrap_or(path)
    }

    /// How many bytes of bodies are kept aside in files.
    pub(crate) fn bytes_aside(&self) -> u64 {
        self.place.taken()
    }

    /// Forwards a call and answers with what upstream says. What goes wrong is said as the caller's SDK reads it.
    pub(crate) async fn answer(
        &self,
        serving: &Serving,
        head: &Parts,
        body: Incoming,
        path: &str,
        peer: IpAddr,
    ) -> Result<Response<Body>, (Refusal, Reads)> {
        let destination = Destination::of(head, path).map_err(|refusal| (refusal, Reads::Api))?;
        let carries = Carries::of(&destination);
        let answered = async {
            let passes = matches!(carries, Carries::UserToken | Carries::Nothing);
            let (calling, permit) = if passes {
                let key = who_passes(serving, &self.gate, head, &destination, peer).await?;
                (None, permit_passing(serving, &self.gate, key, &destination)?)
            } else {
                let calling = who(serving, &self.gate, head, &destination, carries, peer).await?;
                let permit = permit(serving, &self.gate, &calling, &destination)?;
                (Some(calling), permit)
            };
            let Some(calling) = calling else {
                let target = destination.target.untouched(destination.path);
                let request = self.take(serving, head, body, &destination, None, permit).await?;
                return self.pass_on(request, &Secret::new(target), &Secret::default()).await;
            };
            let account = &calling.account;
            if let Carries::Secret(call) = carries {
                let with = put_in(&self.gate, call, &calling, &destination).await?;
                let request =
                    self.take(serving, head, body, &destination, Some(account), permit).await?;
                return self.pass_on(request, &with.target, &with.secret).await;
            }
            let caller = Caller { key: calling.key, account, path: destination.path };
            self.repairs.forwards(caller, serving.registry.clock().coarse())?;
            let request =
                self.take(serving, head, body, &destination, Some(account), permit).await?;
            self.with_token(serving, request, caller).await
        };
        let reads = carries.reads(destination.host);
        answered.await.map_err(|refusal| (refusal, reads))
    }

    /// Takes the body in, as far as it must be here before anything is sent, and then a place upstream: a client that is
    /// slow takes no place from the others.
    async fn take<'a>(
        &self,
        serving: &'a Serving,
        head: &'a Parts,
        body: Incoming,
        destination: &'a Destination<'a>,
        account: Option<&'a AccountId>,
        permit: Permit,
    ) -> Result<Request<'a>, Refusal> {
        let pace = serving.limits.body_time;
        let upload = Upload::take(body, &self.settings, &self.place, pace).await?;
        let place = self.upstream.place().await?;
        let registry = &*serving.registry;
        let held = (permit, place);
        Ok(Request { head, destination, registry, account, upload, held })
    }

    /// Sends a call that carries no account's token, but perhaps its secret: once, whatever is answered.
    async fn pass_on(
        &self,
        request: Request<'_>,
        target: &Secret<String>,
        secret: &Secret,
    ) -> Result<Response<Body>, Refusal> {
        let heard = self.send(&request, target, request.upload.sending()).await?;
        Ok(request.answer(heard, secret, None))
    }

    /// Sends a call with its account's token, and once more with a better one if the answer blames the token.
    async fn with_token(
        &self,
        serving: &Serving,
        request: Request<'_>,
        caller: Caller<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let credential = CredentialId::access_token(caller.account.clone());
        let token = serving.current(&credential).await?.token.value.clone();
        let begun = Instant::now();
        let sending = request.upload.sending();
        let first = self.send(&request, &request.target(&token), sending).await?;
        let Some(errcode) = request.blames_the_token(&first) else {
            self.repairs.went_through(caller, serving.registry.clock().coarse());
            let replay = (!request.upload.is_kept()).then_some(IMPOSSIBLE);
            return Ok(request.answer(first, &token, replay));
        };
        // Counted from when upstream had the whole body.
        let until = request.upload.moved_at().unwrap_or(begun) + self.settings.repair_deadline;
        let better = self.repairs.better_token(serving, &credential, caller, &token, until).await;
        let (answer, outcome) = match self.once_more(&request, better).await? {
            Second::Heard(second, token) => {
                let outcome = match request.blames_the_token(&second) {
                    Some(_) => Outcome::InVain,
                    None => Outcome::Mended,
                };
                (request.answer(*second, &token, Some(DONE)), outcome)
            }
            Second::NotKept => (request.answer(first, &token, Some(IMPOSSIBLE)), Outcome::InVain),
            Second::NotSent => (request.answer(first, &token, None), Outcome::InVain),
        };
        self.repairs.learn(serving, &credential, caller, errcode, outcome).await;
        Ok(answer)
    }

    /// Sends a refused call once more, with a better token if there is one.
    ///
    /// # Errors
    /// If it was sent and brought no answer: then the first answer is not true any more.
    async fn once_more(
        &self,
        request: &Request<'_>,
        better: Option<Secret>,
    ) -> Result<Second, Trouble> {
        let Some(token) = better else { return Ok(Second::NotSent) };
        let Some(sending) = request.upload.again().await else { return Ok(Second::NotKept) };
        match self.send(request, &request.target(&token), sending).await {
            Ok(heard) => Ok(Second::Heard(Box::new(heard), token)),
            Err(Trouble::Unreachable) => Ok(Second::NotSent),
            Err(trouble) => Err(trouble),
        }
    }

    async fn send(
        &self,
        request: &Request<'_>,
        target: &Secret<String>,
        sending: Sending,
    ) -> Result<Heard, Trouble> {
        let Request { head, destination, registry, account, upload, .. } = request;
        let call = Call {
            host: destination.host,
            method: &head.method,
            target: target.expose(),
            headers: &head.headers,
            upload,
        };
        let (head, body) = self.upstream.send(&call, sending).await?.into_parts();
        let mut body = Passing::new(body, self.settings.deadline);
        let seen = look::look(&head.headers, &mut body).await?;
        if let Some(account) = account {
            let errcode = if let Seen::Whole(_, errcode) = seen { errcode } else { None };
            self.gate.heard(registry, account, destination, errcode);
        }
        Ok(Heard { head, body, seen })
    }
}

impl Request<'_> {
    /// Path and query with this token in them.
    fn target(&self, token: &Secret) -> Secret<String> {
        Secret::new(self.destination.target.with_token(self.destination.path, token.expose()))
    }

    /// The errcode of an answer that says that the token is bad.
    fn blames_the_token(&self, heard: &Heard) -> Option<i64> {
        let Seen::Whole(_, errcode) = heard.seen else { return None };
        errcode.filter(|code| blames_the_token(self.destination.host, *code))
    }

    /// The answer for the client. If more of it is to come, the call has its places until it has ended.
    fn answer(self, heard: Heard, token: &Secret, replay: Option<HeaderValue>) -> Response<Body> {
        let Heard { mut head, body, seen } = heard;
        let of_client = self.destination.target.token().unwrap_or_default();
        head::to_client(&mut head.headers, token.expose(), &of_client);
        if let Some(replay) = replay {
            head.headers.insert(REPLAY, replay);
        }
        let body = match seen {
            Seen::Whole(bytes, _) => Body::Whole(Full::new(bytes)),
            Seen::Begun(begun) => {
                Body::Forwarded(Box::new(body.resumed(begun, Box::new(self.held))))
            }
        };
        Response::from_parts(head, body)
    }
}
