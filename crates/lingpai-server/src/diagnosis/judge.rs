//! The judgement: which cause the facts leave, and what speaks for it.

use std::time::Duration;

use lingpai_core::event::What;
use lingpai_core::{AccountId, Failure, Kind, Timestamp};
use lingpai_wechat::protocol::OVERLAP;

use super::schedule::schedule;
use super::story::{Chronicle, Story};
use super::words::{self, span};
use super::{Cause, Diagnosis, Evidence, Facts, Kept, Looks, Question, Trial};
use crate::language::{Bilingual, both};

/// A rotation or a refusal so long ago explains one of now.
const LATELY: Duration = Duration::from_hours(2);
/// So much evidence of one sort is shown.
const SHOWN: usize = 5;

/// Works out why a token was refused.
pub fn diagnose(question: &Question, facts: &Facts<'_>) -> Diagnosis {
    let story = question.token.and_then(|(fingerprint, _)| Story::of(fingerprint, facts));
    let account =
        story.as_ref().map(Story::account).or(question.account.as_ref()).or_else(|| only(facts));
    let case = Case {
        question,
        facts,
        account,
        chronicle: account.map(|account| Chronicle::of(account, facts)).unwrap_or_default(),
    };
    if let Some(diagnosis) = case.of_errcode() {
        return diagnosis;
    }
    match (&story, question.token) {
        (Some(story), _) => case.of_known(story),
        (None, Some((_, looks))) => case.of_unknown(looks),
        (None, None) => case.without_token(),
    }
}

/// The account, if there is only one that may be meant.
fn only<'a>(facts: &Facts<'a>) -> Option<&'a AccountId> {
    let first = &facts.kept.first()?.credential.account;
    facts.kept.iter().all(|kept| kept.credential.account == *first).then_some(first)
}

/// What is asked, what is known, and which account it is about.
struct Case<'a> {
    question: &'a Question,
    facts: &'a Facts<'a>,
    account: Option<&'a AccountId>,
    chronicle: Chronicle<'a>,
}

impl<'a> Case<'a> {
    /// What the code alone says: it blames no token.
    fn of_errcode(&self) -> Option<Diagnosis> {
        let of_code = self.question.errcode.and_then(Cause::of_errcode);
        let cause = of_code.or(self.question.is_down.then_some(Cause::PlatformTrouble))?;
        let mut diagnosis = self.found(cause, true, words::headline(cause, self.account));
        if !self.question.callers.is_empty() {
            diagnosis
                .evidence
                .push(Evidence { at: None, text: words::addresses(&self.question.callers) });
        }
        let failing = &self.chronicle.failing;
        let alike = failing.iter().filter(|(_, failure)| Cause::of_failure(failure) == Some(cause));
        let alike: Vec<_> = alike.collect();
        diagnosis
            .evidence
            .extend(alike.iter().rev().take(SHOWN).rev().map(|(at, failure)| failed(*at, failure)));
        Some(diagnosis)
    }

    fn of_known(&self, story: &Story<'_>) -> Diagnosis {
        if story.credential.kind != Kind::ACCESS_TOKEN
            && story.credential.kind.as_str().ends_with("ticket")
        {
            let headline = both!(
                "This is a {kind} of the account {account}, with which things are signed, and no access_token.",
                "这是账号 {account} 的 {kind}，用于签名，不是 access_token。",
                kind = story.credential.kind,
                account = story.account()
            );
            return self.found(Cause::NotAToken, true, headline).because(story.issue());
        }
        if let Some(wanted) = &self.question.account
            && wanted != story.account()
        {
            let headline = both!(
                "This is the token of the account {account}, and the call was for {wanted}.",
                "这是账号 {account} 的凭据，而调用针对的是 {wanted}。",
                account = story.account(),
                wanted = wanted
            );
            return self.found(Cause::OtherAccount, true, headline).because(story.issue());
        }
        if let Some((at, failure)) = story.refused {
            return self
                .by_other(Some(at))
                .because(story.issue())
                .because([Evidence { at: Some(at), text: words::refused(failure) }]);
        }
        match story.replaced {
            Some((at, _)) if story.expires_at.is_none_or(|end| at < end) => self.by_us(story, at),
            Some(_) => self.expired(story),
            None if story.expires_at.is_some_and(|end| self.facts.now >= end) => {
                self.expired(story)
            }
            None => self.current(story),
        }
    }

    /// Lingpai has put another token in its place.
    fn by_us(&self, story: &Story<'_>, at: Timestamp) -> Diagnosis {
        let reason = story.replaced.and_then(|(_, reason)| reason);
        let end = story.expires_at.map_or(at + OVERLAP, |end| end.min(at + OVERLAP));
        let account = story.account();
        let cause =
            if self.question.errcode == Some(42001) { Cause::Expired } else { Cause::ReplacedByUs };
        let headline = if self.facts.now < end {
            both!(
                "Lingpai replaced this token of the account {account} at {at}. WeChat accepts it until {end} at most.",
                "Lingpai 已在 {at} 更换了账号 {account} 的这个凭据，微信最多接受它到 {end}。",
                account = account,
                at = at,
                end = end
            )
        } else {
            let kept = span(self.facts.now.since(end));
            let (en, zh) = kept.texts();
            both!(
                "Lingpai replaced this token of the account {account} at {at}, and it ended at {end}: whoever still uses it has \
                 kept it for longer than told, by {en}.",
                "Lingpai 已在 {at} 更换了账号 {account} 的这个凭据，它在 {end} 失效：仍在使用它的一方缓存过久，超出了 {zh}。",
                account = account,
                at = at,
                end = end,
                en = en,
                zh = zh
            )
        };
        let why = words::reason(reason);
        let (en, zh) = why.texts();
        let text = both!("Lingpai replaced it, {en}", "Lingpai 更换了它：{zh}", en = en, zh = zh);
        self.found(cause, true, headline)
            .because(story.issue())
            .because([Evidence { at: Some(at), text }])
    }

    /// Its time is over. If no other could be had, that has a cause of its own.
    fn expired(&self, story: &Story<'_>) -> Diagnosis {
        let account = story.account();
        let end = story.expires_at.unwrap_or(self.facts.now);
        let ended =
            Evidence { at: Some(end), text: Bilingual::fixed("Its time was over", "它到期了") };
        let trouble = story.is_current.then(|| self.trouble()).flatten();
        if let Some((cause, since, failure)) = trouble {
            let what = words::headline(cause, Some(account));
            let (en, zh) = what.texts();
            let headline = both!(
                "This token expired at {end}, and no other could be had since. {en}",
                "这个凭据已在 {end} 过期，此后未能获取新的凭据。{zh}",
                end = end,
                en = en,
                zh = zh
            );
            let failed = since.map(|at| failed(at, failure));
            return self
                .found(cause, true, headline)
                .because(story.issue())
                .because(failed)
                .because([ended]);
        }
        let headline = both!(
            "This token of the account {account} expired at {end}.",
            "账号 {account} 的这个凭据已在 {end} 过期。",
            account = account,
            end = end
        );
        self.found(Cause::Expired, true, headline).because(story.issue()).because([ended])
    }

    /// It should be good.
    fn current(&self, story: &Story<'_>) -> Diagnosis {
        let account = story.account();
        let accepted = match self.facts.trial {
            Some(Trial::Accepted) => Some(self.facts.now),
            Some(Trial::Refused(failure)) => {
                return self.by_other(None).because(story.issue()).because([Evidence {
                    at: Some(self.facts.now),
                    text: words::refused(failure),
                }]);
            }
            _ => story.accepted_at,
        };
        let accepted = accepted.map(|at| Evidence {
            at: Some(at),
            text: Bilingual::fixed("WeChat accepted it on a trial", "经验证，微信接受它"),
        });
        let headline = both!(
            "This is the current token of the account {account}, good until {end}: the call that was refused is at fault.",
            "这是账号 {account} 的当前凭据，有效期至 {end}：问题在被拒绝的那次调用。",
            account = account,
            end = story.expires_at.unwrap_or(self.facts.now)
        );
        let is_certain = accepted.is_some();
        self.found(Cause::Current, is_certain, headline).because(story.issue()).because(accepted)
    }

    /// Somebody else fetches tokens.
    fn by_other(&self, at: Option<Timestamp>) -> Diagnosis {
        let times = &self.chronicle.rogue;
        let mut headline = words::headline(Cause::ReplacedByOther, self.account);
        if let (Some(first), count @ 1..) = (times.first(), times.len()) {
            let (en, zh) = headline.texts();
            headline = both!(
                "{en} That was first seen at {first} ({count} seen in all).",
                "{zh}首次发现于 {first}，共 {count} 次。",
                en = en,
                zh = zh,
                first = first,
                count = count
            );
        }
        let period = schedule(times);
        if let Some(period) = period {
            let (en, zh) = headline.texts();
            let minutes = period.as_secs() / 60;
            headline = both!(
                "{en} The times repeat: it fetches about every {minutes} minutes, on a schedule.",
                "{zh}时间有规律：它大约每 {minutes} 分钟获取一次，像是定时任务。",
                en = en,
                zh = zh,
                minutes = minutes
            );
        }
        let earlier = times.iter().filter(|time| Some(**time) != at).rev().take(SHOWN);
        let earlier = earlier.map(|time| Evidence {
            at: Some(*time),
            text: Bilingual::fixed(
                "WeChat refused a token of the account that Lingpai had not replaced",
                "微信拒绝了该账号的一个凭据，而 Lingpai 没有更换过它",
            ),
        });
        let is_certain = at.is_some() || !times.is_empty();
        let diagnosis = self.found(Cause::ReplacedByOther, is_certain, headline).because(earlier);
        Diagnosis { schedule: period, ..diagnosis }
    }

    /// Lingpai has not issued it, as far as the events reach.
    fn of_unknown(&self, looks: Looks) -> Diagnosis {
        if looks == Looks::Virtual {
            let headline = Bilingual::fixed(
                "This is a virtual token of Lingpai's: it is good at the gateway only, and WeChat does not know it.",
                "这是 Lingpai 的虚拟凭据：只能用于网关，微信不认识它。",
            );
            return self.found(Cause::VirtualToken, true, headline);
        }
        if looks != Looks::Token {
            return self.found(Cause::NotAToken, true, words::looks(looks));
        }
        let is_of_person = matches!(self.facts.trial, Some(Trial::OfPerson));
        if is_of_person || self.question.is_of_person {
            let told = is_of_person.then(|| Evidence {
                at: Some(self.facts.now),
                text: Bilingual::fixed(
                    "WeChat accepted it on a path for people's tokens (/sns/auth)",
                    "微信在用户凭据的接口（/sns/auth）上接受了它",
                ),
            });
            let headline = words::headline(Cause::UserToken, self.account);
            return self.found(Cause::UserToken, is_of_person, headline).because(told);
        }
        if let Some((cause, since, failure)) = self.trouble()
            && self.facts.kept.iter().all(|kept| kept.current.is_none())
        {
            let headline = words::headline(cause, self.account);
            return self.found(cause, false, headline).because(since.map(|at| failed(at, failure)));
        }
        let since = self.reach();
        let (en, zh) = since.as_ref().map_or(("", ""), Bilingual::texts);
        let is_good = matches!(self.facts.trial, Some(Trial::Accepted));
        let headline = if is_good {
            both!(
                "WeChat accepts this token, and Lingpai has not issued it{en}: another system fetched it.",
                "微信接受这个凭据，但{zh}不是 Lingpai 获取的：另有系统获取了它。",
                en = en,
                zh = zh
            )
        } else {
            both!(
                "Lingpai has not issued this token{en}: another system fetched it, or it is of an account that is not kept here.",
                "这个凭据{zh}不是 Lingpai 获取的：另有系统获取了它，或它属于不由这里维护的账号。",
                en = en,
                zh = zh
            )
        };
        let rogue = self.chronicle.rogue.last().map(|at| Evidence {
            at: Some(*at),
            text: Bilingual::fixed(
                "Another system was seen to fetch tokens of the account",
                "发现另有系统获取该账号的凭据",
            ),
        });
        self.found(Cause::NotOurs, is_good, headline).because(rogue)
    }

    /// Nothing but an error, or not even that.
    fn without_token(&self) -> Diagnosis {
        let now = self.facts.now;
        let is_late = |at: &Timestamp| now.since(*at) < LATELY;
        let blamed = self.question.errcode;
        if self.question.is_of_person && blamed.is_some() {
            let headline = words::headline(Cause::UserToken, self.account);
            return self.found(Cause::UserToken, false, headline);
        }
        if self.chronicle.rogue.last().is_some_and(is_late) {
            return Diagnosis { certain: false, ..self.by_other(None) };
        }
        if let Some((cause, since, failure)) = self.trouble() {
            let headline = words::headline(cause, self.account);
            return self.found(cause, false, headline).because(since.map(|at| failed(at, failure)));
        }
        if blamed == Some(42001) {
            let headline = words::headline(Cause::Expired, self.account);
            return self.found(Cause::Expired, true, headline);
        }
        if let (Some(at), Some(account)) = (self.chronicle.rotated_at.filter(is_late), self.account)
            && blamed.is_some()
        {
            let headline = both!(
                "Lingpai last replaced the token of the account {account} at {at}: whoever was refused after that most likely \
                 still uses the one before.",
                "Lingpai 最近在 {at} 更换了账号 {account} 的凭据：此后被拒绝的一方很可能还在使用之前的凭据。",
                account = account,
                at = at
            );
            return self.found(Cause::ReplacedByUs, false, headline);
        }
        self.found(Cause::Unknown, false, words::headline(Cause::Unknown, self.account))
            .because([self.looked_at()])
    }

    /// What stands in the way of a new token.
    fn trouble(&self) -> Option<(Cause, Option<Timestamp>, &'a Failure)> {
        let told = self.chronicle.trouble().map(|(since, failure)| (Some(since), failure));
        let of_account = |kept: &&Kept| Some(&kept.credential.account) == self.account;
        let kept = || {
            let kept = self.facts.kept.iter().find(of_account)?;
            kept.failure.as_ref().map(|failure| (None, failure))
        };
        let (since, failure) = told.or_else(kept)?;
        Some((Cause::of_failure(failure)?, since, failure))
    }

    /// How far back the events reach, for a sentence.
    fn reach(&self) -> Option<Bilingual> {
        let since = self.facts.events.last()?.at;
        Some(both!(" since {since}", "自 {since} 以来", since = since))
    }

    fn looked_at(&self) -> Evidence {
        let events = self.facts.events;
        let rotations = events.iter().filter(|event| matches!(event.what, What::Rotated { .. }));
        let text = both!(
            "Looked at: events ({events}, of which rotations: {rotations}) and credentials as they are now ({kept})",
            "已查看：{events} 条事件（其中 {rotations} 次更换）、{kept} 个凭据的现状",
            events = events.len(),
            rotations = rotations.count(),
            kept = self.facts.kept.len()
        );
        Evidence { at: events.last().map(|event| event.at), text }
    }

    fn found(&self, cause: Cause, certain: bool, headline: Bilingual) -> Diagnosis {
        Diagnosis {
            cause,
            certain,
            account: self.account.cloned(),
            headline,
            evidence: Vec::new(),
            remedy: words::remedy(cause),
            schedule: None,
        }
    }
}

impl Story<'_> {
    /// That Lingpai has issued it.
    fn issue(&self) -> Option<Evidence> {
        Some(Evidence { at: Some(self.issued_at?), text: words::issued(self.expires_at) })
    }
}

impl Diagnosis {
    /// The same with more that speaks for it.
    fn because(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        // What has no time stands first.
        self.evidence.sort_by_key(|evidence| evidence.at);
        self
    }
}

fn failed(at: Timestamp, failure: &Failure) -> Evidence {
    Evidence { at: Some(at), text: words::failed(failure) }
}
