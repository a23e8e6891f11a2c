//! `lingpai audit`: who read and changed what.

use form_urlencoded::Serializer;
use serde_json::Value;

use crate::args::Audit;
use crate::client::Client;
use crate::config::Environment;
use crate::error::Error;
use crate::language::either;
use crate::output;

/// The most that the server answers at once.
const PAGE: usize = 1000;

/// Asks the server.
pub(crate) async fn run(options: Audit, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let mut found: Vec<Value> = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let left = (options.limit as usize).saturating_sub(found.len());
        if left == 0 {
            break;
        }
        let mut query = Serializer::new(String::new());
        let account = options.account.as_ref().map(ToString::to_string);
        let asked = [
            ("account", &account),
            ("client", &options.client),
            ("since", &options.since),
            ("before", &before),
        ];
        for (name, value) in asked {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.append_pair("limit", &left.min(PAGE).to_string());
        let mut page = client.get(&format!("/v1/audit?{}", query.finish())).await?;
        if let Some(records) = page["records"].as_array_mut() {
            found.append(records);
        }
        match page["next"].as_str() {
            Some(next) => before = Some(next.to_owned()),
            None => break,
        }
    }
    if found.is_empty() {
        output::tell(either("Nothing of that kind is on record.", "没有这样的记录。"));
    }
    // The newest of them come first, and are read last.
    for record in found.iter().rev() {
        if options.json {
            output::print_json_line(record)?;
            continue;
        }
        let text = |name: &str| record[name].as_str().unwrap_or("-");
        let (at, account, text) = (text("at"), text("account"), text("text"));
        output::print(&format!("{at}  {account:<18}  {text}"))?;
    }
    Ok(())
}
