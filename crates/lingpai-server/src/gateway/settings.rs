//! How the gateway is set up.

use std::path::PathBuf;
use std::time::Duration;

use lingpai_wechat::wire;

use super::rules::Rules;

/// How calls are forwarded.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How WeChat is reached. Its hosts, if there are any, stand in place of all of WeChat's: the first for `mp.` and
    /// `file.api.weixin.qq.com` too, with `/qyapi` behind it for WeCom, and with `/mch` for WeChat Pay.
    pub upstream: wire::Settings,
    /// What clients may call.
    pub rules: Rules,
    /// Path prefixes under which everything that Lingpai serves is found too, such as `/wechat`: for SDKs whose base URL
    /// has a path. Without a slash at the end.
    pub mounts: Vec<String>,
    /// How long WeChat may take to begin its answer once it has the whole call, and for every 16 KiB of the answer after
    /// that. Default 30 s.
    pub deadline: Duration,
    /// A call that was refused because of its token is not sent again if it has been under way for longer than this: its
    /// client may have given up. Default 4 s.
    pub repair_deadline: Duration,
    /// Calls at once. Default 512.
    pub connections: usize,
    /// How many further calls wait for one of those to end, and how long. Default 1024, and 2 s.
    pub queue: usize,
    /// How long a call waits for another to end. Default 2 s.
    pub queue_time: Duration,
    /// How large a body may be to be kept aside, so that the call can be sent again. Default 64 MiB.
    pub replay_limit: u64,
    /// How large a body may be that does not state its length. It is read whole before anything is sent. Default 64 MiB.
    pub unsized_body_limit: u64,
    /// Where bodies above 64 KiB are kept aside, in files without a name. Default: the system's directory for such files.
    pub spool_dir: PathBuf,
    /// How many bytes all bodies together may take there. Default 1 GiB.
    pub spool_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            upstream: wire::Settings::default(),
            rules: Rules::default(),
            mounts: Vec::new(),
            deadline: Duration::from_secs(30),
            repair_deadline: Duration::from_secs(4),
            connections: 512,
            queue: 1024,
            queue_time: Duration::from_secs(2),
            replay_limit: 64 << 20,
            unsized_body_limit: 64 << 20,
            spool_dir: std::env::temp_dir(),
            spool_limit: 1 << 30,
        }
    }
}
