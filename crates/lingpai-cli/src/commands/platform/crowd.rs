//! `lingpai platform authorizers`, `import` and `recover`: by a running server, or on the store of this machine.

use std::io::{self, IsTerminal};
use std::path::Path;

use lingpai_core::audit::Action;
use lingpai_core::{Account, AccountId, AccountKind};
use lingpai_server::authorize::{Admission, Newcomer, NotInvited};
use lingpai_wechat::catalogue::Language;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use super::rows::{self, Row};
use crate::args::{Asked, PlatformImport};
use crate::client::Client;
use crate::commands::alone::unless_interrupted;
use crate::commands::noted;
use crate::config::{Config, Environment, StoreAt};
use crate::error::{Deed, Error};
use crate::keeping::Keeping;
use crate::language::{self, either, say};
use crate::notices::Taker;
use crate::output::{self, bar, draw};

/// So many are sent at once.
const AT_ONCE: usize = 500;
/// A server stores so many and asks WeChat in this time.
const DEADLINE: Duration = Duration::from_secs(60);

/// Who does it.
enum Hands {
    Server(Box<Client>),
    Store(Box<Keeping>, Box<Taker>),
}

/// What came of how many.
#[derive(Default)]
struct Tally {
    added: usize,
    unchanged: usize,
    classified: usize,
    replaced: usize,
    kept: Vec<String>,
    taken: Vec<String>,
}

/// `lingpai platform authorizers`.
pub(super) async fn list(
    platform: &AccountId,
    asked: &Asked,
    json: bool,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let client = Client::of(asked, environment)?;
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/accounts/{platform}/authorizers?{after}");
        let mut page = client.get(&path).await?;
        if let Value::Array(found) = page["authorizers"].take() {
            all.extend(found);
        }
        match page["next"].as_str() {
            Some(next) => after = format!("after={next}"),
            None => break,
        }
    }
    if json {
        return output::print_json(&Value::Array(all));
    }
    if all.is_empty() {
        output::tell(&say!(
            "Nobody has authorised {platform}. A link for that: lingpai platform authorize {platform}",
            "还没有账号授权给 {platform}。生成授权链接：lingpai platform authorize {platform}"
        ));
        return Ok(());
    }
    let heading = match language::current() {
        Language::English => ["ACCOUNT", "STATE", "ADDED", "CHANGED"],
        Language::Chinese => ["账号", "状态", "添加时间", "更改时间"],
    };
    let row = |it: &Value| {
        ["account", "state", "added_at", "changed_at"]
            .map(|name| it[name].as_str().unwrap_or_default().to_owned())
    };
    let heading = std::iter::once(heading.map(str::to_owned));
    let rows: Vec<_> = heading.chain(all.iter().map(row)).collect();
    output::print(&output::table(&rows))
}

/// `lingpai platform import`.
pub(super) async fn import(
    wanted: &PlatformImport,
    config: Option<Config>,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let path = &wanted.file;
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.clone(),
        deed: Deed::Read,
        advice: either("Name a file of CSV or JSON", "请指定 CSV 或 JSON 文件"),
        source,
    })?;
    let (rows, bad) = rows::read(&text).map_err(|why| no_table(path, &why))?;
    for bad in &bad {
        let (line, why) = (bad.line, &bad.why);
        output::tell(&say!("line {line}: {why}", "第 {line} 行：{why}"));
    }
    let hands = Hands::of(wanted.elsewhere.asked().as_ref(), config, environment).await?;
    let mut tally = Tally::default();
    let work = async {
        let platform = hands.platform(&wanted.platform).await?;
        let mut progress = Progress::start(rows.len());
        for part in rows.chunks(AT_ONCE) {
            for (row, outcome) in
                part.iter().zip(hands.admit(&platform, part, wanted.replace).await?)
            {
                tally.note(&row.account, Some(row.line), &outcome);
            }
            progress.hear(tally.done());
        }
        Ok(())
    };
    let outcome = unless_interrupted(work).await;
    hands.note("platform import", &wanted.platform, Action::AuthorizersImported, &tally).await;
    hands.close().await;
    tally.tell(wanted.replace);
    if outcome.is_err() {
        let (done, all) = (tally.done(), rows.len());
        output::tell(&say!(
            "{done} of {all} are stored. Run it again: it goes on where it was, since those are unchanged then.",
            "已保存 {all} 个中的 {done} 个。重新运行即可继续：已保存的不会改变。"
        ));
    }
    outcome?;
    match bad.len() + tally.taken.len() {
        0 => Ok(()),
        count => Err(Error::said(say!(
            "{count} lines were not taken: they are told above. All others are stored; correct these, and run it again",
            "有 {count} 行没有采用，原因见上。其余均已保存；请改正后重新运行"
        ))),
    }
}

/// `lingpai platform recover`.
pub(super) async fn recover(
    platform: &AccountId,
    asked: Option<Asked>,
    config: Option<Config>,
    environment: Environment<'_>,
) -> Result<(), Error> {
    let hands = Hands::of(asked.as_ref(), config, environment).await?;
    let mut tally = Tally::default();
    let work = async {
        let platform = hands.platform(platform).await?;
        let mut progress = None;
        let mut offset = 0;
        loop {
            let page = hands.recover(&platform, offset).await?;
            for outcome in page["outcomes"].as_array().into_iter().flatten() {
                let account = outcome["account"].as_str().unwrap_or_default().parse();
                if let (Ok(account), Some(outcome)) = (account, outcome["outcome"].as_str()) {
                    tally.note(&account, None, outcome);
                }
            }
            let total = page["total"].as_u64().and_then(|total| usize::try_from(total).ok());
            let progress = progress.get_or_insert_with(|| Progress::start(total.unwrap_or(0)));
            progress.hear(tally.done());
            match page["next"].as_u64() {
                Some(next) => offset = next,
                None => return Ok(()),
            }
        }
    };
    let outcome = unless_interrupted(work).await;
    hands.note("platform recover", platform, Action::AuthorizersRecovered, &tally).await;
    hands.close().await;
    tally.tell(true);
    outcome
}

impl Hands {
    async fn of(
        asked: Option<&Asked>,
        config: Option<Config>,
        environment: Environment<'_>,
    ) -> Result<Self, Error> {
        match (asked, config) {
            (Some(asked), _) => Ok(Self::Server(Box::new(Client::of(asked, environment)?))),
            (None, Some(config)) => {
                if let StoreAt::Memory = config.store {
                    return Err(crate::commands::only_the_server_sees_it());
                }
                let keeping = Keeping::open(&config.store, config.upstream.clone()).await?;
                keeping.merge(&config).await?;
                let taker = Box::new(Taker::new(&keeping));
                Ok(Self::Store(Box::new(keeping), taker))
            }
            (None, None) => Err(Error::said(either("there is no configuration", "没有配置"))),
        }
    }

    /// The platform's account; a server looks at that itself.
    async fn platform(&self, id: &AccountId) -> Result<Account, Error> {
        let nobody = || {
            let secret = lingpai_core::Secret::default();
            Account::new(id.clone(), secret, lingpai_core::Timestamp::default())
        };
        let Self::Store(keeping, _) = self else { return Ok(nobody()) };
        let account = keeping.store.directory().account(id).await?;
        account.filter(|account| account.kind == AccountKind::Platform).ok_or_else(|| {
            Error::said(say!(
                "{id} is no third-party platform in this store. `lingpai account list` shows the accounts there are",
                "存储中没有名为 {id} 的第三方平台。`lingpai account list` 列出已有的账号"
            ))
        })
    }

    /// What came of each row, in their order.
    async fn admit(
        &self,
        platform: &Account,
        part: &[Row],
        replace: bool,
    ) -> Result<Vec<String>, Error> {
        match self {
            Self::Server(client) => {
                let row = |row: &Row| json!({"account": row.account, "refresh_token": row.refresh_token.expose(), "kind": row.sort});
                let rows: Vec<_> = part.iter().map(row).collect();
                let order = json!({"authorizers": rows, "replace": replace});
                let path = format!("/v1/accounts/{}/authorizers", platform.id);
                let answer = client.post_within(&path, &order, DEADLINE).await?;
                let outcomes = answer["outcomes"].as_array().cloned().unwrap_or_default();
                let word = |it: Value| it["outcome"].as_str().unwrap_or_default().to_owned();
                Ok(outcomes.into_iter().map(word).collect())
            }
            Self::Store(_, taker) => {
                let newcomers = part.iter().map(|row| Newcomer {
                    account: row.account.clone(),
                    refresh_token: row.refresh_token.clone(),
                    sort: row.sort,
                });
                let admissions = taker.admit_here(platform, newcomers.collect(), replace).await?;
                Ok(admissions.into_iter().map(|(_, it)| it.as_str().to_owned()).collect())
            }
        }
    }

    /// One page of WeChat's list, as a server answers it.
    async fn recover(&self, platform: &Account, offset: u64) -> Result<Value, Error> {
        match self {
            Self::Server(client) => {
                let path = format!("/v1/accounts/{}/authorizers/recover", platform.id);
                client.post_within(&path, &json!({"offset": offset}), DEADLINE).await
            }
            Self::Store(keeping, taker) => {
                keeping.keep(platform);
                let page = timeout(DEADLINE, taker.recover_here(platform, offset)).await;
                let page = page.map_err(|_| {
                    Error::said(either(
                        "WeChat did not answer in time. Check the way to it, and run it again",
                        "微信没有及时应答。请检查网络，然后重新运行",
                    ))
                })?;
                let page = page.map_err(|why| match why {
                    NotInvited::Store(error) => error.into(),
                    NotInvited::Refused(failure) => {
                        Error::said(say!("{failure}", "微信没有给出列表：{failure}"))
                    }
                    NotInvited::NoPlatform => {
                        Error::said(either("it is no platform", "它不是第三方平台"))
                    }
                })?;
                let outcome = |(account, admission): (AccountId, Admission)| json!({"account": account, "outcome": admission.as_str()});
                let outcomes: Vec<_> = page.admissions.into_iter().map(outcome).collect();
                Ok(json!({"total": page.total, "next": page.next, "outcomes": outcomes}))
            }
        }
    }

    /// Notes in the store what was done on it; a server notes that itself.
    async fn note(&self, command: &str, platform: &AccountId, action: Action, tally: &Tally) {
        if let Self::Store(keeping, _) = self
            && tally.done() > 0
        {
            noted::with_account(&keeping.store, command, platform, action).await;
        }
    }

    async fn close(self) {
        if let Self::Store(keeping, taker) = self {
            drop(taker);
            keeping.close().await;
        }
    }
}

impl Tally {
    fn note(&mut self, account: &AccountId, line: Option<usize>, outcome: &str) {
        let whose = match line {
            Some(line) => say!("line {line}: {account}", "第 {line} 行：{account}"),
            None => account.to_string(),
        };
        match outcome {
            "added" => self.added += 1,
            "unchanged" => self.unchanged += 1,
            "classified" => self.classified += 1,
            "replaced" => self.replaced += 1,
            "kept" => self.kept.push(whose),
            _ => self.taken.push(whose),
        }
    }

    fn done(&self) -> usize {
        let Self { added, unchanged, classified, replaced, kept, taken } = self;
        added + unchanged + classified + replaced + kept.len() + taken.len()
    }

    fn tell(&self, replace: bool) {
        for whose in &self.taken {
            output::tell(&say!(
                "{whose} is kept with a secret of its own, or for another platform, and was left alone. Remove it first: lingpai account \
                 remove",
                "{whose} 已用自己的 AppSecret 或属于其他平台，保持不变。请先移除：lingpai account remove"
            ));
        }
        if !replace {
            for whose in &self.kept {
                output::tell(&say!(
                    "{whose} has another refresh token here, which stays: it may be newer. --replace takes that of the file",
                    "{whose} 在这里的 refresh_token 不同，予以保留：它可能更新。--replace 则采用文件中的"
                ));
            }
        }
        let Self { added, unchanged, classified, replaced, .. } = self;
        if *classified > 0 {
            output::tell(&say!(
                "{classified} are known as Mini Programs from now on; their refresh tokens stay",
                "{classified} 个从此记为小程序；它们的 refresh_token 保持不变"
            ));
        }
        let kept = self.kept.len();
        output::tell(&say!(
            "{added} added, {unchanged} unchanged, {replaced} with another refresh token, {kept} left as they were",
            "新增 {added} 个，未变 {unchanged} 个，更换 refresh_token {replaced} 个，保持原样 {kept} 个"
        ));
    }
}

/// How far it is: one line that changes where standard error is a terminal. Dropping it clears the line.
struct Progress(Option<usize>);

impl Progress {
    fn start(total: usize) -> Self {
        Self((io::stderr().is_terminal() && total > 0).then_some(total))
    }

    fn hear(&mut self, done: usize) {
        if let Self(Some(total)) = self {
            let share = done as f64 / *total as f64;
            draw(&say!("{bar} {done} of {total}", "{bar} {done}/{total}", bar = bar(share)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.is_some() {
            draw("");
        }
    }
}

fn no_table(path: &Path, why: &str) -> Error {
    Error::said(say!("{path}: {why}", "{path}：{why}", path = path.display()))
}
