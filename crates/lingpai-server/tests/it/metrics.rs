//! The numbers for Prometheus: bounded, and what the shipped dashboard and alert rules ask for exists.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lingpai_core::{Class, Failure};

use crate::gateway::Forwarding;
use crate::gateway::stand_in::{Plan, Seen};
use crate::house::{House, KEPT, OTHER, now};

/// A house with one good token and one that cannot be had, and a key that may see all.
async fn house() -> (House, String) {
    let house = House::open().await;
    let admin = house.admin().await;
    house.dropin(&house.key).await;
    house
        .upstream
        .fails_with(Failure { code: Some(40125), ..Failure::new(Class::NeedsPerson, "no") });
    house.call(&admin, "GET", &format!("/v1/accounts/{OTHER}/token"), "").await;
    (house, admin)
}

async fn scraped(house: &House, admin: &str, query: &str) -> String {
    // Events are counted a moment after they happened.
    loop {
        let reply = house.call(admin, "GET", &format!("/metrics{query}"), "").await;
        if reply.status != 200 || reply.body.contains("lingpai_fetch_failures_total{") {
            return reply.body;
        }
    }
}

#[tokio::test]
async fn each_credential_tells_its_age_its_end_and_its_fetches() {
    let before = now().as_seconds();
    let (house, admin) = house().await;
    let text = scraped(&house, &admin, "").await;
    // The clock of the house starts at this time, and goes on.
    let name = format!(
        r#"lingpai_token_issued_timestamp_seconds{{account="{KEPT}",kind="access_token"}} "#
    );
    let issued = text.lines().find_map(|line| line.strip_prefix(&name)).expect(&text);
    let issued = issued.parse::<f64>().unwrap() as i64;
    assert!((before - 1..=now().as_seconds() + 60).contains(&issued), "{issued}, from {before} on");
    for line in [
        format!(r#"lingpai_credential_up{{account="{KEPT}",kind="access_token"}} 1.0"#),
        format!(r#"lingpai_credential_up{{account="{OTHER}",kind="access_token"}} 0.0"#),
        format!(r#"lingpai_credential_fetches_today{{account="{KEPT}",kind="access_token"}} 1.0"#),
        r#"lingpai_fetch_failures_total{kind="access_token",way="primary",class="needs-person",errcode="40125"} 1"#.to_owned(),
        "lingpai_fetch_seconds_count 2".to_owned(),
        "lingpai_lease_waits_total 0".to_owned(),
        "lingpai_waiting 0".to_owned(),
        "lingpai_credentials_left_out 0".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} in\n{text}");
    }
    let other_ends = format!("expires_timestamp_seconds{{account=\"{OTHER}\"");
    assert!(!text.contains(&other_ends), "what does not exist has no end");
}

#[tokio::test]
async fn a_scrape_tells_of_as_many_credentials_as_it_asks_for_those_in_trouble_first() {
    let (house, admin) = house().await;
    let text = scraped(&house, &admin, "?credentials=1").await;
    assert!(text.contains(&format!("lingpai_credential_up{{account=\"{OTHER}\"")), "{text}");
    assert!(!text.contains(KEPT), "{text}");
    assert!(text.contains("lingpai_credentials_left_out 1"), "{text}");
    let text = scraped(&house, &admin, "?credentials=0").await;
    assert!(!text.contains("account="), "{text}");
    let refused = scraped(&house, &admin, "?credentials=many").await;
    assert!(refused.contains("query-unreadable"), "{refused}");
}

/// What is told of: names and labels, without the numbers.
async fn series(house: &House, admin: &str, query: &str) -> BTreeSet<String> {
    let text = house.call(admin, "GET", &format!("/metrics{query}"), "").await.body;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test]
async fn however_many_accounts_paths_codes_and_callers_there_are_the_labels_stay_few() {
    // Each path is answered with a code of its own that nobody knows, and some with one that is known.
    let it = Forwarding::to(|seen: &Seen| {
        let path = seen.target().split('?').next().unwrap();
        let number: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
        let errcode = if number % 10 == 0 { 45009 } else { 7_000_000 + number };
        Plan::json(&format!(r#"{{"errcode":{errcode},"errmsg":"no"}}"#))
    })
    .await;
    let admin = it.house.admin().await;
    let much = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            let account = format!("wxmany{number}");
            it.house.keeps(&account);
            it.get(&format!("/cgi-bin/path/{number}")).await;
            it.house.call(&format!("lp_{number}"), "GET", "/v1/accounts", "").await;
            let token = format!("/v1/accounts/{account}/token");
            it.house.call(&admin, "GET", &token, "").await;
        }
    };
    much(0..20).await;
    let few = series(&it.house, &admin, "?credentials=0").await;
    assert!(
        few.contains(r#"lingpai_gateway_answers_total{host="api",errcode="other"}"#),
        "{few:?}"
    );
    much(20..230).await;
    let many = series(&it.house, &admin, "?credentials=0").await;
    assert_eq!(many.difference(&few).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(many.iter().all(|line| !line.contains("wxmany") && !line.contains("lp_")));
    // What a scrape that says nothing of it tells singly is bounded too.
    let usual = series(&it.house, &admin, "").await;
    let accounts: BTreeSet<_> = usual
        .iter()
        .filter_map(|line| line.split_once("account=\"")?.1.split('"').next())
        .collect();
    assert!((100..=200).contains(&accounts.len()), "{}", accounts.len());
}

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The metrics that a text names, without what is put behind the name of a family.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_name(letter)).filter(|word| word.starts_with("lingpai_"));
    let family = |word: &str| {
        let ends = ["_total", "_bucket", "_count", "_sum", "_info"];
        let end = ends.iter().find_map(|end| word.strip_suffix(end));
        end.unwrap_or(word).to_owned()
    };
    words.map(family).collect()
}

#[tokio::test]
async fn what_the_dashboard_and_the_alerts_ask_for_exists_and_is_documented() {
    let (house, admin) = house().await;
    let text = scraped(&house, &admin, "").await;
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    // This house has neither sinks nor a store that nodes share.
    let elsewhere = ["lingpai_node_leases", "lingpai_sink_deliveries", "lingpai_sink_lag_seconds"];
    let there: BTreeSet<_> = families.chain(elsewhere).map(str::to_owned).collect();
    for file in ["deploy/grafana/lingpai.json", "deploy/prometheus/lingpai.rules.yml"] {
        let asked = named(&read(file));
        assert!(asked.len() > 5, "{file} asks for something");
        let missing: Vec<_> = asked.difference(&there).collect();
        assert!(missing.is_empty(), "{file} asks for {missing:?}");
    }
    for page in ["docs/api.md", "docs/zh/api.md"] {
        let told = named(&read(page));
        let missing: Vec<_> = there.difference(&told).collect();
        assert!(missing.is_empty(), "{page} does not tell of {missing:?}");
        // And what is documented can be seen.
        let shown = named(&read("deploy/grafana/lingpai.json"));
        let unseen: Vec<_> = told.difference(&shown).collect();
        assert!(unseen.is_empty(), "the dashboard does not show {unseen:?}");
    }
}
