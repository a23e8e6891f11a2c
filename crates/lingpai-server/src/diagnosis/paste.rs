//! What a person pastes into one box: a token, an error text, an answer in JSON, a URL, lines of a log. Or all of it.

use std::net::IpAddr;

use lingpai_core::{AccountId, Fingerprint, Secret};
use lingpai_wechat::catalogue;

use super::{Looks, Question};

/// What stands before a token, in the spellings of URLs, of JSON and of people.
const MARKS: [&str; 3] = ["access_token=", "access_token\"", "access_token:"];
/// A run of a token's signs that is so long is one, whatever stands before it.
const LONG: usize = 64;
/// What WeChat writes where a person's token was used or issued: `sns/` writes a comma before the rid.
const OF_PERSON: [&str; 4] = ["/sns/", ", rid:", "snsapi_", "\"openid\""];
/// What a program says that got no answer, or one of a server in trouble.
const DOWN: [&str; 8] = [
    "timed out",
    "timeout",
    "connection refused",
    "connection reset",
    "no route to host",
    "502 bad gateway",
    "503 service",
    "504 gateway",
];

/// A token and a text, apart from each other.
#[derive(Clone, Debug, Default)]
pub struct Pasted {
    /// The token, without what stood around it.
    pub token: Option<Secret>,
    /// The rest.
    pub rest: String,
}

impl Pasted {
    /// Reads what a person has pasted.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let is_word = !text.is_empty() && !text.contains(char::is_whitespace);
        let found = marked(text).or_else(|| long_run(text)).or_else(|| {
            let looks = Looks::of(text);
            let is_known = !matches!(looks, Looks::Short | Looks::Broken | Looks::Token);
            (is_word && is_known).then_some(text)
        });
        match found {
            Some(token) => Self {
                token: Some(Secret::from(token)),
                rest: text.replace(token, "").trim().to_owned(),
            },
            None => Self { token: None, rest: text.to_owned() },
        }
    }

    /// The question that it asks. `errcode` and `account` are what is said besides.
    pub fn question(&self, errcode: Option<i64>, account: Option<AccountId>) -> Question {
        let explained = (!self.rest.is_empty()).then(|| catalogue::explain(&self.rest)).flatten();
        let lower = self.rest.to_ascii_lowercase();
        let callers: Vec<IpAddr> =
            explained.as_ref().map(|explained| explained.caller_ips.clone()).unwrap_or_default();
        Question {
            token: self
                .token
                .as_ref()
                .map(|token| (Fingerprint::of(token.expose()), Looks::of(token.expose()))),
            errcode: errcode.or(explained.map(|explained| explained.code)),
            is_down: DOWN.iter().any(|word| lower.contains(word)),
            callers,
            is_of_person: OF_PERSON.iter().any(|mark| lower.contains(mark)),
            account,
        }
    }
}

/// What stands after `access_token`, up to where a value ends.
fn marked(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    MARKS.into_iter().find_map(|mark| {
        lower.match_indices(mark).find_map(|(at, _)| {
            let rest = text.get(at + mark.len()..)?;
            let rest = rest.trim_start_matches([' ', ':', '=', '"', '\'']);
            let end = rest.find(|c: char| c.is_whitespace() || "&\"'<>,;)}#".contains(c));
            let value = &rest[..end.unwrap_or(rest.len())];
            (!value.is_empty()).then_some(value)
        })
    })
}

fn long_run(text: &str) -> Option<&str> {
    let in_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(|c: char| !in_token(c)).find(|run| run.len() >= LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> String {
        format!("70_{}", "aB3-_".repeat(27))
    }

    fn found(text: &str) -> Option<String> {
        Pasted::read(text).token.map(|token| token.expose().to_owned())
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let token = token();
        for text in [
            token.clone(),
            format!(" {token}\n"),
            format!("GET /cgi-bin/user/get?access_token={token}&next_openid= HTTP/1.1"),
            format!(r#"{{"access_token":"{token}","expires_in":7200}}"#),
            format!("used {token}, got 40001"),
            format!("access_token: '{token}'"),
        ] {
            assert_eq!(found(&text).as_deref(), Some(token.as_str()), "{text}");
        }
        assert_eq!(found("?access_token=undefined&x=1").as_deref(), Some("undefined"));
        assert_eq!(found("lp_0123_0123").as_deref(), Some("lp_0123_0123"));
    }

    #[test]
    fn an_error_text_holds_no_token() {
        for text in [
            "40001",
            r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest rid: 6aac0063-7ed08fb9-1250f724"}"#,
            "access_token expired rid: 627ca5cf-7e811ede-0fbc1f73",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_left_is_read_as_an_error() {
        let text = format!(
            "/cgi-bin/user/get?access_token={} -> invalid ip 203.0.113.7, not in whitelist rid: 60196b9b-4c5ba79c-066b49c8",
            token()
        );
        let question = Pasted::read(&text).question(None, None);
        assert_eq!(question.errcode, Some(40164));
        assert_eq!(question.callers, ["203.0.113.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(Pasted::read("x").question(Some(45009), None).errcode, Some(45009));
        let sns = "invalid credential, access_token is invalid or not latest, rid: 6aac0063-7ed08fb9-1250f724";
        assert!(Pasted::read(sns).question(None, None).is_of_person);
        assert!(Pasted::read("read: Connection reset by peer").question(None, None).is_down);
    }
}
