//! The trace that a caller is in: the header `traceparent` of W3C Trace Context.
//!
//! It is read of callers that were let in, and never sent on: WeChat knows no traces, and what a business calls its requests is
//! none of its business.

use http::{HeaderMap, HeaderName};
use lingpai_core::span::{Context, Origin};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Whether a header says in which trace a request is, or more of that. None of them leaves the house.
pub(crate) fn is_of_traces(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "traceparent" | "tracestate" | "baggage" | "b3") || name.starts_with("x-b3-")
}

/// From where the trace of a request goes on, if it says so.
pub(crate) fn origin(headers: &HeaderMap) -> Option<Origin> {
    read(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// `00-<trace: 32 hex>-<span: 16 hex>-<flags: 2 hex>`. Later versions may have more behind that (W3C Trace Context, section 3.2).
fn read(text: &str) -> Option<Origin> {
    let mut parts = text.trim().split('-');
    let mut number = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.bytes().all(is_digit).then(|| u128::from_str_radix(part, 16).ok()).flatten()
    };
    let (version, trace, span, flags) = (number(2)?, number(32)?, number(16)?, number(2)?);
    let is_alone = parts.next().is_none();
    if version == 0xff || version == 0 && !is_alone || trace == 0 || span == 0 {
        return None;
    }
    let context = Context { trace, span: u64::try_from(span).ok()? };
    Some(Origin { context, is_followed: flags & 1 == 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_read_as_the_standard_has_it() {
        // The example of W3C Trace Context, section 3.2.4.
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context {
            trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
            span: 0x00f0_67aa_0ba9_02b7,
        };
        assert_eq!(read(text), Some(Origin { context, is_followed: true }));
        let unfollowed = text.replace("-01", "-00");
        assert_eq!(read(&unfollowed), Some(Origin { context, is_followed: false }));
        let later = format!("cc{}-what-the-future-brings", &text[2..]);
        assert_eq!(read(&later), Some(Origin { context, is_followed: true }));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
