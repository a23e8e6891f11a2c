//! Credentials that need another one of their account.

use super::*;

const TICKET: Kind = Kind::named("jsapi_ticket");

/// A parent, what it costs, and its dependents: each fetch of those takes the parent's token and is refused if that is
/// revoked.
#[derive(Debug)]
struct Account {
    token: Arc<Upstream>,
    revoked: Mutex<Option<String>>,
    tickets: AtomicU32,
}

#[derive(Debug)]
struct TokenIssuer(Arc<Account>, &'static [Kind]);

/// What an account has that has tickets.
const TICKETS: &[Kind] = &[TICKET];

#[derive(Debug)]
struct TicketIssuer(Arc<Account>, Arc<dyn Parent>);

#[async_trait]
impl Issuer for TokenIssuer {
    fn profile(&self) -> Profile {
        STABLE
    }

    async fn issue(&self, way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        self.0.token.issue(way, None).await
    }

    async fn check(&self, token: &Token) -> Verdict {
        let is_revoked = self.0.revoked.lock().unwrap().as_deref() == Some(token.value.expose());
        if is_revoked { refusal() } else { Verdict::Accepted }
    }

    fn dependents(&self) -> &'static [Kind] {
        self.1
    }

    fn dependent(&self, kind: &Kind, parent: Arc<dyn Parent>) -> Option<Arc<dyn Issuer>> {
        self.1.contains(kind).then(|| Arc::new(TicketIssuer(Arc::clone(&self.0), parent)) as _)
    }
}

#[async_trait]
impl Issuer for TicketIssuer {
    fn profile(&self) -> Profile {
        Profile { primary: Renewal::Surviving, forced: None, ..STABLE }
    }

    async fn ready(&self) -> Result<(), Failure> {
        self.1.value().await.map(drop)
    }

    async fn issue(&self, _way: Way, _: Option<&Secret>) -> Result<Issued, Failure> {
        let mut token = self.1.value().await?;
        if self.0.revoked.lock().unwrap().as_deref() == Some(token.expose()) {
            token = self.1.instead_of(&token).await?;
        }
        let number = self.0.tickets.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Issued::new(Secret::from(format!("ticket {number} by {}", token.expose())), LIFE))
    }

    async fn check(&self, _ticket: &Token) -> Verdict {
        Verdict::Inconclusive(Failure::new(Class::Transient, "it cannot be tried"))
    }

    fn depth(&self) -> usize {
        1
    }
}

fn account() -> Arc<Account> {
    Arc::new(Account {
        token: Upstream::new(STABLE),
        revoked: Mutex::new(None),
        tickets: AtomicU32::new(0),
    })
}

async fn registry(store: Arc<dyn Store>) -> Registry {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(NOON));
    Registry::open(store, clock, NodeId::new("n1")).await.unwrap()
}

fn keep(registry: &Registry, credential: CredentialId, account: &Arc<Account>) {
    let issuer = TokenIssuer(Arc::clone(account), TICKETS);
    registry.manage(credential, Arc::new(issuer), Arc::new(Policy::default()));
}

async fn stand() -> (Registry, Arc<Account>) {
    let (registry, account) = (registry(Arc::new(MemoryStore::new())).await, account());
    keep(&registry, credential(), &account);
    (registry, account)
}

async fn ticket(registry: &Registry) -> Result<String, Failure> {
    let keeper = registry.dependent(&credential(), &TICKET).unwrap();
    let fresh = keeper.fresh().await.map_err(|unavailable| unavailable.failure)?;
    Ok(fresh.value.expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_or_kept_of_what_nobody_asks_for() {
    let (registry, account) = stand().await;
    sleep(24 * HOUR).await;
    assert_eq!((registry.keepers().len(), account.tickets.load(Ordering::SeqCst)), (1, 0));
    assert!(registry.dependent(&credential(), &Kind::named("other")).is_none());
    assert_eq!(registry.keepers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_share_one_fetch_which_waits_for_the_parents() {
    let (registry, account) = stand().await;
    let asked = tokio::join!(ticket(&registry), ticket(&registry), ticket(&registry));
    for ticket in [asked.0, asked.1, asked.2] {
        assert_eq!(ticket.unwrap(), "ticket 1 by T1");
    }
    assert_eq!(account.token.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_the_token_does_not_refetch_its_tickets() {
    let (registry, account) = stand().await;
    ticket(&registry).await.unwrap();
    sleep(30 * 60 * SECOND).await;
    registry.get(&credential()).unwrap().rotate().await.unwrap();
    sleep(HOUR / 2).await;
    assert_eq!(ticket(&registry).await.unwrap(), "ticket 1 by T1");
    assert_eq!((account.token.fetches(), account.tickets.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_repaired_on_the_way_to_a_ticket() {
    let (registry, account) = stand().await;
    registry.get(&credential()).unwrap().fresh().await.unwrap();
    *account.revoked.lock().unwrap() = Some("T1".to_owned());
    assert_eq!(ticket(&registry).await.unwrap(), "ticket 1 by T2");
}

#[tokio::test(start_paused = true)]
async fn without_the_token_the_reason_is_told_and_no_fetch_is_counted() {
    let (registry, account) = stand().await;
    for _ in 0..4 {
        account.token.answers(Err(Failure::new(Class::NeedsPerson, "invalid appsecret")));
    }
    let failure = ticket(&registry).await.unwrap_err();
    assert!(
        failure.message.contains("access_token is needed for it: invalid appsecret"),
        "{failure}"
    );
    let today = registry.clock().now().day();
    let ledger = registry.store().ledger(&credential().account, today).await.unwrap();
    assert!(!ledger.keys().any(|entry| entry.contains("jsapi_ticket")), "{ledger:?}");
    sleep(20 * 60 * SECOND).await;
    assert_eq!(ticket(&registry).await.unwrap(), "ticket 1 by T5", "mended with the token");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_kept_fresh_while_it_is_used_and_let_go_after() {
    let (registry, account) = stand().await;
    for _ in 0..16 {
        ticket(&registry).await.unwrap();
        sleep(HOUR / 2).await;
    }
    let keeper = registry.dependent(&credential(), &TICKET).unwrap();
    assert!(keeper.token().is_some());
    let used = account.tickets.load(Ordering::SeqCst);
    sleep(48 * HOUR).await;
    let fetches = account.tickets.load(Ordering::SeqCst) - used;
    assert!((4..=6).contains(&used) && fetches <= 3, "{used} {fetches}");
}

#[tokio::test(start_paused = true)]
async fn dependents_come_back_with_the_store_and_go_with_their_account() {
    let store = Arc::new(MemoryStore::new());
    let (first, account) = (registry(Arc::clone(&store) as _).await, account());
    keep(&first, credential(), &account);
    ticket(&first).await.unwrap();
    first.close(SECOND).await;

    let second = registry(store).await;
    keep(&second, credential(), &account);
    assert_eq!(second.keepers().len(), 2);
    assert_eq!(ticket(&second).await.unwrap(), "ticket 1 by T1");
    let without = TokenIssuer(Arc::clone(&account), &[]);
    second.manage(credential(), Arc::new(without), Arc::new(Policy::default()));
    assert_eq!(second.keepers().len(), 1, "an account that has become a Mini Program");
    keep(&second, credential(), &account);
    ticket(&second).await.unwrap();
    assert!(second.forget(&credential()));
    assert!(second.keepers().is_empty() && second.dependent(&credential(), &TICKET).is_none());
}

#[tokio::test(start_paused = true)]
async fn very_many_dependents_that_wait_do_not_take_the_places_of_their_parents() {
    let registry = registry(Arc::new(MemoryStore::new())).await;
    let accounts: Vec<_> = (0..300).map(|_| account()).collect();
    let id = |number: usize| CredentialId::access_token(format!("wx{number}").parse().unwrap());
    let mut keepers = Vec::new();
    for (number, account) in accounts.iter().enumerate() {
        let issuer = Arc::new(TokenIssuer(Arc::clone(account), TICKETS));
        registry.manage(id(number), issuer, Arc::new(on_demand()));
        registry.get(&id(number)).unwrap().fresh().await.unwrap();
        *account.revoked.lock().unwrap() = Some("T1".to_owned());
        keepers.push(registry.dependent(&id(number), &TICKET).unwrap());
    }
    let all = keepers.iter().map(|keeper| {
        let keeper = Arc::clone(keeper);
        tokio::spawn(async move { keeper.fresh().await.map(drop) })
    });
    let all: Vec<_> = all.collect();
    for asked in all {
        timeout(60 * SECOND, asked).await.unwrap().unwrap().unwrap();
    }
}
