//! Refresh tokens in the answers to a platform's own calls: the list of who has authorised it has them, and what is told of one.
//! Nobody is given them, so that in their place stands what the drop-ins answer too.
//!
//! Such an answer is read whole before anything of it is passed on. One that cannot be read is not passed on at all.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use serde_json::Value;

use super::call::Heard;
use super::hosts::{Destination, Host};
use super::look::Seen;
use super::needs::{is_under, plain};
use super::trouble::Trouble;
use crate::platforms::KEPT_HERE;

/// A page of the list has 500 accounts, and each takes some 200 bytes.
const MOST: usize = 1024 * 1024;

/// Whether an answer to this call may have some.
pub(super) fn may_be_in(destination: &Destination<'_>) -> bool {
    destination.host == Host::Api && is_under(&plain(destination.path), &["/cgi-bin/component/"])
}

/// The answer without them.
///
/// # Errors
/// It cannot be read: it broke off, is too large, or is written in a way that it was not asked for.
pub(super) async fn take_out(heard: Heard) -> Result<Heard, Trouble> {
    let Heard { mut head, body, seen } = heard.whole(MOST).await?;
    let Seen::Whole(whole, errcode) = seen else { return Err(Trouble::Lost) };
    let told = without(&whole).ok_or(Trouble::Lost)?;
    if head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(CONTENT_LENGTH, told.len().into());
    }
    Ok(Heard { head, body, seen: Seen::Whole(told, errcode) })
}

/// The same text without refresh tokens: as it is if it has none. None if that cannot be said of it.
fn without(text: &Bytes) -> Option<Bytes> {
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else {
        // A page that says that something is out of order, say. What is packed is not understood.
        let is_harmless = std::str::from_utf8(text).is_ok_and(|text| !text.contains("refresh"));
        return is_harmless.then(|| text.clone());
    };
    Some(if replace(&mut value) { value.to_string().into() } else { text.clone() })
}

/// Whether there was one.
fn replace(value: &mut Value) -> bool {
    match value {
        Value::Array(all) => all.iter_mut().map(replace).fold(false, |found, each| found | each),
        Value::Object(members) => members.iter_mut().fold(false, |found, (name, member)| {
            let is_one = name.to_ascii_lowercase().ends_with("refresh_token") && !member.is_null();
            if is_one {
                *member = KEPT_HERE.into();
            }
            is_one || replace(member) || found
        }),
        Value::String(text) if text.starts_with("refreshtoken@@@") => {
            *value = KEPT_HERE.into();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        let told = without(&Bytes::copy_from_slice(text.as_bytes()))?;
        Some(String::from_utf8(told.to_vec()).unwrap())
    }

    #[test]
    fn no_refresh_token_is_left_however_it_is_written() {
        for text in [
            r#"{"total_count":1,"list":[{"authorizer_appid":"wx1","refresh_token":"refreshtoken@@@S","auth_time":1}]}"#,
            r#"{"authorization_info":{"authorizer_refresh_token":"S"}}"#,
            r#"{"authorization_info":{"authorizer_refresh\u005ftoken":"S"}}"#,
            r#"{"a":{"other":["refreshtoken@@@S"]}}"#,
            r#"[{"Refresh_Token":["S"]}]"#,
        ] {
            let told = told(text).unwrap();
            assert!(!told.contains('S') && told.contains(KEPT_HERE), "{told}");
        }
    }

    #[test]
    fn what_has_none_stays_as_it_is_and_what_cannot_be_read_is_not_passed_on() {
        for text in [
            r#"{ "pre_auth_code" : "preauthcode@@@x","expires_in":600}"#,
            r#"{"errcode":61003,"errmsg":"x"}"#,
            r#"{"authorizer_refresh_token":null}"#,
            "<html>502 Bad Gateway</html>",
            "",
        ] {
            assert_eq!(told(text).as_deref(), Some(text));
        }
        assert_eq!(told(r#"{"refresh_token":"S""#), None);
        assert_eq!(without(&Bytes::from_static(b"\x1f\x8b\x08\xff")), None);
    }
}
