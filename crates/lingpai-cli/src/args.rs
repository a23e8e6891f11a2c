//! What can be typed. Each command's own file says what it does.

mod adoption;
mod api_security;
mod events;
mod handover;
mod help;
mod key;
mod look;
mod mistake;
mod platform;
mod push;
mod quota;
mod record;
mod secret;
mod serve;
mod shell;
mod sink;
mod store;
mod values;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use lingpai_core::{AccountId, AccountKind, Mode};
use lingpai_wechat::catalogue::Language;

pub(crate) use self::adoption::{Snippet, Try};
pub(crate) use self::api_security::WantedApiSecurity;
pub(crate) use self::events::Events;
pub(crate) use self::handover::{Adopt, Keep, Release, SetMode};
pub(crate) use self::key::{Key, KeyCreate};
pub(crate) use self::look::{Doctor, Looking};
pub(crate) use self::platform::{Authorize, Platform, PlatformImport};
pub(crate) use self::push::{Pushes, WantedPush};
pub(crate) use self::quota::{Quota, QuotaClear, QuotaDeed, Rid};
pub(crate) use self::record::{Alert, Audit};
pub(crate) use self::secret::Secret;
pub(crate) use self::serve::{Init, Sandbox, Serve};
pub(crate) use self::shell::Shell;
pub(crate) use self::sink::Sink;
pub(crate) use self::store::{Store, StoreCopy};
use crate::{config, language};

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   failed; standard error says what happened, why, and what to do
  2   the arguments are not understood
  78  the configuration has to be changed first

Try it without an account: lingpai serve --demo";

/// The central server for WeChat access_tokens: fetched once, refreshed in time, handed out to everyone.
#[derive(Debug, Parser)]
#[command(name = "lingpai", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// The configuration [default: lingpai.toml, which may be missing]
    #[arg(long, short, global = true, value_name = "FILE", env = "LINGPAI_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl Arguments {
    /// What was typed. What cannot be understood is said in the language in force, and ends the program; so does the help.
    pub(crate) fn read() -> Self {
        let command = match language::current() {
            Language::English => Self::command(),
            Language::Chinese => help::in_chinese(Self::command()),
        };
        let read = command.try_get_matches();
        read.and_then(|read| Self::from_arg_matches(&read))
            .unwrap_or_else(|error| mistake::refuse(&error))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep the tokens of all accounts fresh, and hand them out over HTTP
    Serve(Serve),
    /// See what an account is like, from this machine, before anything is set up
    Try(Try),
    /// Print the configuration of an SDK that is to be served
    Snippet(Snippet),
    /// Write a configuration to start from, with every setting explained
    Init(Init),
    /// Run a simulated WeChat to try and test against
    Sandbox(Sandbox),
    /// Print the current access_token of an account, and nothing else
    Token(Token),
    /// Print the current ticket of an Official Account or a WeCom application, and nothing else
    Ticket(Ticket),
    /// Sign a page, and print what wx.config takes
    JsConfig(JsConfig),
    /// Show how the accounts of a running server stand
    Status(Status),
    /// Show what happened, and with --follow what happens
    Events(Events),
    /// Show who read and changed what
    Audit(Audit),
    /// See how alerts stand, and try one
    #[command(subcommand)]
    Alert(Alert),
    /// See how sinks stand, try one, deliver to one now
    #[command(subcommand)]
    Sink(Sink),
    /// Have the token of an account replaced now
    Rotate(Rotate),
    /// Make one call of WeChat's API: the gateway puts the token in
    Call(Call),
    /// Find out what is wrong, and what to do about it
    Doctor(Doctor),
    /// Show what an account has called today and may still call, or set its counters to zero
    Quota(Quota),
    /// Show what WeChat knows of a request, by the rid in its error text
    Rid(Rid),
    /// Explain an error of WeChat or of Lingpai, offline, or why a token was refused; in English or Chinese
    Explain(Explain),
    /// Make, list and revoke the API keys of clients
    #[command(subcommand)]
    Key(Key),
    /// Add, list, change and remove the accounts in the store
    #[command(subcommand)]
    Account(Account),
    /// Have accounts authorise a third-party platform or a WeCom suite
    #[command(subcommand)]
    Platform(Platform),
    /// Reset the AppSecret of an account without an outage
    #[command(subcommand)]
    Secret(Secret),
    /// See to pushes of WeChat that a business has not taken
    #[command(subcommand)]
    Pushes(Pushes),
    /// Look after the store
    #[command(subcommand)]
    Store(Store),
    /// Look after the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print what makes a shell complete these arguments
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages into a directory
    Man {
        /// The directory, which must exist
        directory: PathBuf,
    },
}

/// Which server a command asks, and with which key.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The server to ask: http://, https://, or unix:PATH for a Unix socket
    #[arg(
        long,
        value_name = "URL",
        env = "LINGPAI_SERVER",
        default_value = "http://127.0.0.1:8700"
    )]
    pub(crate) server: String,

    /// A file that holds the API key [default: the environment variable LINGPAI_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The appid [default: every account that the key is for]
    pub(crate) account: Option<AccountId>,

    /// Show it anew every two seconds, those in trouble first, until q or Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON; with --watch a line each time
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The appid
    pub(crate) account: AccountId,

    /// A token has leaked: have WeChat accept none any more that was issued so far. Shows first what that breaks
    #[arg(long)]
    pub(crate) compromised: bool,

    /// Show what it would do, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON, without the token
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The appid
    pub(crate) account: AccountId,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Ask no server: open the configuration's store, and fetch if there is no token
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) standalone: bool,

    /// Print JSON, with the generation and the times
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ticket {
    /// The appid
    pub(crate) account: AccountId,

    #[arg(value_name = "TYPE", value_parser = values::ticket, help = &*values::TICKETS)]
    pub(crate) ticket: lingpai_wechat::Ticket,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Print JSON, with the generation and the times
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JsConfig {
    /// The appid
    pub(crate) account: AccountId,

    /// The URL of the page as the browser shows it; what stands after # does not count
    pub(crate) url: String,

    /// An API for jsApiList, such as scanQRCode; may be said again
    #[arg(long = "api", value_name = "NAME")]
    pub(crate) apis: Vec<String>,

    /// Sign for wx.agentConfig, with the ticket of the WeCom application
    #[arg(long)]
    pub(crate) agent: bool,

    /// Its number in the corp, where the account's name does not tell it (an application of a suite)
    #[arg(long, value_name = "NUMBER", requires = "agent")]
    pub(crate) agentid: Option<u64>,

    #[command(flatten)]
    pub(crate) asked: Asked,
}

const CALL_EXAMPLES: &str = "\
Examples:
  lingpai call wx5a0db0c0ffee0001 /cgi-bin/user/info openid=o1
  lingpai call wx5a0db0c0ffee0001 POST /cgi-bin/qrcode/create action_name=QR_SCENE expire_seconds:=600
  lingpai call wx5a0db0c0ffee0001 /cgi-bin/media/upload type=image --file media=@photo.jpg
  lingpai call wx5a0db0c0ffee0001 /cgi-bin/media/get media_id=M -o photo.jpg";

#[derive(Debug, Args)]
#[command(
    override_usage = "lingpai call [OPTIONS] <ACCOUNT> [METHOD] <PATH> [KEY=VALUE]...",
    after_help = CALL_EXAMPLES
)]
pub(crate) struct Call {
    /// The appid
    pub(crate) account: AccountId,

    /// GET or POST [default: GET; POST with --json or --file], the path after the host, then key=value for each text and
    /// key:=JSON for each number, list or object: in the query of a GET, in the body of a POST
    #[arg(required = true, value_name = "PATH")]
    pub(crate) request: Vec<String>,

    /// Send the JSON in this file, or on standard input; key=value then goes to the query
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,

    /// Send a form with this file; may be said again, also for a text beside it (NAME=TEXT). key=value then goes to the
    /// query
    #[arg(long, value_name = "NAME=@FILE", conflicts_with = "json")]
    pub(crate) file: Vec<String>,

    /// Put the answer into this file. A refusal leaves the file as it is
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Ask no server: open the configuration's store, and call WeChat from here
    #[arg(long, conflicts_with = "key_file")]
    pub(crate) standalone: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code such as 40164 or key-unknown, or the whole error text. - reads it from standard input
    #[arg(
        required_unless_present_any = ["token_file", "errcode", "all"],
        allow_negative_numbers = true,
        value_name = "CODE|TEXT"
    )]
    pub(crate) text: Vec<String>,

    /// Explain every error there is, as a page of Markdown
    #[arg(long, conflicts_with_all = ["text", "token_file", "errcode", "account", "json"])]
    pub(crate) all: bool,

    /// Say why the token in this file was refused, from what the store knows of it; - reads it from standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) token_file: Option<PathBuf>,

    /// The errcode with which it was refused
    #[arg(long, value_name = "CODE", allow_negative_numbers = true)]
    pub(crate) errcode: Option<i64>,

    /// The account that the call was for: looks into the store for what happened to it
    #[arg(long)]
    pub(crate) account: Option<AccountId>,

    /// Do not ask WeChat about the token, which takes two cheap calls at most
    #[arg(long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) looking: Looking,

    /// The language [default: LINGPAI_LANG, or what the locale says]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Lang>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Explain {
    /// Whether it is about a token or an account, and not about an error alone.
    pub(crate) fn looks_into_store(&self) -> bool {
        self.token_file.is_some() || self.account.is_some() || self.errcode.is_some()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Lang {
    /// English
    En,
    /// 简体中文
    Zh,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Zh => Self::Chinese,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AppSecret {
    /// Take the AppSecret without asking WeChat whether it is right
    #[arg(long, conflicts_with = "server")]
    pub(crate) untried: bool,

    /// The file that holds the AppSecret [default: a hidden prompt, or standard input if that is no terminal]
    #[arg(long = "secret-file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// The proxy that WeChat is reached through for an account.
#[derive(Debug, Args)]
pub(crate) struct OwnProxy {
    /// Reach WeChat through this proxy, such as http://user@proxy.example.com:3128, without its password
    #[arg(long = "proxy", value_name = "URL")]
    pub(crate) url: Option<String>,

    /// The file that holds the proxy's password [default: a hidden prompt, if the URL names a user]
    #[arg(long = "proxy-password-file", value_name = "FILE", requires = "url")]
    pub(crate) password_file: Option<PathBuf>,
}

/// The server that changes an account, where it is not this machine's store.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// Ask this server to do it, with an admin key [default: change the store on this machine]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// A file that holds the API key for the server [default: the environment variable LINGPAI_KEY]
    #[arg(long, value_name = "FILE", requires = "server")]
    key_file: Option<PathBuf>,
}

impl Elsewhere {
    pub(crate) fn asked(&self) -> Option<Asked> {
        let server = self.server.clone()?;
        Some(Asked { server, key_file: self.key_file.clone() })
    }
}

impl Account {
    /// The server that is to do it, if one is.
    pub(crate) fn asked(&self) -> Option<Asked> {
        match self {
            Self::Add { elsewhere, .. }
            | Self::SetSecret { elsewhere, .. }
            | Self::SetPush { elsewhere, .. }
            | Self::SetApiSecurity { elsewhere, .. }
            | Self::SetProxy { elsewhere, .. }
            | Self::Remove { elsewhere, .. } => elsewhere.asked(),
            Self::List { .. } | Self::Show { .. } => None,
            Self::SetMode(_) | Self::Keep(_) | Self::Adopt(_) | Self::Release(_) => None,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Add an account to the store, with its AppSecret from a prompt, a file or standard input
    Add {
        /// The appid; CORPID:AGENTID of an application of WeCom, CORPID:provider of a provider
        account: AccountId,
        /// official-account, mini-program, mini-game, wecom, platform, authorizer, authorizer-mini-program, wecom-suite, wecom-provider or wecom-authorized
        #[arg(long, default_value = "official-account", value_parser = config::account::parse_kind)]
        kind: AccountKind,
        /// stable: a call too many repeats the token. classic: every fetch replaces it
        #[arg(long, default_value = "stable", value_parser = config::account::parse_mode)]
        mode: Mode,
        /// The account that it has authorised: the platform or the suite; of a suite its provider's account
        #[arg(long, value_name = "ACCOUNT")]
        platform: Option<AccountId>,
        #[command(flatten)]
        secret: AppSecret,
        #[command(flatten)]
        proxy: OwnProxy,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Give an account in the store another AppSecret
    SetSecret {
        /// The appid
        account: AccountId,
        #[command(flatten)]
        secret: AppSecret,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Say how an account in the store receives what WeChat pushes
    SetPush {
        /// The appid
        account: AccountId,
        #[command(flatten)]
        push: WantedPush,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Give an account in the store the keys with which the gateway encrypts and signs its calls
    SetApiSecurity {
        /// The appid
        account: AccountId,
        #[command(flatten)]
        keys: Box<WantedApiSecurity>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Have WeChat reached through a proxy for an account in the store, or as for all others again
    SetProxy {
        /// The appid
        account: AccountId,
        /// The proxy, such as http://user@proxy.example.com:3128, without its password; or none
        #[arg(value_name = "URL|none")]
        url: String,
        /// The file that holds the proxy's password [default: a hidden prompt, or standard input, if the URL names a user]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// List all accounts and how they stand
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one account
    Show {
        /// The appid
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a server fetch an account's tokens from the other of WeChat's two families, without an outage
    SetMode(SetMode),
    /// Say whether a server fetches for an account: all of it, nothing yet, or nothing any more
    Keep(Keep),
    /// Have a server take over a live token that somebody else has fetched, without a fetch
    Adopt(Adopt),
    /// Hand an account back: pause it, and print its token and what is left of its life
    Release(Release),
    /// Remove an account and its tokens from the store
    Remove {
        /// The appid
        account: AccountId,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Read it and show all that is wrong with it. Starts nothing
    Check,
    /// Explain a setting, those of a table, or all: what it does and what holds without it
    Explain {
        /// The setting or table, such as drain, gateway or account.lead [default: all]
        key: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_hang_together() {
        Arguments::command().debug_assert();
    }
}
