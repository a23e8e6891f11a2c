//! The gateway: any call of WeChat's API, forwarded with the right token.
//!
//! The way of a call: `hosts` says where it goes, `who` who makes it, `rules` whether that client may, `secret` what it
//! carries. `target` puts the token in, `sealing` encrypts and signs for accounts that carry keys, `upload` keeps the body aside while it streams, `upstream` sends it, `look` sees
//! whether the answer blames the token, and `repair` does something about it, within what `breaker` allows. What goes wrong
//! on the way is in `trouble`.

mod aside;
mod breaker;
mod budget;
mod call;
mod carried;
mod head;
mod hidden;
mod hosts;
mod issued;
mod kept;
mod ledger;
mod line;
mod look;
mod meter;
mod needs;
mod own;
mod pace;
mod paced;
mod passing;
mod pay;
mod places;
mod pool;
mod repair;
mod rules;
mod sealing;
mod secret;
mod settings;
mod site;
mod target;
mod trades;
mod trouble;
mod upload;
mod upstream;
mod usual;
mod watched;
mod who;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use lingpai_core::client::{KeyHash, Right};
use lingpai_core::span::{Sort, Span};
use lingpai_core::{CredentialId, Directory, Kind, Secret};
use lingpai_wechat::{Error, wire};
use tokio::time::Instant;

use self::aside::Place;
use self::breaker::Caller;
use self::call::{Call, DONE, Heard, IMPOSSIBLE};
use self::hosts::Destination;
use self::needs::Needs;
use self::places::Places;
use self::repair::{Refused, Repairs};
use self::rules::{Gate, Permit, permit, permit_passing};
use self::sealing::{Sealers, Sealing};
use self::secret::{Carries, SecretCall, Shown, put_in};
use self::trades::Trade;
use self::upload::{Sending, Upload};
use self::upstream::Upstream;
use self::who::{who, who_passes, who_shows};
use crate::alerts;
use crate::answer::Body;
use crate::refusal::{Barred, Reads, Refusal};
use crate::serving::Serving;
use crate::sinks::Sink;
use crate::{tickets, traces};

pub(crate) use self::breaker::Outcome;
pub(crate) use self::carried::is_of_wecom;
pub(crate) use self::hosts::{Host, split_account};
pub(crate) use self::ledger::{BY_TOKEN, Called, ForClient};
pub(crate) use self::own::is_about_token;
pub(crate) use self::passing::Passing;
pub use self::rules::Rules;
pub(crate) use self::sealing::Proof;
pub use self::settings::Settings;
pub(crate) use self::trouble::Trouble;
pub(crate) use self::watched::Watched;
pub(crate) use self::who::account_named;

/// What forwards calls.
pub(crate) struct Gateway {
    pub(crate) gate: Gate,
    settings: Settings,
    upstream: ArcSwap<Upstream>,
    places: Places,
    aside: Arc<Place>,
    repairs: Repairs,
    sealers: Sealers,
}

/// What can be changed of a running server that reaches others.
#[derive(Clone)]
pub struct Control(pub(crate) Arc<Serving>);

impl Control {
    /// Has it reach WeChat, and the businesses that are given pushes, in another way from the next call on.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed; then the way is as before.
    pub fn reach(&self, upstream: &wire::Settings) -> Result<(), Error> {
        self.0.pushes.as_ref().map_or(Ok(()), |pushes| pushes.reach(upstream))?;
        self.0.gateway.as_ref().map_or(Ok(()), |gateway| gateway.reach(upstream))
    }

    /// Has people alerted by other rules from now on, or by other ways. An alert that keeps its name keeps what it has told.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed; then the alerts are as before.
    pub fn alert(&self, settings: alerts::Settings) -> Result<(), Error> {
        self.0.alerts.replace(settings, &self.0.registry)
    }

    /// Has tokens delivered to these from now on. One of which `is_as_before` goes on as it stands.
    pub fn deliver(&self, sinks: Vec<Sink>, is_as_before: impl Fn(&str) -> bool) {
        self.0.sinks.replace(sinks, is_as_before);
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

/// A call as it came.
struct Came<'a> {
    serving: &'a Serving,
    head: &'a Parts,
    body: Incoming,
    destination: &'a Destination<'a>,
    peer: IpAddr,
}

/// What came of sending a call once more.
enum Second {
    /// The answer, and the token that it was sent with.
    Heard(Box<Heard>, Secret),
    /// There is a better token, but the body is not there any more.
    NotKept,
    /// There was no better token, or no connection.
    NotSent(Outcome),
}

impl Gateway {
    /// Nothing is sent before the first call.
    ///
    /// # Errors
    /// If the machine has no certificates to trust and they are needed.
    pub(crate) fn new(settings: Settings, directory: Arc<dyn Directory>) -> Result<Self, Error> {
        Ok(Self {
            gate: Gate::new(settings.rules.clone(), directory),
            upstream: ArcSwap::from_pointee(Upstream::new(&settings.upstream, &settings)?),
            places: Places::new(&settings),
            aside: Arc::new(Place::new(&settings.spool_dir, settings.spool_limit)),
            repairs: Repairs::default(),
            sealers: Sealers::default(),
            settings,
        })
    }

    /// Reaches WeChat in another way from the next call on.
    ///
    /// # Errors
    /// As of [`Gateway::new`]; then the way is as before.
    fn reach(&self, wire: &wire::Settings) -> Result<(), Error> {
        self.upstream.store(Arc::new(Upstream::new(wire, &self.settings)?));
        Ok(())
    }

    /// A path without the prefix that everything is mounted under, if it has one.
    pub(crate) fn unmounted<'a>(&self, path: &'a str) -> &'a str {
        let rest =
            |mount: &String| path.strip_prefix(mount.as_str()).filter(|rest| rest.starts_with('/'));
        self.settings.mounts.iter().find_map(rest).unwrap_or(path)
    }

    /// How many bytes of bodies are kept aside in files.
    pub(crate) fn bytes_aside(&self) -> u64 {
        self.aside.taken()
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
        let destination = Destination::of(head, path)
            .map_err(|refusal| (refusal, pay::reads_if_so(head, path)))?;
        let carries = Carries::of(&destination);
        if destination.needs == Needs::Nobody {
            let reads = carries.reads(&destination);
            return Err((Barred::TokenCall.into(), reads));
        }
        let came = Came { serving, head, body, destination: &destination, peer };
        let answered = match carries {
            Carries::AccountToken if let Some(trade) = Trade::of(&destination) => {
                Box::pin(self.traded(came, trade)).await
            }
            Carries::AccountToken => self.with_token(came).await,
            Carries::Secret(call) => Box::pin(self.with_secret(came, call)).await,
            Carries::UserToken | Carries::Nothing => Box::pin(self.passed(came)).await,
            Carries::Signature => Box::pin(self.signed(came)).await,
        };
        answered.map_err(|refusal| (refusal, carries.reads(&destination)))
    }

    /// Sends a call that carries nothing of an account's.
    async fn passed(&self, came: Came<'_>) -> Result<Response<Body>, Refusal> {
        let key = who_passes(came.serving, &self.gate, came.head, came.destination, came.peer);
        let key = key.await?;
        self.untouched(came, key).await
    }

    /// Sends a call that its caller has signed.
    async fn signed(&self, came: Came<'_>) -> Result<Response<Body>, Refusal> {
        pay::may_be_sent(&self.settings.rules, came.destination)?;
        let key = pay::who(came.serving, came.head, came.peer).await?;
        self.untouched(came, Some(key)).await
    }

    /// Sends a call as it is, once.
    async fn untouched(
        &self,
        came: Came<'_>,
        key: Option<KeyHash>,
    ) -> Result<Response<Body>, Refusal> {
        let Came { serving, destination, .. } = came;
        let permit = permit_passing(serving, &self.gate, key, destination).await?;
        let target = Secret::new(destination.target.untouched(destination.path));
        let call = self.take(came, None, permit).await?;
        let heard = self.send(serving, &call, &target, call.upload.sending()).await?;
        Ok(call.answer(heard, &Secret::default(), None))
    }

    /// Sends a call with its account's secret, once.
    async fn with_secret(
        &self,
        came: Came<'_>,
        secret_call: SecretCall,
    ) -> Result<Response<Body>, Refusal> {
        let Came { serving, head, destination, peer, .. } = came;
        if secret_call.is_in_body(head, destination) {
            return self.with_secret_in_body(came, secret_call).await;
        }
        let shown = Shown::in_query(secret_call, destination)?;
        let calling = who_shows(serving, &shown, head, destination, peer).await?;
        let permit = permit(serving, &self.gate, &calling, destination).await?;
        let with = put_in(&self.gate, secret_call, &calling, destination).await?;
        let credential = CredentialId::access_token(calling.account);
        let call = self.take(came, Some(&credential), permit).await?;
        let heard = self.send(serving, &call, &with.target, call.upload.sending()).await?;
        Ok(call.answer(heard, &with.secret, None))
    }

    /// The same of a call that has it in its body, which is small and says who is calling.
    async fn with_secret_in_body(
        &self,
        came: Came<'_>,
        secret_call: SecretCall,
    ) -> Result<Response<Body>, Refusal> {
        let Came { serving, head, body, destination, peer, .. } = came;
        let body = secret::read(&serving.body(body).await?)?;
        let shown = Shown::in_body(secret_call, &body)?;
        let calling = who_shows(serving, &shown, head, destination, peer).await?;
        let permit = permit(serving, &self.gate, &calling, destination).await?;
        let body = secret::put_into(&self.gate, secret_call, &calling, body).await?;
        let target = Secret::new(destination.target.untouched(destination.path));
        let credential = CredentialId::access_token(calling.account);
        let came = (serving, head, destination);
        let call = self.call(came, Some(&credential), permit, Upload::Whole(body)).await?;
        let heard = self.send(serving, &call, &target, call.upload.sending()).await?;
        Ok(call.answer(heard, &Secret::default(), None))
    }

    /// Sends a call with its account's token, and once more with a better one if the answer blames the token.
    async fn with_token(&self, came: Came<'_>) -> Result<Response<Body>, Refusal> {
        let Came { serving, head, destination, peer, .. } = came;
        let clock = serving.registry.clock();
        let calling = who(serving, &self.gate, head, destination, peer).await?;
        let permit = permit(serving, &self.gate, &calling, destination).await?;
        if let Some(ticket) = needs::ticket(destination, &calling.account) {
            return tickets::answer_wechat(serving, calling.account, ticket?).await;
        }
        let credential = serving.carried(calling.account);
        if is_of_wecom(&credential) && destination.host != Host::WeCom {
            return Err(Barred::WrongHost.into());
        }
        // It tells of earlier calls with the token in them, and a platform's has a right of its own.
        if destination.needs == Needs::Right(Right::TokenRead)
            && credential.kind != Kind::ACCESS_TOKEN
        {
            return Err(Barred::PathForbidden.into());
        }
        let account = &credential.account;
        let caller = Caller { key: calling.key, account, path: destination.path };
        self.repairs.forwards(caller, clock.coarse())?;

        let sealing = self.sealers.of(serving, &credential, head, destination)?;
        let mut call = match sealing {
            Some(sealing) => Box::pin(self.take_sealed(came, &credential, permit, sealing)).await?,
            None => self.take(came, Some(&credential), permit).await?,
        };
        call.span.set("lingpai.key", || {
            calling.key.map(|key| serving.keys.id_of(&key)).unwrap_or_default()
        });
        let current = serving.current(&credential);
        let current = call.span.within("token", Sort::Internal, current).await;
        let token =
            current.inspect_err(|refusal| call.span.fail(refusal.code()))?.token.value.clone();
        let sending = call.upload.sending();
        let sent_at = clock.coarse();
        let first = self.send(serving, &call, &call.target(&token), sending).await?;
        self.gate.heard_for(serving, account, calling.key);
        let Some(errcode) = call.blames_the_token(&first) else {
            let is_success = first.errcode().is_none_or(|errcode| errcode == 0);
            self.repairs.went_through(caller, is_success, clock.coarse());
            let replay = (!call.upload.is_kept()).then_some(IMPOSSIBLE);
            return Ok(call.answer(first, &token, replay));
        };

        let until = call.moved_at() + self.settings.repair_deadline;
        let refused = Refused { token: &token, sent_at };
        let better = self.repairs.better_token(serving, &credential, caller, &refused, until);
        // What is rare must not make every call larger.
        let second = match call.span.within("repair", Sort::Internal, Box::pin(better)).await {
            Ok(better) => Box::pin(self.once_more(serving, &call, better)).await?,
            Err(outcome) => Second::NotSent(outcome),
        };
        let (answer, outcome) = match second {
            Second::Heard(second, token) => {
                let outcome = match call.blames_the_token(&second) {
                    Some(_) => Outcome::AtFault,
                    None => Outcome::Mended,
                };
                (call.answer(*second, &token, Some(DONE)), outcome)
            }
            Second::NotKept => (call.answer(first, &token, Some(IMPOSSIBLE)), Outcome::Mended),
            Second::NotSent(outcome) => (call.answer(first, &token, None), outcome),
        };
        self.repairs.learn(serving, &credential, caller, errcode, outcome);
        Ok(answer)
    }

    /// Takes the body in, as far as it must be here before anything is sent, and then a place upstream: a client that is
    /// slow takes no place from the others.
    async fn take<'a>(
        &self,
        came: Came<'a>,
        credential: Option<&'a CredentialId>,
        permit: Permit,
    ) -> Result<Call<'a>, Refusal> {
        let Came { serving, head, body, destination, .. } = came;
        let pace = serving.limits.body_time;
        let upload = Upload::take(body, &self.settings, &self.aside, pace).await?;
        self.call((serving, head, destination), credential, permit, upload).await
    }

    /// The same of a call that is to be sealed: all of its body must be here.
    async fn take_sealed<'a>(
        &self,
        came: Came<'a>,
        credential: &'a CredentialId,
        permit: Permit,
        sealing: Sealing,
    ) -> Result<Call<'a>, Refusal> {
        let Came { serving, head, body, destination, .. } = came;
        let body = serving.body_within(body, sealing::MOST).await;
        let body = body.map_err(|refusal| match refusal {
            Refusal::BodyTooLarge(most) => Trouble::TooLargeToSeal(most).into(),
            other => other,
        })?;
        let came = (serving, head, destination);
        let call = self.call(came, Some(credential), permit, Upload::Whole(body)).await?;
        Ok(Call { sealing: Some(sealing), ..call })
    }

    /// Makes a call of what has been taken in, with a place upstream.
    async fn call<'a>(
        &self,
        (serving, head, destination): (&Serving, &'a Parts, &'a Destination<'a>),
        credential: Option<&'a CredentialId>,
        permit: Permit,
        upload: Upload,
    ) -> Result<Call<'a>, Refusal> {
        let span = span_of(serving, head, destination, credential);
        let held = (permit, self.places.take().await?);
        let (begun, write_time) = (Instant::now(), serving.limits.write_time);
        Ok(Call {
            head,
            destination,
            credential,
            upload,
            sealing: None,
            begun,
            write_time,
            span,
            held,
        })
    }

    /// Sends a refused call once more, with a better token.
    ///
    /// # Errors
    /// If it was sent and brought no answer: then the first answer is not true any more.
    async fn once_more(
        &self,
        serving: &Serving,
        call: &Call<'_>,
        token: Secret,
    ) -> Result<Second, Trouble> {
        let Some(sending) = call.upload.again().await else { return Ok(Second::NotKept) };
        match self.send(serving, call, &call.target(&token), sending).await {
            Ok(heard) => Ok(Second::Heard(Box::new(heard), token)),
            Err(Trouble::Unreachable) => Ok(Second::NotSent(Outcome::NoBetterToken)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends a call, and looks at what is answered. One that WeChat cannot decrypt, and so has not carried out, is sent once
    /// more if its account has another key.
    async fn send(
        &self,
        serving: &Serving,
        call: &Call<'_>,
        target: &Secret<String>,
        sending: Sending,
    ) -> Result<Heard, Trouble> {
        let heard = self.send_once(serving, call, target, sending).await?;
        let Some(sealing) = call.sealing.as_ref().filter(|sealing| sealing.turns(&heard)) else {
            return Ok(heard);
        };
        let sending = call.upload.sending();
        let heard = Box::pin(self.send_once(serving, call, target, sending)).await?;
        sealing.learn(&heard);
        Ok(heard)
    }

    async fn send_once(
        &self,
        serving: &Serving,
        call: &Call<'_>,
        target: &Secret<String>,
        sending: Sending,
    ) -> Result<Heard, Trouble> {
        let upstream = self.upstream.load_full();
        let proxy_of = |credential| serving.registry.with(credential, |keeper| keeper.proxy())?;
        let through = call.credential.and_then(proxy_of);
        let sent = Instant::now();
        let mut span = call.span.child("upstream", Sort::Client);
        let answered = upstream.send(call, through, target, sending).await;
        let (response, site) = answered.inspect_err(|trouble| span.fail(trouble.code()))?;
        let (head, body) = response.into_parts();
        span.set("http.response.status_code", || i64::from(head.status.as_u16()));
        let took = sent.elapsed();
        let deadline = self.settings.deadline;
        let mut body = Passing::new(body, deadline);
        let seen = look::look(&head.headers, &mut body, deadline).await;
        let seen = seen.inspect_err(|trouble| span.fail(trouble.code()))?;
        let mut heard = Heard { seen, head, body };
        if let Some(sealing) = &call.sealing {
            let opened = sealing.open(heard, site, call.destination, serving);
            heard = Box::pin(opened).await?;
        }
        if hidden::may_be_in(call.destination) {
            heard = Box::pin(hidden::take_out(heard)).await?;
        }
        if let Some(errcode) = heard.errcode() {
            span.set("wechat.errcode", || errcode);
        }
        drop(span);
        serving.metrics.heard(call.destination.host, heard.errcode(), took);
        if let Some(credential) = call.credential {
            self.gate.heard(&serving.registry, credential, call.destination, heard.errcode());
        }
        Ok(heard)
    }
}

/// What is followed of a call that may be made.
fn span_of(
    serving: &Serving,
    head: &Parts,
    destination: &Destination<'_>,
    credential: Option<&CredentialId>,
) -> Span {
    let mut span = serving.follow(traces::CALL, &head.headers);
    span.set("http.request.method", || head.method.as_str().to_owned());
    // The path alone: in the query stand tokens.
    span.set("url.path", || destination.path.chars().take(128).collect::<String>());
    if let Some(credential) = credential {
        span.is_about(credential);
    }
    span
}
