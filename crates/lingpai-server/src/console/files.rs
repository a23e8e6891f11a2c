//! The files of the console, as they stand in the binary, and the headers that let a page do nothing but what it is for.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::answer::{self, Body};

/// Nothing from elsewhere, nothing inline, nothing evaluated, no markup made of text, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A file and its path below `/console`.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! embedded {
    ($name:literal, $kind:expr) => {
        File {
            path: concat!("/", $name),
            kind: $kind,
            text: include_str!(concat!("../../console/", $name)),
        }
    };
}

const PAGE: &str = "text/html; charset=utf-8";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const FILES: &[File] = &[
    File { path: "/", kind: PAGE, text: include_str!("../../console/index.html") },
    embedded!("app.js", SCRIPT),
    embedded!("api.js", SCRIPT),
    embedded!("dom.js", SCRIPT),
    embedded!("en.js", SCRIPT),
    embedded!("zh.js", SCRIPT),
    embedded!("overview.js", SCRIPT),
    embedded!("list.js", SCRIPT),
    embedded!("standing.js", SCRIPT),
    embedded!("account.js", SCRIPT),
    embedded!("deeds.js", SCRIPT),
    embedded!("usage.js", SCRIPT),
    embedded!("timeline.js", SCRIPT),
    embedded!("keys.js", SCRIPT),
    embedded!("events.js", SCRIPT),
    embedded!("audit.js", SCRIPT),
    embedded!("alerts.js", SCRIPT),
    embedded!("doctor.js", SCRIPT),
    embedded!("settings.js", SCRIPT),
    embedded!("theme.js", SCRIPT),
    embedded!("look.css", STYLE),
    embedded!("controls.css", STYLE),
    embedded!("states.css", STYLE),
    embedded!("lists.css", STYLE),
    embedded!("icon.svg", "image/svg+xml"),
];

/// The file at this path, if there is one; nothing but its tag if the browser has it.
pub(super) fn answer(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let tag = format!("\"{}\"", &blake3::hash(file.text.as_bytes()).to_hex()[..32]);
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|it| it.trim() == tag));
    let mut response = if is_known {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        answer::text(StatusCode::OK, file.kind, file.text)
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, file.kind),
        // Asked for each time, and answered in a line: a server that was replaced is noticed at once.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lingpai_core::audit::Action;
    use lingpai_core::event::What;

    use super::*;

    fn text(path: &str) -> &'static str {
        FILES.iter().find(|file| file.path == path).unwrap().text
    }

    /// What stands between these marks, wherever they do.
    fn between<'a>(
        text: &'a str,
        before: &'a str,
        after: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0))
    }

    fn words(path: &str) -> BTreeSet<&'static str> {
        text(path)
            .lines()
            .filter_map(|line| line.strip_prefix("  \"")?.split_once("\": \""))
            .map(|it| it.0)
            .collect()
    }

    #[test]
    fn every_word_is_there_in_both_languages() {
        let english = words("/en.js");
        assert!(english.len() > 100);
        assert_eq!(english, words("/zh.js"));
        for file in FILES {
            for name in between(file.text, "say(\"", "\"") {
                assert!(english.contains(name), "{name} in {}", file.path);
            }
        }
    }

    #[test]
    fn whatever_can_happen_or_be_done_has_its_word() {
        let words = words("/en.js");
        let events = What::NAMES.iter().map(|name| format!("event-{name}"));
        let deeds = Action::ALL.iter().map(|action| format!("deed-{}", action.as_str()));
        for name in events.chain(deeds) {
            assert!(words.contains(name.as_str()), "{name}");
        }
    }

    #[test]
    fn both_languages_fill_in_the_same_values() {
        let values = |path| -> Vec<BTreeSet<&str>> {
            let lines = text(path).lines().filter(|line| line.starts_with("  \""));
            lines.map(|line| between(line, "{", "}").filter(|it| it.len() < 12).collect()).collect()
        };
        for (english, chinese) in values("/en.js").iter().zip(values("/zh.js")) {
            assert!(chinese.is_subset(english), "{english:?} {chinese:?}");
        }
    }

    #[test]
    fn what_a_page_needs_is_embedded_and_nothing_comes_from_elsewhere() {
        for file in FILES {
            for path in
                between(file.text, "from \".", "\"").chain(between(file.text, "=\"/console", "\""))
            {
                assert!(FILES.iter().any(|other| other.path == path), "{path} in {}", file.path);
            }
            let elsewhere =
                between(file.text, "://", "\"").filter(|it| !it.starts_with("www.w3.org/2000/svg"));
            assert_eq!(elsewhere.count(), 0, "{}", file.path);
            for markup in
                ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
            {
                assert!(!file.text.contains(markup), "{markup} in {}", file.path);
            }
        }
    }
}
