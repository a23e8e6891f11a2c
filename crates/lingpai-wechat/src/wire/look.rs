//! A look at the way to each host: its name, a connection, an answer, and what the answer says of the time.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use lingpai_core::Timestamp;
use tokio::time::{Instant, timeout};

use super::connector::Connector;
use super::http::Http;
use super::settings::{BaseUrl, Settings};
use super::transport::Transport;
use crate::{Error, protocol};

/// What was seen of one host.
#[derive(Clone, Debug)]
pub struct HostLook {
    /// The host, and its port if that is unusual.
    pub host: String,
    /// Whether it is reached through a proxy, which resolves its name then.
    pub through_proxy: bool,
    /// The addresses that its name has here.
    pub addresses: Vec<IpAddr>,
    /// How long a connection took, TLS included.
    pub connected_in: Option<Duration>,
    /// How long its answer to a call took that it refuses, since it carries no token; the connection included.
    pub answered_in: Option<Duration>,
    /// How far the clock of this machine is ahead of that of the host, in seconds; below zero if it is behind. To the
    /// second, as HTTP tells the time.
    pub ahead: Option<i64>,
    /// What went wrong, if something did, and what a person can do about it, in English.
    pub trouble: Option<(String, &'static str)>,
}

/// Looks at every host that the settings name, side by side; with WeCom's if that is asked for. `wall` tells the time.
///
/// Takes as long as the deadlines of the settings say. Nothing that is sent belongs to an account. Dropping the future
/// closes what was begun.
///
/// # Errors
/// [`Error::Trust`] if the machine has no certificates to trust and they are needed.
pub async fn look_at_hosts(
    settings: &Settings,
    with_wecom: bool,
    wall: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Vec<HostLook>, Error> {
    let connector = Connector::new(settings)?;
    let mut hosts = settings.hosts.clone();
    if hosts.is_empty() {
        hosts.extend(protocol::HOSTS.map(BaseUrl::official));
        hosts.extend(with_wecom.then(|| BaseUrl::official(protocol::WECOM_HOST)));
    }
    let mut looks = Vec::new();
    // At once, and told in their order.
    let mut under_way: Vec<_> =
        hosts.iter().map(|host| Box::pin(look(host, &connector, settings, wall))).collect();
    let mut done: Vec<Option<HostLook>> = under_way.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, slot) in under_way.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            if let std::task::Poll::Ready(look) = one.as_mut().poll(context) {
                *slot = Some(look);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    looks.extend(done.into_iter().flatten());
    Ok(looks)
}

async fn look(
    host: &BaseUrl,
    connector: &Connector,
    settings: &Settings,
    wall: &(dyn Fn() -> Timestamp + Sync),
) -> HostLook {
    let uri = format!("{host}{}", protocol::CALLBACK_IP_PATH).parse::<Uri>().unwrap_or_default();
    let mut look = HostLook {
        host: host.authority().to_string(),
        through_proxy: !connector.way_to(&uri).is_empty(),
        addresses: Vec::new(),
        connected_in: None,
        answered_in: None,
        ahead: None,
        trouble: None,
    };
    let name = host.authority().host().trim_matches(['[', ']']).to_owned();
    if !look.through_proxy {
        let resolving = tokio::net::lookup_host((name, 443));
        if let Ok(Ok(found)) = timeout(settings.deadlines.connect, resolving).await {
            look.addresses = found.map(|address| address.ip()).collect();
            look.addresses.dedup();
        }
    }
    let start = Instant::now();
    match connector.connect(uri.clone()).await {
        Ok(_) => look.connected_in = Some(start.elapsed()),
        Err(error) => {
            let mut story = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                story = format!("{story}: {error}");
                cause = error.source();
            }
            look.trouble = Some((story, error.remedy()));
            return look;
        }
    }
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri;
    let (start, before) = (Instant::now(), wall());
    let http = Http::new(connector.clone());
    match timeout(settings.deadlines.call, http.send(request)).await {
        Ok(Ok(answer)) => {
            look.answered_in = Some(start.elapsed());
            let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
            look.ahead = date.and_then(read_date).map(|date| {
                let middle = before + start.elapsed() / 2;
                (middle.as_millis() - date * 1000 - 500).div_euclid(1000)
            });
        }
        Ok(Err(error)) => {
            look.trouble = Some((error.story(), error.remedy.unwrap_or(crate::remedy::LOST.en)));
        }
        Err(_) => {
            let what = format!("no answer within {} s", settings.deadlines.call.as_secs_f32());
            look.trouble = Some((what, crate::remedy::LOST.en));
        }
    }
    look
}

/// The seconds since 1970 that an HTTP date names: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn read_date(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = text.split_once(", ")?.1.split([' ', ':']).collect();
    let number = |at: usize| words.get(at)?.parse::<i64>().ok();
    let (day, year) = (number(0)?, number(2)?);
    let month = i64::try_from(MONTHS.find(words.get(1)?)? / 3 + 1).ok()?;
    let (hour, minute, second) = (number(3)?, number(4)?, number(5)?);
    let start = Timestamp::from_civil(year, month, day).as_seconds();
    Some(start + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_read_to_the_second() {
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        for wrong in ["", "now", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, x Nov 1994 08:49:37 GMT"] {
            assert_eq!(read_date(wrong), None, "{wrong}");
        }
    }
}
