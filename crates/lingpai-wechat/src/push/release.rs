//! WeChat's check of a third-party platform before everybody may authorise it (全网发布检测).
//!
//! Test accounts of WeChat's own authorise the platform and are sent two texts, which the platform has to answer in a certain
//! way: one at once, the other through the API, with a token that an authorization code brings. Source: WeChat's page
//! releases_instructions (全网发布检测说明), which names the accounts.

use lingpai_core::Secret;

use super::message::Message;
use super::xml::cdata;

/// The test accounts: five Official Accounts and five Mini Programs, of which each check takes any.
pub const TEST_ACCOUNTS: [&str; 10] = [
    "wx570bc396a51b8ff8",
    "wx9252c5e0bb1836fc",
    "wx8e1097c5bc82cde9",
    "wx14550af28c71a144",
    "wxa35b9c23cfe664eb",
    "wxd101a85aa106f53e",
    "wxc39235c15087f6f3",
    "wx7720d01d4b2a4500",
    "wx05d483572dcd5d8b",
    "wx5910277cae6fd970",
];

const TEXT: &str = "TESTCOMPONENT_MSG_TYPE_TEXT";
const CODE: &str = "QUERY_AUTH_CODE:";

/// What the platform has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseCheck {
    /// Answer with this text, at once.
    Answer(&'static str),
    /// Answer with nothing, trade this code, and send the code with `_from_api` behind it to this openid.
    Send {
        /// The authorization code.
        code: Secret,
        /// Who asks.
        openid: Box<str>,
    },
}

impl ReleaseCheck {
    /// What a message to this authorizer asks for, if it is WeChat that checks.
    pub fn of(authorizer: &str, message: &Message) -> Option<Self> {
        if !TEST_ACCOUNTS.contains(&authorizer) || message.get("MsgType") != Some("text") {
            return None;
        }
        let said = message.get("Content")?.trim();
        match said.strip_prefix(CODE).filter(|code| !code.is_empty()) {
            Some(code) => {
                let openid = message.get("FromUserName")?.into();
                Some(Self::Send { code: code.into(), openid })
            }
            None => (said == TEXT).then_some(Self::Answer("TESTCOMPONENT_MSG_TYPE_TEXT_callback")),
        }
    }
}

/// A text as the passive reply (被动回复) to a message. `at` is the time in seconds.
pub fn reply(message: &Message, text: &str, at: i64) -> String {
    let field = |name| cdata(message.get(name).unwrap_or_default());
    format!(
        "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{at}</CreateTime>\
         <MsgType>{}</MsgType><Content>{}</Content></xml>",
        field("FromUserName"),
        field("ToUserName"),
        cdata("text"),
        cdata(text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &str) -> Message {
        let text = format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><MsgType>text</MsgType>\
             <Content>{content}</Content></xml>"
        );
        Message::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_wechats_test_accounts_and_texts_are_its_check() {
        let code = "QUERY_AUTH_CODE:queryauthcode@@@x";
        let check = |authorizer, content| ReleaseCheck::of(authorizer, &said(content));
        for authorizer in TEST_ACCOUNTS {
            let answer = ReleaseCheck::Answer("TESTCOMPONENT_MSG_TYPE_TEXT_callback");
            assert_eq!(check(authorizer, TEXT), Some(answer));
            let send = ReleaseCheck::Send { code: "queryauthcode@@@x".into(), openid: "o1".into() };
            assert_eq!(check(authorizer, code), Some(send));
            assert_eq!(check(authorizer, "hello"), None);
            assert_eq!(check(authorizer, CODE), None);
        }
        assert_eq!(check("wx5a0db0c0ffee0001", TEXT), None);
        assert_eq!(check("wx5a0db0c0ffee0001", code), None);
    }

    #[test]
    fn a_reply_goes_back_to_who_has_written() {
        let text = reply(&said(TEXT), "a]]>b", 7);
        let reply = Message::read(text.as_bytes()).unwrap();
        let field = |name| reply.get(name).unwrap();
        assert_eq!((field("ToUserName"), field("FromUserName")), ("o1", "gh_1"));
        assert_eq!((field("CreateTime"), field("Content")), ("7", "a]]>b"));
    }
}
