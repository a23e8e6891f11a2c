//! What Redis's errors mean to a person: what happened, why, and what to do.

use lingpai_core::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError};

/// What a user of Redis must be allowed, for the ACL of an operator.
pub(super) const RIGHTS: &str =
    "+@read +@write +@scripting +@connection +@pubsub +info +time +config|get";

/// The error of a Redis that is called this.
pub(super) fn explain(error: RedisError, redis: &str) -> StoreError {
    let (kind, what) = match Sort::of(&error) {
        Sort::Unreachable => (
            StoreErrorKind::Unavailable,
            "cannot be reached. Check that it runs, and its address; it is tried again".to_owned(),
        ),
        Sort::Silent => (
            StoreErrorKind::Unavailable,
            "does not answer in time. Check its load and the network, and if the URL says `rediss://`, that \
             it speaks TLS on this port; it is tried again"
                .to_owned(),
        ),
        Sort::CutOff => (
            StoreErrorKind::Unavailable,
            "has closed the connection. If that happens at once, each time: either it expects TLS on \
             this port (write `rediss://`), or it refuses other machines (its `bind` and \
             `protected-mode`); otherwise it is tried again"
                .to_owned(),
        ),
        Sort::NotTls => (
            StoreErrorKind::Denied,
            "does not speak TLS on this port. Write `redis://`, or name its TLS port".to_owned(),
        ),
        Sort::Certificate => (
            StoreErrorKind::Denied,
            "shows a certificate that is not trusted for this name. Name the certificate authority \
             with `?ca=FILE`, and the server by the name in its certificate"
                .to_owned(),
        ),
        Sort::Password => (
            StoreErrorKind::Denied,
            "refuses the user or the password. Check both; `store-password` says where the password \
             is"
            .to_owned(),
        ),
        Sort::Permission => (
            StoreErrorKind::Denied,
            format!(
                "does not allow this user what Lingpai needs. In redis-cli, with your names: ACL \
                 SETUSER lingpai {RIGHTS} ~lingpai:* &lingpai:*"
            ),
        ),
        Sort::WrongType => (
            StoreErrorKind::Corrupt,
            "has a key of ours that holds something of another type: another program writes there. \
             Give Lingpai a prefix of its own with `?prefix=`, or remove that key"
                .to_owned(),
        ),
        Sort::Full => (
            StoreErrorKind::Full,
            "has no memory left (`maxmemory`). Raise the limit; what is stored stays readable and \
             writing goes on by itself"
                .to_owned(),
        ),
        Sort::CannotPersist => (
            StoreErrorKind::ReadOnly,
            "takes no writes: it cannot save them on its disk, or has too few replicas. See its log; \
             writing goes on by itself"
                .to_owned(),
        ),
        Sort::ReadOnly => (
            StoreErrorKind::ReadOnly,
            "can only be read: it is a replica. Name the master, or its sentinels \
             (`redis+sentinel://`); after a failover it is found by itself"
                .to_owned(),
        ),
        Sort::NotReady => (
            StoreErrorKind::Unavailable,
            "is not ready: it is loading its data, or a failover is under way. It is tried again"
                .to_owned(),
        ),
        Sort::IsCluster => (
            StoreErrorKind::Invalid,
            "is a Redis Cluster. Write `redis+cluster://` and name some of its servers".to_owned(),
        ),
        Sort::IsNoCluster => (
            StoreErrorKind::Invalid,
            "is no Redis Cluster. Write `redis://`".to_owned(),
        ),
        Sort::Settings => (
            StoreErrorKind::Invalid,
            "cannot be connected to with these settings. The cause says which is wrong".to_owned(),
        ),
        Sort::NoSuchService => (
            StoreErrorKind::Invalid,
            "has sentinels that know no service of this name. Check the name behind the last `/`"
                .to_owned(),
        ),
        Sort::Other => (
            StoreErrorKind::Unavailable,
            "could not do what was asked. This may be an error in the program; please report it"
                .to_owned(),
        ),
    };
    StoreError::new(kind, format!("the store {redis} {what}")).caused_by(error)
}

/// Whether a connection is to be given up after this error.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    matches!(
        Sort::of(error),
        Sort::Unreachable | Sort::Silent | Sort::CutOff | Sort::ReadOnly | Sort::NotReady
    ) || error.is_unrecoverable_error()
}

/// Whether the same may work on a new connection at once: the old one was found broken, or leads to a former master.
pub(super) fn is_worth_repeating(error: &RedisError) -> bool {
    matches!(Sort::of(error), Sort::CutOff | Sort::ReadOnly)
}

/// The sorts of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Unreachable,
    Silent,
    CutOff,
    NotTls,
    Certificate,
    Password,
    Permission,
    WrongType,
    Full,
    CannotPersist,
    ReadOnly,
    NotReady,
    IsCluster,
    IsNoCluster,
    NoSuchService,
    Settings,
    Other,
}

impl Sort {
    fn of(error: &RedisError) -> Self {
        // A script hands an error on in its text, and older versions without its code.
        let text = format!("{} {error}", error.code().unwrap_or_default());
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["WRONGPASS", "NOAUTH", "invalid username-password", "invalid password"])
            || error.kind() == ErrorKind::AuthenticationFailed
        {
            Self::Password
        } else if says(&["NOPERM", "can't run this command", "can't publish", "can't access"]) {
            Self::Permission
        } else if says(&["WRONGTYPE"]) {
            Self::WrongType
        } else if says(&["OOM"]) {
            Self::Full
        } else if says(&["MISCONF", "NOREPLICAS"]) {
            Self::CannotPersist
        } else if says(&["READONLY"]) {
            Self::ReadOnly
        } else if says(&["cluster support disabled"]) {
            Self::IsNoCluster
        } else if says(&["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY"]) {
            Self::NotReady
        } else if says(&["MOVED", "ASK "]) {
            Self::IsCluster
        } else if error.kind() == ErrorKind::MasterNameNotFoundBySentinel {
            Self::NoSuchService
        } else if error.kind() == ErrorKind::InvalidClientConfig {
            Self::Settings
        } else if says(&["InvalidContentType", "corrupt message", "InvalidMessage"]) {
            Self::NotTls
        } else if says(&["certificate", "Certificate"]) {
            Self::Certificate
        } else if error.is_connection_refusal() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::Silent
        } else if error.is_connection_dropped() {
            Self::CutOff
        } else if error.is_io_error() || error.kind() == ErrorKind::ClusterConnectionNotFound {
            Self::Unreachable
        } else {
            Self::Other
        }
    }
}
