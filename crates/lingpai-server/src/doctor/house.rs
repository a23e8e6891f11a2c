//! Checks of what all accounts stand on: configuration, store, the way to WeChat, clock, certificates.

use std::time::Duration;

use lingpai_core::AccountId;
use lingpai_core::store::{Damage, Entry};
use lingpai_wechat::wire::{HostLook, look_at_hosts};
use tokio::time::Instant;

use super::step::Teller;
use super::words::{self, both, fixed};
use super::{Check, Examination, Finding, House, Verdict};
use crate::diagnosis::span;
use crate::language::Bilingual;

/// Whose ledger the store is written to by the doctor.
const OWN: &str = "lingpai.doctor";
/// A write that takes longer holds up rotations.
const SLOW: Duration = Duration::from_secs(1);
/// Less room than this is soon used up.
const LITTLE: u64 = 256 * 1024 * 1024;
/// And less than this is none.
const NONE: u64 = 16 * 1024 * 1024;
/// WeChat tolerates less in what it signs; times in logs are hard to compare from here on.
const SKEW: i64 = 30;
const GREAT_SKEW: i64 = 300;
const SOON: Duration = Duration::from_hours(21 * 24);

pub(super) async fn examine(
    examination: &Examination<'_>,
    house: &House,
    with_wecom: bool,
    tell: &Teller<'_>,
) {
    let say = async |finding: Finding| tell.found(finding).await;
    say(configuration(house)).await;
    tell.looks_at(Check::Store).await;
    say(store(examination, house).await).await;
    if let Some(wanting) = &house.redis {
        say(redis(wanting)).await;
    }
    if let Some(space) = house.space {
        say(room(space)).await;
    }
    let wall = || examination.clock.now().wall;
    tell.looks_at(Check::Host).await;
    match look_at_hosts(&house.upstream, with_wecom, &wall).await {
        Ok(looks) => {
            for (look, place) in looks.iter().zip(0..) {
                say(host(look, place)).await;
            }
            say(clock(&looks)).await;
        }
        Err(error) => {
            let finding = Finding::new(Check::Host, Verdict::Failed, Bilingual::foreign(&error));
            say(finding.mended_by(words::TRUST)).await;
        }
    }
    for (name, ends_at) in &house.certificates {
        let now = wall();
        let finding = match ends_at {
            None => Finding::new(Check::Certificate, Verdict::Skipped, words::END_UNREAD),
            Some(end) => {
                let left = span(end.since(now));
                let (en, zh) = left.texts();
                let (verdict, text) = match end.since(now) {
                    Duration::ZERO => (
                        Verdict::Failed,
                        both!("It ended at {end}.", "它已在 {end} 到期。", end = end),
                    ),
                    left => (
                        if left < SOON { Verdict::Warned } else { Verdict::Passed },
                        both!(
                            "It is good until {end}, {en} from now.",
                            "有效期至 {end}，还有 {zh}。",
                            end = end,
                            en = en,
                            zh = zh
                        ),
                    ),
                };
                let finding = Finding::new(Check::Certificate, verdict, text);
                if verdict == Verdict::Passed {
                    finding
                } else {
                    finding.mended_by(words::NEW_CERTIFICATE)
                }
            }
        };
        say(Finding { subject: Some(name.clone()), ..finding }).await;
    }
}

fn configuration(house: &House) -> Finding {
    of_configuration(&house.configuration)
}

/// A configuration that was read, or all that is wrong with it.
pub(super) fn of_configuration(configuration: &Result<Option<String>, Bilingual>) -> Finding {
    match configuration {
        Ok(Some(file)) => {
            let text = both!("{file} is read without a mistake.", "{file} 读取无误。", file = file);
            Finding::new(Check::Configuration, Verdict::Passed, text)
        }
        Ok(None) => Finding::new(Check::Configuration, Verdict::Passed, words::NO_FILE),
        Err(mistakes) => Finding::new(Check::Configuration, Verdict::Failed, mistakes.clone())
            .mended_by(words::MEND_FILE),
    }
}

/// Writes a line and reads it back. What is acknowledged is durable where the store is.
async fn store(examination: &Examination<'_>, house: &House) -> Finding {
    let day = examination.clock.now().day();
    let entry = Entry::Spent("doctor");
    let start = Instant::now();
    let own: Result<AccountId, _> = OWN.parse();
    let outcome = match own {
        Ok(own) => match examination.store.count(&own, day, entry.clone(), 1).await {
            Ok(()) => examination
                .store
                .ledger(&own, day)
                .await
                .map(|ledger| ledger.contains_key(&entry.name())),
            Err(error) => Err(error),
        },
        Err(_) => Ok(false),
    };
    let took = start.elapsed();
    let (name, millis) = (&house.store, took.as_millis());
    match outcome {
        Ok(true) if !house.is_durable => {
            let text = both!(
                "{name} was written and read in {millis} ms, and ends with this process.",
                "{name} 写入并读回用时 {millis} 毫秒；它随进程结束而消失。",
                name = name,
                millis = millis
            );
            Finding::new(Check::Store, Verdict::Warned, text).mended_by(words::USE_DURABLE)
        }
        Ok(true) => {
            let text = both!(
                "{name} is opened by its key; it was written durably and read in {millis} ms.",
                "{name} 可用主密钥打开；持久写入并读回用时 {millis} 毫秒。",
                name = name,
                millis = millis
            );
            if let Some(finding) = left_out(name, &examination.directory.damage()) {
                return finding;
            }
            let verdict = if took > SLOW { Verdict::Warned } else { Verdict::Passed };
            let finding = Finding::new(Check::Store, verdict, text);
            if took > SLOW { finding.mended_by(words::SLOW_STORE) } else { finding }
        }
        Ok(false) => Finding::new(
            Check::Store,
            Verdict::Failed,
            both!(
                "What was written to {name} could not be read back.",
                "写入 {name} 的内容无法读回。",
                name = name
            ),
        )
        .mended_by(words::STORE),
        Err(error) => {
            // It names the store, and what to do.
            let why = Bilingual::of_store(&error);
            Finding::new(Check::Store, Verdict::Failed, why).mended_by(words::STORE_SAYS)
        }
    }
}

/// What is said of a store that works and has left out records: those that a newer version has written are mended in another way
/// than those that are damaged.
fn left_out(name: &str, all: &[Damage]) -> Option<Finding> {
    let (newer, damaged): (Vec<&Damage>, Vec<&Damage>) =
        all.iter().partition(|damage| damage.newer);
    let Some(first) = damaged.first() else {
        let first = newer.first()?;
        let (count, what, record) = (newer.len(), &first.what, &first.record);
        let text = both!(
            "{name} works, and {count} of its records are left out as they are, such as {record}: {what}",
            "{name} 可用，有 {count} 条记录保持原样而被略去，例如 {record}：{what}",
            name = name,
            count = count,
            what = what,
            record = record
        );
        return Some(Finding::new(Check::Store, Verdict::Warned, text).mended_by(words::NEWER));
    };
    let (count, what, record) = (damaged.len(), &first.what, &first.record);
    let Some(of_newer) = newer.first() else {
        let text = both!(
            "{name} works, and {count} of its records are damaged and left out, such as {record}: {what}",
            "{name} 可用，但有 {count} 条记录损坏而被略去，例如 {record}：{what}",
            name = name,
            count = count,
            record = record,
            what = what
        );
        return Some(Finding::new(Check::Store, Verdict::Failed, text).mended_by(words::DAMAGED));
    };
    let text = both!(
        "{name} works, and {count} of its records are damaged and left out, such as {record}: {what}; {others} more are left out \
         as they are, such as {other}: {why}",
        "{name} 可用，但有 {count} 条记录损坏而被略去，例如 {record}：{what}；另有 {others} 条保持原样而被略去，例如 {other}：{why}",
        name = name,
        count = count,
        record = record,
        what = what,
        others = newer.len(),
        other = &of_newer.record,
        why = &of_newer.what
    );
    let finding = Finding::new(Check::Store, Verdict::Failed, text);
    Some(finding.mended_by(words::DAMAGED_AND_NEWER))
}

fn redis(wanting: &[Bilingual]) -> Finding {
    if wanting.is_empty() {
        return Finding::new(Check::Redis, Verdict::Passed, words::REDIS_FINE);
    }
    let (en, zh): (Vec<_>, Vec<_>) = wanting.iter().map(Bilingual::texts).unzip();
    let text = Bilingual::made(en.join("; "), zh.join("；"));
    Finding::new(Check::Redis, Verdict::Warned, text).mended_by(words::REDIS)
}

fn room((free, whole): (u64, u64)) -> Finding {
    let mib = |bytes: u64| bytes / 1024 / 1024;
    let text = both!(
        "{free} MiB of {whole} MiB are free where the store is.",
        "存储所在位置剩余 {free} MiB，共 {whole} MiB。",
        free = mib(free),
        whole = mib(whole)
    );
    let verdict = match free {
        ..NONE => Verdict::Failed,
        NONE..LITTLE => Verdict::Warned,
        _ => Verdict::Passed,
    };
    let finding = Finding::new(Check::Space, verdict, text);
    if verdict == Verdict::Passed { finding } else { finding.mended_by(words::ROOM) }
}

/// One host. The first is what nearly all calls go to; another that is away costs nothing until the first is, too.
fn host(look: &HostLook, place: usize) -> Finding {
    let millis = |time: Option<Duration>| time.unwrap_or_default().as_millis();
    let finding = match &look.trouble {
        None => {
            let (connected, answered) = (millis(look.connected_in), millis(look.answered_in));
            let addresses: Vec<_> = look.addresses.iter().map(ToString::to_string).collect();
            let (en, zh) = match (look.through_proxy, addresses.join(", ")) {
                (true, _) => ("through the proxy".to_owned(), "通过代理".to_owned()),
                (false, all) => (all.clone(), all),
            };
            let text = both!(
                "{en}: connected in {connected} ms, answered in {answered} ms.",
                "{zh}：连接用时 {connected} 毫秒，应答用时 {answered} 毫秒。",
                en = en,
                zh = zh,
                connected = connected,
                answered = answered
            );
            Finding::new(Check::Host, Verdict::Passed, text)
        }
        Some((what, remedy)) => {
            let verdict = if place == 0 { Verdict::Failed } else { Verdict::Warned };
            let text = if look.addresses.is_empty() && !look.through_proxy {
                both!(
                    "Its name does not resolve here: {what}",
                    "本机无法解析它的域名：{what}",
                    what = what
                )
            } else {
                both!("It cannot be reached: {what}", "无法连接：{what}", what = what)
            };
            let finding = Finding::new(Check::Host, verdict, text);
            let chinese = words::of_failure_in_chinese(remedy);
            Finding { cause: Some(crate::diagnosis::Cause::PlatformTrouble), ..finding }
                .mended_by(Bilingual::made((*remedy).to_owned(), chinese))
        }
    };
    Finding { subject: Some(look.host.clone()), ..finding }
}

fn clock(looks: &[HostLook]) -> Finding {
    let Some(ahead) = looks.iter().find_map(|look| look.ahead) else {
        return Finding::new(Check::Clock, Verdict::Skipped, words::NO_DATE);
    };
    let seconds = ahead.abs();
    let text = match ahead {
        -2..=2 => fixed("It agrees with WeChat's to the second.", "与微信的时间一致。"),
        3.. => both!(
            "It is {seconds} s ahead of WeChat's.",
            "比微信的时间快 {seconds} 秒。",
            seconds = seconds
        ),
        _ => both!(
            "It is {seconds} s behind WeChat's.",
            "比微信的时间慢 {seconds} 秒。",
            seconds = seconds
        ),
    };
    let verdict = match seconds {
        ..SKEW => Verdict::Passed,
        SKEW..GREAT_SKEW => Verdict::Warned,
        _ => Verdict::Failed,
    };
    let finding = Finding::new(Check::Clock, verdict, text);
    if verdict == Verdict::Passed { finding } else { finding.mended_by(words::CLOCK) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(ahead: Option<i64>, trouble: Option<(String, &'static str)>) -> HostLook {
        let (addresses, host) = (vec!["203.0.113.1".parse().unwrap()], "api".to_owned());
        let time = Some(Duration::from_millis(5));
        HostLook {
            host,
            through_proxy: false,
            addresses,
            connected_in: time,
            answered_in: time,
            ahead,
            trouble,
        }
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        for (ahead, verdict) in [
            (Some(0), Verdict::Passed),
            (Some(-29), Verdict::Passed),
            (Some(31), Verdict::Warned),
            (Some(-400), Verdict::Failed),
            (None, Verdict::Skipped),
        ] {
            let found = clock(&[look(ahead, None)]);
            assert_eq!(found.verdict, verdict, "{ahead:?}");
            assert_eq!(found.remedy.is_some(), verdict > Verdict::Passed);
        }
    }

    #[test]
    fn a_host_that_stands_behind_the_first_only_warns() {
        let broken = look(None, Some(("no connection".to_owned(), "Check it.")));
        assert_eq!(host(&broken, 0).verdict, Verdict::Failed);
        assert_eq!(host(&broken, 1).verdict, Verdict::Warned);
        assert_eq!(host(&look(Some(0), None), 0).verdict, Verdict::Passed);
    }

    #[test]
    fn what_a_newer_version_has_written_is_mended_in_another_way_than_what_is_damaged() {
        let record =
            |newer| Damage { table: "accounts", record: "wx1".into(), what: "why".into(), newer };
        assert!(left_out("the store", &[]).is_none());
        for (all, verdict, remedy) in [
            (&[record(true)][..], Verdict::Warned, words::NEWER),
            (&[record(false)], Verdict::Failed, words::DAMAGED),
            (&[record(true), record(false)], Verdict::Failed, words::DAMAGED_AND_NEWER),
        ] {
            let found = left_out("the store", all).unwrap();
            assert_eq!(found.verdict, verdict);
            assert_eq!(found.remedy.unwrap().texts(), remedy.texts());
        }
    }

    #[test]
    fn room_that_ends_is_told_before_it_has_ended() {
        let gib = 1024 * 1024 * 1024;
        assert_eq!(room((gib, 2 * gib)).verdict, Verdict::Passed);
        assert_eq!(room((gib / 10, 2 * gib)).verdict, Verdict::Warned);
        assert_eq!(room((0, 2 * gib)).verdict, Verdict::Failed);
    }
}
