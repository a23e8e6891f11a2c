//! `lingpai sandbox`: the simulated WeChat alone.

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};

use crate::args::Sandbox;
use crate::error::Error;
use crate::{config, output, signals};

/// Runs until it is asked to end.
pub(crate) async fn run(options: Sandbox) -> Result<(), Error> {
    let default = Settings::default();
    let settings = Settings {
        addr: options.listen.unwrap_or(default.addr),
        allow_remote: options.allow_remote,
        seed: options.seed,
        ..default
    };
    let end = signals::asked_to_end()?;
    let server = Server::bind(settings.with_lifetime(options.lifetime)).await?;
    let addr = server.addr();
    output::print(&format!(
        "The sandbox answers as WeChat on http://{addr}; its tokens live {lifetime}.\n\n  \
         appid   {DEMO_APPID}\n  secret  {DEMO_SECRET}\n\n\
         Fetch a token:\n  \
         curl 'http://{addr}/cgi-bin/token?grant_type=client_credential&appid={DEMO_APPID}&secret={DEMO_SECRET}'\n\
         See what can be made to go wrong:\n  \
         curl 'http://{addr}/__sandbox/'\n\n\
         Ctrl-C ends it.",
        lifetime = config::show_duration(options.lifetime),
    ))?;
    server.serve(end).await;
    Ok(())
}
