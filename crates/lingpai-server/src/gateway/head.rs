//! The headers of a call on their way to WeChat, and those of the answer on their way back.
//!
//! What concerns one connection only (RFC 9110, section 7.6.1), what is said to Lingpai, and what the transport says anew is
//! left out. Everything else passes as it came.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, LOCATION,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::traces;

/// What Lingpai and its clients say to each other.
const OURS: &str = "x-lingpai-";
/// The encodings that answers are read in; others are not asked for.
const READABLE: [&str; 4] = ["gzip", "x-gzip", "deflate", "identity"];

/// The headers of a call as WeChat gets them at this `host`. `length` is that of the body, if there is one.
pub(super) fn to_upstream(
    headers: &HeaderMap,
    host: &HeaderValue,
    length: Option<u64>,
) -> HeaderMap {
    let mut sent = HeaderMap::with_capacity(headers.len() + 1);
    sent.insert(HOST, host.clone());
    let listed = Listed::of(headers);
    for (name, value) in headers {
        if name == ACCEPT_ENCODING {
            if let Some(value) = readable(value) {
                sent.append(ACCEPT_ENCODING, value);
            }
        } else if !is_of_one_connection(name)
            && ![HOST, AUTHORIZATION, CONTENT_LENGTH, EXPECT].contains(name)
            && !name.as_str().starts_with(OURS)
            && !traces::is_of_traces(name)
            && !listed.contains(name)
        {
            match sent.get(COOKIE).filter(|_| name == COOKIE).and_then(|before| with(before, value))
            {
                Some(cookie) => drop(sent.insert(COOKIE, cookie)),
                None => drop(sent.append(name, value.clone())),
            }
        }
    }
    if let Some(length) = length {
        // Said and not left to the transport: WeChat answers 412 to a body without it.
        sent.insert(CONTENT_LENGTH, length.into());
    }
    sent
}

/// A cookie and the next crumb of it: HTTP/2 has a field for each, HTTP/1.1 one for all (RFC 9113, section 8.2.3).
fn with(cookie: &HeaderValue, crumb: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&[cookie.as_bytes(), b"; ", crumb.as_bytes()].concat()).ok()
}

/// Takes out of an answer's headers what is not for the client. A redirect names the call with the token in it: there the
/// client's own stands in the end.
pub(super) fn to_client(headers: &mut HeaderMap, token: &str, of_client: &str) {
    let listed = Listed::of(headers);
    let unwanted = |name: &HeaderName| {
        is_of_one_connection(name) || name.as_str().starts_with(OURS) || listed.contains(name)
    };
    // Nearly always there are one or two.
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    if !token.is_empty()
        && let Some(location) = headers.get(LOCATION)
    {
        let hidden = location.to_str().ok().map(|text| text.replace(token, of_client));
        match hidden.and_then(|text| HeaderValue::try_from(text).ok()) {
            Some(hidden) => headers.insert(LOCATION, hidden),
            None => headers.remove(LOCATION),
        };
    }
}

fn is_of_one_connection(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 7] = [
        CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    NAMES.contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// The names that `Connection` lists: headers of one connection too.
struct Listed<'a>(Vec<&'a str>);

impl<'a> Listed<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        let names = values.flat_map(|value| value.split(',')).map(str::trim);
        // Nearly always this one, which is left out anyway.
        Self(names.filter(|name| !name.eq_ignore_ascii_case("keep-alive")).collect())
    }

    fn contains(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|listed| listed.eq_ignore_ascii_case(name.as_str()))
    }
}

/// The encodings among these that can be read. Nothing if none is left, which allows any: then all answers are plain,
/// since that is what those who ask for nothing get.
fn readable(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let is_readable = |part: &&str| {
        let name = part.split(';').next().unwrap_or_default().trim();
        READABLE.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    if text.split(',').all(|part| is_readable(&part)) {
        return Some(value.clone());
    }
    let left: Vec<&str> = text.split(',').map(str::trim).filter(is_readable).collect();
    if left.is_empty() { None } else { HeaderValue::try_from(left.join(", ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let parsed = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        headers.iter().map(parsed).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn what_is_said_to_lingpai_or_concerns_one_connection_does_not_reach_upstream() {
        let came = map(&[
            ("host", "lingpai:8700"),
            ("authorization", "Bearer lp_1_x"),
            ("x-lingpai-account", "wx1"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("content-length", "99"),
            ("content-type", "application/json"),
            ("user-agent", "sdk"),
            ("cookie", "a=1"),
        ]);
        let sent = to_upstream(&came, &HeaderValue::from_static("wechat"), Some(7));
        assert_eq!(
            names(&sent),
            ["host", "content-type", "user-agent", "cookie", "content-length"]
        );
        assert_eq!(sent[HOST], "wechat");
        assert_eq!(sent[CONTENT_LENGTH], "7");
        assert!(
            !to_upstream(&came, &HeaderValue::from_static("wechat"), None)
                .contains_key(CONTENT_LENGTH)
        );
    }

    #[test]
    fn only_encodings_that_can_be_read_are_asked_for() {
        for (asked, expected) in [
            ("gzip, deflate", Some("gzip, deflate")),
            ("gzip,deflate;q=0.5", Some("gzip,deflate;q=0.5")),
            ("gzip, compress, deflate, br", Some("gzip, deflate")),
            ("br;q=1.0, GZIP;q=0.8, *;q=0.1", Some("GZIP;q=0.8")),
            ("br", None),
            ("", None),
        ] {
            let sent = to_upstream(
                &map(&[("accept-encoding", asked)]),
                &HeaderValue::from_static("wechat"),
                None,
            );
            assert_eq!(sent.get(ACCEPT_ENCODING).map(|value| value.to_str().unwrap()), expected);
        }
    }

    #[test]
    fn a_redirect_does_not_give_the_token_away() {
        let mut headers = map(&[
            ("location", "https://x/?access_token=85_real&a=1"),
            ("connection", "keep-alive"),
            ("x-lingpai-error", "forged"),
            ("content-disposition", "attachment"),
        ]);
        to_client(&mut headers, "85_real", "lpv_1");
        assert_eq!(names(&headers), ["location", "content-disposition"]);
        assert_eq!(headers[LOCATION], "https://x/?access_token=lpv_1&a=1");
    }
}
