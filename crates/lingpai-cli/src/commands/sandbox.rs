//! `lingpai sandbox`: the simulated WeChat alone.

use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};

use crate::args::Sandbox;
use crate::error::Error;
use crate::language::say;
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
    output::print(&say!(
        "The sandbox answers as WeChat on http://{addr}; its tokens live {lifetime}.\n\n  \
         appid   {DEMO_APPID}\n  secret  {DEMO_SECRET}\n\n\
         Fetch a token:\n  \
         curl 'http://{addr}/cgi-bin/token?grant_type=client_credential&appid={DEMO_APPID}&secret={DEMO_SECRET}'\n\
         See what can be made to go wrong:\n  \
         curl 'http://{addr}/__sandbox/'\n\n\
         Ctrl-C ends it.",
        "沙箱在 http://{addr} 上模拟微信，凭据有效期 {lifetime}。\n\n  \
         appid   {DEMO_APPID}\n  secret  {DEMO_SECRET}\n\n\
         获取凭据：\n  \
         curl 'http://{addr}/cgi-bin/token?grant_type=client_credential&appid={DEMO_APPID}&secret={DEMO_SECRET}'\n\
         查看可以模拟的故障：\n  \
         curl 'http://{addr}/__sandbox/'\n\n\
         按 Ctrl-C 结束。",
        lifetime = config::show_duration(options.lifetime),
    ))?;
    server.serve(end).await;
    Ok(())
}
