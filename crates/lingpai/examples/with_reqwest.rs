//! Calls of WeChat's API with reqwest, and what to do when WeChat refuses the token:
//! `cargo run -p lingpai --example with_reqwest`.
//!
//! In the middle of it the sandbox kills the token, as somebody would who fetches on the side. Whoever has the gateway of a
//! Lingpai server between himself and WeChat needs none of this.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use lingpai::TokenSource;
use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Family, Revocation, Server, Settings};
use serde_json::Value;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(5);

struct WeChat {
    tokens: TokenSource,
    http: reqwest::Client,
    host: String,
}

impl WeChat {
    /// A GET, with the token of this moment. If WeChat refuses the token, it is reported, and the call is made once more
    /// with the one that is good: the source tries it first, since 40001 has causes that no new token mends.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Box<dyn Error>> {
        let token = tokio::time::timeout(PATIENCE, self.tokens.fresh()).await??.value.clone();
        let answer = self.get_with(token.expose(), path, query).await?;
        if matches!(answer["errcode"].as_i64(), Some(40001 | 40014 | 42001)) {
            let reported = self.tokens.report_invalid(token.expose()).await?;
            println!("WeChat refused the token ({}): {:?}", answer["errcode"], reported.outcome);
            let better = reported.token.value.clone();
            return self.get_with(better.expose(), path, query).await;
        }
        Ok(answer)
    }

    async fn get_with(
        &self,
        token: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, Box<dyn Error>> {
        let call = self.http.get(format!("{}{path}", self.host));
        let answer = call.query(&[("access_token", token)]).query(query).send().await;
        // The URL holds the token, and would be printed with the error.
        Ok(answer.map_err(reqwest::Error::without_url)?.json().await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The place of WeChat. A real program leaves this and `upstream` out.
    let sandbox =
        Server::bind(Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() }).await?;
    let (host, world) = (format!("http://{}", sandbox.addr()), sandbox.world());
    tokio::spawn(sandbox.serve(std::future::pending()));

    let tokens = TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&host).build().await?;
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let wechat = WeChat { tokens: tokens.clone(), http, host };

    let followers = wechat.get("/cgi-bin/user/get", &[]).await?;
    println!("followers: {}", followers["data"]["openid"]);
    world.with(|world, now| world.revoke(now, DEMO_APPID, Family::ALL, Revocation::Noticed))?;
    let user = wechat.get("/cgi-bin/user/info", &[("openid", "o1")]).await?;
    println!("user: {} ({})", user["openid"], user["subscribe_scene"]);
    println!("WeChat was asked for a token {} times", world.counters().fetches());
    tokens.close(PATIENCE).await;
    Ok(())
}
