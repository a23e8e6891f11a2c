//! The receivers of alerts: what each is sent, how it is signed, and what its answer means.
//!
//! | receiver | signature | where it is documented |
//! |---|---|---|
//! | webhook | `X-Lingpai-Signature: v1=` hex of HMAC-SHA256(secret, timestamp `.` body) | docs/alerts.md |
//! | WeCom | none: the key is in the URL | developer.work.weixin.qq.com/document/path/91770 |
//! | DingTalk | `sign` = base64 of HMAC-SHA256(secret, timestamp in ms `\n` secret), in the query | open.dingtalk.com, "custom robot security settings" |
//! | Feishu | `sign` = base64 of HMAC-SHA256(timestamp in s `\n` secret, nothing), in the body | open.feishu.cn, "custom bot usage guide" |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use lingpai_core::{Secret, Timestamp};
use ring::hmac;
use serde_json::{Value, json};

use crate::language::{Bilingual, both};
use crate::outbound;

/// WeCom takes 4096 bytes of text; the others take more, and nobody reads more.
const MOST: usize = 3800;

/// The kinds of receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Robot {
    /// Any program: the events as JSON, signed.
    Webhook,
    /// A group robot of WeCom.
    WeCom,
    /// A custom robot of DingTalk.
    DingTalk,
    /// A custom robot of Feishu.
    Feishu,
}

impl Robot {
    /// All kinds by their names.
    pub const NAMED: [(&'static str, Self); 4] = [
        ("webhook", Self::Webhook),
        ("wecom", Self::WeCom),
        ("dingtalk", Self::DingTalk),
        ("feishu", Self::Feishu),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::NAMED.iter().find(|(_, robot)| *robot == self).map_or("", |(name, _)| name)
    }

    /// The request that brings this message. None if the URL is none.
    pub(super) fn request(
        self,
        url: &Secret,
        secret: Option<&Secret>,
        (title, text, events): (&str, &str, &Value),
        at: Timestamp,
    ) -> Option<Request<Full<Bytes>>> {
        let mut url = url.expose().to_owned();
        let body = match self {
            Self::Webhook => json!({"title": title, "text": text, "events": events}).to_string(),
            Self::WeCom => {
                let content = cut(&format!("**{title}**\n{}", harmless(text)));
                json!({"msgtype": "markdown", "markdown": {"content": content}}).to_string()
            }
            Self::DingTalk => {
                if let Some(secret) = secret {
                    let (stamp, sign) = of_dingtalk(secret, at);
                    let sign: String = form_urlencoded::byte_serialize(sign.as_bytes()).collect();
                    let mark = if url.contains('?') { '&' } else { '?' };
                    url = format!("{url}{mark}timestamp={stamp}&sign={sign}");
                }
                // A single line break is none in its Markdown.
                let text =
                    cut(&format!("#### {title}\n\n{}", harmless(text).replace('\n', "\n\n")));
                json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}})
                    .to_string()
            }
            Self::Feishu => {
                let text = cut(&format!("{title}\n{}", harmless(text)));
                let mut body = json!({"msg_type": "text", "content": {"text": text}});
                if let Some(secret) = secret {
                    let (stamp, sign) = of_feishu(secret, at);
                    body["timestamp"] = stamp.into();
                    body["sign"] = sign.into();
                }
                body.to_string()
            }
        };
        let mut request = outbound::post(url.parse().ok()?, outbound::JSON, body.clone());
        if self == Self::Webhook {
            sign(request.headers_mut(), secret, at, &body)?;
        }
        Some(request)
    }

    /// Why this answer, whose status is one of success, says that the message was not taken.
    pub(super) fn refusal(self, body: &[u8]) -> Option<Bilingual> {
        let (code, message) = match self {
            Self::Webhook => return None,
            Self::WeCom | Self::DingTalk => ("errcode", "errmsg"),
            Self::Feishu => ("code", "msg"),
        };
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return Some(Bilingual::fixed("the answer is no JSON", "应答不是 JSON"));
        };
        // Older robots of Feishu answer with `StatusCode`.
        let code = answer.get(code).or_else(|| answer.get("StatusCode")).and_then(Value::as_i64);
        let said = answer[message].as_str().unwrap_or_default();
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        match code {
            Some(0) => None,
            Some(code) => Some(both!(
                "it refused the message: {code} {said}",
                "对方拒绝了这条消息：{code} {said}"
            )),
            None => Some(Bilingual::fixed(
                "the answer has no code: the URL is no robot's",
                "应答中没有错误码：这个 URL 不是机器人的地址",
            )),
        }
    }
}

fn sha256(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

/// Marks a webhook's body with the time, and with its signature if there is a secret to sign with. None if that fits no header.
pub(crate) fn sign(
    headers: &mut HeaderMap,
    secret: Option<&Secret>,
    at: Timestamp,
    body: &str,
) -> Option<()> {
    headers.insert("x-lingpai-timestamp", HeaderValue::from(at.as_seconds()));
    if let Some(secret) = secret {
        headers.insert("x-lingpai-signature", of_webhook(secret, at, body).parse().ok()?);
    }
    Some(())
}

/// The signature of a webhook's body, as docs/alerts.md has it.
fn of_webhook(secret: &Secret, at: Timestamp, body: &str) -> String {
    let signed = format!("{}.{body}", at.as_seconds());
    let tag = sha256(secret.expose().as_bytes(), signed.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

fn of_dingtalk(secret: &Secret, at: Timestamp) -> (String, String) {
    let stamp = at.as_millis().to_string();
    let signed = format!("{stamp}\n{}", secret.expose());
    let tag = sha256(secret.expose().as_bytes(), signed.as_bytes());
    (stamp, STANDARD.encode(tag))
}

fn of_feishu(secret: &Secret, at: Timestamp) -> (String, String) {
    let stamp = at.as_seconds().to_string();
    // The text is the key here, and nothing is signed with it.
    let tag = sha256(format!("{stamp}\n{}", secret.expose()).as_bytes(), b"");
    (stamp, STANDARD.encode(tag))
}

/// The text without what a robot would take for a mention or a link.
fn harmless(text: &str) -> String {
    text.replace('<', "＜").replace('>', "＞").replace("](", "] (").replace('@', "＠")
}

fn cut(text: &str) -> String {
    if text.len() <= MOST {
        return text.to_owned();
    }
    let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_599_360_473_123);

    fn secret() -> Secret {
        Secret::from("SECabc123")
    }

    // The expected values were computed apart from this program, with Python's hmac, from the formulas of the documentation:
    // base64(hmac(SECRET, f"{ms}\n{SECRET}")), base64(hmac(f"{s}\n{SECRET}", "")) and hmac(SECRET, f"{s}.{body}").hexdigest().
    #[test]
    fn signatures_are_those_that_are_documented() {
        let ding = of_dingtalk(&secret(), AT);
        assert_eq!(
            ding,
            ("1599360473123".to_owned(), "2v0KTeVKq5WLpK5xBdkwz7J2F0XtwToDEHqAoAxJXV4=".to_owned())
        );
        let feishu = of_feishu(&secret(), AT);
        assert_eq!(
            feishu,
            ("1599360473".to_owned(), "xrs26pQpFkxWovMDgzfslap3+aQh6l/XmjymasupLlI=".to_owned())
        );
        assert_eq!(
            of_webhook(&secret(), AT, "{\"a\":1}"),
            "v1=a99c59ac97728ef1affb46cf2fcbc4e54224c5272b0b8572d16cc203b3ed8b3f"
        );
    }

    #[test]
    fn a_text_of_somebody_elses_mentions_nobody_and_links_nowhere() {
        let text = harmless("<at user_id=\"all\"></at> [x](http://evil) @all");
        assert!(!text.contains('<') && !text.contains("](") && !text.contains('@'), "{text}");
    }

    #[test]
    fn a_long_text_is_cut_between_signs() {
        let text = cut(&"令".repeat(2000));
        assert!(text.len() <= MOST + 3 && text.ends_with("令..."));
    }

    #[test]
    fn a_robot_that_refuses_says_so_in_a_success() {
        let dingtalk = Robot::DingTalk.refusal(br#"{"errcode":310000,"errmsg":"sign not match"}"#);
        let told = dingtalk.unwrap();
        let told = told.texts();
        let expected = (
            "it refused the message: 310000 sign not match",
            "对方拒绝了这条消息：310000 sign not match",
        );
        assert_eq!(told, expected);
        assert_eq!(Robot::WeCom.refusal(br#"{"errcode":0,"errmsg":"ok"}"#), None);
        assert_eq!(Robot::Feishu.refusal(br#"{"StatusCode":0,"StatusMessage":"success"}"#), None);
        assert!(Robot::Feishu.refusal(br#"{"code":19021,"msg":"sign match fail"}"#).is_some());
        assert!(Robot::WeCom.refusal(b"<html>").is_some());
        assert_eq!(Robot::Webhook.refusal(b""), None);
    }
}
