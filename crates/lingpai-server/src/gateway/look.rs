//! A look at an answer: whether it is one of WeChat's errors, and which.
//!
//! Only a complete JSON object with an `errcode` at its top level says anything, whatever the `Content-Type`; and errors are
//! small. So an answer that is large, or begins like something else, passes on from its first bytes.

use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use hyper::body::Body;
use serde::Deserialize;
use tokio::time::timeout;

use super::passing::Passing;
use super::trouble::Trouble;

/// What is larger, compressed or not, is not looked at.
const MOST: usize = 64 * 1024;

/// How much of an answer's body was read.
pub(super) enum Seen {
    /// All of it, and the `errcode` at its top level.
    Whole(Bytes, Option<i64>),
    /// This much, which is no error of WeChat's. The rest is to come.
    Begun(Bytes),
}

/// Reads an answer's body as far as is needed to know whether it is an error, within this time.
pub(super) async fn look(
    headers: &HeaderMap,
    body: &mut Passing,
    most: Duration,
) -> Result<Seen, Trouble> {
    let encoding = Encoding::of(headers);
    if encoding == Encoding::Unknown || body.size_hint().lower() > MOST as u64 {
        return Ok(Seen::Begun(Bytes::new()));
    }
    let mut reading = pin!(read(encoding, body));
    // Nearly every answer has come with its head: then no time is kept.
    let at_once = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
    match at_once {
        Poll::Ready(seen) => seen,
        Poll::Pending => timeout(most, reading).await.map_err(|_| Trouble::Slow)?,
    }
}

async fn read(encoding: Encoding, body: &mut Passing) -> Result<Seen, Trouble> {
    // Nearly every answer is one piece, which is not copied.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = body.next().await? {
        let length = first.len() + all.len() + piece.len();
        if first.is_empty() {
            first = piece;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&piece);
        }
        let read = if all.is_empty() { &first[..] } else { &all[..] };
        if length > MOST || !encoding.may_hold_an_object(read) {
            return Ok(Seen::Begun(if all.is_empty() { first } else { all.freeze() }));
        }
    }
    let whole = if all.is_empty() { first } else { all.freeze() };
    let errcode = errcode_in(&whole, encoding);
    Ok(Seen::Whole(whole, errcode))
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Unknown,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Plain,
            (Some(value), None) => match value.as_bytes().to_ascii_lowercase().as_slice() {
                b"" | b"identity" => Self::Plain,
                b"gzip" | b"x-gzip" => Self::Gzip,
                b"deflate" => Self::Deflate,
                _ => Self::Unknown,
            },
            (Some(_), Some(_)) => Self::Unknown,
        }
    }

    /// Whether a body that begins like this can be a JSON object.
    fn may_hold_an_object(self, beginning: &[u8]) -> bool {
        match self {
            Self::Plain => is_object(beginning),
            Self::Gzip => beginning.iter().zip([0x1F, 0x8B]).all(|(byte, magic)| *byte == magic),
            Self::Deflate => true,
            Self::Unknown => false,
        }
    }
}

/// Whether the first sign is a brace, if there is one yet.
fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().first().is_none_or(|byte| *byte == b'{')
}

/// The `errcode` of a whole body, decompressed aside.
fn errcode_in(body: &[u8], encoding: Encoding) -> Option<i64> {
    match encoding {
        Encoding::Plain => errcode(body),
        Encoding::Gzip => errcode(&decompressed(GzDecoder::new(body))?),
        // The name means the zlib format; some mean what is inside it.
        Encoding::Deflate => {
            let plain = decompressed(ZlibDecoder::new(body));
            errcode(&plain.or_else(|| decompressed(DeflateDecoder::new(body)))?)
        }
        Encoding::Unknown => None,
    }
}

/// What comes out, unless it is too much or no proper stream.
fn decompressed(decoder: impl Read) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = decoder.take(MOST as u64 + 1).read_to_end(&mut plain).ok()?;
    (read <= MOST).then_some(plain)
}

/// The `errcode` at the top level of a whole text.
pub(super) fn errcode(text: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Said {
        // Most answers have none, and an error that says so would cost more than all the rest.
        #[serde(default)]
        errcode: Option<i64>,
    }
    // An array would do for the struct too.
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    // Most of what is large names none, which is seen faster than understood. With escapes it could be written otherwise.
    let names_none = |text: &str| !text.contains("errcode") && !text.contains('\\');
    if !is_object || std::str::from_utf8(text).is_ok_and(names_none) {
        return None;
    }
    serde_json::from_slice::<Said>(text).ok()?.errcode
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const REFUSED: &[u8] = br#"{"errcode":40001,"errmsg":"invalid credential rid: 1-2-3"}"#;

    #[test]
    fn only_a_whole_object_with_an_errcode_at_its_top_says_anything() {
        for (text, expected) in [
            (r#"{"errcode":40001,"errmsg":"x"}"#, Some(40001)),
            (" \r\n{\"a\":{\"errcode\":1},\"errcode\":-1} ", Some(-1)),
            (r#"{"errmsg":"ok","errcode":0}"#, Some(0)),
            (r#"{"err\u0063ode":40001}"#, Some(40001)),
            (r#"{"a":{"errcode":40001}}"#, None),
            (r#"{"errcode":"40001"}"#, None),
            (r#"{"errcode":40001"#, None),
            (r#"{"errcode":40001}{"#, None),
            (r#"{"errcode":40001,"errcode":0}"#, None),
            (r#"[{"errcode":40001}]"#, None),
            ("[40001]", None),
            (r#""errcode":40001"#, None),
            ("", None),
        ] {
            assert_eq!(errcode(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_unicode_is_looked_into_too() {
        assert_eq!(errcode(b"{\"errmsg\":\"\xB4\xED\",\"errcode\":40001}"), Some(40001));
    }

    #[test]
    fn compressed_answers_are_looked_into() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(REFUSED).unwrap();
        let gzip = gzip.finish().unwrap();
        assert!(Encoding::Gzip.may_hold_an_object(&gzip[..1]));
        assert_eq!(errcode_in(&gzip, Encoding::Gzip), Some(40001));
        assert_eq!(errcode_in(&gzip[..gzip.len() - 9], Encoding::Gzip), None, "cut off");

        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(REFUSED).unwrap();
        assert_eq!(errcode_in(&zlib.finish().unwrap(), Encoding::Deflate), Some(40001));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(REFUSED).unwrap();
        assert_eq!(errcode_in(&raw.finish().unwrap(), Encoding::Deflate), Some(40001));
    }

    #[test]
    fn a_compressed_answer_that_swells_is_not_looked_into() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        let spaces = vec![b' '; 10 << 20];
        bomb.write_all(&spaces).unwrap();
        bomb.write_all(REFUSED).unwrap();
        assert_eq!(errcode_in(&bomb.finish().unwrap(), Encoding::Gzip), None);
    }

    #[test]
    fn what_begins_otherwise_is_known_from_its_first_byte() {
        assert!(!Encoding::Plain.may_hold_an_object(b"\xFF\xD8\xFF"));
        assert!(!Encoding::Plain.may_hold_an_object(b"[1"));
        assert!(Encoding::Plain.may_hold_an_object(b" \n"));
        assert!(!Encoding::Gzip.may_hold_an_object(b"{"));
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(value))])
        };
        assert_eq!(Encoding::of(&headers("GZIP")), Encoding::Gzip);
        assert_eq!(Encoding::of(&headers("br")), Encoding::Unknown);
        assert_eq!(Encoding::of(&headers("gzip, br")), Encoding::Unknown);
    }
}
