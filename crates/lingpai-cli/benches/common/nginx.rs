//! nginx as a peer.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::process::{Process, free_addr};

/// A path, and the answer to be given there: what stands in a head, and a body.
pub(crate) struct Fixed<'a> {
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a str,
}

/// Starts nginx with one worker that gives these answers from its memory, with its files in `folder`.
pub(crate) fn answering(folder: &Path, answers: &[Fixed<'_>]) -> Process {
    let mut locations = String::new();
    for Fixed { path, headers, body } in answers {
        write!(locations, "location = {path} {{ default_type '';").unwrap();
        for (name, value) in *headers {
            write!(locations, " add_header {name} '{value}';").unwrap();
        }
        writeln!(locations, " return 200 '{body}'; }}").unwrap();
    }
    start(folder, "", &locations)
}

/// What becomes of a body before it is sent on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// It streams.
    Stream,
    /// It is kept whole first, in memory or a file: nginx's own choice.
    Kept,
}

/// Starts nginx with one worker that forwards everything to `upstream`, with its files in `folder`.
pub(crate) fn forwarding(folder: &Path, upstream: SocketAddr, bodies: Bodies) -> Process {
    let buffering = if bodies == Bodies::Kept { "on" } else { "off" };
    let wechat = format!(
        "upstream wechat {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}"
    );
    let forward = format!(
        "client_max_body_size 0;
         location / {{
           proxy_pass http://wechat; proxy_http_version 1.1; proxy_set_header Connection '';
           proxy_request_buffering {buffering};
         }}"
    );
    start(folder, &wechat, &forward)
}

/// Starts it with one worker, these upstreams and these locations.
fn start(folder: &Path, upstreams: &str, locations: &str) -> Process {
    fs::create_dir_all(folder).unwrap();
    let addr = free_addr();
    // One process, which is what one worker amounts to, so that its CPU time is that process's.
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; server_tokens off; keepalive_requests 1000000000;
           client_body_temp_path body; proxy_temp_path proxy;
           fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           {upstreams}
           server {{ listen {addr}; {locations} }}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file);
    Process::measured(&command, addr)
}
