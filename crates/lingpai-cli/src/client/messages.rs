//! Server-sent events, as a server sends them.

use bytes::BytesMut;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::{Client, MOST, refused};
use crate::error::Error;

/// A stream that is open. Dropping it closes it.
pub(crate) struct Messages {
    server: String,
    body: Incoming,
    unread: BytesMut,
}

/// One message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Where the stream goes on after it.
    pub(crate) id: Option<String>,
    pub(crate) event: String,
    pub(crate) data: String,
}

impl Client {
    /// Opens the stream at this path. It is read without a deadline.
    pub(crate) async fn messages(&self, path: &str) -> Result<Messages, Error> {
        self.stream(Method::GET, path, None).await
    }

    /// The same of what is done for this body.
    pub(crate) async fn post_messages(&self, path: &str, body: &Value) -> Result<Messages, Error> {
        self.stream(Method::POST, path, Some(body)).await
    }

    async fn stream(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Messages, Error> {
        let mut request = self.request(method, path, body)?;
        let wanted = HeaderValue::from_static("text/event-stream");
        request.headers_mut().insert(header::ACCEPT, wanted);
        let server = self.way.server().to_owned();
        let unreachable =
            |source| Error::Unreachable { server: server.clone(), source: Box::from(source) };
        let answer = self.way.send(request).await.map_err(unreachable)?;
        if answer.status() == StatusCode::OK {
            return Ok(Messages { server, body: answer.into_body(), unread: BytesMut::new() });
        }
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        match serde_json::from_slice::<Value>(&body) {
            Ok(refusal) if refusal["error"]["message"].is_string() => {
                Err(refused(&refusal["error"]))
            }
            _ => Err(self.is_another()),
        }
    }
}

impl Messages {
    /// The next message with data; none when the server has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block = self.unread.split_to(end + 2);
                let message = read(&String::from_utf8_lossy(&block));
                if !message.data.is_empty() {
                    return Ok(Some(message));
                }
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.unread.extend_from_slice(&data);
                    }
                }
                Some(Err(source)) => {
                    let server = self.server.clone();
                    return Err(Error::Unreachable { server, source: Box::from(source) });
                }
            }
        }
    }
}

/// What stands between two empty lines.
fn read(block: &str) -> Message {
    let mut message = Message::default();
    for line in block.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut message.event),
            "data" => {
                if !message.data.is_empty() {
                    message.data.push('\n');
                }
                message.data += value;
            }
            _ => {}
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_the_standard_has_it() {
        let message = read(": alive\nid: 7-0\nevent: rotated\ndata: {\"a\":1,\ndata:\"b\":2}\n\n");
        assert_eq!(message.id.as_deref(), Some("7-0"));
        assert_eq!((&*message.event, &*message.data), ("rotated", "{\"a\":1,\n\"b\":2}"));
        assert_eq!(read(": alive\n\n"), Message::default());
    }
}
