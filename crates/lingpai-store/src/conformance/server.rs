//! A real Redis for tests.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// How often it is looked whether a server answers yet, and how many times.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 2000;

/// The configuration of a server that has one.
const SETTINGS: &str = "redis.conf";

/// A `redis-server` of a test's own, on a free port of the loopback, in a directory of its own. Ends when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    child: Child,
    port: u16,
    scheme: &'static str,
    arguments: Vec<String>,
    directory: TempDir,
}

impl RedisServer {
    /// One that keeps a log on disk and flushes it always.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// One with these arguments instead.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_as("redis", arguments, None)
    }

    /// The same of another `redis-server` than that of the machine.
    pub fn start_program(program: &Path, arguments: &[&str]) -> Self {
        Self::start_of(program, "redis", arguments, None)
    }

    /// One that has copied this one, and follows it.
    pub fn start_replica(&self) -> Self {
        self.replica_as("redis", &[])
    }

    /// The same of one that speaks TLS, with the certificates of this directory.
    pub fn start_replica_with_tls(&self, certificates: &Path) -> Self {
        self.replica_as("rediss", &tls(certificates))
    }

    fn replica_as(&self, scheme: &'static str, more: &[String]) -> Self {
        let port = self.port.to_string();
        let replicates = ["--appendonly", "yes", "--replicaof", "127.0.0.1", &port];
        let arguments: Vec<_> =
            replicates.into_iter().chain(more.iter().map(String::as_str)).collect();
        self.cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
        Self::start_of(&self.program, scheme, &arguments, None).following()
    }

    /// A replica of each of the masters of a cluster.
    pub fn start_replicas_of(masters: &[Self; 3]) -> [Self; 3] {
        masters.each_ref().map(|master| {
            let bus = free_port().to_string();
            let of_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let replica = Self::start_with(&[&of_cluster[..], &["--appendonly", "yes"]].concat());
            let port = master.port.to_string();
            replica.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &master.arguments[3]]);
            master.cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
            let id = master.cli(&["CLUSTER", "MYID"]);
            // They do not know each other at once.
            for _ in 0..LOOKS {
                if replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK" {
                    return replica.following();
                }
                sleep(LOOK);
            }
            panic!("the replica does not find its master: {}", log(&replica.directory));
        })
    }

    /// The same as soon as it has everything that its master has.
    fn following(self) -> Self {
        for _ in 0..LOOKS {
            if self.cli(&["INFO", "replication"]).contains("master_link_status:up") {
                return self;
            }
            sleep(LOOK);
        }
        panic!("the replica does not come up: {}", log(&self.directory));
    }

    /// One that speaks TLS only, with `server.pem` and `server.key` of this directory.
    pub fn start_with_tls(certificates: &Path) -> Self {
        let tls = tls(certificates);
        Self::start_as("rediss", &tls.iter().map(String::as_str).collect::<Vec<_>>(), None)
    }

    /// A sentinel that replaces the master on this port, which it calls `mymaster`, half a second after it fell silent.
    pub fn start_sentinel(master: u16) -> Self {
        Self::start_sentinel_with(master, None, "")
    }

    /// One with TLS if there are certificates, and these settings besides.
    pub fn start_sentinel_with(master: u16, certificates: Option<&Path>, more: &str) -> Self {
        let settings = format!(
            "sentinel monitor mymaster 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 2000\n{more}\n"
        );
        let tls = certificates.map(tls).unwrap_or_default();
        let arguments = ["--sentinel"].into_iter().chain(tls.iter().map(String::as_str));
        let scheme = if certificates.is_some() { "rediss" } else { "redis" };
        Self::start_as(scheme, &arguments.collect::<Vec<_>>(), Some(&settings))
    }

    /// Three masters that share all slots.
    pub fn start_cluster() -> [Self; 3] {
        Self::start_cluster_with(None)
    }

    /// The same with TLS, if there are certificates.
    pub fn start_cluster_with(certificates: Option<&Path>) -> [Self; 3] {
        let servers = [(); 3].map(|()| {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let tls = certificates.map(tls).unwrap_or_default();
            let more = tls
                .iter()
                .map(String::as_str)
                .chain(certificates.into_iter().flat_map(|_| ["--tls-cluster", "yes"]));
            let scheme = if certificates.is_some() { "rediss" } else { "redis" };
            Self::start_as(scheme, &arguments.into_iter().chain(more).collect::<Vec<_>>(), None)
        });
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (server, (first, last)) in servers.iter().zip(slots) {
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            server.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &first.len().to_string()]);
            let (port, bus) = (server.port.to_string(), &server.arguments[3]);
            servers[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        let is_whole = |server: &Self| {
            let info = server.cli(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        for _ in 0..LOOKS {
            if servers.iter().all(is_whole) {
                return servers;
            }
            sleep(LOOK);
        }
        panic!("the cluster does not come together: {}", servers[0].cli(&["CLUSTER", "NODES"]));
    }

    fn start_as(scheme: &'static str, arguments: &[&str], settings: Option<&str>) -> Self {
        Self::start_of(Path::new("redis-server"), scheme, arguments, settings)
    }

    fn start_of(
        program: &Path,
        scheme: &'static str,
        arguments: &[&str],
        settings: Option<&str>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        if let Some(settings) = settings {
            std::fs::write(directory.path().join(SETTINGS), settings).unwrap();
        }
        // Somebody else may take the port between the look and the start.
        for _ in 0..8 {
            let port = free_port();
            let mut child = spawn(program, port, &arguments, &directory);
            if answers(&mut child, port) {
                let program = program.to_owned();
                return Self { program, child, port, scheme, arguments, directory };
            }
        }
        panic!("redis-server does not start: {}", log(&directory));
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let kill = Command::new("kill").args([&format!("-{name}"), &process]).status();
        assert!(kill.unwrap().success());
    }

    /// Starts it again after [`RedisServer::kill`], on the same port, with what it kept on disk.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.program, self.port, &self.arguments, &self.directory);
        let answers = answers(&mut self.child, self.port);
        // It reads what it kept first.
        let mut looks = 0..LOOKS;
        while answers && self.cli(&["PING"]) != "PONG" && looks.next().is_some() {
            sleep(LOOK);
        }
        assert_eq!(self.cli(&["PING"]), "PONG", "{}", log(&self.directory));
    }

    /// Runs `redis-cli` on it: what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let tls: &[&str] = if self.scheme == "rediss" { &["--tls", "--insecure"] } else { &[] };
        let output = Command::new("redis-cli")
            .args(["-p", &port])
            .args(tls)
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments of a server that speaks TLS only, also to those that it replicates or watches.
fn tls(certificates: &Path) -> Vec<String> {
    let file = |name| certificates.join(name).display().to_string();
    let arguments = [
        "--tls-port",
        "{port}",
        "--port",
        "0",
        "--tls-auth-clients",
        "no",
        "--tls-replication",
        "yes",
    ];
    let files = [
        ("--tls-cert-file", "server.pem"),
        ("--tls-key-file", "server.key"),
        ("--tls-ca-cert-file", "ca.pem"),
    ];
    let files = files.into_iter().flat_map(|(option, name)| [option.to_owned(), file(name)]);
    arguments.into_iter().map(str::to_owned).chain(files).collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(program: &Path, port: u16, arguments: &[String], directory: &TempDir) -> Child {
    let port = port.to_string();
    let settings = directory.path().join(SETTINGS);
    Command::new(program)
        .args(settings.exists().then_some(settings))
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--logfile", "redis.log"])
        .arg("--dir")
        .arg(directory.path())
        .args(arguments.iter().map(|argument| argument.replace("{port}", &port)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("tests need redis-server: `cargo xtask test` installs it")
}

fn answers(child: &mut Child, port: u16) -> bool {
    for _ in 0..LOOKS {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        sleep(LOOK);
    }
    false
}

fn log(directory: &TempDir) -> String {
    std::fs::read_to_string(directory.path().join("redis.log")).unwrap_or_default()
}
