//! Sending: three tries of five seconds each, as WeChat does.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{Fault, Mode, Order, Try, seal};
use crate::{SharedWorld, random::Random, state::wall};

/// How often WeChat tries.
const TRIES: usize = 3;
/// How much of an answer is read.
const MAX_ANSWER: usize = 256 * 1024;
/// So late is late.
const LATE: i64 = 600;

/// Sends what the body of a control call asks for, at this time in seconds. What came of it, as the control API says it.
pub(crate) async fn answer(body: &Bytes, now: i64, random: &mut Random) -> (StatusCode, Value) {
    let order: Order = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return (StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
    };
    match wire(&order, now, random) {
        Ok(wire) => (StatusCode::OK, json!({"tries": sent(&order, wire).await})),
        Err(problem) => (StatusCode::BAD_REQUEST, json!({"error": problem})),
    }
}

/// A request: its method, where it goes, and its body.
#[derive(Clone)]
struct Wire(Method, Uri, String);

fn wire(order: &Order, now: i64, random: &mut Random) -> Result<Wire, &'static str> {
    let (fault, encrypted) = (order.fault, order.mode != Mode::Plain);
    let at = if fault == Fault::Late { now - LATE } else { now };
    let (at, nonce) = (at.to_string(), (random.next() as u32).to_string());
    let token = if fault == Fault::WrongToken { "guessed" } else { &order.token };
    let key = match (encrypted, fault) {
        (true, Fault::WrongKey) => Some([7; 32]),
        (true, _) => Some(seal::key(&order.encoding_aes_key).ok_or("no EncodingAESKey")?),
        (false, _) => None,
    };
    let text = match (&order.echostr, &order.message) {
        (Some(echo), _) => echo.clone(),
        (None, Some(message)) => message.clone(),
        (None, None) => greeting(&at, random),
    };
    let receiver = if fault == Fault::WrongReceiver { "wxffffffffffffffff" } else { &order.appid };
    let padding = (fault == Fault::WrongPadding).then_some(0);
    let noise = [random.next(), random.next()].map(u64::to_ne_bytes);
    let mut salt = [0; 16];
    salt.copy_from_slice(&noise.concat());
    let sealed = key.map(|key| seal::encrypt(&key, salt, &text, receiver, padding));
    let mut signature = seal::sign(&[token, &at, &nonce]);
    if fault == Fault::Corrupt && !encrypted {
        signature.replace_range(..1, "x");
    }
    let mut query = format!("signature={signature}&timestamp={at}&nonce={nonce}");
    let mut method = Method::POST;
    if let Some(sealed) = &sealed {
        let signature = seal::sign(&[token, &at, &nonce, sealed]);
        query += &format!("&encrypt_type=aes&msg_signature={signature}");
    }
    let mut body = match &sealed {
        None => text.clone(),
        Some(sealed) => envelope(order, &text, &corrupted(sealed, fault)),
    };
    if order.echostr.is_some() {
        method = Method::GET;
        let echo = sealed.as_deref().unwrap_or(&text);
        query += &format!("&echostr={}", in_query(echo));
        body.clear();
    }
    if fault == Fault::Truncate {
        body.truncate(
            (0..=body.len() / 2).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0),
        );
    }
    if fault == Fault::Bomb {
        body = format!("<!DOCTYPE xml [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>{body}");
    }
    let about = order.authorizer.as_ref().unwrap_or(&order.appid);
    let url = order.url.replace("$APPID$", about);
    let join = if url.contains('?') { '&' } else { '?' };
    let uri: Uri = format!("{url}{join}{query}").parse().map_err(|_| "this is no URL")?;
    match uri.scheme_str() {
        Some("http") => Ok(Wire(method, uri, body)),
        _ => Err("the url must begin with http://"),
    }
}

/// Somebody says hello.
fn greeting(at: &str, random: &mut Random) -> String {
    let id = random.next() >> 1;
    format!(
        "<xml><ToUserName><![CDATA[gh_sandbox]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>\
         <CreateTime>{at}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好]]></Content>\
         <MsgId>{id}</MsgId></xml>"
    )
}

fn corrupted(sealed: &str, fault: Fault) -> String {
    let mut sealed = sealed.to_owned();
    if fault == Fault::Corrupt {
        let other = if sealed.starts_with('A') { "B" } else { "A" };
        sealed.replace_range(..1, other);
    }
    sealed
}

/// In compatible mode the message stands beside the ciphertext.
fn envelope(order: &Order, text: &str, sealed: &str) -> String {
    let Order { mode, to, .. } = order;
    let is_json = text.trim_start().starts_with('{');
    match (mode, is_json) {
        (Mode::Compatible, true) => {
            let mut all: Value = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
            all["Encrypt"] = sealed.into();
            all.to_string()
        }
        (_, true) => json!({"ToUserName": to, "Encrypt": sealed}).to_string(),
        (Mode::Compatible, false) => {
            let encrypt = format!("<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>");
            text.replace("</xml>", &encrypt)
        }
        (_, false) if order.names_appid => format!(
            "<xml><AppId><![CDATA[{to}]]></AppId><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        ),
        (_, false) => format!(
            "<xml><ToUserName><![CDATA[{to}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        ),
    }
}

pub(crate) fn in_query(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Delivers what the world pushes by itself, until the future is dropped.
pub(crate) async fn deliver(world: SharedWorld) {
    loop {
        let (orders, pause) = world.due_pushes();
        for order in orders {
            tokio::spawn(deliver_one(world.clone(), order));
        }
        let wait = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = world.pushing() => {}
        }
    }
}

async fn deliver_one(world: SharedWorld, order: Order) {
    deliver_here(&world, order).await;
}

/// Delivers one push: what came of it.
pub(crate) async fn deliver_here(world: &SharedWorld, order: Order) -> Value {
    let mut random = world.with(|world, _| Random::seeded(world.random.next()));
    let now = i64::try_from(wall().as_secs()).unwrap_or(i64::MAX);
    let tries = match wire(&order, now, &mut random) {
        Ok(wire) => json!(sent(&order, wire).await),
        Err(problem) => json!({ "error": problem }),
    };
    let told = json!({"what": order.what, "for": order.appid, "tries": tries});
    world.with(|world, _| world.note_push(told.clone()));
    told
}

async fn sent(order: &Order, wire: Wire) -> Vec<Try> {
    let mut tries = Vec::new();
    let replays = order.fault == Fault::Replay;
    while tries.len() < TRIES {
        let patience = Duration::from_secs(order.patience);
        let outcome = timeout(patience, exchange(wire.clone())).await.ok().flatten();
        let has_answered = outcome.as_ref().is_some_and(|(status, _)| *status == 200);
        let (status, body) =
            outcome.map_or((None, String::new()), |(status, body)| (Some(status), body));
        let decrypted = decrypted(order, &body);
        tries.push(Try { status, body, decrypted });
        if (has_answered && !(replays && tries.len() == 1)) || order.echostr.is_some() {
            break;
        }
    }
    tries
}

/// One request on a connection of its own: the status and the body.
async fn exchange(Wire(method, uri, body): Wire) -> Option<(u16, String)> {
    let authority = uri.authority()?;
    let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(uri.path_and_query()?.as_str())
        .header("Host", authority.as_str())
        .header("User-Agent", "Mozilla/4.0")
        .header("Content-Type", "text/xml")
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.ok()?.to_bytes();
    connection.abort();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

/// What is in an encrypted answer whose signature is right.
fn decrypted(order: &Order, body: &str) -> Option<String> {
    let xml = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        let text = text
            .strip_prefix("<![CDATA[")
            .and_then(|text| text.strip_suffix("]]>"))
            .unwrap_or(text);
        Some(text.to_owned())
    };
    let object: Option<Value> = serde_json::from_str(body).ok();
    let part = |name: &str| match &object {
        Some(object) => match object.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        },
        None => xml(name),
    };
    let encrypt = part("Encrypt")?;
    let due = seal::sign(&[&order.token, &part("TimeStamp")?, &part("Nonce")?, &encrypt]);
    let key = seal::key(&order.encoding_aes_key)?;
    (part("MsgSignature")? == due).then(|| seal::decrypt(&key, &encrypt, &order.appid)).flatten()
}
