//! The `lingpai` that ships, keeping one account.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET};

use super::process::{Process, free_addr};

/// What cargo builds for a bench is what ships: the profile is that of a release.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_lingpai");

/// The folder of a node, with a configuration and an API key.
pub(crate) struct Home {
    folder: PathBuf,
    addr: SocketAddr,
    pub(crate) key: String,
    _wechat: Option<Process>,
}

impl Home {
    /// With a key that may do everything, and the simulated WeChat.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with(folder, "")
    }

    /// The same with these settings besides.
    pub(crate) fn with(folder: &Path, more: &str) -> Self {
        let wechat = free_addr();
        let mut home = Self::beside(folder, wechat, more, &["--admin"]);
        let mut sandbox = lingpai(folder);
        sandbox.args(["sandbox", "--listen", &wechat.to_string()]);
        home._wechat = Some(Process::start(sandbox, wechat));
        home
    }

    /// With this WeChat, these settings besides, and a key that may do this.
    pub(crate) fn beside(folder: &Path, wechat: SocketAddr, more: &str, may: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let addr = free_addr();
        let configuration = format!(
            "listen = \"{addr}\"\nupstream = \"http://{wechat}\"\n{more}\n\
             [[account]]\nid = \"{DEMO_APPID}\"\nsecret = {{ file = \"secret\" }}\n"
        );
        fs::write(folder.join("lingpai.toml"), configuration).unwrap();
        fs::write(folder.join("secret"), DEMO_SECRET).unwrap();
        let mut create = lingpai(folder);
        let made = create.args(["key", "create", "bench", "--json"]).args(may).output().unwrap();
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { folder: folder.to_owned(), addr, key, _wechat: None }
    }

    /// Starts the node.
    pub(crate) fn start(&self) -> Process {
        let mut command = lingpai(&self.folder);
        command.arg("serve");
        Process::measured(&command, self.addr)
    }

    /// A whole request for its token, natively.
    pub(crate) fn native_request(&self) -> Vec<u8> {
        let Self { addr, key, .. } = self;
        let path = format!("/v1/accounts/{DEMO_APPID}/token");
        format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {key}\r\n\r\n").into()
    }

    /// The same as an SDK asks for it.
    pub(crate) fn drop_in_request(&self) -> Vec<u8> {
        let Self { addr, key, .. } = self;
        let query = format!("grant_type=client_credential&appid={DEMO_APPID}&secret={key}");
        format!("GET /cgi-bin/token?{query} HTTP/1.1\r\nHost: {addr}\r\n\r\n").into()
    }
}

fn lingpai(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder);
    command
}

/// Asks once: the headers and the body of the answer.
pub(crate) fn ask(addr: SocketAddr, request: &[u8]) -> (Vec<(String, String)>, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = vec![0; 16 * 1024];
    // Whoever answers from memory sends head and body in one piece.
    let count = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..count]);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    };
    (head.lines().filter_map(header).collect(), body.to_owned())
}
