//! Following a configuration that is changed, and accounts that another process changes, while the server runs.
//!
//! Every two seconds the files of the configuration are compared with what they said before; SIGHUP reads them at once.
//! What they say then counts as at a start: it is put into the store, and the engine is brought in line with the store.
//! Only accounts that differ are touched, and those keep their token.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use lingpai_core::StoreError;
use lingpai_server::change::Changes;
use lingpai_server::gateway::{self, Settings as Gateway};
use lingpai_server::{Tls, alerts};
use lingpai_wechat::catalogue::Language;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::changes::Making;
use crate::config::{self, Config, Files, Source};
use crate::error::Error;
use crate::keeping::{Keeping, OpenStore, some_of};
use crate::language::within;
use crate::logging::Level;
use crate::signals::Hangups;
use crate::sinks;

/// How often files and store are looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How often it is looked whether another node has changed an account: a new AppSecret is to be in use on all of them within a
/// second. It costs one small read.
const GLANCE: Duration = Duration::from_millis(400);
/// How long files must have stayed as they are: an editor may be in the middle of writing one.
const SETTLED: Duration = Duration::from_millis(200);

/// A configuration in force, and where it comes from.
pub(crate) struct InForce {
    pub(crate) source: Source,
    pub(crate) config: Config,
    /// What it was read from.
    pub(crate) files: Files,
    pub(crate) level: Level,
}

/// Follows changes.
pub(crate) struct Follower<'a> {
    in_force: InForce,
    keeping: &'a mut Keeping,
    gateway: gateway::Control,
    hangups: Hangups,
    /// What is shown on the encrypted listeners, if there are any.
    tls: Option<Tls>,
    /// What clients ask for over HTTP.
    changes: Making,
    /// The configuration in force is not in the store yet.
    merges: bool,
    /// The store could not be read or written the last time.
    failing: bool,
}

impl<'a> Follower<'a> {
    /// Of a configuration that the engine is in line with.
    pub(crate) fn new(
        in_force: InForce,
        keeping: &'a mut Keeping,
        gateway: gateway::Control,
        hangups: Hangups,
        tls: Option<Tls>,
        changes: Changes,
    ) -> Self {
        let (changes, merges, failing) = (Making::new(changes), false, false);
        Self { in_force, keeping, gateway, hangups, tls, changes, merges, failing }
    }

    /// Follows until the future is dropped.
    pub(crate) async fn follow(mut self) -> Infallible {
        let mut periods = interval_at(Instant::now() + PERIOD, PERIOD);
        periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut glances = interval_at(Instant::now() + GLANCE, GLANCE);
        glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_shared = matches!(self.keeping.store, OpenStore::Redis(_));
            tokio::select! {
                ready = self.changes.next(self.keeping) => {
                    ready.make(self.keeping, Some(&self.in_force.config)).await;
                    continue;
                }
                () = self.hangups.next() => self.read_again().await,
                _ = glances.tick(), if is_shared => {}
                _ = periods.tick() => {
                    if self.has_changed().await {
                        self.read_again().await;
                    }
                }
            }
            self.bring_in_line().await;
        }
    }

    /// Whether the files say something else than before, and have come to rest.
    async fn has_changed(&self) -> bool {
        let mut before = self.in_force.files.clone();
        let mut is_changed = false;
        loop {
            let now = spawn_blocking({
                let files = before.clone();
                move || files.now()
            });
            match now.await {
                Ok(now) if now != before => before = now,
                _ => return is_changed && before != self.in_force.files,
            }
            is_changed = true;
            sleep(SETTLED).await;
        }
    }

    async fn read_again(&mut self) {
        let source = self.in_force.source.clone();
        // What it says goes into the log.
        let read = move || within(Language::English, || source.read(&config::environment));
        let read = spawn_blocking(read).await;
        let Ok((config, files)) = read else { return };
        self.in_force.files = files;
        let outcome = match config {
            Ok(config) => self.take_over(config).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => tracing::info!("the configuration was read again and is in force"),
            Err(error) => tracing::error!("{}", within(Language::English, || error.refusal())),
        }
    }

    async fn take_over(&mut self, config: Config) -> Result<(), Error> {
        let before = &self.in_force.config;
        if config.file.is_none()
            && let Some(path) = &before.file
        {
            return Err(Error::said(format!(
                "the configuration {} is gone. Put it back",
                path.display()
            )));
        }
        if config.upstream != before.upstream {
            self.keeping.reach(config.upstream.clone())?;
            self.gateway.reach(&config.upstream)?;
        }
        if config.alerts != before.alerts || config.upstream != before.upstream {
            let (upstream, alerts) = (config.upstream.clone(), config.alerts.clone());
            self.gateway.alert(alerts::Settings { upstream, alerts })?;
        }
        if config.sinks != before.sinks || config.upstream != before.upstream {
            let reaches_anew = config.upstream != before.upstream;
            let stood = |name: &str| before.sinks.iter().find(|sink| sink.name == name);
            let stands = |name: &str| config.sinks.iter().find(|sink| sink.name == name);
            let is_as_before = |name: &str| !reaches_anew && stood(name) == stands(name);
            self.gateway.deliver(sinks::of(&config)?, is_as_before);
        }
        self.keeping.force(config.forced_refresh);
        let gateway = before.gateway.clone();
        let gateway = gateway.map(|it| Gateway { upstream: config.upstream.clone(), ..it });
        if config.log.level != before.log.level {
            self.in_force.level.change(&config.log.level);
        }
        if let (Some(tls), Some(identity)) = (&self.tls, &config.listen.identity)
            && config.listen.identity != before.listen.identity
        {
            tls.replace(identity.clone());
            tracing::info!("the certificate was replaced: whoever connects is shown the new one");
        }
        let others = [
            ("store", !config.store.is(&before.store)),
            ("events` and `audit", config.store.journals() != before.store.journals()),
            ("gateway", config.gateway != gateway),
            ("console", config.console != before.console),
            ("traces", config.traces != before.traces),
            ("authorization", config.authorization != before.authorization),
            ("log.format", config.log.format != before.log.format),
            ("log.access", config.log.access != before.log.access),
        ];
        let others = others.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
        for name in config.listen.fixed_that_differ(&before.listen).chain(others) {
            tracing::warn!("`{name}` cannot change while the server runs: start it again for that");
        }
        self.part_with_those_left_out(&config).await?;
        let Config { listen, store, log, console, authorization, traces, .. } = before;
        let traces = traces.clone();
        let log = config::Log { format: log.format, access: log.access, ..config.log };
        let (store, console) = (store.clone(), console.clone());
        let authorization = authorization.clone();
        let listen = config::Listen { identity: config.listen.identity, ..listen.clone() };
        self.in_force.config =
            Config { listen, store, gateway, console, authorization, log, traces, ..config };
        self.merges = true;
        Ok(())
    }

    /// As at a start: an account that is no longer in the file is still in the store, unless that is in memory.
    async fn part_with_those_left_out(&self, config: &Config) -> Result<(), Error> {
        let named: HashSet<_> = config.accounts.iter().map(|account| &account.id).collect();
        let before = self.in_force.config.accounts.iter().map(|account| &account.id);
        let left_out: Vec<_> = before.filter(|id| !named.contains(id)).collect();
        if let OpenStore::Memory(_) = self.keeping.store {
            for id in left_out {
                self.keeping.store.directory().remove_account(id).await?;
            }
        } else if !left_out.is_empty() {
            tracing::warn!(
                "no longer in the configuration, but still in the store and kept on: {}. To end that: lingpai account \
                 remove APPID",
                some_of(&left_out)
            );
        }
        Ok(())
    }

    /// Puts what is new into the store, and has the engine keep what the store holds. What fails is tried again.
    async fn bring_in_line(&mut self) {
        match self.try_to_bring_in_line().await {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!("the accounts can be read and changed again");
            }
            Ok(()) => {}
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, "the accounts cannot be read or changed; those kept are kept on");
            }
            Err(_) => {}
        }
    }

    async fn try_to_bring_in_line(&mut self) -> Result<(), StoreError> {
        if self.merges {
            self.keeping.merge(&self.in_force.config).await?;
            self.merges = false;
        }
        self.keeping.sync().await
    }
}
