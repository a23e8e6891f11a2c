//! A real `lingpai serve` in a process of its own, and a client of it.
//!
//! Whatever a node printed or stored is searched for secrets and tokens when it is given up.

use std::collections::HashSet;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lingpai_sandbox::{
    AppKind, AppSecret, AppSettings, Counters, Family, Fault, FaultKind, OtherSystem, Revocation,
    Server, Settings, SharedWorld, Verdict,
};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::described::{self, Answer};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// By so many of its first bytes a word is looked for; every word has as many.
const HEAD: usize = 8;

const BINARY: &str = env!("CARGO_BIN_EXE_lingpai");

/// The simulated WeChat on a loopback port, with `accounts` apps.
pub(crate) struct WeChat {
    pub(crate) world: SharedWorld,
    pub(crate) addr: SocketAddr,
    _end: oneshot::Sender<()>,
}

impl WeChat {
    pub(crate) async fn start(lifetime: Duration, accounts: usize) -> Self {
        let apps = (0..accounts).map(|number| AppSettings {
            secret: Some(AppSecret::new(secret(number))),
            ..AppSettings::new(&appid(number), AppKind::OfficialAccount)
        });
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings { addr, apps: apps.collect(), ..Settings::default() };
        Self::at(Server::bind(settings.with_lifetime(lifetime)).await.unwrap())
    }

    /// The one behind this server.
    pub(crate) fn at(server: Server) -> Self {
        let (world, addr) = (server.world(), server.addr());
        let (end, ended) = oneshot::channel();
        tokio::spawn(server.serve(async {
            let _ = ended.await;
        }));
        Self { world, addr, _end: end }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.world.counters()
    }

    pub(crate) fn fetches(&self) -> u64 {
        self.counters().fetches()
    }

    /// How often a token was tried.
    pub(crate) fn trials(&self) -> u64 {
        self.counters().calls_of("/cgi-bin/getcallbackip")
    }

    /// Makes the account's tokens invalid, as WeChat sometimes does.
    pub(crate) fn revoke(&self, account: usize) {
        self.world.with(|world, now| {
            world.revoke(now, &appid(account), Family::ALL, Revocation::default()).unwrap();
        });
    }

    /// Sees to it that the accounts do not all rotate at the same time, but one after the other.
    /// The first does after `first`, or a little before in classic mode.
    pub(crate) fn stagger(&self, mode: &str, accounts: usize, life: Duration, first: Duration) {
        self.world.with(|world, now| {
            let virtual_life = Duration::from_secs(7200);
            for number in 0..accounts {
                let app = appid(number);
                if mode == "stable" {
                    world.other_system_refreshes(now, &app, OtherSystem::Stable).unwrap();
                    world.advance(now, virtual_life / accounts as u32);
                } else {
                    let life = first + life * 5 / 6 * number as u32 / accounts as u32;
                    let lie = FaultKind::ExpiresIn { value: life.as_secs().into() };
                    world.fault(now, Fault::new(lie).on("*token").of(&app).times(1)).unwrap();
                }
            }
        });
    }

    pub(crate) fn accepts(&self, token: &str) -> bool {
        matches!(self.world.verdict(token), Verdict::Live { .. })
    }
}

pub(crate) fn appid(number: usize) -> String {
    format!("wx{number:016x}")
}

pub(crate) fn secret(number: usize) -> String {
    format!("5ec2e7{number:026x}")
}

/// The folder of a node: its configuration, its store, its API key. It outlives the node's process.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    /// The API key of an administrator.
    pub(crate) key: String,
    /// The configuration before its accounts, and the lines of each account.
    head: String,
    each: String,
    /// What stands before the program on its command line.
    before: &'static [&'static str],
    /// The program itself.
    program: String,
    printed: Arc<Mutex<Vec<u8>>>,
    /// Every token that was read here.
    seen: Mutex<Vec<String>>,
}

impl Home {
    /// With `accounts` accounts of one mode, further lines for all, and further lines for each.
    pub(crate) fn new(
        wechat: &WeChat,
        accounts: usize,
        mode: &str,
        for_all: &str,
        for_each: &str,
    ) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), wechat, accounts, mode, for_all, for_each)
    }

    /// With one stable account, further lines, and a file that they name.
    pub(crate) fn with_file(wechat: &WeChat, (name, text): (&str, &str), lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        Self::in_folder(folder, wechat, 1, "stable", lines, "")
    }

    fn in_folder(
        folder: tempfile::TempDir,
        wechat: &WeChat,
        accounts: usize,
        mode: &str,
        for_all: &str,
        for_each: &str,
    ) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let head = format!(
            "listen = \"127.0.0.1:{port}\"\nupstream = \"http://{}\"\n{for_all}\n[log]\nlevel = \"debug\"\n",
            wechat.addr
        );
        let each = format!("mode = \"{mode}\"\n{for_each}\n");
        let mut home = Self {
            folder,
            port,
            key: String::new(),
            head,
            each,
            before: &[],
            program: BINARY.to_owned(),
            printed: Arc::default(),
            seen: Mutex::default(),
        };
        home.configure(accounts);
        home.key = home.create_key(&["--admin"]).0;
        home
    }

    /// The same, and its node may use one core only.
    #[cfg(target_os = "linux")]
    pub(crate) fn on_one_core(self) -> Self {
        self.under(&["taskset", "--cpu-list", "0"])
    }

    /// The same, and its node is started by another program, whose arguments end with the node's command line.
    pub(crate) fn under(self, before: &'static [&'static str]) -> Self {
        Self { before, ..self }
    }

    /// From now on its commands are those of another build of Lingpai.
    pub(crate) fn run_by(&mut self, program: &str) {
        program.clone_into(&mut self.program);
    }

    /// From now on its commands are those of the build that is tested.
    pub(crate) fn run_by_this_build(&mut self) {
        self.run_by(BINARY);
    }

    /// Writes the configuration, with this many accounts.
    pub(crate) fn configure(&self, accounts: usize) {
        let mut text = self.head.clone();
        for number in 0..accounts {
            if !self.secret_file(number).exists() {
                std::fs::write(self.secret_file(number), secret(number)).unwrap();
            }
            text += &format!(
                "[[account]]\nid = \"{}\"\nsecret = {{ file = \"secret-{number}\" }}\n{}",
                appid(number),
                self.each
            );
        }
        self.write(&text);
    }

    /// Writes a configuration that is not like the others.
    pub(crate) fn write(&self, configuration: &str) {
        std::fs::write(self.folder.path().join("lingpai.toml"), configuration).unwrap();
    }

    /// The configuration as it is.
    pub(crate) fn configuration(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("lingpai.toml")).unwrap()
    }

    /// The API key of the test.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn secret_file(&self, account: usize) -> PathBuf {
        self.folder.path().join(format!("secret-{account}"))
    }

    /// Waits until the node has printed this.
    pub(crate) async fn wait_for(&self, text: &str) {
        self.wait_for_after(0, text).await;
    }

    /// The same after this much was printed.
    pub(crate) async fn wait_for_after(&self, length: usize, text: &str) {
        timeout(PATIENCE, async {
            while !self.printed()[length..].contains(text) {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("`{text}` was not printed:\n{}", self.printed()));
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.file("lingpai.db")
    }

    /// A file in the node's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has the node listen on these addresses too, and adds these lines outside all tables.
    pub(crate) fn listen_too(&self, addresses: &[&str], lines: &str) {
        let own = format!("\"127.0.0.1:{}\"", self.port);
        let all = format!("[{own}, \"{}\"]", addresses.join("\", \""));
        let line = format!("listen = {own}\n");
        self.write(&self.configuration().replace(&line, &format!("listen = {all}\n{lines}\n")));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self
            .before
            .iter()
            .copied()
            .chain([self.program.as_str()])
            .chain(arguments.iter().copied());
        let mut command = Command::new(words.next().unwrap());
        command.current_dir(self.folder.path()).args(words).stdin(Stdio::null());
        command
    }

    /// Starts the node and waits until it answers.
    pub(crate) async fn start(&self) -> Node<'_> {
        let node = self.launch();
        timeout(PATIENCE, async {
            while self.get("/healthz").await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the node does not answer:\n{}", self.printed()));
        node
    }

    /// Starts the node.
    pub(crate) fn launch(&self) -> Node<'_> {
        let mut child =
            self.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.listen_to(child.stdout.take().unwrap());
        self.listen_to(child.stderr.take().unwrap());
        Node { home: self, child }
    }

    fn listen_to(&self, mut pipe: impl Read + Send + 'static) {
        let printed = Arc::clone(&self.printed);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                printed.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
    }

    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    /// Reads an account's token over HTTP; the whole answer if there is none.
    pub(crate) async fn token(&self, account: usize) -> Result<String, String> {
        let path = format!("/v1/accounts/{}/token", appid(account));
        let (status, body) = self.get(&path).await.map_err(|error| error.to_string())?;
        let json: Value = serde_json::from_str(&body).map_err(|_| body.clone())?;
        match json["access_token"].as_str() {
            Some(token) if status == 200 => {
                let mut seen = self.seen.lock().unwrap();
                if !seen.iter().any(|known| known == token) {
                    seen.push(token.to_owned());
                }
                Ok(token.to_owned())
            }
            _ => Err(body),
        }
    }

    /// Reports a token as invalid. The whole answer.
    pub(crate) async fn report(&self, account: usize, token: &str) -> String {
        self.try_to_report(account, token).await.unwrap()
    }

    /// The same to a node that may not be there.
    pub(crate) async fn try_to_report(
        &self,
        account: usize,
        token: &str,
    ) -> std::io::Result<String> {
        let body = format!("{{\"access_token\":\"{token}\"}}");
        let path = format!("/v1/accounts/{}/token/report-invalid", appid(account));
        Ok(self.try_to_call("POST", &path, &body).await?.1)
    }

    /// Asks with the key of the test: the status, and the body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.try_to_call(method, path, body).await.unwrap()
    }

    /// The same by somebody who reads this language.
    pub(crate) async fn call_in(
        &self,
        language: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, String) {
        let more = format!("\r\nAccept-Language: {language}");
        self.send(method, path, &more, body).await.unwrap()
    }

    async fn try_to_call(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        self.send(method, path, "", body).await
    }

    /// The same, with more lines in the head.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        more: &str,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        let head = self.request(path).replacen("GET", method, 1);
        let head = format!("{}{more}", head.trim_end());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let whole = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // A server that refuses a body may answer, and end the connection, before it has read all of it.
        let written = stream.write_all(whole.as_bytes()).await;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text).await;
        is_as_described(method, path, &text);
        let answered = read.and_then(|_| parsed(&text));
        answered.map_err(|error| written.err().unwrap_or(error))
    }

    pub(crate) fn request(&self, path: &str) -> String {
        request(&self.key, path)
    }

    pub(crate) async fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let mut text = String::new();
        self.ask(&self.key, path).await?.read_to_string(&mut text).await?;
        is_as_described("GET", path, &text);
        parsed(&text)
    }

    /// Asks with this key; the answer is still to be read.
    pub(crate) async fn ask(&self, key: &str, path: &str) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(request(key, path).as_bytes()).await?;
        Ok(stream)
    }

    /// Makes a key with `lingpai key create` and these arguments: the whole key, and its id.
    pub(crate) fn create_key(&self, arguments: &[&str]) -> (String, String) {
        let command = ["key", "create", "test", "--json"];
        let output = self.command(&[&command, arguments].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("key"), text("id"))
    }

    /// This must neither be printed nor stored, like the tokens that are read here.
    pub(crate) fn keep_secret(&self, token: &str) {
        self.seen.lock().unwrap().push(token.to_owned());
    }

    /// Searches everything that was printed and stored for what must not be there.
    pub(crate) fn assert_nothing_leaked(&self) {
        self.assert_nothing_leaked_into(self.folder.path(), "lingpai.db");
    }

    /// The same where the store is in another directory, in files of which one is called this.
    pub(crate) fn assert_nothing_leaked_into(&self, store: &Path, file: &str) {
        let mut forbidden = Vec::new();
        for number in 0.. {
            let Ok(held) = std::fs::read_to_string(self.secret_file(number)) else { break };
            forbidden.extend([secret(number), held]);
        }
        let secrets = forbidden.len();
        forbidden.push(self.key.clone());
        forbidden.extend(self.seen.lock().unwrap().iter().cloned());
        assert!(forbidden.len() > secrets + 1, "no token was read, so the search proves nothing");
        let mut places = vec![("the output".to_owned(), self.printed.lock().unwrap().clone())];
        let directories = HashSet::from([self.folder.path(), store]);
        let entries = directories.into_iter().flat_map(|path| std::fs::read_dir(path).unwrap());
        for entry in entries {
            let path = entry.unwrap().path();
            if !is_given_by_the_test(&path) {
                places.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
            }
        }
        let names: Vec<_> = places.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.iter().any(|name| name.ends_with(file)), "{names:?}");
        for (name, bytes) in &places {
            if let Some(word) = first_found(&forbidden, bytes) {
                panic!("{name} holds {}…", &word[..HEAD]);
            }
        }
    }
}

fn request(key: &str, path: &str) -> String {
    let head = "Host: lingpai\r\nConnection: close\r\n";
    format!("GET {path} HTTP/1.1\r\n{head}Authorization: Bearer {key}\r\n\r\n")
}

/// The first of these words that is in these bytes, found in one pass: there are hundreds of words, and megabytes of log.
fn first_found<'a>(words: &'a [String], bytes: &[u8]) -> Option<&'a String> {
    let heads: HashSet<&[u8]> = words.iter().map(|word| &word.as_bytes()[..HEAD]).collect();
    let starts = bytes.windows(HEAD).enumerate().filter(|(_, head)| heads.contains(head));
    let mut found = starts
        .filter_map(|(at, _)| words.iter().find(|word| bytes[at..].starts_with(word.as_bytes())));
    found.next()
}

/// The secrets' files, which the test itself wrote.
fn is_given_by_the_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("secret-"))
}

/// Reads an answer to its end.
pub(crate) async fn answer(
    stream: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<(u16, String)> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    parsed(&text)
}

/// Holds an answer against `/openapi.json`; one of a former program may be as that described it.
fn is_as_described(method: &str, path: &str, text: &str) {
    if std::env::var_os("LINGPAI_FORMER").is_none() {
        described::check_request(method, path, Answer::parse(text));
    }
}

/// The status and the body, if there is an answer.
fn parsed(text: &str) -> std::io::Result<(u16, String)> {
    let Answer { status, body, .. } = Answer::parse(text);
    match status {
        0 => Err(std::io::ErrorKind::InvalidData.into()),
        status => Ok((status, body.to_owned())),
    }
}

/// A running node.
pub(crate) struct Node<'a> {
    home: &'a Home,
    child: Child,
}

impl Node<'_> {
    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// How much memory it holds, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.of_process("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What the kernel says of it.
    pub(crate) fn of_process(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the node to end, and waits until it has.
    pub(crate) async fn end(self) {
        self.signal("TERM");
        self.ended().await;
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the node has ended that was asked to.
    pub(crate) async fn ended(mut self) {
        timeout(PATIENCE, async {
            while self.child.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the node does not end:\n{}", self.home.printed()));
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the long forms are asked for.
pub(crate) fn soaking() -> bool {
    std::env::var_os("LINGPAI_SOAK").is_some()
}

#[test]
fn a_word_is_found_wherever_it_stands() {
    let words = ["5ec2e7-one", "5ec2e7-two"].map(str::to_owned);
    let found = |text: &str| first_found(&words, text.as_bytes()).map(String::as_str);
    assert_eq!(found("log: 5ec2e7-two"), Some("5ec2e7-two"));
    assert_eq!(found("5ec2e7-one."), Some("5ec2e7-one"));
    assert_eq!(found("5ec2e7-thr 5ec2e7-o"), None);
}
