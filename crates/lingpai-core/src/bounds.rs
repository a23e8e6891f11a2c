//! What bounds a client's calls through the gateway: which paths, how fast, how many at once and how many a day.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The bounds of one client. What is not set is bounded by what holds for all clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// The paths that it may call; empty: all that the gateway forwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathGlob>,
    /// How many calls a minute it may make in the long run. A tenth of that may come at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<NonZeroU32>,
    /// How many of its calls may be under way at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<NonZeroU32>,
    /// How many calls a day it may make; a day is one in China, as WeChat's are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<NonZeroU32>,
}

impl Bounds {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it may call this path.
    pub fn allow_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|glob| glob.matches(path))
    }
}

/// Paths: `/cgi-bin/user/get` is this one, `*` in it any part between two slashes or a piece of one, `**` any number of
/// such parts: `/cgi-bin/message/**`, `/wxa/get*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathGlob(Box<str>);

impl PathGlob {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this path is one of them.
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        parts_match(&self.0[1..], path)
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PathGlob {
    type Err = InvalidPathGlob;

    fn from_str(text: &str) -> Result<Self, InvalidPathGlob> {
        let invalid = |reason| InvalidPathGlob {
            glob: text.chars().take(60).flat_map(char::escape_debug).collect(),
            reason,
        };
        let fits = |c: char| c.is_ascii_graphic() && !"?#%\\".contains(c);
        if !text.starts_with('/') {
            return Err(invalid("it must begin with `/`"));
        } else if text.len() > 200 || !text.chars().all(fits) {
            return Err(invalid(
                "it must be the path alone, as it stands in the URL before the `?`",
            ));
        }
        let mixed = |part: &str| part.contains("**") && part != "**";
        // Each `**` multiplies the ways in which a path can match.
        if text.split('/').any(mixed) || text.matches("**").count() > 2 {
            return Err(invalid("`**` must stand alone between two slashes, at most twice"));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for PathGlob {
    type Error = InvalidPathGlob;

    fn try_from(text: String) -> Result<Self, InvalidPathGlob> {
        text.parse()
    }
}

impl From<PathGlob> for String {
    fn from(glob: PathGlob) -> Self {
        glob.0.into()
    }
}

/// A text that names no paths.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{glob}` names no paths: {reason}. Write `/cgi-bin/user/get`, `/wxa/*` or `/cgi-bin/message/**`"
)]
pub struct InvalidPathGlob {
    glob: String,
    reason: &'static str,
}

/// Whether what is left of a pattern matches what is left of a path, part by part.
fn parts_match(pattern: &str, path: &str) -> bool {
    let (part, later) = first_part(pattern);
    if part == "**" {
        let Some(later) = later else { return true };
        let mut rest = Some(path);
        while let Some(path) = rest {
            if parts_match(later, path) {
                return true;
            }
            rest = first_part(path).1;
        }
        return false;
    }
    let (found, rest) = first_part(path);
    part_matches(part, found)
        && match (later, rest) {
            (None, None) => true,
            (Some(later), Some(rest)) => parts_match(later, rest),
            _ => false,
        }
}

fn first_part(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(part, rest)| (part, Some(rest)))
}

/// Whether a part with `*` in it matches: what stands before the first and after the last where they must, what stands
/// between them one after the other.
fn part_matches(pattern: &str, part: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == part };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = part.strip_prefix(first).and_then(|part| part.strip_suffix(last));
    let Some(mut inner) = inner else { return false };
    between.split('*').all(|piece| {
        let found = inner.find(piece);
        inner = found.map_or("", |at| &inner[at + piece.len()..]);
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        glob.parse::<PathGlob>().unwrap().matches(path)
    }

    #[test]
    fn a_glob_is_a_path_in_which_parts_may_be_left_open() {
        assert!(matches("/cgi-bin/user/get", "/cgi-bin/user/get"));
        assert!(!matches("/cgi-bin/user/get", "/cgi-bin/user/getx"));
        assert!(!matches("/cgi-bin/user/get", "/cgi-bin/user/get/"));
        assert!(matches("/wxa/*", "/wxa/getwxacode") && !matches("/wxa/*", "/wxa/a/b"));
        assert!(matches("/wxa/get*code", "/wxa/getwxacode"));
        assert!(!matches("/wxa/get*code", "/wxa/getwxacodes"));
        assert!(matches("/w*x*/*", "/wxax/") && !matches("/w*x*z/*", "/wzx/a"));
        assert!(!matches("/aa*aa", "/aaa"), "a piece counts once");
    }

    #[test]
    fn two_stars_are_any_number_of_parts() {
        for path in ["/cgi-bin/message", "/cgi-bin/message/custom/send"] {
            assert!(matches("/**", path) && matches("/cgi-bin/**", path), "{path}");
        }
        assert!(matches("/**/send", "/cgi-bin/message/custom/send"));
        assert!(matches("/cgi-bin/**/send", "/cgi-bin/send"));
        assert!(!matches("/cgi-bin/message/**", "/cgi-bin/message"));
        assert!(!matches("/**/send", "/cgi-bin/send/x"));
    }

    #[test]
    fn what_names_no_paths_is_refused_with_the_reason() {
        for bad in ["", "cgi-bin/user", "/a?b=c", "/a b", "/a%2Fb", "/a/**b", "/**/**/**", "/é"] {
            let error = bad.parse::<PathGlob>().unwrap_err().to_string();
            assert!(error.contains("Write `/cgi-bin/user/get`"), "{error}");
        }
    }
}
