//! The world: every app, token and counter, and the way of one call through it.
//!
//! Pure: it does no I/O and reads no clock. The caller says what time it is (real time since the
//! start) and is told what to do on the wire. Start reading at [`World::handle`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::Value;

use crate::{
    Act, Error, Reply,
    api::{self, Media, Tickets},
    api_security,
    app::App,
    control,
    counters::Counters,
    fault::{FaultKind, Faults, Mishap, Target, When},
    ip::as_seen,
    log::{Log, LogEntry, masked_body, masked_query},
    outcome::{JSON, Outcome, response},
    params::Params,
    people::People,
    platform::Platforms,
    push::Order,
    random::Random,
    refusal::Refusal,
    settings::Settings,
    time::{Clock, Moment},
    tokens::{Family, Issue, Standing, Tokens, Verdict},
    wecom::{self, WeCom},
};

/// 2026-01-01 00:00 UTC: where virtual time starts if nobody says, so that tests repeat.
const FIXED_START: u64 = 1_767_225_600;
/// So many pushes are remembered.
const PUSHES_KEPT: usize = 100;
/// And so many messages to followers.
const MESSAGES_KEPT: usize = 100;
/// What is due at once at a high speed is looked for no more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The pure simulator of WeChat.
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use lingpai_sandbox::{Act, DEMO_APPID, DEMO_SECRET, Settings, World};
///
/// let mut world = World::new(Settings::default())?;
/// let uri = format!(
///     "/cgi-bin/token?grant_type=client_credential&appid={DEMO_APPID}&secret={DEMO_SECRET}"
/// );
/// let request = http::Request::get(uri).body(Bytes::new()).unwrap();
/// let reply = world.handle(Duration::ZERO, [127, 0, 0, 1].into(), &request);
/// assert!(matches!(reply.act, Act::Answer(answer) if answer.status() == 200));
/// assert_eq!(world.counters().fetches(), 1);
/// # Ok::<(), lingpai_sandbox::Error>(())
/// ```
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) tokens: Tokens,
    pub(crate) tickets: Tickets,
    pub(crate) people: People,
    pub(crate) wecom: WeCom,
    pub(crate) platforms: Platforms,
    pub(crate) media: VecDeque<Media>,
    /// What is to be pushed, and what came of the last pushes.
    pub(crate) outgoing: Vec<Order>,
    pub(crate) pushed: VecDeque<Value>,
    /// The last messages that apps have sent to followers.
    pub(crate) messages: VecDeque<Value>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) log: Log,
    /// The caller address that WeChat believes to see, if not the true one.
    pub(crate) caller_ip: Option<IpAddr>,
    /// Grows with every change that a restart must not undo: tokens, and what control calls do.
    pub(crate) revision: u64,
}

/// One call on its way through the world.
pub(crate) struct Call<'a> {
    pub(crate) now: Moment,
    pub(crate) caller: IpAddr,
    pub(crate) request: &'a Request<Bytes>,
    pub(crate) query: Params,
    /// The length a fault wants for a token minted by this call.
    pub(crate) token_length: Option<usize>,
}

impl Call<'_> {
    pub(crate) fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The token in the query, under whichever of its names.
    pub(crate) fn token(&self) -> Option<&str> {
        token_in(&self.query)
    }

    /// The path without its prefix, if the call is to WeCom.
    pub(crate) fn path_at_wecom(&self) -> Option<&str> {
        self.path().strip_prefix(wecom::PREFIX).filter(|rest| rest.starts_with('/'))
    }

    /// The body as a JSON object, or WeChat's refusal of anything else.
    pub(crate) fn json(&self) -> Result<serde_json::Map<String, Value>, Refusal> {
        if self.request.body().is_empty() {
            return Err(Refusal::EMPTY_BODY);
        }
        serde_json::from_slice(self.request.body()).map_err(|_| Refusal::BAD_DATA)
    }
}

impl World {
    /// A new world.
    ///
    /// # Errors
    /// If the speed, the order of checks or an app is not valid.
    pub fn new(mut settings: Settings) -> Result<Self, Error> {
        settings.validate()?;
        let apps = std::mem::take(&mut settings.apps);
        let agents = std::mem::take(&mut settings.agents);
        let components = std::mem::take(&mut settings.components);
        let providers = std::mem::take(&mut settings.providers);
        let start = settings.start.unwrap_or(FIXED_START);
        let mut world = Self {
            clock: Clock::new(Moment::from_unix(start), settings.speed),
            random: Random::seeded(settings.seed),
            apps: BTreeMap::new(),
            tokens: Tokens::default(),
            tickets: Tickets::default(),
            people: People::default(),
            wecom: WeCom::default(),
            platforms: Platforms::default(),
            media: VecDeque::new(),
            outgoing: Vec::new(),
            pushed: VecDeque::new(),
            messages: VecDeque::new(),
            faults: Faults::default(),
            counters: Counters::default(),
            log: Log::new(settings.log_size),
            caller_ip: settings.caller_ip,
            revision: 0,
            settings,
        };
        for app in apps {
            world.add_app(app)?;
        }
        for agent in agents {
            world.add_agent(agent)?;
        }
        for component in components {
            world.add_component(Duration::ZERO, component)?;
        }
        for provider in providers {
            world.add_provider(provider)?;
        }
        Ok(world)
    }

    /// Answers one call that arrives `now` (real time since the start) from `peer`.
    ///
    /// Paths under `/__sandbox/` are the control API; everything else is WeChat.
    pub fn handle(&mut self, now: Duration, peer: IpAddr, request: &Request<Bytes>) -> Reply {
        let path = request.uri().path();
        if path == "/__sandbox" || path.starts_with("/__sandbox/") {
            return Reply::at_once(control::answer(self, now, peer, request));
        }
        let moment = self.clock.at(now);
        let rid = self.random.rid(moment);
        let query = Params::parse(request.uri().query().unwrap_or_default());
        let appid = self.ascribe(&query, request.body());
        let caller = self.seen(peer);
        let mut call = Call { now: moment, caller, request, query, token_length: None };

        let has_token = call.token().is_some();
        let target = Target { path, appid: appid.as_deref(), has_token };
        let mishap =
            if is_chunked(request) { Mishap::default() } else { self.faults.strike(now, target) };
        let outcome = match mishap.kind {
            _ if is_chunked(request) => Outcome::status(StatusCode::PRECONDITION_FAILED, ""),
            None => self.carry_out(&call, &rid),
            Some(fault) => self.go_wrong(fault, &mut call, &rid),
        };
        self.counters.record(path, appid.as_deref(), &outcome.name);
        tracing::debug!(path, appid, outcome = outcome.name, rid, "sandbox call");
        self.log.push(LogEntry {
            at: moment.unix_seconds(),
            real_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            caller,
            method: request.method().to_string(),
            path: path.to_owned(),
            query: masked_query(request.uri().query().unwrap_or_default()),
            body: masked_body(request.body()),
            appid,
            outcome: outcome.name,
            rid,
            answer: match &outcome.act {
                Act::Answer(answer) => masked_body(answer.body()),
                Act::Stream { sent, .. } => format!("({sent} bytes)"),
                Act::Hang | Act::Cut => String::new(),
            },
        });
        Reply { delay: mishap.delay, act: outcome.act }
    }

    /// What WeChat would say of this token now: the oracle for tests.
    pub fn verdict(&self, now: Duration, token: &str) -> Verdict {
        match (self.tokens.standing(self.clock.at(now), token), self.tokens.owner(token)) {
            (Some(Standing::Live { rank, left }), Some((appid, family))) => Verdict::Live {
                appid: appid.to_owned(),
                family,
                rank,
                seconds_left: self.clock.stated(left),
            },
            (Some(Standing::Expired), _) => Verdict::Expired,
            (Some(Standing::Replaced), _) => Verdict::Replaced,
            _ => Verdict::Unknown,
        }
    }

    /// The tokens that an app was issued in a family, oldest first, as far as they are remembered: what replaced what, and when.
    pub fn history(&self, appid: &str, family: Family) -> Vec<Issue> {
        let when = |moment| self.clock.when(moment);
        let issued = self.tokens.of_line(appid, family);
        issued
            .map(|(token, at, ends)| Issue {
                token: token.to_owned(),
                at: when(at),
                ends: when(ends),
            })
            .collect()
    }

    /// What is to be pushed now, and in how much real time there is more. A [`Server`](crate::Server) does it.
    pub(crate) fn due_pushes(&mut self, now: Duration) -> (Vec<Order>, Option<Duration>) {
        let moment = self.clock.at(now);
        let next = [self.push_due_tickets(moment), self.push_due_component_tickets(moment)];
        let next = next.into_iter().flatten().min();
        let pause = next.map(|next| self.clock.real(next).max(SHORTEST_PAUSE));
        (std::mem::take(&mut self.outgoing), pause)
    }

    /// Keeps what came of a push.
    pub(crate) fn note_push(&mut self, told: Value) {
        if self.pushed.len() >= PUSHES_KEPT {
            self.pushed.pop_front();
        }
        self.pushed.push_back(told);
    }

    /// Keeps what an app has sent to a follower.
    pub(crate) fn note_message(&mut self, message: Value) {
        if self.messages.len() >= MESSAGES_KEPT {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    /// Takes out what apps have sent to followers so far, as `GET /__sandbox/messages` lists it.
    pub fn take_messages(&mut self) -> Vec<Value> {
        self.messages.drain(..).collect()
    }

    /// Takes out what came of the pushes so far, as `GET /__sandbox/pushes` lists it.
    pub fn take_pushes(&mut self) -> Vec<Value> {
        self.pushed.drain(..).collect()
    }

    /// The counts since the start or the last reset.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last `n` calls, oldest first.
    pub fn log(&self, n: usize) -> impl Iterator<Item = &LogEntry> {
        self.log.last(n)
    }

    /// The caller's address as WeChat sees it.
    pub(crate) fn seen(&self, peer: IpAddr) -> IpAddr {
        self.caller_ip.unwrap_or_else(|| as_seen(peer))
    }

    pub(crate) fn app(&self, appid: &str) -> Result<&App, Error> {
        self.apps.get(appid).ok_or_else(|| Error::UnknownApp { appid: appid.to_owned() })
    }

    pub(crate) fn app_mut(&mut self, appid: &str) -> Result<&mut App, Error> {
        self.apps.get_mut(appid).ok_or_else(|| Error::UnknownApp { appid: appid.to_owned() })
    }

    /// The app that a call belongs to, by its token or its appid, if it is one of ours.
    fn ascribe(&mut self, query: &Params, body: &Bytes) -> Option<String> {
        if let Some(token) = token_in(query) {
            let owner = self.tokens.owner(token).map(|(appid, _)| appid);
            let owner = owner.or_else(|| self.people.owner(token)).map(str::to_owned);
            return owner.or_else(|| self.wecom.owner(token));
        }
        let of_service = ["suite_access_token", "provider_access_token"];
        if let Some(token) = of_service.into_iter().find_map(|name| query.value(name)) {
            return self.wecom.service_owner(token);
        }
        if let Some((corpid, secret)) = query.value("corpid").zip(query.value("corpsecret")) {
            return self.wecom.asker(corpid, secret);
        }
        let known = |appid: &str| self.apps.contains_key(appid).then(|| appid.to_owned());
        if let Some(appid) = query.value("appid") {
            return known(appid);
        }
        match serde_json::from_slice::<HashMap<String, Value>>(body) {
            Ok(fields) => {
                let named = |name| fields.get(name).and_then(Value::as_str);
                let service = named("suite_id").or_else(|| named("corpid"));
                let service = service.filter(|id| self.wecom.knows_service(id));
                let component = named("component_appid").filter(|id| self.platforms.has(id));
                let one = service.or(component).map(str::to_owned);
                one.or_else(|| named("appid").and_then(known))
            }
            Err(_) => {
                let form = Params::parse(std::str::from_utf8(body).unwrap_or_default());
                form.value("appid").and_then(known)
            }
        }
    }

    fn carry_out(&mut self, call: &Call<'_>, rid: &str) -> Outcome {
        self.carry_out_spoiled(call, rid, None)
    }

    /// Opens the call first if it is sealed, and seals its answer, which this fault may spoil.
    fn carry_out_spoiled(
        &mut self,
        call: &Call<'_>,
        rid: &str,
        spoil: Option<&FaultKind>,
    ) -> Outcome {
        let appid = call.token().and_then(|token| self.appid_of_live(call.now, token));
        let Some(app) = appid.as_ref().and_then(|appid| self.apps.get_mut(appid)) else {
            return self.carry_out_plain(call, rid);
        };
        let opened = match api_security::opened(app, call) {
            Ok(Some(opened)) => opened,
            Ok(None) => return self.carry_out_plain(call, rid),
            Err(refusal) => return Outcome::refusal(&refusal, call, rid),
        };
        self.counters.app_mut(&app.appid).sealed += 1;
        let request = &opened.plain;
        let query = Params::parse(request.uri().query().unwrap_or_default());
        let inner = Call { request, query, ..*call };
        let outcome = self.carry_out_plain(&inner, rid);
        match appid.as_ref().and_then(|appid| self.apps.get(appid)) {
            Some(app) => api_security::sealed(app, &opened, outcome, &mut self.random, spoil),
            None => outcome,
        }
    }

    fn appid_of_live(&self, now: Moment, token: &str) -> Option<String> {
        match self.tokens.standing(now, token) {
            Some(Standing::Live { .. }) => {
                self.tokens.owner(token).map(|(appid, _)| appid.to_owned())
            }
            _ => None,
        }
    }

    fn carry_out_plain(&mut self, call: &Call<'_>, rid: &str) -> Outcome {
        let served = match call.path_at_wecom() {
            Some(path) => wecom::serve(self, call, path),
            None if call.path() == wecom::INSTALL_PAGE => wecom::serve_page(self, call),
            None => api::serve(self, call),
        };
        match served {
            Ok(success) => Outcome::success(success),
            Err(refusal) => Outcome::refusal(&refusal, call, rid),
        }
    }

    fn go_wrong(&mut self, fault: FaultKind, call: &mut Call<'_>, rid: &str) -> Outcome {
        match fault {
            FaultKind::Hang { when } => {
                self.carry_out_if(when, call, rid);
                Outcome::named(Act::Hang, "hang")
            }
            FaultKind::Cut { when } => {
                self.carry_out_if(when, call, rid);
                Outcome::named(Act::Cut, "cut")
            }
            FaultKind::Garbage => {
                let noise = (0..16).flat_map(|_| self.random.next().to_be_bytes()).collect();
                Outcome::answer(response(StatusCode::OK, JSON, noise), "garbage")
            }
            FaultKind::Html => {
                let page = "<html><head><title>502 Bad Gateway</title></head><body>\
                            <center><h1>502 Bad Gateway</h1></center></body></html>";
                Outcome::answer(response(StatusCode::OK, "text/html", page.into()), "html")
            }
            FaultKind::Status { status: code, body } => Outcome::status(
                StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY),
                &body,
            ),
            FaultKind::Errcode { errcode, errmsg } => {
                let refusal = Refusal::of_code(errcode, errmsg.as_deref());
                Outcome::refusal(&refusal, call, rid)
            }
            FaultKind::Flapping => {
                let at_wecom = call.path_at_wecom().is_some();
                let refusal = if at_wecom { Refusal::INVALID_TOKEN } else { Refusal::BAD_TOKEN };
                Outcome::refusal(&refusal, call, rid)
            }
            FaultKind::TokenLength { characters } => {
                call.token_length = Some(characters);
                self.carry_out(call, rid)
            }
            FaultKind::CutBody | FaultKind::TruncatedJson | FaultKind::ExpiresIn { .. } => {
                let outcome = self.carry_out(call, rid);
                outcome.spoiled(&fault)
            }
            FaultKind::ForgedSignature
            | FaultKind::AlteredCiphertext
            | FaultKind::OldAnswer
            | FaultKind::UnsealedAnswer => self.carry_out_spoiled(call, rid, Some(&fault)),
            FaultKind::Gzip => self.carry_out(call, rid).gzipped(call.request.headers()),
            FaultKind::Latency { .. } => self.carry_out(call, rid),
        }
    }

    fn carry_out_if(&mut self, when: When, call: &Call<'_>, rid: &str) {
        if when == When::After {
            self.carry_out(call, rid);
        }
    }
}

/// Without the tokens and secrets in it.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apps: Vec<_> = self.apps.keys().collect();
        f.debug_struct("World")
            .field("clock", &self.clock)
            .field("apps", &apps)
            .finish_non_exhaustive()
    }
}

/// Platforms may call it by either name.
fn token_in(query: &Params) -> Option<&str> {
    query.value("access_token").or_else(|| query.value("component_access_token"))
}

/// WeChat answers a chunked POST without Content-Length with 412 and nothing.
fn is_chunked(request: &Request<Bytes>) -> bool {
    request.method() == Method::POST
        && request.headers().contains_key(header::TRANSFER_ENCODING)
        && !request.headers().contains_key(header::CONTENT_LENGTH)
}
