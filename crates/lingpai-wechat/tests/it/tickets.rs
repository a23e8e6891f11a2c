//! What the issuer of a ticket sends, and what it does about a token that is refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use lingpai_core::{
    Account, AccountKind, Class, Failure, Issuer, Kind, Mode, Parent, Renewal, Secret, Verdict, Way,
};
use lingpai_wechat::Ticket;

use crate::support::{InProcess, TOKEN, account, token};

const SUCCESS: &str =
    r#"{"errcode":0,"errmsg":"ok","ticket":"kgt8ON7yVITDhtdwci0qeQ","expires_in":7200}"#;
const REFUSED: &str = r#"{"errcode":40001,"errmsg":"invalid credential"}"#;

/// A token, and the one that takes its place when it is reported.
#[derive(Debug)]
pub(crate) struct Tokens {
    better: &'static str,
    pub(crate) reported: Mutex<Vec<String>>,
}

#[async_trait]
impl Parent for Tokens {
    async fn value(&self) -> Result<Secret, Failure> {
        Ok(Secret::from(TOKEN))
    }

    async fn instead_of(&self, refused: &Secret) -> Result<Secret, Failure> {
        self.reported.lock().unwrap().push(refused.expose().to_owned());
        Ok(Secret::from(self.better))
    }
}

pub(crate) fn tokens(better: &'static str) -> Arc<Tokens> {
    Arc::new(Tokens { better, reported: Mutex::default() })
}

fn issuer(wechat: &Arc<InProcess>, ticket: Ticket, tokens: &Arc<Tokens>) -> Arc<dyn Issuer> {
    let parent: Arc<dyn Parent> = Arc::<Tokens>::clone(tokens);
    wechat.issuer(Mode::Stable).dependent(&ticket.kind(), parent).unwrap()
}

/// Refuses [`TOKEN`] and takes every other.
fn refuses_the_first(request: &Request<Bytes>) -> String {
    let is_first = request.uri().query().unwrap_or_default().contains(TOKEN);
    if is_first { REFUSED } else { SUCCESS }.to_owned()
}

#[tokio::test]
async fn a_ticket_is_asked_for_by_its_type_with_the_token_in_the_query() {
    for (ticket, of) in [(Ticket::JSAPI, "jsapi"), (Ticket::WX_CARD, "wx_card")] {
        let wechat = InProcess::answering(SUCCESS);
        let issuer = issuer(&wechat, ticket, &tokens("unused"));
        let issued = issuer.issue(Way::Primary, None).await.unwrap();
        assert_eq!(
            (issued.value.expose(), issued.life.as_secs()),
            ("kgt8ON7yVITDhtdwci0qeQ", 7200)
        );
        let request = wechat.seen.lock().unwrap().remove(0);
        let expected = format!("/cgi-bin/ticket/getticket?access_token={TOKEN}&type={of}");
        assert_eq!(request.uri().path_and_query().unwrap(), &*expected);
        assert!(matches!(issuer.profile().primary, Renewal::Surviving));
        assert!(matches!(issuer.check(&token()).await, Verdict::Inconclusive(_)));
    }
}

#[tokio::test]
async fn a_refused_token_is_reported_and_the_call_made_once_more() {
    let wechat = InProcess::new(|request| Some(Ok(refuses_the_first(request))));
    let tokens = tokens("71_better");
    issuer(&wechat, Ticket::JSAPI, &tokens).issue(Way::Primary, None).await.unwrap();
    assert_eq!(*tokens.reported.lock().unwrap(), [TOKEN]);
    assert_eq!(wechat.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_that_is_good_after_all_is_not_tried_again() {
    let wechat = InProcess::answering(REFUSED);
    let failure = issuer(&wechat, Ticket::JSAPI, &tokens(TOKEN)).issue(Way::Primary, None).await;
    assert_eq!(failure.unwrap_err().code, Some(40001));
    assert_eq!(wechat.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_token_that_is_refused_too_ends_it() {
    let wechat = InProcess::answering(REFUSED);
    let failure =
        issuer(&wechat, Ticket::JSAPI, &tokens("71_better")).issue(Way::Primary, None).await;
    assert_eq!(failure.unwrap_err().code, Some(40001));
    assert_eq!(wechat.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn refusals_have_their_class_and_tell_no_token() {
    for (code, class) in [
        (-1, Class::Transient),
        (45009, Class::Quota),
        (48001, Class::NeedsPerson),
        (40164, Class::NeedsPerson),
    ] {
        let body = format!(r#"{{"errcode":{code},"errmsg":"no {TOKEN}"}}"#);
        let wechat = InProcess::answering(body);
        let failure = issuer(&wechat, Ticket::WX_CARD, &tokens("unused"))
            .issue(Way::Primary, None)
            .await
            .unwrap_err();
        assert_eq!(failure.class, class, "{code}");
        assert!(!failure.to_string().contains(TOKEN), "{failure}");
    }
    let wechat = InProcess::answering(r#"{"errcode":0,"errmsg":"ok","expires_in":7200}"#);
    let failure = issuer(&wechat, Ticket::WX_CARD, &tokens("unused"))
        .issue(Way::Primary, None)
        .await
        .unwrap_err();
    assert_eq!(failure.message, "the answer has no ticket");
}

#[test]
fn each_kind_of_account_has_its_own_tickets_and_no_others() {
    let wechat = InProcess::answering("").wechat();
    let kinds = |kind| {
        let account = Account { kind, ..account(Mode::Classic) };
        let issuer = wechat.issuer(&account);
        let has = |of: &Kind| issuer.dependent(of, tokens("unused")).is_some();
        for ticket in Ticket::all().map(Ticket::kind) {
            assert_eq!(has(&ticket), issuer.dependents().contains(&ticket), "{ticket}");
        }
        issuer.dependents().iter().map(Kind::to_string).collect::<Vec<_>>()
    };
    assert_eq!(kinds(AccountKind::OfficialAccount), ["jsapi_ticket", "wx_card_ticket"]);
    assert_eq!(kinds(AccountKind::WeCom), ["jsapi_ticket", "agent_config_ticket"]);
    assert!(kinds(AccountKind::MiniProgram).is_empty() && kinds(AccountKind::MiniGame).is_empty());
}
