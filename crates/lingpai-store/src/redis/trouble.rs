//! What Redis's errors mean to a person: what happened, why, and what to do.

use lingpai_core::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError};

/// What a user of Redis must be allowed, for the ACL of an operator.
pub(super) const RIGHTS: &str =
    "+@read +@write +@scripting +@connection +@pubsub +info +time +config|get";

/// The error of a Redis that is called this.
pub(super) fn explain(error: RedisError, redis: &str) -> StoreError {
    let (kind, what, chinese) = match Sort::of(&error) {
        Sort::Unreachable => (
            StoreErrorKind::Unavailable,
            "cannot be reached. Check that it runs, and its address; it is tried again".to_owned(),
            "无法连接。请检查它是否在运行、地址是否正确；Lingpai 会重试".to_owned(),
        ),
        Sort::Silent => (
            StoreErrorKind::Unavailable,
            "does not answer in time. Check its load and the network, and if the URL says `rediss://`, that \
             it speaks TLS on this port; it is tried again"
                .to_owned(),
            "没有及时应答。请检查它的负载与网络；如果 URL 是 `rediss://`，请检查该端口是否使用 TLS；Lingpai 会重试".to_owned(),
        ),
        Sort::CutOff => (
            StoreErrorKind::Unavailable,
            "has closed the connection. If that happens at once, each time: either it expects TLS on \
             this port (write `rediss://`), or it refuses other machines (its `bind` and \
             `protected-mode`); otherwise it is tried again"
                .to_owned(),
            "关闭了连接。如果每次都立即发生：可能该端口要求 TLS（请写 `rediss://`），或它拒绝其他机器（`bind` 与 `protected-mode`）；否则 Lingpai 会重试".to_owned(),
        ),
        Sort::NotTls => (
            StoreErrorKind::Denied,
            "does not speak TLS on this port. Write `redis://`, or name its TLS port".to_owned(),
            "在该端口不使用 TLS。请写 `redis://`，或改用它的 TLS 端口".to_owned(),
        ),
        Sort::Certificate => (
            StoreErrorKind::Denied,
            "shows a certificate that is not trusted for this name. Name the certificate authority \
             with `?ca=FILE`, and the server by the name in its certificate"
                .to_owned(),
            "出示的证书不被信任，或与域名不符。请用 `?ca=文件` 指定 CA，并使用证书中的域名".to_owned(),
        ),
        Sort::Password => (
            StoreErrorKind::Denied,
            "refuses the user or the password. Check both; `store-password` says where the password \
             is"
            .to_owned(),
            "拒绝了用户名或密码。请检查两者；`store-password` 指明密码在哪里".to_owned(),
        ),
        Sort::Permission => (
            StoreErrorKind::Denied,
            format!(
                "does not allow this user what Lingpai needs. In redis-cli, with your names: ACL \
                 SETUSER lingpai {RIGHTS} ~lingpai:* &lingpai:*"
            ),
            format!(
                "不允许这个用户执行 Lingpai 需要的操作。请在 redis-cli 中执行（换成实际的名字）：ACL SETUSER lingpai {RIGHTS} \
                 ~lingpai:* &lingpai:*"
            ),
        ),
        Sort::WrongType => (
            StoreErrorKind::Corrupt,
            "has a key of ours that holds something of another type: another program writes there. \
             Give Lingpai a prefix of its own with `?prefix=`, or remove that key"
                .to_owned(),
            "中有 Lingpai 的键，但类型不对：有其他程序在写入。请用 `?prefix=` 给 Lingpai 单独的前缀，或删除该键".to_owned(),
        ),
        Sort::Full => (
            StoreErrorKind::Full,
            "has no memory left (`maxmemory`). Raise the limit; what is stored stays readable and \
             writing goes on by itself"
                .to_owned(),
            "内存已用完（`maxmemory`）。请提高上限；已保存的内容仍可读取，写入会自行恢复".to_owned(),
        ),
        Sort::CannotPersist => (
            StoreErrorKind::ReadOnly,
            "takes no writes: it cannot save them on its disk, or has too few replicas. See its log; \
             writing goes on by itself"
                .to_owned(),
            "不接受写入：无法保存到磁盘，或副本太少。请查看它的日志；写入会自行恢复".to_owned(),
        ),
        Sort::ReadOnly => (
            StoreErrorKind::ReadOnly,
            "can only be read: it is a replica. Name the master, or its sentinels \
             (`redis+sentinel://`); after a failover it is found by itself"
                .to_owned(),
            "只能读取：它是副本。请指定主节点或哨兵（`redis+sentinel://`）；故障转移后会自动找到新的主节点".to_owned(),
        ),
        Sort::NotReady => (
            StoreErrorKind::Unavailable,
            "is not ready: it is loading its data, or a failover is under way. It is tried again"
                .to_owned(),
            "尚未就绪：正在加载数据，或正在故障转移。Lingpai 会重试".to_owned(),
        ),
        Sort::IsCluster => (
            StoreErrorKind::Invalid,
            "is a Redis Cluster. Write `redis+cluster://` and name some of its servers".to_owned(),
            "是 Redis Cluster。请写 `redis+cluster://` 并列出其中几台服务器".to_owned(),
        ),
        Sort::IsNoCluster => (
            StoreErrorKind::Invalid,
            "is no Redis Cluster. Write `redis://`".to_owned(),
            "不是 Redis Cluster。请写 `redis://`".to_owned(),
        ),
        Sort::Settings => (
            StoreErrorKind::Invalid,
            "cannot be connected to with these settings. The cause says which is wrong".to_owned(),
            "无法按这些设置连接，具体见原因".to_owned(),
        ),
        Sort::NoSuchService => (
            StoreErrorKind::Invalid,
            "has sentinels that know no service of this name. Check the name behind the last `/`"
                .to_owned(),
            "的哨兵不认识这个服务名。请检查最后一个 `/` 之后的名字".to_owned(),
        ),
        Sort::Other => (
            StoreErrorKind::Unavailable,
            "could not do what was asked. This may be an error in the program; please report it"
                .to_owned(),
            "无法完成操作。这可能是程序的错误，请报告".to_owned(),
        ),
    };
    StoreError::new(kind, format!("the store {redis} {what}"))
        .in_chinese(format!("存储 {redis} {chinese}"))
        .caused_by(error)
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
