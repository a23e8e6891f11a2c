//! What can be wrong with the sandbox itself, as opposed to what it answers in WeChat's name.

use std::{io, net::SocketAddr, path::PathBuf};

/// A mistake in settings, or an operation that the world cannot do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No app with this appid lives in the world.
    #[error("no app {appid} in this sandbox; GET /__sandbox/apps lists those there are")]
    UnknownApp {
        /// What was asked for.
        appid: String,
    },
    /// An app with this appid exists already.
    #[error("the app {appid} exists already; remove it first, or choose another appid")]
    AppExists {
        /// The appid in question.
        appid: String,
    },
    /// The appid has not the shape of WeChat's.
    #[error("`{appid}` is not an appid: write `wx` and 16 digits of lower-case hex")]
    BadAppid {
        /// What was given.
        appid: String,
    },
    /// The corpid has not the shape of WeCom's.
    #[error("`{corpid}` is not a corpid: write `ww` and 16 letters and digits")]
    BadCorpid {
        /// What was given.
        corpid: String,
    },
    /// The secret has not the shape of WeCom's. It is not repeated here.
    #[error(
        "this is not a secret of WeCom: write 43 letters, digits, `-` and `_`, or leave it out"
    )]
    BadAgentSecret,
    /// The secret has not the shape of WeChat's. It is not repeated here.
    #[error("this is not an AppSecret: write 32 digits of lower-case hex, or leave it out")]
    BadSecret,
    /// The speed is not usable.
    #[error("a speed of {speed} cannot be kept: choose from 0.001 to 1000000 (1 is real time)")]
    BadSpeed {
        /// What was given.
        speed: f64,
    },
    /// A line of a whitelist is not understood.
    #[error("`{pattern}` is no whitelist entry: write an IP, `172.0.0.*` or a CIDR block")]
    BadIpPattern {
        /// What was given.
        pattern: String,
    },
    /// The order of checks misses one or names one twice.
    #[error("check_order must name each check once; {problem}")]
    BadCheckOrder {
        /// Which one, and how.
        problem: String,
    },
    /// Nothing waits for the administrator's confirmation from this address.
    #[error("nothing is pending for {ip}: call with that IP first, after require-confirmation")]
    NothingPending {
        /// The address in question.
        ip: std::net::IpAddr,
    },
    /// A request to the control API that is not understood.
    #[error("this request to the sandbox's control API is not understood: {problem}")]
    BadRequest {
        /// What is wrong, and what to write.
        problem: String,
    },
    /// A path of the control API that does not exist, or not with this method.
    #[error("no {method} {path} here; GET /__sandbox/ lists every route with an example")]
    UnknownRoute {
        /// The HTTP method.
        method: String,
        /// The path.
        path: String,
    },
    /// The address is reachable from outside, which nobody allowed.
    #[error(
        "{addr} can be reached by other machines, and the sandbox asks nobody for a password: \
         use a loopback address, or allow it (`--allow-remote`; in a program `Settings::allow_remote`)"
    )]
    NotLoopback {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {addr}: is the port in use? Choose another one, or 0 for any free one"
    )]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A snapshot that a world cannot be restored from. What is in it is not repeated here.
    #[error(
        "this is no snapshot that this version can restore a world from: {problem};          start a new world instead"
    )]
    BadSnapshot {
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The file of `Settings::state` is there, but no world can be restored from it.
    #[error(
        "the sandbox cannot go on from {}: {problem}. Delete the file to start anew (tokens \
         issued before are then unknown), or put a good copy in its place",
        path.display()
    )]
    DamagedState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The file of `Settings::state` cannot be read or written.
    #[error(
        "cannot read or write {}, where the sandbox keeps its state: see that its directory \
         exists and is yours, and that the disk is not full",
        path.display()
    )]
    StateFile {
        /// The file in question.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
