//! What a value looks like that was used as an access_token.

use lingpai_core::virtual_token;

/// A real token has over 100 characters; of the oldest samples too.
const SHORTEST: usize = 64;

/// What a value looks like. The value itself is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looks {
    /// As tokens do.
    #[default]
    Token,
    /// As what stands for a token in examples, or what a program writes where it has none.
    Placeholder,
    /// It has signs that no token has: spaces, quotes, `%`.
    Broken,
    /// It is shorter than any token: cut off, or something else.
    Short,
    /// It is an AppSecret.
    AppSecret,
    /// It is an API key of Lingpai's.
    ApiKey,
    /// It is a virtual token of Lingpai's.
    Virtual,
    /// It renews another token, and opens nothing itself.
    RefreshToken,
    /// It is a ticket that WeChat pushes to a third-party platform.
    PushedTicket,
}

impl Looks {
    /// What this value looks like.
    pub fn of(value: &str) -> Self {
        const PLACEHOLDERS: [&str; 8] =
            ["access_token", "token", "undefined", "null", "none", "nil", "true", "false"];
        let lower = value.to_ascii_lowercase();
        let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if value.is_empty()
            || PLACEHOLDERS.contains(&lower.trim_matches(['$', '{', '}', '<', '>', '%']))
        {
            Self::Placeholder
        } else if virtual_token::is_virtual(value) {
            Self::Virtual
        } else if value.starts_with("lp_") {
            Self::ApiKey
        } else if value.starts_with("refreshtoken@@@") {
            Self::RefreshToken
        } else if value.starts_with("ticket@@@") {
            Self::PushedTicket
        } else if !value.bytes().all(of_token) {
            Self::Broken
        } else if value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Self::AppSecret
        } else if value.len() < SHORTEST {
            Self::Short
        } else {
            Self::Token
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_known_by_its_looks() {
        let token = format!("70_{}", "aB3-_".repeat(27));
        let broken = format!("{token} ");
        let cases = [
            (token.as_str(), Looks::Token),
            (&broken, Looks::Broken),
            (&token[..40], Looks::Short),
            ("ACCESS_TOKEN", Looks::Placeholder),
            ("${access_token}", Looks::Placeholder),
            ("", Looks::Placeholder),
            ("5a0db0c0ffee00015a0db0c0ffee0001", Looks::AppSecret),
            ("lp_0123456789ab_0123", Looks::ApiKey),
            ("lpv_0123_wx1", Looks::Virtual),
            ("refreshtoken@@@abc", Looks::RefreshToken),
            ("ticket@@@abc", Looks::PushedTicket),
            ("%5Bobject%20Object%5D", Looks::Broken),
        ];
        for (value, looks) in cases {
            assert_eq!(Looks::of(value), looks, "{value}");
        }
    }
}
