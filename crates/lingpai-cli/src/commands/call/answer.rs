//! What comes down: printed as it comes, or put into a file; and what an `errcode` in it means.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use lingpai_wechat::catalogue::{self, Language};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::PATIENCE;
use super::progress::{Progress, size};
use crate::client;
use crate::error::{Deed, Error};
use crate::language::{either, say};
use crate::output;

/// Answers up to here are looked at whole: WeChat's refusals are far smaller.
const LOOKED_AT: usize = 64 * 1024;

/// Set by Lingpai where it refused by itself.
const OUR_ERROR: &str = "x-lingpai-error";

/// Where the answer goes.
pub(super) struct Receiver {
    to: Sink,
    language: Language,
}

enum Sink {
    /// Standard output, which a person looks at.
    Terminal,
    /// Standard output, which something else reads.
    Pipe,
    /// A file that is there in the end, or not at all.
    File(PathBuf),
    /// Something that cannot be replaced, such as a device.
    Device(PathBuf),
}

impl Receiver {
    /// Nothing is written yet.
    ///
    /// # Errors
    /// If the place of the file is a directory.
    pub(super) fn new(file: Option<&Path>, language: Language) -> Result<Self, Error> {
        let to = match file {
            Some(path) if path.as_os_str() != "-" => match path.metadata() {
                Ok(about) if about.is_dir() => {
                    let source = io::ErrorKind::IsADirectory.into();
                    return Err(unwritable(path, source));
                }
                Ok(about) if !about.is_file() => Sink::Device(path.to_owned()),
                // What a link leads to is replaced, not the link.
                Ok(_) => Sink::File(path.canonicalize().unwrap_or_else(|_| path.to_owned())),
                Err(_) => Sink::File(path.to_owned()),
            },
            _ if io::stdout().is_terminal() => Sink::Terminal,
            _ => Sink::Pipe,
        };
        Ok(Self { to, language })
    }

    /// Takes the whole answer.
    ///
    /// # Errors
    /// If it is a refusal, breaks off, or cannot be written.
    pub(super) async fn receive(
        self,
        server: &str,
        answer: Response<Incoming>,
    ) -> Result<(), Error> {
        let (head, body) = answer.into_parts();
        let mut rest = Rest::of(server, body);
        let mut beginning = BytesMut::new();
        while beginning.len() < LOOKED_AT
            && let Some(chunk) = rest.next().await?
        {
            beginning.extend_from_slice(&chunk);
        }
        let beginning = beginning.freeze();
        if let Some(refusal) = self.refusal(head.status, &head.headers, &beginning) {
            if matches!(self.to, Sink::Terminal | Sink::Pipe) && is_text(&beginning) {
                self.show(&beginning)?;
            }
            return Err(refusal);
        }
        match &self.to {
            Sink::Terminal if !is_text(&beginning) => Err(not_for_a_terminal(&head.headers)),
            Sink::Terminal if rest.is_over() => self.show(&beginning),
            Sink::Terminal | Sink::Pipe => rest.copy(&beginning, &mut io::stdout()).await,
            Sink::Device(path) => {
                let device = std::fs::OpenOptions::new().write(true).open(path);
                let mut device = device.map_err(|source| unwritable(path, source))?;
                rest.copy(&beginning, &mut device).await
            }
            Sink::File(path) => {
                let mut file = beside(path).map_err(|source| unwritable(path, source))?;
                rest.copy(&beginning, file.as_file_mut()).await?;
                file.persist(path).map_err(|error| unwritable(path, error.error))?;
                Ok(())
            }
        }
    }

    /// Prints a short text: JSON laid out for a person, everything else as it came.
    fn show(&self, text: &[u8]) -> Result<(), Error> {
        if !matches!(self.to, Sink::Terminal) {
            io::stdout().write_all(text)?;
            return Ok(io::stdout().flush()?);
        }
        match serde_json::from_slice::<Value>(text) {
            Ok(value) => output::print_json(&value),
            Err(_) => output::print(&String::from_utf8_lossy(text)),
        }
    }

    /// Why the call failed, if this is what the answer says.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Option<Error> {
        let said = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let code = said.as_ref().and_then(|said| said["errcode"].as_i64()).unwrap_or(0);
        let errmsg = said.as_ref().and_then(|said| said["errmsg"].as_str()).unwrap_or_default();
        if headers.contains_key(OUR_ERROR) {
            // WeChat Pay has other shapes for it.
            let message = said.as_ref().and_then(|said| said["message"].as_str());
            let whole = String::from_utf8_lossy(body);
            let words = if errmsg.is_empty() { message.unwrap_or(&whole) } else { errmsg };
            let reason = words.strip_prefix("lingpai:").unwrap_or(words).trim();
            return Some(Error::said(say!(
                "the server refused the call: {reason}",
                "服务拒绝了这次调用：{reason}"
            )));
        }
        if code != 0 {
            let text = String::from_utf8_lossy(body);
            let explained = catalogue::explain(&text).filter(|explained| explained.is_known());
            let explained = explained.map_or_else(
                || {
                    either(
                        "WeChat's page on this API says what it means",
                        "含义见微信文档中该接口的页面",
                    )
                    .to_owned()
                },
                |explained| explained.to_text(self.language),
            );
            return Some(Error::said(say!(
                "WeChat refused the call: {code} {errmsg}\n\n{explained}",
                "微信拒绝了这次调用：{code} {errmsg}\n\n{explained}"
            )));
        }
        if status.is_success() {
            return None;
        }
        let native = said.as_ref().map(|said| &said["error"]);
        Some(match native.filter(|error| error["message"].is_string()) {
            Some(error) if error["code"] == "path-unknown" => Error::said(either(
                "the server has no gateway. Write `enabled = true` under [gateway] in its configuration, or bring it up to \
                 date",
                "服务没有启用网关。请在它的配置的 [gateway] 下写 `enabled = true`，或升级到新版本",
            )),
            Some(error) => client::refused(error),
            None => Error::said(say!(
                "the answer has the status {status}, and no errcode says why. Check that this is a Lingpai server, and \
                 what stands between it and here",
                "应答的状态码是 {status}，没有 errcode 说明原因。请检查对方是不是 Lingpai，以及中间经过了什么"
            )),
        })
    }
}

/// What has not come yet.
struct Rest<'a> {
    server: &'a str,
    body: Incoming,
    is_over: bool,
    progress: Progress,
}

impl<'a> Rest<'a> {
    fn of(server: &'a str, body: Incoming) -> Self {
        let progress = Progress::of(either("received", "已接收"), body.size_hint().exact());
        Self { server, body, is_over: false, progress }
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let server = || self.server.to_owned();
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| Error::BrokenOff { server: server(), source: None })?;
            let Some(frame) = frame else {
                self.is_over = true;
                return Ok(None);
            };
            let frame = frame.map_err(|error| Error::BrokenOff {
                server: server(),
                source: Some(error.into()),
            })?;
            // Trailers mean nothing here.
            if let Ok(chunk) = frame.into_data() {
                self.progress.add(chunk.len() as u64);
                return Ok(Some(chunk));
            }
        }
    }

    async fn copy(&mut self, beginning: &[u8], to: &mut impl Write) -> Result<(), Error> {
        to.write_all(beginning)?;
        while let Some(chunk) = self.next().await? {
            to.write_all(&chunk)?;
        }
        to.flush()?;
        Ok(())
    }
}

/// Whether a terminal shows it as it is. The last letter may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// A file in the same directory, which becomes the one that was asked for when it is whole.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lingpai-call-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask takes away from this, as of any file that a program writes.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory.unwrap_or(Path::new(".")))
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    let advice =
        either("Name a file in a directory that you may write to", "请指定可写目录中的文件");
    Error::File { path: path.to_owned(), deed: Deed::Write, advice, source }
}

fn not_for_a_terminal(headers: &HeaderMap) -> Error {
    let word = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = word(header::CONTENT_TYPE).unwrap_or(either("no text", "不是文本"));
    let length = word(header::CONTENT_LENGTH).and_then(|length| length.parse::<u32>().ok());
    let length = length.map_or_else(String::new, |length| {
        say!(", {size}", "，{size}", size = size(length.into()))
    });
    Error::said(say!(
        "the call was made, but its answer ({kind}{length}) is not for a terminal. Name a file with -o, or pipe it somewhere",
        "调用已完成，但返回内容（{kind}{length}）不宜在终端显示。请用 -o 指定文件，或通过管道交给其他程序"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, ours: bool, body: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        if ours {
            headers.insert(OUR_ERROR, "busy".parse().unwrap());
        }
        let receiver = Receiver { to: Sink::Pipe, language: Language::English };
        let status = StatusCode::from_u16(status).unwrap();
        receiver.refusal(status, &headers, &body.into()).map(|error| error.to_string())
    }

    #[test]
    fn a_refusal_is_told_from_an_answer_and_says_whose_it_is() {
        assert_eq!(refusal(200, false, r#"{"errcode":0,"errmsg":"ok"}"#), None);
        assert_eq!(refusal(200, false, r#"{"openid":"o1"}"#), None);
        assert_eq!(refusal(200, false, "\u{89}PNG"), None);
        let wechat = refusal(200, false, r#"{"errcode":40003,"errmsg":"invalid openid"}"#).unwrap();
        assert!(
            wechat.starts_with("WeChat refused the call: 40003 invalid openid\n\n40003: "),
            "{wechat}"
        );
        let ours = refusal(200, true, r#"{"errcode":900001,"errmsg":"lingpai: it is busy"}"#);
        assert_eq!(ours.unwrap(), "the server refused the call: it is busy");
        let of_pay = refusal(403, true, r#"{"code":"LINGPAI_X","message":"lingpai: it is off"}"#);
        assert_eq!(of_pay.unwrap(), "the server refused the call: it is off");
        let native = refusal(401, false, r#"{"error":{"message":"no key.","remedy":"Send one"}}"#);
        assert_eq!(native.unwrap(), "the server refused: no key. Send one");
        let older = refusal(404, false, r#"{"error":{"code":"path-unknown","message":"?"}}"#);
        assert!(older.unwrap().starts_with("the server has no gateway."));
        assert!(refusal(502, false, "<html>").unwrap().contains("502 Bad Gateway"));
    }

    #[test]
    fn only_text_is_shown_on_a_terminal_and_a_letter_cut_in_the_middle_is_text() {
        assert!(is_text("{\"令\":1}\n".as_bytes()));
        assert!(is_text(&"令".as_bytes()[..2]));
        assert!(!is_text(b"\x89PNG\r\n"));
        assert!(!is_text(b"\x1b[2J"));
    }
}
