//! One account's push URL: its keys, and what is believed there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingpai_core::push::{PushMode, Relay};
use lingpai_core::{Account, AccountId, AccountKind, Directory, Instant, Moment, StoreError};
use lingpai_wechat::push::{AesKey, Envelope, PushCrypt, Refused, Sealing, Signed};

use super::receive::Came;

/// How far the time of a push may be from ours: WeChat signs when it sends.
const WINDOW: Duration = Duration::from_mins(5);

/// For how long an account is taken to be as it was read.
const FRESH: Duration = Duration::from_secs(2);

/// How many names are remembered. Strangers can ask for any number of them.
const MOST: usize = 100_000;

/// The push URLs of all accounts.
pub(super) struct Endpoints {
    directory: Arc<dyn Directory>,
    read: Mutex<HashMap<AccountId, (Instant, Arc<Endpoint>)>>,
    nobodys: Arc<Endpoint>,
}

/// One push URL.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) account: AccountId,
    pub(super) crypt: PushCrypt,
    pub(super) mode: PushMode,
    relay: Option<Relay>,
    authorizer_relay: Option<Relay>,
    /// Whether others authorise it, whose messages come here too.
    is_platform: bool,
}

/// A push that is WeChat's.
pub(super) struct Believed {
    /// What it says.
    pub(super) message: Vec<u8>,
    /// How an answer is sealed, if the push was.
    pub(super) sealing: Option<Sealing>,
}

impl Endpoints {
    /// None if the operating system has no random numbers.
    pub(super) fn new(directory: Arc<dyn Directory>) -> Option<Self> {
        let nobodys = Arc::new(Endpoint::nobodys()?);
        Some(Self { directory, read: Mutex::default(), nobodys })
    }

    /// The push URL of the account of this name. Where there is none, one that believes nobody and is remembered alike: how
    /// long an answer takes does not tell which accounts there are.
    pub(super) async fn of(&self, name: &str, now: Moment) -> Result<Arc<Endpoint>, StoreError> {
        let Ok(account) = name.parse::<AccountId>() else { return Ok(Arc::clone(&self.nobodys)) };
        if let Some((at, endpoint)) = self.read().get(&account)
            && now.instant.since(*at) < FRESH
        {
            return Ok(Arc::clone(endpoint));
        }
        let stored = self.directory.account(&account).await?;
        let endpoint = stored.as_ref().and_then(Endpoint::of).map(Arc::new);
        let endpoint = endpoint.unwrap_or_else(|| Arc::clone(&self.nobodys));
        let mut read = self.read();
        if read.len() >= MOST {
            read.clear();
        }
        read.insert(account, (now.instant, Arc::clone(&endpoint)));
        Ok(endpoint)
    }

    /// The push URL that a platform has for the messages of those who have authorised it; one that believes nobody where that
    /// account is no platform.
    pub(super) async fn of_authorizers(
        &self,
        platform: &str,
        now: Moment,
    ) -> Result<Arc<Endpoint>, StoreError> {
        let endpoint = self.of(platform, now).await?;
        Ok(if endpoint.is_platform { endpoint } else { Arc::clone(&self.nobodys) })
    }

    /// The same for the authorizer that the URL names in the place of `$APPID$`.
    pub(super) async fn of_authorizer(
        &self,
        platform: &str,
        name: &str,
        now: Moment,
    ) -> Result<(Arc<Endpoint>, Option<AccountId>), StoreError> {
        let endpoint = self.of_authorizers(platform, now).await?;
        // It is put into URLs and ids.
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let named = name.parse::<AccountId>().ok().filter(|_| is_plain);
        Ok(match named {
            Some(account) => (endpoint, Some(account)),
            None => (Arc::clone(&self.nobodys), None),
        })
    }

    /// Whether this account is known to have authorised that platform.
    pub(super) async fn is_of(&self, account: &AccountId, platform: &AccountId) -> bool {
        let known = self.directory.account(account).await.ok().flatten();
        known.is_some_and(|account| account.platform.as_ref() == Some(platform))
    }

    pub(super) fn forget(&self, account: &AccountId) {
        self.read().remove(account);
    }

    fn read(&self) -> MutexGuard<'_, HashMap<AccountId, (Instant, Arc<Endpoint>)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    fn of(account: &Account) -> Option<Self> {
        let push = account.push.as_ref()?;
        let key = |text: &Option<_>| text.as_ref().and_then(|text| AesKey::parse(text).ok());
        let current = match key(&push.aes_key) {
            Some(key) => key,
            None if push.mode.is_encrypted() => return None,
            // Nothing is sealed with it.
            None => AesKey::random().ok()?,
        };
        // Where there is none, one that opens nothing: each push costs the same work, here and at accounts that are not.
        let previous = key(&push.previous_aes_key).or_else(|| AesKey::random().ok());
        // A WeCom application is called by its corp and its agent; messages are for the corp. To a suite they are for the
        // suite, but for the check of its URL, which is for the provider's corp (WeCom's staff, 2020-02): the account that it
        // names as its platform.
        let provider =
            account.platform.as_ref().filter(|_| account.kind == AccountKind::WeComSuite);
        let receivers = [Some(&account.id), provider].into_iter().flatten();
        let receivers = receivers.filter_map(|id| id.as_str().split(':').next());
        Some(Self {
            account: account.id.clone(),
            crypt: PushCrypt::new(push.token.clone(), current, previous, receivers),
            mode: push.mode,
            relay: push.relay.clone(),
            authorizer_relay: push.authorizer_relay.clone(),
            is_platform: account.kind == AccountKind::Platform,
        })
    }

    /// One that believes nobody, and does the work for it that others do.
    fn nobodys() -> Option<Self> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).ok()?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (current, previous) = (AesKey::random().ok()?, AesKey::random().ok()?);
        Some(Self {
            account: "nobody".parse().ok()?,
            crypt: PushCrypt::new(token.into(), current, Some(previous), ["nobody"]),
            mode: PushMode::Safe,
            relay: None,
            authorizer_relay: None,
            is_platform: false,
        })
    }

    /// Where pushes go: its own, or those of its authorizers.
    pub(super) fn relay(&self, of_authorizers: bool) -> Option<&Relay> {
        let of_authorizers = self.authorizer_relay.as_ref().filter(|_| of_authorizers);
        of_authorizers.or(self.relay.as_ref())
    }

    /// What is to be answered to the check of a URL, by which WeChat sees that its owner knows the token.
    pub(super) fn echo(&self, came: &Came<'_>, now: Moment) -> Result<Vec<u8>, Refused> {
        let echo = came.query("echostr");
        let outcome = match came.query("msg_signature") {
            "" => self.crypt.know(came.signed("signature")).map(|()| echo.as_bytes().to_vec()),
            _ => self.crypt.open(came.signed("msg_signature"), echo).map(|opened| opened.message),
        };
        outcome.and_then(|echo| in_time(came, now).map(|()| echo))
    }

    /// Whether WeChat sent this, and what it says.
    pub(super) fn believe(
        &self,
        came: &Came<'_>,
        body: &[u8],
        now: Moment,
    ) -> Result<Believed, Refused> {
        let outcome = if self.mode.is_encrypted() {
            // A body without a ciphertext is as good as one with a wrong one.
            let encrypt = Envelope::read(body).map(|envelope| envelope.encrypt);
            let opened =
                self.crypt.open(came.signed("msg_signature"), &encrypt.unwrap_or_default());
            opened.map(|opened| Believed { message: opened.message, sealing: Some(opened.sealing) })
        } else {
            let known = self.crypt.know(came.signed("signature"));
            known.map(|()| Believed { message: body.to_vec(), sealing: None })
        };
        outcome.and_then(|believed| in_time(came, now).map(|()| believed))
    }

    /// The signature by which this push is known again.
    pub(super) fn signature<'a>(&self, came: &'a Came<'_>) -> Signed<'a> {
        came.signed(if self.mode.is_encrypted() { "msg_signature" } else { "signature" })
    }
}

fn in_time(came: &Came<'_>, now: Moment) -> Result<(), Refused> {
    let at: i64 = came.query("timestamp").parse().map_err(|_| Refused)?;
    let now = now.wall.as_millis() / 1000;
    if at.abs_diff(now) <= WINDOW.as_secs() { Ok(()) } else { Err(Refused) }
}
