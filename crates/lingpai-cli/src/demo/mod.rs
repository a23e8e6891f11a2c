//! `lingpai serve --demo`: a simulated WeChat, one account and the server in one process, which says what it does.
//!
//! Everything is real but WeChat: the store is a file, the sandbox is asked over HTTP, and a small client (`client` above)
//! reads the token every second, so that a token that is not good would be seen. `folder` holds what outlives a run,
//! `guide` what to try, `story` what happens.

mod folder;
mod guide;
mod screen;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use lingpai_core::{Account, AccountId, Keeper, Mode, Secret, change_account};
use lingpai_sandbox as sandbox;
use lingpai_server::{self as server, console, gateway};
use lingpai_wechat::wire;
use tokio::sync::oneshot;

use self::folder::Folder;
use self::guide::Guide;
use self::screen::Screen;
use self::story::Story;
use crate::args::Serve;
use crate::changes::Making;
use crate::client::Client;
use crate::config::DEFAULT_LISTEN;
use crate::error::Error;
use crate::keeping::Keeping;
use crate::language::either;
use crate::signals;

/// Runs until it is asked to end.
pub(crate) async fn run(options: Serve) -> Result<(), Error> {
    let end = signals::asked_to_end()?;
    let folder = Folder::open()?;
    let sandbox = sandbox::Server::bind(
        sandbox::Settings {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state: Some(folder.sandbox()),
            ..sandbox::Settings::default()
        }
        .with_lifetime(options.lifetime),
    )
    .await?;
    let upstream = format!("http://{}", sandbox.addr());
    let (stop, stopped) = oneshot::channel::<()>();
    let sandbox = tokio::spawn(sandbox.serve(async {
        let _ = stopped.await; // Dropped means the same.
    }));

    let settings = wire::Settings { hosts: vec![upstream.parse()?], ..wire::Settings::default() };
    let mut keeping = Keeping::open(&folder.store(), settings.clone()).await?;
    let outcome = keep(&mut keeping, &folder, &options, settings, &upstream, end).await;
    // The engine first: what it has under way needs somebody to ask.
    keeping.close().await;
    drop(stop);
    let _ = sandbox.await; // It cannot fail; a panic has been reported.
    outcome
}

async fn keep(
    keeping: &mut Keeping,
    folder: &Folder,
    options: &Serve,
    wechat: wire::Settings,
    upstream: &str,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    let account = account(keeping, options).await?;
    let key = folder.key(&*keeping.store.directory(), keeping.clock().now().wall).await?;
    let server = server::Server::new(Arc::clone(&keeping.registry), keeping.store.directory());
    let gateway = gateway::Settings { upstream: wechat, ..gateway::Settings::default() };
    let engine = Arc::clone(&keeping.engine);
    let server = server.asking(Arc::new(move || engine.wechat()));
    let server = server.with_gateway(gateway).with_console(console::Settings::default());
    let (server, changes) = server.taking_changes();
    let bound = server.bind(options.listen.unwrap_or(DEFAULT_LISTEN)).await?;
    let server = format!("http://{}", bound.local_addr());

    let mut screen = Screen::new();
    Guide {
        server: &server,
        sandbox: upstream,
        account: &account.id,
        mode: account.mode,
        key: &key,
    }
    .show(&mut screen, options.lifetime)?;
    let events = keeping.registry.events();
    let keeper: Arc<Keeper> = keeping.keep(&account);
    keeping.sync().await?; // Those that were created over HTTP in an earlier run.
    let client = Client::new(&server, key.key)?;
    let clock = Arc::clone(keeping.clock());
    let mut story = Story::begin(screen, clock, keeper, client, account.id);
    let (ending, ended) = oneshot::channel::<()>();
    let serving = bound.serve(async {
        let _ = ended.await;
    });
    let told = async {
        let told = tokio::select! {
            told = story.tell(events) => told,
            () = end => story.end(),
        };
        drop(ending);
        told
    };
    tokio::select! {
        (told, ()) = async { tokio::join!(told, serving) } => told,
        never = Making::new(changes).make_all(keeping) => match never {},
    }
}

/// The sandbox's account, in the store as any other.
async fn account(keeping: &Keeping, options: &Serve) -> Result<Account, Error> {
    let id: AccountId = sandbox::DEMO_APPID.parse().map_err(|_| {
        Error::said(either(
            "the sandbox's appid is no account. Please report this",
            "沙箱的 appid 不是账号。请向我们报告这个问题",
        ))
    })?;
    let now = keeping.clock().now().wall;
    let mut account = Account::new(id, Secret::from(sandbox::DEMO_SECRET), now);
    account.mode = if options.classic { Mode::Classic } else { Mode::Stable };
    // In the place of that of an earlier run.
    let put = |stored: Option<&Account>| Ok::<_, Error>(Some(account.clone().renewed(stored, now)));
    let stored = change_account(&*keeping.store.directory(), &account.id, put).await?;
    Ok(stored.unwrap_or(account))
}
