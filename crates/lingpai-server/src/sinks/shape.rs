//! What is written for a token: the token alone, a JSON object, what an SDK would have written, or a text with gaps.

use lingpai_core::Secret;
use serde_json::json;

use super::Delivery;

/// The gap of a text in which the token is put.
const TOKEN: &str = "{access_token}";

/// How a token is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing but the token.
    Plain,
    /// An object: `account`, `access_token`, `expires_in`, `expires_at`, `generation`.
    Json,
    /// A JSON text, in quotes: what Python's `json.dumps` makes of it.
    Quoted,
    /// A text as PHP's `serialize` writes it: `s:LENGTH:"...";`, of so many bytes.
    Php,
    /// A text with gaps: `{access_token}`, `{account}`, `{expires_in}` (seconds), `{expires_at}` (seconds since 1970) and
    /// `{generation}`.
    Template(String),
}

impl Shape {
    /// Whether a text can be a template: the token stands somewhere in it.
    pub fn is_template(text: &str) -> bool {
        text.contains(TOKEN)
    }

    /// The token, written down.
    pub fn written(&self, delivery: &Delivery) -> Secret {
        let token = delivery.value.expose();
        let left = delivery.left().as_secs();
        let ends = delivery.mark.expires_at.as_seconds();
        let generation = delivery.mark.generation;
        Secret::from(match self {
            Self::Plain => token.to_owned(),
            Self::Json => json!({
                "account": delivery.account,
                "access_token": token,
                "expires_in": left,
                "expires_at": ends,
                "generation": generation,
            })
            .to_string(),
            Self::Quoted => json!(token).to_string(),
            Self::Php => format!("s:{}:\"{token}\";", token.len()),
            Self::Template(text) => text
                .replace("{account}", delivery.account.as_str())
                .replace("{expires_in}", &left.to_string())
                .replace("{expires_at}", &ends.to_string())
                .replace("{generation}", &generation.to_string())
                // Last, so that nothing in a token is taken for a gap.
                .replace(TOKEN, token),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use lingpai_core::mark::Mark;
    use lingpai_core::{Fingerprint, Generation, Kind, Timestamp};

    use super::*;

    /// A token of this generation, an hour before its end.
    pub(in crate::sinks) fn delivery(generation: u64, value: &str) -> Delivery {
        let issued_at = Timestamp::from_millis(1_700_000_000_000) + Duration::from_secs(generation);
        let expires_at = issued_at + Duration::from_hours(2);
        let fingerprint = Fingerprint::of(value);
        Delivery {
            account: "wx1".parse().unwrap(),
            kind: Kind::ACCESS_TOKEN,
            value: Secret::from(value),
            mark: Mark { generation: Generation(generation), issued_at, expires_at, fingerprint },
            at: issued_at + Duration::from_hours(1),
        }
    }

    fn written(shape: &Shape) -> String {
        shape.written(&delivery(7, "70_a\"b")).expose().to_owned()
    }

    #[test]
    fn each_shape_is_read_by_whom_it_is_for() {
        assert_eq!(written(&Shape::Plain), "70_a\"b");
        assert_eq!(written(&Shape::Quoted), r#""70_a\"b""#);
        assert_eq!(written(&Shape::Php), "s:6:\"70_a\"b\";");
        let json: serde_json::Value = serde_json::from_str(&written(&Shape::Json)).unwrap();
        assert_eq!((&json["expires_in"], &json["generation"]), (&3600.into(), &7.into()));
        let template = "TOKEN={access_token} # {account}, {expires_in} s, {generation}, {other}\n";
        assert_eq!(
            written(&Shape::Template(template.to_owned())),
            "TOKEN=70_a\"b # wx1, 3600 s, 7, {other}\n"
        );
    }
}
