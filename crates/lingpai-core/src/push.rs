//! How an account receives what WeChat pushes (消息推送), and where it is passed on to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::AccountId;
use crate::secret::Secret;

/// What the page of WeChat's console says of an account's push URL, and where pushes go from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSettings {
    /// The token (令牌) that signs.
    pub token: Secret,
    /// The EncodingAESKey (消息加解密密钥). Needed unless the mode is plain.
    pub aes_key: Option<Secret>,
    /// The one before it, while it is being replaced.
    pub previous_aes_key: Option<Secret>,
    /// How pushes are encrypted (消息加解密方式).
    pub mode: PushMode,
    /// Where pushes go that are not for Lingpai itself.
    pub relay: Option<Relay>,
    /// Where messages of a third-party platform's authorizers go, if not there too.
    pub authorizer_relay: Option<Relay>,
}

/// How pushes are encrypted (消息加解密方式).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushMode {
    /// 明文模式: not at all, and only their time is signed.
    Plain,
    /// 兼容模式: encrypted, with the message beside it in clear. Only what is encrypted counts.
    Compatible,
    /// 安全模式: encrypted.
    #[default]
    Safe,
}

impl PushMode {
    /// Whether what is not encrypted is refused.
    pub fn is_encrypted(self) -> bool {
        self != Self::Plain
    }
}

/// What stands in a URL for the appid of the account that a push is about, as in WeChat's console (消息与事件接收URL).
pub const APPID: &str = "$APPID$";

/// The business's URL, and what it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The URL. It may hold a key of the business's, and [`APPID`].
    pub url: Secret,
    /// In which form.
    pub form: RelayForm,
}

/// In which form a push is passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayForm {
    /// Byte for byte as WeChat sent it: the business has token and EncodingAESKey too.
    #[default]
    Raw,
    /// Decrypted, and signed with the token as in plain mode. The answer is encrypted on its way back.
    Plain,
}

/// Push settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPush {
    /// They cannot be read. What stands there is not repeated.
    #[error("the push settings cannot be read")]
    Unreadable,
    /// They say what is not known to this version of Lingpai. What stands there is not repeated.
    #[error("the push settings say what is not known to this version of Lingpai")]
    Newer,
    /// The token is none.
    #[error("a push token has 3 to 32 letters and digits")]
    Token,
    /// There is no EncodingAESKey.
    #[error("an EncodingAESKey is needed unless the mode is plain")]
    KeyMissing,
    /// An EncodingAESKey is none.
    #[error("an EncodingAESKey has 43 letters and digits")]
    Key,
    /// The URL is none.
    #[error(
        "a relay URL begins with https:// or http:// and has a host and no user name or password"
    )]
    Url,
}

impl PushSettings {
    /// Whether these can be settings at all.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), InvalidPush> {
        let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let token = self.token.expose();
        if !(3..=32).contains(&token.len()) || !alphanumeric(token) {
            return Err(InvalidPush::Token);
        }
        if self.mode.is_encrypted() && self.aes_key.is_none() {
            return Err(InvalidPush::KeyMissing);
        }
        for key in self.aes_key.iter().chain(&self.previous_aes_key) {
            if key.expose().len() != 43 || !alphanumeric(key.expose()) {
                return Err(InvalidPush::Key);
            }
        }
        let is_url = |relay: &Relay| {
            let url = relay.url.expose();
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
            let fits = authority.is_some_and(|it| !it.is_empty() && !it.contains('@'));
            fits && url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#')
        };
        let mut relays = self.relay.iter().chain(&self.authorizer_relay);
        if relays.all(is_url) { Ok(()) } else { Err(InvalidPush::Url) }
    }

    /// All of it as one text, to be sealed.
    pub fn to_text(&self) -> Secret {
        let clear = |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().to_owned());
        let url = |relay: &Option<Relay>| relay.as_ref().map(|relay| relay.url.expose().to_owned());
        let stored = Stored {
            token: self.token.expose().to_owned(),
            aes_key: clear(&self.aes_key),
            previous_aes_key: clear(&self.previous_aes_key),
            mode: self.mode,
            url: url(&self.relay),
            form: self.relay.as_ref().map(|relay| relay.form),
            authorizer_url: url(&self.authorizer_relay),
            authorizer_form: self.authorizer_relay.as_ref().map(|relay| relay.form),
        };
        serde_json::to_string(&stored).unwrap_or_default().into()
    }
}

impl FromStr for PushSettings {
    type Err = InvalidPush;

    /// What [`PushSettings::to_text`] wrote.
    fn from_str(text: &str) -> Result<Self, InvalidPush> {
        let stored: Stored = serde_json::from_str(text).map_err(|error| match error.is_data() {
            true => InvalidPush::Newer,
            false => InvalidPush::Unreadable,
        })?;
        let relay = |url: Option<String>, form: Option<RelayForm>| {
            url.map(|url| Relay { url: url.into(), form: form.unwrap_or_default() })
        };
        Ok(Self {
            token: stored.token.into(),
            aes_key: stored.aes_key.map(Secret::from),
            previous_aes_key: stored.previous_aes_key.map(Secret::from),
            mode: stored.mode,
            relay: relay(stored.url, stored.form),
            authorizer_relay: relay(stored.authorizer_url, stored.authorizer_form),
        })
    }
}

impl fmt::Display for PushMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Compatible => "compatible",
            Self::Safe => "safe",
        })
    }
}

impl fmt::Display for RelayForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Plain => "plain",
        })
    }
}

/// As it is stored: never anywhere but in what is sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    token: String,
    aes_key: Option<String>,
    previous_aes_key: Option<String>,
    mode: PushMode,
    url: Option<String>,
    form: Option<RelayForm>,
    authorizer_url: Option<String>,
    authorizer_form: Option<RelayForm>,
}

impl Relay {
    /// Where a push goes that is about this account.
    pub fn for_account(&self, account: &AccountId) -> Self {
        let url = self.url.expose().replace(APPID, account.as_str());
        Self { url: url.into(), form: self.form }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PushSettings {
        PushSettings {
            token: Secret::from("AAAAA"),
            aes_key: Some("A".repeat(43).into()),
            previous_aes_key: None,
            mode: PushMode::Safe,
            relay: Some(Relay {
                url: "https://example.com/wx?key=1".into(),
                form: RelayForm::Plain,
            }),
            authorizer_relay: Some(Relay {
                url: "https://$APPID$.example.com/wx/$APPID$".into(),
                form: RelayForm::Raw,
            }),
        }
    }

    #[test]
    fn settings_come_back_as_they_were_written() {
        let plain = PushSettings {
            mode: PushMode::Plain,
            aes_key: None,
            relay: None,
            authorizer_relay: None,
            ..settings()
        };
        for settings in [settings(), plain] {
            assert_eq!(settings.check(), Ok(()));
            assert_eq!(settings.to_text().expose().parse(), Ok(settings));
        }
        assert_eq!("{".parse::<PushSettings>(), Err(InvalidPush::Unreadable));
        let newer = settings().to_text().expose().replace("\"safe\"", "\"safer\"");
        assert_eq!(newer.parse::<PushSettings>(), Err(InvalidPush::Newer));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let with = |change: fn(&mut PushSettings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(with(|it| it.token = "ab".into()), Err(InvalidPush::Token));
        assert_eq!(with(|it| it.token = "a b c".into()), Err(InvalidPush::Token));
        assert_eq!(with(|it| it.aes_key = None), Err(InvalidPush::KeyMissing));
        assert_eq!(with(|it| it.aes_key = Some("A".repeat(44).into())), Err(InvalidPush::Key));
        assert_eq!(with(|it| it.previous_aes_key = Some("x".into())), Err(InvalidPush::Key));
        for url in [
            "",
            "ftp://example.com",
            "https://",
            "https:///x",
            "http://u:p@example.com/",
            "http://a b/",
        ] {
            let mut settings = settings();
            settings.relay = Some(Relay { url: url.into(), form: RelayForm::Raw });
            assert_eq!(settings.check(), Err(InvalidPush::Url), "{url}");
            std::mem::swap(&mut settings.relay, &mut settings.authorizer_relay);
            assert_eq!(settings.check(), Err(InvalidPush::Url), "{url}");
        }
    }

    #[test]
    fn a_relay_url_names_the_account_wherever_it_says_so() {
        let relay = settings().authorizer_relay.unwrap().for_account(&"wx1".parse().unwrap());
        assert_eq!(relay.url.expose(), "https://wx1.example.com/wx/wx1");
    }
}
