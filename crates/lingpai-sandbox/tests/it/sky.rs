//! A world with its time in the hands of the test.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use lingpai_sandbox::{
    Act, AppCounters, AppKind, AppSettings, DEMO_APPID, DEMO_SECRET, Fault, FaultKind, Reply,
    Settings, Verdict, World,
};
use serde_json::{Value, json};

pub(crate) const CLASSIC: &str = "/cgi-bin/token";
pub(crate) const STABLE: &str = "/cgi-bin/stable_token";
pub(crate) const MINI: &str = "wx00000000000000aa";
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

pub(crate) struct Sky {
    pub(crate) world: World,
    pub(crate) now: Duration,
    pub(crate) peer: IpAddr,
}

impl Sky {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self { world: World::new(settings).unwrap(), now: Duration::ZERO, peer: LOOPBACK }
    }

    /// A world that also has a mini program.
    pub(crate) fn with_mini_program() -> Self {
        let mut sky = Self::new();
        sky.world.add_app(AppSettings::new(MINI, AppKind::MiniProgram)).unwrap();
        sky
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub(crate) fn pass_f64(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    pub(crate) fn call(&mut self, request: &Request<Bytes>) -> Reply {
        self.world.handle(self.now, self.peer, request)
    }

    pub(crate) fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        match self.call(request).act {
            Act::Answer(response) => response,
            other => panic!("no whole answer but {other:?}"),
        }
    }

    pub(crate) fn get(&mut self, uri: &str) -> Value {
        parsed(&self.answer(&request("GET", uri, "")))
    }

    pub(crate) fn post(&mut self, uri: &str, body: &Value) -> Value {
        parsed(&self.answer(&request("POST", uri, &body.to_string())))
    }

    pub(crate) fn delete(&mut self, uri: &str) -> Value {
        parsed(&self.answer(&request("DELETE", uri, "")))
    }

    pub(crate) fn classic(&mut self) -> Value {
        self.get(&classic_uri(DEMO_APPID, DEMO_SECRET))
    }

    pub(crate) fn stable(&mut self) -> Value {
        self.post(STABLE, &stable_body(false))
    }

    pub(crate) fn forced(&mut self) -> Value {
        self.post(STABLE, &stable_body(true))
    }

    /// What a business API says of this token: 0 or an errcode.
    pub(crate) fn tried(&mut self, token: &str) -> i64 {
        let answer = self.get(&format!("/cgi-bin/user/info?openid=o1&access_token={token}"));
        answer.get("errcode").map_or(0, |code| code.as_i64().unwrap())
    }

    pub(crate) fn verdict(&self, token: &str) -> Verdict {
        self.world.verdict(self.now, token)
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.world.fault(self.now, fault).unwrap();
    }

    pub(crate) fn fault_once(&mut self, kind: FaultKind) {
        self.fault(Fault::new(kind).times(1));
    }

    pub(crate) fn counters(&self) -> AppCounters {
        self.world.counters().app(DEMO_APPID)
    }
}

pub(crate) fn request(method: &str, uri: &str, body: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(uri).body(Bytes::from(body.to_owned())).unwrap()
}

pub(crate) fn parsed(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

pub(crate) fn classic_uri(appid: &str, secret: &str) -> String {
    format!("{CLASSIC}?grant_type=client_credential&appid={appid}&secret={secret}")
}

pub(crate) fn stable_body(force: bool) -> Value {
    json!({
        "grant_type": "client_credential",
        "appid": DEMO_APPID,
        "secret": DEMO_SECRET,
        "force_refresh": force,
    })
}

pub(crate) fn token(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token in {answer}")).to_owned()
}

pub(crate) fn code(answer: &Value) -> i64 {
    answer["errcode"].as_i64().unwrap_or_else(|| panic!("no errcode in {answer}"))
}

/// The text of a refusal without its rid, whose shape is checked.
pub(crate) fn text(answer: &Value) -> &str {
    let errmsg = answer["errmsg"].as_str().unwrap();
    let (text, rid) = errmsg.split_once(" rid: ").unwrap();
    assert!(rid.split('-').all(|group| group.len() == 8), "{rid}");
    assert_eq!(rid.split('-').count(), 3, "{rid}");
    text
}
