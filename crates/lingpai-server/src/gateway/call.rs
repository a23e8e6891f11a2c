//! A call that was let through: what is sent of it, each time anew, and what is answered in the end.

use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version, response};
use http_body_util::Full;
use lingpai_core::span::Span;
use lingpai_core::{CredentialId, Secret};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::carried;
use super::head;
use super::hidden;
use super::hosts::{Destination, Host};
use super::look::{self, Seen};
use super::passing::Passing;
use super::pay;
use super::rules::Permit;
use super::sealing::Sealing;
use super::site::Site;
use super::target::Target;
use super::trouble::Trouble;
use super::upload::{Sending, Upload};
use super::watched::Watched;
use crate::answer::Body;

/// Says in an answer that its call was sent twice, or that it could not have been.
const REPLAY: HeaderName = HeaderName::from_static("x-lingpai-replay");
/// It was sent again, with another token, and this is the second answer.
pub(super) const DONE: HeaderValue = HeaderValue::from_static("done");
/// Its body could not be kept aside.
pub(super) const IMPOSSIBLE: HeaderValue = HeaderValue::from_static("impossible");

/// A call with everything that it needs.
pub(super) struct Call<'a> {
    pub(super) head: &'a Parts,
    pub(super) destination: &'a Destination<'a>,
    /// The token of the account for which it is made, if it is for one.
    pub(super) credential: Option<&'a CredentialId>,
    pub(super) upload: Upload,
    /// What encrypts and signs it, if it is to be; then all of its body is here.
    pub(super) sealing: Option<Sealing>,
    /// When its body was here, as far as it is read beforehand.
    pub(super) begun: Instant,
    /// How long the client may take nothing of the answer.
    pub(super) write_time: Duration,
    /// What is followed of it.
    pub(super) span: Span,
    /// Its place among its client's calls, and among all that are under way.
    pub(super) held: (Permit, OwnedSemaphorePermit),
}

/// An answer of upstream, as far as it was looked at.
pub(super) struct Heard {
    pub(super) head: response::Parts,
    pub(super) body: Passing,
    pub(super) seen: Seen,
}

impl Call<'_> {
    /// Path and query with this token in them.
    pub(super) fn target(&self, token: &Secret) -> Secret<String> {
        let Destination { target, path, .. } = self.destination;
        let name = carried::name(self.credential.map(|credential| &credential.kind), path);
        Secret::new(match self.sealing {
            Some(_) => Target::of(None).with_token(path, name, token.expose()),
            None => target.with_token(path, name, token.expose()),
        })
    }

    /// The request to one of upstream's hosts.
    pub(super) fn request(
        &self,
        site: &Site,
        target: &Secret<String>,
        sending: Sending,
    ) -> Result<Request<Sending>, Trouble> {
        let sealed = match (&self.sealing, &self.upload) {
            (Some(sealing), Upload::Whole(plain)) => {
                Some(sealing.seal(site, self.destination, plain)?)
            }
            _ => None,
        };
        let (sending, length) = match &sealed {
            Some(sealed) => {
                (Sending::Whole(Some(sealed.body.clone())), Some(sealed.body.len() as u64))
            }
            None => (sending, self.length()),
        };
        let mut request = Request::new(sending);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = site.target(target)?;
        *request.headers_mut() = head::to_upstream(&self.head.headers, &site.host, length);
        if let Some(sealed) = sealed {
            sealed.mark(request.headers_mut());
        }
        if hidden::may_be_in(self.destination) {
            // It is read and perhaps changed: in plain.
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
        if self.destination.host == Host::Pay
            && let Some(signature) = pay::signature(&self.head.headers)
        {
            request.headers_mut().insert(AUTHORIZATION, signature.clone());
        }
        Ok(request)
    }

    /// When upstream last took something of it: from then on it has the word.
    pub(super) fn moved_at(&self) -> Instant {
        self.upload.moved_at().map_or(self.begun, |moved| moved.max(self.begun))
    }

    /// The errcode of an answer that says that the token is bad.
    pub(super) fn blames_the_token(&self, heard: &Heard) -> Option<i64> {
        let kind = self.credential.map(|credential| &credential.kind);
        heard.errcode().filter(|code| carried::blames_it(kind, self.destination.host, *code))
    }

    /// The answer for the client, in which `secret` is not shown. If more of it is to come, the call has its places until
    /// it has ended.
    pub(super) fn answer(
        mut self,
        heard: Heard,
        secret: &Secret,
        replay: Option<HeaderValue>,
    ) -> Response<Body> {
        let status = i64::from(heard.head.status.as_u16());
        self.span.set("http.response.status_code", || status);
        if let Some(errcode) = heard.errcode() {
            self.span.set("wechat.errcode", || errcode);
        }
        let Heard { mut head, body, seen } = heard;
        let of_client = self.destination.target.token().unwrap_or_default();
        head::to_client(&mut head.headers, secret.expose(), &of_client);
        if let Some(replay) = replay {
            self.span.set("lingpai.replay", || replay.to_str().unwrap_or_default().to_owned());
            head.headers.insert(REPLAY, replay);
        }
        let body = match seen {
            Seen::Whole(bytes, _) => Body::Whole(Full::new(bytes)),
            Seen::Begun(begun) => {
                let body = body.resumed(begun, Box::new(self.held));
                match self.head.version {
                    Version::HTTP_2 => Body::Watched(Watched::new(body, self.write_time)),
                    _ => Body::Forwarded(Box::new(body)),
                }
            }
        };
        Response::from_parts(head, body)
    }

    /// The length that upstream is told. A `POST` without a body has one too.
    fn length(&self) -> Option<u64> {
        let length = self.upload.length();
        if self.head.method == Method::POST { length.or(Some(0)) } else { length }
    }
}

impl Heard {
    /// The same with all of its body, up to so many bytes.
    pub(super) async fn whole(self, most: usize) -> Result<Self, Trouble> {
        let Self { head, mut body, seen } = self;
        let begun = match seen {
            Seen::Whole(..) => return Ok(Self { head, body, seen }),
            Seen::Begun(begun) => begun,
        };
        let mut all = BytesMut::from(&begun[..]);
        while let Some(piece) = body.next().await? {
            if all.len() + piece.len() > most {
                return Err(Trouble::Lost);
            }
            all.extend_from_slice(&piece);
        }
        let all = all.freeze();
        let errcode = look::errcode(&all);
        Ok(Self { head, body, seen: Seen::Whole(all, errcode) })
    }

    /// The `errcode` at its top level.
    pub(super) fn errcode(&self) -> Option<i64> {
        match self.seen {
            Seen::Whole(_, errcode) => errcode,
            Seen::Begun(_) => None,
        }
    }
}
