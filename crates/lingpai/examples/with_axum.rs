//! A web service that calls WeChat with a token that is always fresh: `cargo run -p lingpai --example with_axum`, then
//! `curl http://127.0.0.1:3000/users/o1`.
//!
//! The handler reads the token, which is an atomic load, and never fetches one. If WeChat refuses the token, it says so to
//! the source and calls once more with the token that it is given.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lingpai::{KeySource, TokenSource};
use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};

/// How long a client waits for a token at most, where there is none.
const PATIENCE: Duration = Duration::from_secs(5);

struct Shop {
    tokens: TokenSource,
    client: Client<HttpConnector, Empty<Bytes>>,
    wechat: String,
}

impl Shop {
    /// What WeChat knows of a user.
    async fn user(&self, openid: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        let token = tokio::time::timeout(PATIENCE, self.tokens.fresh()).await??.value.clone();
        let answer = self.ask(openid, token.expose()).await?;
        // 40001 and its like say that the token is bad. Whether it is, the source finds out.
        if ["40001", "40014", "42001"]
            .iter()
            .any(|code| answer.contains(&format!("\"errcode\":{code}")))
        {
            let reported = self.tokens.report_invalid(token.expose()).await?;
            return self.ask(openid, reported.token.value.clone().expose()).await;
        }
        Ok(answer)
    }

    async fn ask(&self, openid: &str, token: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        let url = format!("{}/cgi-bin/user/info?openid={openid}&access_token={token}", self.wechat);
        let answer = self.client.get(url.parse()?).await?.into_body().collect().await?;
        Ok(String::from_utf8(answer.to_bytes().into())?)
    }
}

async fn user(State(shop): State<Arc<Shop>>, Path(openid): Path<String>) -> (StatusCode, String) {
    match shop.user(&openid).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The place of WeChat. A real program leaves this and `upstream` out.
    let sandbox =
        Server::bind(Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() }).await?;
    let wechat = format!("http://{}", sandbox.addr());
    tokio::spawn(sandbox.serve(std::future::pending()));

    let folder = tempfile::tempdir()?;
    let tokens = TokenSource::stable(DEMO_APPID, DEMO_SECRET)
        .upstream(&wechat)
        .sqlite(folder.path().join("lingpai.db"), KeySource::Beside)
        .build()
        .await?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let shop = Arc::new(Shop { tokens: tokens.clone(), client, wechat });

    let app = axum::Router::new().route("/users/{openid}", get(user)).with_state(shop);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    tokens.close(PATIENCE).await;
    Ok(())
}
