//! `cargo xtask check`: what must hold besides the tests, the cheap parts first.

use std::fs;

use crate::process::{cargo, command, run};
use crate::{Outcome, deploy, programs, rules, site, tools};

/// Stops at the first part that fails.
///
/// Warnings are denied behind `--` and in `RUSTDOCFLAGS`, never in `RUSTFLAGS`: that would compile
/// every dependency once more.
///
/// # Errors
/// The part that failed; what is wrong has been printed.
pub(crate) fn check() -> Outcome {
    rules::check()?;
    tools::ensure(tools::FOR_FORMAT)?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    tools::ensure(tools::FOR_CHECKS)?;
    run(&mut cargo(&["machete"]))?;
    // The advisory database is a download of its own; `cargo deny check advisories` is for where it
    // is reachable.
    run(&mut cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
    check_alerts()?;
    deploy::check()?;
    site::site()?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // As others depend on it: with the features that it asks for itself, and not those that the workspace needs together.
    run(&mut cargo(&[
        "clippy",
        "--package",
        "lingpai",
        "--package",
        "lingpai-store",
        "--lib",
        "--",
        "-D",
        "warnings",
    ]))?;
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The alert rules that are shipped: their grammar, and what they make of made-up numbers. The grammar of the dashboard's queries.
fn check_alerts() -> Outcome {
    programs::ensure(programs::FOR_CHECKS)?;
    let promtool = programs::file("prometheus", "usr/bin/promtool")?;
    let promtool = |args: [&str; 3]| run(command(&promtool.to_string_lossy()).args(args));
    promtool(["check", "rules", "deploy/prometheus/lingpai.rules.yml"])?;
    promtool(["test", "rules", "deploy/prometheus/lingpai.tests.yml"])?;
    let read = |error| format!("cannot read {DASHBOARD} or write {QUERIES}: {error}");
    let queries = as_rules(&fs::read_to_string(DASHBOARD).map_err(read)?);
    fs::write(QUERIES, queries).map_err(read)?;
    promtool(["check", "rules", QUERIES])
}

const DASHBOARD: &str = "deploy/grafana/lingpai.json";
const QUERIES: &str = "target/dashboard.rules.yml";

/// The queries of a dashboard as a file of rules, which is what promtool reads.
///
/// Both are JSON, so a query is taken over as it is written. Grafana's variables are words within quotes, but for the interval.
fn as_rules(dashboard: &str) -> String {
    let queries = dashboard.split("\"expr\": \"").skip(1).map(|rest| {
        let mut quotes = rest.match_indices('"').map(|(at, _)| at);
        let end = quotes.find(|&at| !rest[..at].ends_with('\\')).unwrap_or(rest.len());
        rest[..end].replace("$__rate_interval", "5m")
    });
    let rules = queries.enumerate().map(|(number, query)| {
        format!("{{\"record\": \"query_{number}\", \"expr\": \"{query}\"}}")
    });
    let rules = rules.collect::<Vec<_>>().join(",\n");
    format!("{{\"groups\": [{{\"name\": \"dashboard\", \"rules\": [\n{rules}\n]}}]}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_a_dashboard_become_rules_with_an_interval_in_place_of_grafana_s() {
        let dashboard = r#"{"targets": [
            {"expr": "rate(a{b=~\"$b\"}[$__rate_interval])", "legendFormat": "expr"}, {"expr": "c"}
        ]}"#;
        let rules = r#"{"groups": [{"name": "dashboard", "rules": [
{"record": "query_0", "expr": "rate(a{b=~\"$b\"}[5m])"},
{"record": "query_1", "expr": "c"}
]}]}
"#;
        assert_eq!(as_rules(dashboard), rules);
    }
}
