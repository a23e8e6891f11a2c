//! HAProxy as a peer.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::process::{Process, free_addr};

/// Starts HAProxy with one thread that forwards everything to `upstream`, with its files in `folder`.
pub(crate) fn forwarding(folder: &Path, upstream: SocketAddr) -> Process {
    fs::create_dir_all(folder).unwrap();
    let addr = free_addr();
    let configuration = format!(
        "global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend all
  bind {addr}
  default_backend wechat
backend wechat
  server wechat {upstream}
"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new("haproxy");
    // In the foreground, as one process.
    command.arg("-db").arg("-f").arg(&file);
    Process::measured(&command, addr)
}
