//! API security (API 安全): calls that are encrypted and signed, and answers that are.
//!
//! From WeChat's guide 服务端 API 签名加密指南 and not from Lingpai's own sealing, which it is there to catch out. What the guide
//! does not say is marked "guess".

mod envelope;
mod pem;

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use self::envelope::{Envelope, sign, verify};
use crate::{
    Act, Error, World, app::App, fault::FaultKind, outcome::Outcome, random::Random,
    refusal::Refusal, world::Call,
};

/// How far the time of a call may be from WeChat's, in seconds. A guess: SDKs say so of the answer.
const TOLERANCE: u64 = 300;
/// So many calls are remembered, so that none is carried out twice.
const REMEMBERED: usize = 10_000;
/// The calls that are refused unless they are sealed: deliveries within a city (同城配送).
const SEALED_ONLY: &str = "/cgi-bin/express/intracity/";
/// What is added to every call and answer.
const ADDED: [&str; 3] = ["_n", "_appid", "_timestamp"];

const APPID: HeaderName = HeaderName::from_static("wechatmp-appid");
const TIMESTAMP: HeaderName = HeaderName::from_static("wechatmp-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("wechatmp-signature");
const SERIAL: HeaderName = HeaderName::from_static("wechatmp-serial");
const OLD_SERIAL: HeaderName = HeaderName::from_static("wechatmp-serial-deprecated");
const OLD_SIGNATURE: HeaderName = HeaderName::from_static("wechatmp-signature-deprecated");

/// The platform's certificates and their keys, which sign for nobody but a sandbox.
const PLATFORM: [Platform; 2] = [
    Platform {
        serial: "5a0db0c0ffee0001c0ffee00015a0db0",
        key: include_str!("platform-1.key.pem"),
        certificate: include_str!("platform-1.crt.pem"),
    },
    Platform {
        serial: "5a0db0c0ffee0002c0ffee00025a0db0",
        key: include_str!("platform-2.key.pem"),
        certificate: include_str!("platform-2.crt.pem"),
    },
];

struct Platform {
    serial: &'static str,
    key: &'static str,
    certificate: &'static str,
}

/// The real time in Unix seconds, which whoever serves the world puts into a request: callers sign by their own clocks, and the
/// world's may run fast.
#[derive(Clone, Copy)]
pub(crate) struct Wall(pub(crate) u64);

/// What an administrator does on the page API 安全.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSecuritySettings {
    /// The number of the symmetric key.
    pub symmetric_serial: String,
    /// The symmetric key (AES256_GCM), in base64; invented if left out.
    #[serde(default)]
    pub symmetric_key: Option<String>,
    /// The app's public key, in PEM.
    pub public_key: String,
    /// How far the platform is in replacing its certificate.
    #[serde(default)]
    pub certificate: Certificate,
}

/// How far the platform is in replacing its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// The first signs.
    #[default]
    First,
    /// The second signs, and the first does too, as the one that is about to end.
    Changing,
    /// The second signs.
    Second,
}

/// The keys of one app, as WeChat has them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ApiSecurity {
    symmetric_serial: String,
    #[serde(serialize_with = "in_clear")]
    symmetric_key: Hidden,
    /// PKCS #1, in DER.
    public_key: Vec<u8>,
    certificate: Certificate,
    /// The signatures of the last calls.
    #[serde(skip)]
    seen: VecDeque<String>,
}

/// A key that is not printed.
#[derive(Clone, Deserialize)]
struct Hidden([u8; 32]);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn in_clear<S: Serializer>(key: &Hidden, to: S) -> Result<S::Ok, S::Error> {
    key.0.serialize(to)
}

/// A sealed call that was opened: what it says, and what its answer is bound to.
pub(crate) struct Opened {
    pub(crate) plain: Request<Bytes>,
    appid: String,
    url: String,
    wall: u64,
}

impl ApiSecurity {
    pub(crate) fn new(wanted: ApiSecuritySettings, random: &mut Random) -> Result<Self, Error> {
        let bad = |problem: &str| Error::BadRequest { problem: problem.to_owned() };
        let symmetric_key = match wanted.symmetric_key {
            Some(key) => pem::base64(&key)
                .and_then(|key| key.try_into().ok())
                .ok_or_else(|| bad("symmetric_key is not 32 bytes in base64"))?,
            None => std::array::from_fn(|_| random.next().to_be_bytes()[0]),
        };
        let public_key = pem::public_key(&wanted.public_key)
            .ok_or_else(|| bad("public_key is no RSA public key in PEM"))?;
        Ok(Self {
            symmetric_serial: wanted.symmetric_serial,
            symmetric_key: Hidden(symmetric_key),
            public_key,
            certificate: wanted.certificate,
            seen: VecDeque::new(),
        })
    }

    /// What the page shows and lets one download.
    pub(crate) fn shown(&self) -> Value {
        let [first, second] = PLATFORM.map(
            |platform| json!({"serial": platform.serial, "certificate": platform.certificate}),
        );
        json!({
            "symmetric_serial": self.symmetric_serial,
            "symmetric_key": pem::to_base64(&self.symmetric_key.0),
            "certificate": self.certificate,
            "platform": if self.certificate == Certificate::Second { &second } else { &first },
            "next_platform": second,
        })
    }

    /// Whether a call is one that is to be opened first.
    fn concerns(call: &Call<'_>) -> bool {
        let headers = call.request.headers();
        headers.contains_key(SIGNATURE)
            || headers.contains_key(APPID)
            || call.path().starts_with(SEALED_ONLY)
    }

    /// Opens a call of the app whose token it carries.
    fn open(&mut self, call: &Call<'_>, appid: &str, wall: u64) -> Result<Opened, Refusal> {
        let headers = call.request.headers();
        let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let signed_for = header(&APPID).ok_or(Refusal::SEAL_WITHOUT_APPID)?;
        let at = header(&TIMESTAMP).ok_or(Refusal::SEAL_WITHOUT_TIME)?;
        let signature = header(&SIGNATURE).ok_or(Refusal::SEAL_WITHOUT_SIGNATURE)?;
        if signed_for != appid {
            return Err(Refusal::SEAL_OF_ANOTHER);
        }
        let at: u64 = at.parse().map_err(|_| Refusal::SEAL_WITHOUT_TIME)?;
        if at.abs_diff(wall) > TOLERANCE {
            return Err(Refusal::SEAL_TOO_OLD);
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let url = format!("http://{}{}", host.unwrap_or_default(), call.path());
        let body = std::str::from_utf8(call.request.body()).map_err(|_| Refusal::BAD_SEAL)?;
        let statement = format!("{url}\n{appid}\n{at}\n{body}");
        if !verify(&self.public_key, &statement, signature) {
            return Err(Refusal::BAD_SIGNATURE);
        }
        // A guess: that it is refused is what the fields are for.
        if self.seen.iter().any(|seen| seen == signature) {
            return Err(Refusal::SEAL_TOO_OLD);
        }
        let bound = format!("{url}|{appid}|{at}|{}", self.symmetric_serial);
        let plain = Envelope::read(body).and_then(|it| it.open(&self.symmetric_key.0, &bound));
        let mut plain: Map<String, Value> =
            plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or(Refusal::BAD_SEAL)?;
        let [n, inner_appid, inner_at] = ADDED.map(|name| plain.remove(name));
        if n.is_none_or(|n| !n.is_string())
            || inner_appid != Some(appid.into())
            || inner_at != Some(at.into())
        {
            return Err(Refusal::BAD_SEAL);
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(signature.to_owned());
        let mut opened = Request::new(Bytes::from(Value::Object(plain).to_string()));
        *opened.method_mut() = Method::POST;
        *opened.uri_mut() = call.request.uri().clone();
        Ok(Opened { plain: opened, appid: appid.to_owned(), url, wall })
    }

    /// Seals an answer, and spoils it as a fault wants it.
    fn seal(
        &self,
        opened: &Opened,
        answer: Response<Bytes>,
        random: &mut Random,
        spoil: Option<&FaultKind>,
    ) -> Response<Bytes> {
        let Opened { appid, url, wall, .. } = opened;
        let (mut head, body) = answer.into_parts();
        let Ok(mut plain) = serde_json::from_slice::<Map<String, Value>>(&body) else {
            return Response::from_parts(head, body);
        };
        let at = if spoil == Some(&FaultKind::OldAnswer) { wall - 2 * TOLERANCE } else { *wall };
        let mut bytes = || -> [u8; 16] {
            let (one, other) = (random.next().to_be_bytes(), random.next().to_be_bytes());
            std::array::from_fn(|i| if i < 8 { one[i] } else { other[i - 8] })
        };
        plain.insert("_n".to_owned(), pem::to_base64(&bytes()).into());
        plain.insert("_appid".to_owned(), appid.as_str().into());
        plain.insert("_timestamp".to_owned(), at.into());
        let bound = format!("{url}|{appid}|{at}|{}", self.symmetric_serial);
        let plain = Value::Object(plain).to_string();
        let envelope = Envelope::seal(&self.symmetric_key.0, bytes(), &bound, plain.as_bytes());
        let mut body = envelope.write();
        let statement = format!("{url}\n{appid}\n{at}\n{body}");
        let signed_by = |number: usize| sign(PLATFORM[number].key, &statement);
        let (serial, mut signature, old) = match self.certificate {
            Certificate::First => (PLATFORM[0].serial, signed_by(0), None),
            Certificate::Changing => (PLATFORM[1].serial, signed_by(1), Some(signed_by(0))),
            Certificate::Second => (PLATFORM[1].serial, signed_by(1), None),
        };
        match spoil {
            Some(FaultKind::ForgedSignature) => {
                // By a stranger who says to be the platform.
                signature = signed_by(usize::from(self.certificate == Certificate::First));
            }
            Some(FaultKind::AlteredCiphertext) => body = envelope.altered().write(),
            _ => {}
        }
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::try_from(value) {
                head.headers.insert(name, value);
            }
        };
        put(APPID, appid);
        put(TIMESTAMP, &at.to_string());
        put(SERIAL, serial);
        put(SIGNATURE, &signature);
        if let Some(old) = old {
            put(OLD_SERIAL, PLATFORM[0].serial);
            put(OLD_SIGNATURE, &old);
        }
        Response::from_parts(head, body.into())
    }
}

/// Opens a call that is sealed, or has to be, once its token is good: before that WeChat refuses it in plain.
pub(crate) fn opened(app: &mut App, call: &Call<'_>) -> Result<Option<Opened>, Refusal> {
    if !ApiSecurity::concerns(call) {
        return Ok(None);
    }
    let wall = call.request.extensions().get::<Wall>();
    let wall = wall.map_or(call.now.unix_seconds(), |wall| wall.0);
    let appid = app.appid.clone();
    let security = app.api_security.as_mut().ok_or(Refusal::SEAL_WITHOUT_KEY)?;
    security.open(call, &appid, wall).map(Some)
}

/// The outcome of a sealed call, sealed too.
pub(crate) fn sealed(
    app: &App,
    opened: &Opened,
    outcome: Outcome,
    random: &mut Random,
    spoil: Option<&FaultKind>,
) -> Outcome {
    let Outcome { act, name } = outcome;
    let act = match (act, &app.api_security) {
        (Act::Answer(answer), Some(security)) if spoil != Some(&FaultKind::UnsealedAnswer) => {
            Act::Answer(security.seal(opened, answer, random, spoil))
        }
        (act, _) => act,
    };
    Outcome { act, name }
}

impl World {
    /// Sets up an app's API security, as an administrator does on its page. What can be seen and downloaded there.
    ///
    /// # Errors
    /// If the app is unknown, or a key is none.
    pub fn set_api_security(
        &mut self,
        appid: &str,
        settings: ApiSecuritySettings,
    ) -> Result<Value, Error> {
        self.app(appid)?;
        let security = ApiSecurity::new(settings, &mut self.random)?;
        let shown = security.shown();
        self.app_mut(appid)?.api_security = Some(security);
        Ok(shown)
    }

    /// Has the platform replace its certificate for an app, this far.
    ///
    /// # Errors
    /// If the app is unknown or has no API security.
    pub fn replace_certificate(
        &mut self,
        appid: &str,
        how_far: Certificate,
    ) -> Result<Value, Error> {
        let problem = "the app has no API security: set it up first".to_owned();
        let security = self.app_mut(appid)?.api_security.as_mut();
        let security = security.ok_or(Error::BadRequest { problem })?;
        security.certificate = how_far;
        Ok(security.shown())
    }
}
