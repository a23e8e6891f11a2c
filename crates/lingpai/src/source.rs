//! What a program holds: the token, now and later.

use std::sync::Arc;
use std::time::Duration;

use lingpai_core::keeper::{Reported, Status, Unavailable};
use lingpai_core::registry::EventStream;
use lingpai_core::{
    AccountKind, Class, CredentialId, Failure, Generation, Keeper, Mode, Registry, Secret, TokenRef,
};
use lingpai_wechat::Ticket;

use crate::builder::Builder;

/// Keeps the access_token of one account fresh, in this process. Cheap to clone; all clones are the same source.
///
/// When the last clone is dropped, keeping ends at once, which costs at most one fetch that was under way;
/// [`TokenSource::close`] waits for it.
#[derive(Clone, Debug)]
pub struct TokenSource {
    registry: Arc<Registry>,
    keeper: Arc<Keeper>,
}

impl TokenSource {
    /// In stable mode, which WeChat recommends: fetches repeat the token, so that another process with the same secret
    /// does no harm if it does likewise.
    pub fn stable(appid: impl Into<String>, secret: impl Into<Secret>) -> Builder {
        Builder::new(appid.into(), secret.into(), Mode::Stable)
    }

    /// In classic mode: every fetch mints a token and ends older ones. Nobody else may fetch for this account.
    pub fn classic(appid: impl Into<String>, secret: impl Into<Secret>) -> Builder {
        Builder::new(appid.into(), secret.into(), Mode::Classic)
    }

    /// Of an application of WeCom (企业微信), by its corp and its AgentId. WeCom repeats the token until it expires.
    pub fn wecom(corpid: &str, agent: u32, secret: impl Into<Secret>) -> Builder {
        Builder::new(format!("{corpid}:{agent}"), secret.into(), Mode::Stable)
            .of_kind(AccountKind::WeCom)
    }

    pub(crate) fn new(registry: Registry, keeper: Arc<Keeper>) -> Self {
        Self { registry: Arc::new(registry), keeper }
    }

    /// The current token, if there is a good one: an atomic load. Use it and drop it; do not keep it.
    pub fn token(&self) -> Option<TokenRef> {
        self.keeper.token()
    }

    /// The current token; if there is none, what comes of the fetch for it, which all who wait share.
    ///
    /// Give it a deadline where one is needed. Dropping the future affects nobody else.
    ///
    /// # Errors
    /// [`Unavailable`] with the cause, as soon as a fetch has failed.
    pub async fn fresh(&self) -> Result<TokenRef, Unavailable> {
        self.keeper.fresh().await
    }

    /// Takes in that WeChat refused a call with this token (40001, 40014, 42001), and answers with the token to use
    /// instead. The token is tried before it is replaced: most such refusals have another cause.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no good token now.
    pub async fn report_invalid(&self, token: &str) -> Result<Reported, Unavailable> {
        self.keeper.report_invalid(token).await
    }

    /// The current ticket of an Official Account, with which pages and cards are signed ([`sign`](crate::sign)); if there is
    /// none, what comes of the fetch for it. It is kept fresh while somebody asks for it.
    ///
    /// ```
    /// use lingpai::page::PageUrl;
    /// use lingpai::{Ticket, TokenSource, sign};
    /// # use lingpai_sandbox::{DEMO_APPID, DEMO_SECRET, Server, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = Server::bind(Settings { addr: "127.0.0.1:0".parse()?, ..Settings::default() }).await?;
    /// # let (sandbox, world) = (format!("http://{}", server.addr()), server.world());
    /// # tokio::spawn(server.serve(std::future::pending()));
    /// # let source = TokenSource::stable(DEMO_APPID, DEMO_SECRET).upstream(&sandbox).build().await?;
    /// let page = PageUrl::parse("https://shop.example.com/cart?id=1#top")?;
    /// let stamp = sign::Stamp { nonce: "Wm3WZYTPz0wzccnW", seconds: 1_414_587_457 };
    /// let ticket = source.ticket(Ticket::JSAPI).await?;
    /// let signature = sign::page(&ticket.value, stamp, page.as_str());
    /// # assert!(world.with(|world, now| {
    /// #     world.accepts_page(now, DEMO_APPID, (stamp.nonce, stamp.seconds), page.as_str(), &signature)
    /// # }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Unavailable`] with the cause, as soon as a fetch has failed.
    pub async fn ticket(&self, ticket: Ticket) -> Result<TokenRef, Unavailable> {
        let (token, kind) = (self.keeper.credential(), ticket.kind());
        match self.registry.dependent(token, &kind) {
            Some(keeper) => keeper.fresh().await,
            None => Err(Unavailable {
                credential: CredentialId::new(kind, token.account.clone()),
                failure: Failure::new(
                    Class::NeedsPerson,
                    "the account has no such ticket, or the source has ended",
                ),
                retry_after: Duration::ZERO,
            }),
        }
    }

    /// Every token from now on, the current one first: for whoever has to be told of each.
    pub fn watch(&self) -> Changes {
        Changes { source: self.clone(), seen: Generation::default() }
    }

    /// What happens to the token, as it happens.
    pub fn events(&self) -> EventStream {
        self.registry.events()
    }

    /// How it stands with the token, and what stands in its way.
    pub fn status(&self) -> Status {
        self.keeper.status()
    }

    /// Ends in order, for all clones: serves no more tokens and waits for a rotation under way, at most until `deadline`
    /// has passed.
    pub async fn close(&self, deadline: Duration) {
        self.registry.close(deadline).await;
    }
}

/// The tokens of a source, one after the other. One that was replaced before it was asked for is skipped.
#[derive(Clone, Debug)]
pub struct Changes {
    source: TokenSource,
    seen: Generation,
}

impl Changes {
    /// Waits for a token later than the last one given here. Dropping the future loses nothing.
    pub async fn next(&mut self) -> TokenRef {
        let token = self.source.keeper.later_than(self.seen).await;
        self.seen = token.generation;
        token
    }
}
