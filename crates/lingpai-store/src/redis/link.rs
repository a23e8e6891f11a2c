//! The way to Redis: one connection for all commands, made anew when it breaks.
//!
//! Every wait has an end: a Redis that hangs is a Redis that is away. While it is away, callers share the outcome of one
//! attempt to connect. What replicas are to confirm goes over a connection of its own: see [`confirm`].

mod confirm;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use lingpai_core::{Secret, StoreError, StoreErrorKind};
use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError, RedisFuture,
    RedisResult, ServerErrorKind, TlsCertificates, TlsMode, Value, from_redis_value,
};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::confirm::Confirming;
use super::address::{Form, Host, RedisAddress};
use super::script::Call;
use super::trouble;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take. Together they stay below what the engine gives a store.
const ANSWER: Duration = Duration::from_secs(2);
/// How many of many commands are under way at once.
const AT_ONCE: usize = 64;

/// The way to one Redis.
pub(super) struct Link {
    servers: Servers,
    /// What errors call it.
    name: String,
    state: Mutex<State>,
    /// The way of what replicas are to confirm.
    confirming: Confirming,
}

/// Whether a command may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The second time changes nothing.
    Harmless,
    /// It would count twice.
    Never,
}

enum Servers {
    One(Box<Client>),
    // Asking the sentinels changes what is known of them.
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster { cluster: Box<ClusterClient>, each: Vec<Client> },
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// How many connections there have been.
    made: u64,
    /// The last attempt to connect, if it failed.
    failed: Option<(Instant, RedisError)>,
}

#[derive(Clone)]
struct Live {
    number: u64,
    connection: Connection,
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Reads the certificates that the address names; connects when it is first used.
    pub(super) fn new(address: &RedisAddress) -> Result<Self, StoreError> {
        let name = address.to_string();
        let servers = Servers::new(address).map_err(|error| trouble::explain(error, &name))?;
        let confirming = Confirming::by(address.replicas);
        Ok(Self { servers, name, state: Mutex::default(), confirming })
    }

    /// What errors call this Redis.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is several servers that share the keys.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster { .. })
    }

    /// Runs a command.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        command: &Cmd,
        repeat: Repeat,
    ) -> Result<T, StoreError> {
        let outcome = self.value(command, repeat).await;
        self.explained(outcome.and_then(|value| Ok(from_redis_value(value)?)))
    }

    /// Runs a script, which is sent along if this Redis does not know it.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        call: &Call,
        repeat: Repeat,
    ) -> Result<T, StoreError> {
        let mut outcome = self.value(&call.by_hash(), repeat).await;
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            outcome = self.value(&call.by_text(), repeat).await;
        }
        self.explained(outcome.and_then(|value| Ok(from_redis_value(value)?)))
    }

    /// Runs many commands that change nothing. Their answers in the same order.
    pub(super) async fn run_all<T>(
        self: &Arc<Self>,
        commands: Vec<Cmd>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        let mut commands = commands.into_iter().enumerate();
        let mut under_way = JoinSet::new();
        let mut answers: Vec<(usize, T)> = Vec::with_capacity(commands.len());
        loop {
            while under_way.len() < AT_ONCE
                && let Some((number, command)) = commands.next()
            {
                let link = Arc::clone(self);
                under_way.spawn(async move {
                    (number, link.run::<T>(&command, Repeat::Harmless).await)
                });
            }
            let Some(done) = under_way.join_next().await else { break };
            let (number, answer) = done.map_err(|error| {
                let message = "reading from the store was broken off, since the program is ending";
                StoreError::new(StoreErrorKind::Unavailable, message).caused_by(error)
            })?;
            answers.push((number, answer?));
        }
        answers.sort_unstable_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Asks every server that has keys of its own for a name and a number, and adds the numbers up.
    pub(super) async fn sum_of_servers(&self, command: &Cmd) -> Result<usize, StoreError> {
        let mut sum = 0;
        for (_, answer) in self.ask_servers(command).await? {
            let number = from_redis_value(answer).map(|(_, number): (String, usize)| number);
            sum += self.explained(number.map_err(RedisError::from))?;
        }
        Ok(sum)
    }

    /// Asks every server that has keys of its own: what each answers, by its address. The only one has none.
    pub(super) async fn ask_servers(
        &self,
        command: &Cmd,
    ) -> Result<Vec<(Option<String>, Value)>, StoreError> {
        let asked = async {
            let mut live = self.connection(&self.state).await?;
            match &mut live.connection {
                Connection::One(connection) => {
                    let answer = connection.req_packed_command(command).await?;
                    Ok(vec![(None, answer.extract_error()?)])
                }
                Connection::Cluster(connection) => {
                    let all = (MultipleNodeRoutingInfo::AllMasters, None);
                    let routing = RoutingInfo::MultiNode(all);
                    let answers = connection.route_command(command.clone(), routing).await?;
                    let answers: BTreeMap<String, Value> = from_redis_value(answers)?;
                    Ok(answers.into_iter().map(|(server, answer)| (Some(server), answer)).collect())
                }
            }
        };
        self.explained(within(ANSWER, Box::pin(asked)).await)
    }

    /// Asks the server of a cluster that has this address; without one, the only server.
    pub(super) async fn ask_server(
        &self,
        address: Option<&str>,
        command: &Cmd,
    ) -> Result<Value, StoreError> {
        let asked = async {
            let mut live = self.connection(&self.state).await?;
            let place = address.and_then(|address| address.rsplit_once(':'));
            let place = place.and_then(|(host, port)| Some((host, port.parse().ok()?)));
            match (&mut live.connection, place) {
                (Connection::Cluster(connection), Some((host, port))) => {
                    let one = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
                    connection.route_command(command.clone(), RoutingInfo::SingleNode(one)).await
                }
                (connection, _) => connection.req_packed_command(command).await,
            }
        };
        let outcome = within(ANSWER, Box::pin(asked)).await;
        self.explained(outcome.and_then(Value::extract_error))
    }

    /// A connection of its own to one server, whichever that is.
    pub(super) async fn aside(
        &self,
        pushes: Option<impl AsyncPushSender>,
    ) -> Result<MultiplexedConnection, StoreError> {
        let mut config = config();
        let hears = pushes.is_some();
        if let Some(pushes) = pushes {
            config = config.set_push_sender(pushes);
        }
        let connecting = async {
            let mut last = Err(no_server());
            for client in self.servers.clients().await? {
                // Pushes come with the third version of the protocol only, which one that is too old does not know.
                let version = if hears { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
                let info = client.get_connection_info().clone();
                let settings = info.redis_settings().clone().set_protocol(version);
                let client = Client::open(info.set_redis_settings(settings))?;
                last = client.get_multiplexed_async_connection_with_config(&config).await;
                if last.is_ok() {
                    break;
                }
            }
            last
        };
        self.explained(within(CONNECT * 2, Box::pin(connecting)).await)
    }

    /// The error for people.
    pub(super) fn explained<T>(&self, outcome: RedisResult<T>) -> Result<T, StoreError> {
        outcome.map_err(|error| trouble::explain(error, &self.name))
    }

    async fn value(&self, command: &Cmd, repeat: Repeat) -> RedisResult<Value> {
        // In a box, since a connection's future is made of very many others, and every caller would carry them all.
        match Box::pin(self.try_value(command)).await {
            Err(error) if repeat == Repeat::Harmless && trouble::is_worth_repeating(&error) => {
                Box::pin(self.try_value(command)).await
            }
            outcome => outcome,
        }
    }

    async fn try_value(&self, command: &Cmd) -> RedisResult<Value> {
        let mut live = self.connection(&self.state).await?;
        let outcome = within(ANSWER, live.connection.req_packed_command(command)).await;
        let outcome = outcome.and_then(Value::extract_error);
        if let Err(error) = &outcome
            && trouble::ends_connection(error)
        {
            forget(&self.state, &live).await;
        }
        outcome
    }

    async fn connection(&self, state: &Mutex<State>) -> RedisResult<Live> {
        let asked = Instant::now();
        let mut state = state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        // Somebody has tried while this caller waited for its turn.
        if let Some((when, error)) = &state.failed
            && *when >= asked
        {
            return Err(error.clone());
        }
        match within(CONNECT, self.servers.connect()).await {
            Ok(connection) => {
                state.made += 1;
                let live = Live { number: state.made, connection };
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

/// Gives up a connection that is broken, unless another has taken its place.
async fn forget(state: &Mutex<State>, broken: &Live) {
    let mut state = state.lock().await;
    if state.live.as_ref().is_some_and(|now| now.number == broken.number) {
        state.live = None;
    }
}

impl Servers {
    fn new(address: &RedisAddress) -> RedisResult<Self> {
        let certificates = certificates(address)?;
        let mut login = RedisConnectionInfo::default().set_db(address.database);
        if let Some(user) = &address.user {
            login = login.set_username(user);
        }
        if let Some(password) = password(address) {
            login = login.set_password(password);
        }
        let client = |host: &Host| {
            let info = place(host, address.tls).into_connection_info()?;
            let info = info.set_redis_settings(login.clone());
            match &certificates {
                Some(certificates) => Client::build_with_tls(info, certificates.clone()),
                None => Client::open(info),
            }
        };
        match &address.form {
            Form::Server => match &address.hosts[..] {
                [host, ..] => Ok(Self::One(Box::new(client(host)?))),
                [] => Err(no_server()),
            },
            Form::Sentinel { service } => {
                let sentinels = address.hosts.iter().map(|host| place(host, address.tls));
                let mut builder =
                    SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
                        .set_client_to_redis_db(address.database);
                if let Some(user) = &address.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = password(address) {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = &address.sentinel_user {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = &address.sentinel_password {
                    builder = builder.set_client_to_sentinel_password(password.expose());
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates);
                }
                Ok(Self::Sentinel(Box::new(Mutex::new(builder.build()?))))
            }
            Form::Cluster => {
                let each: Vec<Client> =
                    address.hosts.iter().map(client).collect::<RedisResult<_>>()?;
                let nodes = address.hosts.iter().map(|host| place(host, address.tls));
                let mut builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(CONNECT)
                    .response_timeout(ANSWER)
                    .overall_response_timeout(Some(ANSWER));
                if let Some(user) = &address.user {
                    builder = builder.username(user);
                }
                if let Some(password) = password(address) {
                    builder = builder.password(password);
                }
                if let Some(certificates) = certificates {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                Ok(Self::Cluster { cluster: Box::new(builder.build()?), each })
            }
        }
    }

    async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::Cluster { cluster, .. } => {
                cluster.get_async_connection().await.map(Connection::Cluster)
            }
            one => {
                let client = one.clients().await?.into_iter().next().ok_or_else(no_server)?;
                let config = config();
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                connecting.await.map(Connection::One)
            }
        }
    }

    /// The servers that any command can be sent to, or one of them.
    async fn clients(&self) -> RedisResult<Vec<Client>> {
        match self {
            Self::One(client) => Ok(vec![Client::clone(client)]),
            Self::Sentinel(sentinels) => Ok(vec![sentinels.lock().await.async_get_client().await?]),
            Self::Cluster { each, .. } => Ok(each.clone()),
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
}

fn place(host: &Host, tls: bool) -> ConnectionAddr {
    let Host { name, port } = host.clone();
    if tls {
        ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(name, port)
    }
}

/// The password to log in with. A user who is named is logged in without one too: Redis would take everyone else.
fn password(address: &RedisAddress) -> Option<&str> {
    let password = address.password.as_ref().map(Secret::expose);
    password.or_else(|| address.user.as_ref().map(|_| ""))
}

/// What a server's certificate is compared with. None without TLS.
fn certificates(address: &RedisAddress) -> RedisResult<Option<TlsCertificates>> {
    if !address.tls {
        return Ok(None);
    }
    // Of several providers of cryptography that a program may have, this is ours; it may be installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root_cert = address.authority.as_ref().map(fs::read).transpose().map_err(|error| {
        let what = "the certificate file that `ca` names cannot be read";
        RedisError::from((ErrorKind::InvalidClientConfig, what, error.to_string()))
    })?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert }))
}

async fn within<T>(
    time: Duration,
    outcome: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    timeout(time, outcome)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

fn no_server() -> RedisError {
    (ErrorKind::InvalidClientConfig, "the address names no server").into()
}
