//! A token that is kept fresh inside this program, against the sandbox: `cargo run -p lingpai --example in_process`.
//!
//! Tokens live 20 s here, so that the rotation is seen soon.

use std::time::Duration;

use lingpai::TokenSource;
use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The place of WeChat. A real program leaves this and `upstream` out.
    let settings = Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() };
    let sandbox = Server::bind(settings.with_lifetime(Duration::from_secs(20))).await?;
    let (url, world) = (format!("http://{}", sandbox.addr()), sandbox.world());
    tokio::spawn(sandbox.serve(std::future::pending()));

    let source = TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&url).build().await?;

    let mut changes = source.watch();
    for _ in 0..2 {
        let token = changes.next().await;
        report(&format!("generation {} is good until {}", token.generation, token.expires_at));
    }
    report(&format!("WeChat was asked {} times", world.counters().fetches()));
    source.close(Duration::from_secs(5)).await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
fn report(text: &str) {
    println!("{text}");
}
