//! Faults asked for by name: what goes wrong, where, how often.
//!
//! Faults belong to the wire, so their times are real ones, whatever the speed of the world.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// The answer comes later. Adds to any other fault of the same call.
    Latency {
        /// Real milliseconds.
        milliseconds: u64,
    },
    /// No answer, and the connection stays open.
    Hang {
        /// Whether the call has an effect.
        #[serde(default)]
        when: When,
    },
    /// The connection is closed without an answer.
    Cut {
        /// Whether the call has an effect.
        #[serde(default)]
        when: When,
    },
    /// The call is carried out; the connection is closed in the middle of the answer's body.
    CutBody,
    /// The call is carried out; its JSON stops in the middle although the HTTP message is whole.
    TruncatedJson,
    /// The call has no effect; the answer is bytes that mean nothing.
    Garbage,
    /// The call has no effect; the answer is a web page, as a captive proxy would give.
    Html,
    /// The call has no effect; the answer has this HTTP status.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body; empty if left out.
        #[serde(default)]
        body: String,
    },
    /// The call has no effect; the answer is this refusal, with WeChat's words if they are known.
    Errcode {
        /// The code, such as -1 or 45011.
        errcode: i64,
        /// The text without its rid.
        #[serde(default)]
        errmsg: Option<String>,
    },
    /// The call is carried out; its `expires_in` is replaced by this value, of any JSON type.
    ExpiresIn {
        /// The lie.
        value: Value,
    },
    /// The call is carried out; a token minted by it has this many characters (4 to 100000), and is
    /// good.
    TokenLength {
        /// All of them, the prefix included.
        characters: usize,
    },
    /// The call is carried out; its answer, also a refusal, comes compressed if the caller accepts
    /// that (`Accept-Encoding`).
    Gzip,
    /// Every other call is refused with 40001, although the token is right.
    Flapping,
    /// The sealed call is carried out; its answer is signed by somebody who only says to be WeChat.
    ForgedSignature,
    /// The sealed call is carried out; its answer is changed behind the signature.
    AlteredCiphertext,
    /// The sealed call is carried out; its answer is of ten minutes ago, as a repeated one is.
    OldAnswer,
    /// The sealed call is carried out; its answer comes in plain.
    UnsealedAnswer,
}

/// Whether the fault strikes before the call is carried out, or after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The call has no effect, as if it had never arrived.
    #[default]
    Before,
    /// The call has its effect (a token is minted!) and only the answer is lost.
    After,
}

/// A fault, and the calls that meet it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Which paths; `*` stands for anything. Default `*`.
    pub path: String,
    /// Only calls of this app.
    pub appid: Option<String>,
    /// Only so many calls.
    pub times: Option<u64>,
    /// Only for so long, in real time.
    #[serde(rename = "for_seconds", serialize_with = "as_seconds")]
    pub lasts: Option<Duration>,
}

impl Fault {
    /// A fault that every call meets until it is removed.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, path: "*".to_owned(), appid: None, times: None, lasts: None }
    }

    /// Only on these paths; `*` stands for anything.
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Only for calls of this app.
    #[must_use]
    pub fn of(mut self, appid: &str) -> Self {
        self.appid = Some(appid.to_owned());
        self
    }

    /// Only for the next `n` calls.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    /// Only for so long, in real time.
    #[must_use]
    pub fn lasting(mut self, span: Duration) -> Self {
        self.lasts = Some(span);
        self
    }

    /// Reads `{"fault": "...", ...}`. By hand, since serde cannot refuse unknown fields of a
    /// flattened enum.
    pub(crate) fn from_json(value: Value) -> Result<Self, Error> {
        let bad = |problem: String| Error::BadRequest { problem };
        let Value::Object(mut fields) = value else {
            return Err(bad("write an object with a `fault`".to_owned()));
        };
        #[derive(Deserialize)]
        struct Reach {
            path: Option<String>,
            appid: Option<String>,
            times: Option<u64>,
            for_seconds: Option<f64>,
        }
        let reach = ["path", "appid", "times", "for_seconds"];
        let reach = reach.iter().filter_map(|name| fields.remove_entry(*name)).collect();
        let reach: Reach =
            serde_json::from_value(Value::Object(reach)).map_err(|e| bad(e.to_string()))?;
        let kind: FaultKind =
            serde_json::from_value(Value::Object(fields)).map_err(|e| bad(e.to_string()))?;
        let lasts = reach.for_seconds.map(Duration::try_from_secs_f64).transpose();
        let lasts = lasts.map_err(|e| bad(format!("for_seconds: {e}")))?;
        let path = reach.path.unwrap_or_else(|| "*".to_owned());
        Ok(Self { kind, path, appid: reach.appid, times: reach.times, lasts })
    }

    fn validate(&self) -> Result<(), Error> {
        let problem = match self.kind {
            FaultKind::Status { status, .. } if !is_final_status(status) => {
                format!("{status} is no HTTP status for an answer: write 200 to 599")
            }
            FaultKind::TokenLength { characters } if !(4..=100_000).contains(&characters) => {
                "characters must be 4 to 100000".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::BadRequest { problem })
    }
}

fn is_final_status(status: u16) -> bool {
    (200..=599).contains(&status) && StatusCode::from_u16(status).is_ok()
}

fn as_seconds<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(to)
}

/// The number by which an active fault can be removed.
pub type FaultId = u64;

/// A fault that waits for calls.
#[derive(Clone, Debug, Serialize)]
pub struct ActiveFault {
    /// Its number.
    pub id: FaultId,
    /// How many calls it has met.
    pub met: u64,
    /// The fault as it was asked for.
    #[serde(flatten)]
    pub fault: Fault,
    #[serde(skip)]
    ends_at: Option<Duration>,
}

/// The faults in force, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<ActiveFault>,
    last_id: FaultId,
}

/// What befalls one call.
#[derive(Debug, Default)]
pub(crate) struct Mishap {
    pub(crate) delay: Duration,
    pub(crate) kind: Option<FaultKind>,
}

impl Faults {
    pub(crate) fn add(&mut self, now: Duration, fault: Fault) -> Result<FaultId, Error> {
        fault.validate()?;
        self.last_id += 1;
        let ends_at = fault.lasts.map(|span| now.saturating_add(span));
        self.active.push(ActiveFault { id: self.last_id, met: 0, fault, ends_at });
        Ok(self.last_id)
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    pub(crate) fn list(&mut self, now: Duration) -> &[ActiveFault] {
        self.drop_finished(now);
        &self.active
    }

    /// What befalls this call: all latencies that apply, and the first other fault that does.
    pub(crate) fn strike(&mut self, now: Duration, call: Target<'_>) -> Mishap {
        self.drop_finished(now);
        let mut mishap = Mishap::default();
        for active in &mut self.active {
            let fault = &active.fault;
            let of_app = fault.appid.is_none() || fault.appid.as_deref() == call.appid;
            if !of_app || !glob(&fault.path, call.path) {
                continue;
            }
            match &fault.kind {
                FaultKind::Latency { milliseconds } => {
                    let more = Duration::from_millis(*milliseconds);
                    mishap.delay = mishap.delay.saturating_add(more);
                }
                _ if mishap.kind.is_some() => continue,
                FaultKind::Flapping if !call.has_token => continue,
                FaultKind::Flapping if active.met % 2 == 1 => {}
                kind => mishap.kind = Some(kind.clone()),
            }
            active.met += 1;
        }
        mishap
    }

    fn drop_finished(&mut self, now: Duration) {
        self.active.retain(|active| {
            let spent = active.fault.times.is_some_and(|times| active.met >= times);
            let over = active.ends_at.is_some_and(|end| now >= end);
            !spent && !over
        });
    }
}

/// What a fault can aim at.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    pub(crate) appid: Option<&'a str>,
    pub(crate) has_token: bool,
}

/// `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').map_or((None, rest), |(m, t)| (Some(m), t));
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("*", "/cgi-bin/token"));
        assert!(glob("/cgi-bin/*", "/cgi-bin/token"));
        assert!(glob("*token", "/cgi-bin/stable_token"));
        assert!(glob("/*/media/*", "/cgi-bin/media/get"));
        assert!(glob("/cgi-bin/token", "/cgi-bin/token"));
        assert!(!glob("/cgi-bin/token", "/cgi-bin/token2"));
        assert!(!glob("/wxa/*", "/cgi-bin/token"));
        assert!(!glob("ab*ba", "aba"));
    }
}
