//! Calls of WeChat Pay, which move money: they are signed by whoever makes them, and pass as they are.
//!
//! What they gain here is the address that they come from. Lingpai holds nothing that belongs to them, puts nothing in,
//! takes nothing out, and never sends one twice. So they are off until the operator wants them, and then need a key like
//! any call. Where the signature stands in the `Authorization` header, the key has a header of its own.

use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use lingpai_core::client::{KeyHash, Right};

use super::hosts::{Destination, Host, split_account};
use super::needs::is_under;
use super::rules::Rules;
use crate::native::bearer;
use crate::refusal::{Barred, Reads, Refusal};
use crate::serving::{Caller, Serving};

/// Where a client puts its key whose signature has the `Authorization` header.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-lingpai-key");
/// Calls of version 2 for which WeChat Pay asks for the merchant's certificate within TLS.
const WITH_CERTIFICATE: &[&str] = &[
    "/secapi/",
    "/mmpaymkttransfers/",
    "/mmpaysptrans/",
    "/billcommentsp/",
    "/pay/downloadfundflow",
];

/// Whether such a call is sent from here.
///
/// # Errors
/// The operator does not want it, or WeChat Pay would ask for a certificate.
pub(super) fn may_be_sent(rules: &Rules, destination: &Destination<'_>) -> Result<(), Refusal> {
    if !rules.pay {
        return Err(Barred::PayOff.into());
    }
    if is_under(&destination.path.to_ascii_lowercase(), WITH_CERTIFICATE) {
        return Err(Barred::CertificateNeeded.into());
    }
    Ok(())
}

/// Whose key the call shows.
///
/// # Errors
/// None, or one that may not use the gateway.
pub(super) async fn who(serving: &Serving, head: &Parts, peer: IpAddr) -> Result<KeyHash, Refusal> {
    let shown = head.headers.get(KEY_HEADER).and_then(|key| key.to_str().ok());
    let caller = match shown {
        Some(key) => Caller::new(key, peer),
        None => bearer(head, peer).map_err(|_| Barred::CallerUnknown)?,
    };
    Ok(serving.admit_somewhere(caller, Right::Gateway).await?.0)
}

/// What the call's `Authorization` says to WeChat Pay: everything but a key, which is said to us.
pub(super) fn signature(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get(AUTHORIZATION)?;
    let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    (!scheme.eq_ignore_ascii_case(b"Bearer")).then_some(value)
}

/// How the SDK reads a refusal that calls this path.
pub(super) fn reads(path: &str) -> Reads {
    if path.starts_with("/v3/") { Reads::PayV3 } else { Reads::PayV2 }
}

/// The same of a request that goes nowhere, whatever it calls.
pub(super) fn reads_if_so(head: &Parts, path: &str) -> Reads {
    match Host::of(head, split_account(path).1) {
        (Host::Pay, path) => reads(path),
        _ => Reads::Api,
    }
}
