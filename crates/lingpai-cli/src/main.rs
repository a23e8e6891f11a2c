//! The `lingpai` binary: arguments, configuration, wiring, printing. No logic: that is in the crates below.
//!
//! Where to start reading: `args` says what can be typed, `commands` has a file for each command, `config` reads
//! `lingpai.toml`, and `keeping` puts store, engine and accounts together, `reload` keeps them in line with the
//! configuration, `changes` makes the changes that clients ask for.

mod args;
mod changes;
mod client;
mod commands;
mod config;
mod demo;
mod error;
mod harmless;
mod keeping;
mod language;
mod limits;
mod logging;
mod notices;
mod output;
mod reload;
mod signals;
mod sinks;
mod snippets;
mod supervisor;
mod terminal;
mod ward;

use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::args::{Arguments, Command};
use crate::commands::account::{elsewhere, handover};
use crate::commands::{
    account, alert, attempt, audit, call, check, doctor, events, explain, init, key, platform,
    pushes, quota, rid, rotate, sandbox, secret, serve, settings, shell, sink, snippet, status,
    store, ticket, token,
};
use crate::config::{Config, Source, environment};
use crate::error::Error;
use crate::language::either;
use crate::reload::InForce;

fn main() -> ExitCode {
    language::speak(language::choose(None, &environment));
    match run(Arguments::read()) {
        Ok(()) => ExitCode::SUCCESS,
        // All of it is said already.
        Err(error @ Error::Unwell { .. }) => error.exit_code(),
        // Whoever reads has seen enough: `lingpai key list | head -1`.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&error.report());
            error.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let source = |listen| Source::new(arguments.config.clone(), listen);
    let load = || source(None).load(&environment);
    let quiet = |config: &Config| drop(logging::start(&config.log.quieter()));
    match arguments.command {
        Command::Serve(options) if options.demo => {
            // The demo tells what happens itself.
            logging::start(&config::Log { level: "error".to_owned(), ..config::Log::default() });
            block_on(demo::run(options))
        }
        Command::Serve(options) => {
            let source = source(options.listen);
            let (config, files) = source.read(&environment);
            let config = config?;
            let level = logging::start(&config.log);
            block_on(serve::run(InForce { source, config, files, level }))
        }
        Command::Try(options) => block_on(attempt::run(options)),
        Command::Snippet(options) => snippet::run(&options),
        Command::Init(options) => init::run(&options, &source(None), &environment),
        Command::Sandbox(options) => {
            logging::start(&config::Log::default());
            block_on(sandbox::run(options))
        }
        Command::Token(options) if options.standalone => {
            let config = load()?;
            quiet(&config);
            block_on(token::standalone(options, config))
        }
        Command::Token(options) => block_on(token::ask(options, &environment)),
        Command::Status(options) => block_on(status::run(options, &environment)),
        Command::Events(options) => block_on(events::run(options, &environment)),
        Command::Audit(options) => block_on(audit::run(options, &environment)),
        Command::Alert(command) => block_on(alert::run(command, &environment)),
        Command::Secret(command) => block_on(secret::run(command, &environment)),
        Command::Sink(command) => block_on(sink::run(command, &environment)),
        Command::Ticket(options) => block_on(ticket::show(options, &environment)),
        Command::JsConfig(options) => block_on(ticket::js_config(options, &environment)),
        Command::Rotate(options) => block_on(rotate::run(options, &environment)),
        Command::Call(options) if options.standalone => {
            let config = load()?;
            quiet(&config);
            block_on(call::standalone(options, config, &environment))
        }
        Command::Call(options) => block_on(call::ask(options, &environment)),
        Command::Doctor(options) if options.looking.asked().is_some() => {
            block_on(doctor::ask(options, &environment))
        }
        Command::Doctor(options) => {
            let config = load();
            if let Ok(config) = &config {
                quiet(config);
            }
            block_on(doctor::here(options, config, source(None)))
        }
        Command::Explain(options) if options.looking.asked().is_some() => {
            block_on(explain::token::ask(options, &environment))
        }
        Command::Explain(options) if options.looks_into_store() => {
            let config = load()?;
            quiet(&config);
            block_on(explain::token::here(options, config, &environment))
        }
        Command::Quota(options) if options.is_standalone() => {
            let config = load()?;
            quiet(&config);
            block_on(quota::standalone(options, config))
        }
        Command::Quota(options) => block_on(quota::ask(options, &environment)),
        Command::Rid(options) if options.standalone => {
            let config = load()?;
            quiet(&config);
            block_on(rid::standalone(options, config))
        }
        Command::Rid(options) => block_on(rid::ask(options, &environment)),
        Command::Explain(options) => explain::run(&options, &environment),
        Command::Key(command) => {
            let config = load()?;
            quiet(&config);
            block_on(key::run(command, config))
        }
        Command::Account(args::Account::SetMode(options)) => {
            block_on(handover::set_mode(options, &environment))
        }
        Command::Account(args::Account::Keep(options)) => {
            block_on(handover::keep(options, &environment))
        }
        Command::Account(args::Account::Adopt(options)) => {
            block_on(handover::adopt(options, &environment))
        }
        Command::Account(args::Account::Release(options)) => {
            block_on(handover::release(options, &environment))
        }
        Command::Account(command) if let Some(asked) = command.asked() => {
            block_on(elsewhere::run(command, &asked, &environment))
        }
        Command::Account(command) => {
            let config = load()?;
            quiet(&config);
            block_on(account::run(command, config))
        }
        Command::Platform(command) if command.is_here() => {
            let config = load()?;
            quiet(&config);
            block_on(platform::run(command, Some(config), &environment))
        }
        Command::Platform(command) => block_on(platform::run(command, None, &environment)),
        Command::Pushes(command) => block_on(pushes::run(command, &environment)),
        Command::Store(args::Store::Rekey { new_key_file }) => {
            let config = load()?;
            quiet(&config);
            block_on(store::rekey(new_key_file, config))
        }
        Command::Store(args::Store::Copy(options)) => {
            let config = load()?;
            quiet(&config);
            block_on(store::copy::run(options, config))
        }
        Command::Store(args::Store::Backup { file }) => {
            let config = load()?;
            quiet(&config);
            block_on(store::backup::backup(&file, &config))
        }
        Command::Store(args::Store::Restore { file, drill }) => {
            let config = load()?;
            quiet(&config);
            block_on(store::backup::restore(&file, drill, &config))
        }
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { directory } => shell::man(&directory),
        Command::Config(args::Config::Check) => block_on(check::run(load()?)),
        Command::Config(args::Config::Explain { key }) => settings::explain(key.as_deref()),
    }
}

/// Runs a command: on a thread for each core that this process may use, or on this one if there is one core only: there is
/// nobody then to share work with, and being ready to share it is not free (decision 17).
///
/// The threads bear a name, which `top -H` and a debugger show.
fn block_on(command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    limits::allow_many_connections();
    let mut builder = match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.thread_name("lingpai").enable_all().build();
    let what = either(
        "the threads of the program could not be started. Check the limits of this process (ulimit -a)",
        "无法启动程序的线程。请检查进程的资源限制（ulimit -a）",
    );
    runtime.map_err(|source| Error::System { what, source })?.block_on(command)
}
