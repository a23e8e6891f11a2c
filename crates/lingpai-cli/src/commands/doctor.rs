//! `lingpai doctor`: looks at everything that a token depends on, and says what is wrong and what to do.

use std::io::{self, IsTerminal};
use std::time::Duration;

use lingpai_server::Bilingual;
use lingpai_server::doctor::{Examination, Finding, Step, Ward, summary};
use lingpai_wechat::catalogue::Language;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::args::Doctor;
use crate::client::Client;
use crate::config::{Config, Environment, Source, environment};
use crate::error::Error;
use crate::harmless;
use crate::keeping::Keeping;
use crate::language::{self, either, say, within};
use crate::output::{self, Tone};
use crate::ward::Program;

/// How long a server may take for all accounts of a key: for its house and fifty accounts WeChat is waited for ten seconds each.
const PATIENCE: Duration = Duration::from_mins(10);

/// Has a server do it.
pub(crate) async fn ask(options: Doctor, environment: Environment<'_>) -> Result<(), Error> {
    let Some(asked) = options.looking.asked() else { return Ok(()) };
    let client = Client::of(&asked, environment)?;
    let mut wanted = serde_json::json!({});
    if let Some(account) = &options.account {
        wanted["account"] = account.as_str().into();
    }
    if options.yes {
        wanted["spend_scarce"] = true.into();
    }
    if options.json {
        let answer = client.post_within("/v1/doctor", &wanted, PATIENCE).await?;
        output::print_json(&answer)?;
        return ended(&answer, true);
    }
    let mut messages = client.post_messages("/v1/doctor", &wanted).await?;
    let mut telling = Telling::new();
    while let Some(message) = messages.next().await? {
        let data = harmless::answer(serde_json::from_str(&message.data).unwrap_or_default());
        telling.tell(&message.event, &data)?;
        if message.event == "done" {
            return ended(&data, false);
        }
    }
    Err(Error::said(either(
        "the server ended before the check-up was done. Run it again",
        "检查尚未完成，服务就结束了。请重新运行",
    )))
}

/// Looks into the store of the configuration, from this machine. A configuration that cannot be read and a store that cannot be
/// opened are findings too, behind which nothing else can be looked at.
pub(crate) async fn here(
    options: Doctor,
    config: Result<Config, Error>,
    source: Source,
) -> Result<(), Error> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            // What it says, it says in the language of the command; the other one is read anew.
            let read = |language| {
                within(language, || source.load(&environment).err().map(|error| error.to_string()))
            };
            let (english, chinese) = (read(Language::English), read(Language::Chinese));
            let told = |text: Option<String>| text.unwrap_or_else(|| error.to_string());
            let mistakes = Bilingual::made(told(english), told(chinese));
            return tell_all(&[Finding::of_configuration(&Err(mistakes))], options.json);
        }
    };
    let keeping = match Keeping::open(&config.store, config.upstream.clone()).await {
        Ok(keeping) => keeping,
        Err(error) => {
            let file = config.file.as_deref().map(|file| file.display().to_string());
            let read = Finding::of_configuration(&Ok(file));
            let why = match &error {
                Error::Store(error) => Bilingual::of_store(error),
                other => Bilingual::foreign(other),
            };
            let unopened = Finding::of_unopened_store(why);
            return tell_all(&[read, unopened], options.json);
        }
    };
    let outcome = look(&keeping, &config, source, &options).await;
    keeping.close().await;
    ended(&outcome?, options.json)
}

async fn look(
    keeping: &Keeping,
    config: &Config,
    source: Source,
    options: &Doctor,
) -> Result<Value, Error> {
    keeping.merge(config).await?;
    if let Some(id) = &options.account {
        super::account_of(keeping, config, id).await?;
    }
    let house = Program::new(source, config).look().await;
    let (store, directory) = (keeping.store.store(), keeping.store.directory());
    let wechat = keeping.engine.wechat();
    let examination =
        Examination::of_all(Some(&house), (&*store, &*directory), &wechat, &**keeping.clock());
    let examination = match &options.account {
        Some(account) => examination.only(account),
        None => examination,
    };
    let examination = examination.spending_scarce(options.yes);
    let (tell, mut steps) = mpsc::channel::<Step>(1);
    let language = language::current();
    let printing = async {
        let (mut telling, mut plan, mut all) = (Telling::new(), Value::Null, Vec::new());
        while let Some(step) = steps.recv().await {
            let (name, data) = step.message(language);
            if !options.json {
                telling.tell(name, &data)?;
            }
            match step {
                Step::Plan(_) => plan = data,
                Step::Checking(..) => {}
                Step::Found(finding) => all.push(*finding),
            }
        }
        Ok::<_, Error>((plan, all))
    };
    let (_, told) = tokio::join!(examination.run(tell), printing);
    let (plan, all) = told?;
    let mut answer = summary(&all);
    answer["plan"] = plan;
    answer["findings"] = all.iter().map(|finding| finding.to_json(language)).collect();
    if options.json {
        output::print_json(&answer)?;
    }
    Ok(answer)
}

/// What is told for people while it goes on: what it will cost and what is being looked at on standard error, the latter only
/// on a terminal, where the next line takes its place; and each finding when it is there.
struct Telling {
    is_live: bool,
}

impl Telling {
    fn new() -> Self {
        Self { is_live: io::stderr().is_terminal() }
    }

    fn tell(&mut self, name: &str, data: &Value) -> Result<(), Error> {
        let word = |name: &str| data[name].as_str().unwrap_or_default();
        match name {
            "plan" => output::tell(&format!("{}\n", word("text"))),
            "checking" if self.is_live => {
                let (what, of) = (word("title"), word("account"));
                output::draw(&say!("checking: {what} {of}", "正在检查：{what} {of}"));
            }
            "finding" => {
                if self.is_live {
                    output::draw("");
                }
                output::print(&shown(data))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Tells a few findings, behind which there is nothing more to look at.
fn tell_all(findings: &[Finding], as_json: bool) -> Result<(), Error> {
    let language = language::current();
    let mut answer = summary(findings);
    let shown_all: Vec<Value> = findings.iter().map(|finding| finding.to_json(language)).collect();
    if as_json {
        answer["findings"] = shown_all.into();
        output::print_json(&answer)?;
    } else {
        for finding in &shown_all {
            output::print(&shown(finding))?;
        }
    }
    ended(&answer, as_json)
}

/// One finding, and below it what to do.
fn shown(finding: &Value) -> String {
    let word = |name: &str| finding[name].as_str().unwrap_or_default();
    let (mark, tone) = match word("verdict") {
        "passed" => (either("ok", "通过"), Tone::Good),
        "warned" => (either("warning", "警告"), Tone::Warning),
        "failed" => (either("FAILED", "失败"), Tone::Bad),
        _ => (either("skipped", "跳过"), Tone::Faint),
    };
    let of = [word("account"), word("subject")].into_iter().filter(|of| !of.is_empty());
    let of: String = of.map(|of| format!(" {of}")).collect();
    let cause = finding["cause"].as_str().map(|cause| format!(" [{cause}]")).unwrap_or_default();
    let mut text =
        format!("{} {}{of}{cause}: {}", output::paint(tone, mark), word("title"), word("evidence"));
    if let Some(remedy) = finding["remedy"].as_str() {
        text += &format!("\n    {} {remedy}", either("What to do:", "处理办法："));
    }
    text
}

/// Tells what it came to, in words and by the exit code.
fn ended(summary: &Value, as_json: bool) -> Result<(), Error> {
    let count = |name: &str| summary[name].as_u64().unwrap_or_default();
    let (passed, warned, failed) = (count("passed"), count("warned"), count("failed"));
    if !as_json {
        output::tell(&say!(
            "\npassed {passed}, warned {warned}, failed {failed}; calls of WeChat's: {calls}",
            "\n通过 {passed}，警告 {warned}，失败 {failed}；调用微信 {calls} 次",
            calls = count("calls")
        ));
    }
    match (warned, failed) {
        (0, 0) => Ok(()),
        (_, 0) => Err(Error::Unwell { failed: false }),
        _ => Err(Error::Unwell { failed: true }),
    }
}
