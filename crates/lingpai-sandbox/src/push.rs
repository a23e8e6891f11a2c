//! Pushes (消息推送) as WeChat sends them: signed, encrypted, repeated, and wrong if that is asked for.
//!
//! Written from WeChat's page on the encryption of messages, and not from what receives them here: it is there to catch
//! its errors.

mod seal;
mod send;

use serde::{Deserialize, Serialize};

use crate::PushTo;

pub(crate) use self::send::{answer, deliver, deliver_here, in_query};

/// The path of the control API that sends a push.
pub(crate) const PATH: &str = "/__sandbox/push";

/// A push to be sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Where to: `http://`.
    url: String,
    /// For whom it is sealed: the appid.
    appid: String,
    /// Whose message it is, at a platform's: `$APPID$` in the URL.
    authorizer: Option<String>,
    token: String,
    /// Needed unless the mode is plain.
    #[serde(default)]
    encoding_aes_key: String,
    #[serde(default)]
    mode: Mode,
    /// XML or JSON; a text message from a follower if it is left out.
    message: Option<String>,
    #[serde(default)]
    fault: Fault,
    /// How long an answer is waited for, in seconds, before the push is sent again. WeChat waits 5.
    #[serde(default = "five")]
    patience: u64,
    /// Check the URL with this text first, and send nothing.
    echostr: Option<String>,
    /// The `ToUserName` of the envelope.
    #[serde(default = "original_name")]
    to: String,
    /// A platform's own pushes name it in `AppId` instead.
    #[serde(default)]
    names_appid: bool,
    /// What it is about, for the list of pushes.
    #[serde(skip)]
    what: String,
}

impl Order {
    /// A notice of WeCom's to the URL of a suite.
    pub(crate) fn notice(to: &PushTo, suite_id: &str, what: &str, message: String) -> Self {
        Self {
            url: to.url.clone(),
            appid: suite_id.to_owned(),
            authorizer: None,
            token: to.token.clone(),
            encoding_aes_key: to.encoding_aes_key.clone(),
            mode: Mode::Safe,
            message: Some(message),
            fault: Fault::None,
            patience: five(),
            echostr: None,
            to: suite_id.to_owned(),
            names_appid: false,
            what: what.to_owned(),
        }
    }
}

impl Order {
    /// A push of a platform's own.
    pub(crate) fn of_platform(
        (url, appid): (&str, &str),
        (token, key): (&str, &str),
        (what, message): (&str, String),
        fault: Fault,
    ) -> Self {
        let to = PushTo {
            url: url.to_owned(),
            token: token.to_owned(),
            encoding_aes_key: key.to_owned(),
        };
        let names_appid = true;
        Self { fault, names_appid, ..Self::notice(&to, appid, what, message) }
    }
}

fn original_name() -> String {
    "gh_sandbox".to_owned()
}

fn five() -> u64 {
    5
}

/// How it is encrypted (消息加解密方式).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Plain,
    Compatible,
    #[default]
    Safe,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    #[default]
    None,
    /// The very same request twice, whatever is answered to the first.
    Replay,
    /// Sent ten minutes after it was signed.
    Late,
    /// A byte of the ciphertext differs; in plain mode, of the signature.
    Corrupt,
    /// The body ends in its middle.
    Truncate,
    /// Another token.
    WrongToken,
    /// Another EncodingAESKey, with a right signature.
    WrongKey,
    /// For another appid, with a right signature.
    WrongReceiver,
    /// A padding that cannot be, with a right signature.
    WrongPadding,
    /// A document type with entities in front of it.
    Bomb,
}

/// One attempt.
#[derive(Clone, Debug, Serialize)]
struct Try {
    /// None if there was no answer.
    status: Option<u16>,
    body: String,
    /// What was in the body, if it was encrypted and is for us.
    #[serde(skip_serializing_if = "Option::is_none")]
    decrypted: Option<String>,
}
