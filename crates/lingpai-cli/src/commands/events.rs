//! `lingpai events`: what happened on all nodes of a server's store, and what happens.

use std::time::Duration;

use form_urlencoded::Serializer;
use serde_json::Value;

use crate::args::Events;
use crate::client::{Client, Messages};
use crate::config::Environment;
use crate::error::Error;
use crate::harmless;
use crate::language::either;
use crate::output::{self, Tone};

/// The most that the server answers at once.
const PAGE: u32 = 1000;
/// The pause before the stream is opened again after it has ended.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks the server.
pub(crate) async fn run(options: Events, environment: Environment<'_>) -> Result<(), Error> {
    let client = Client::of(&options.asked, environment)?;
    let found = history(&client, &options).await?;
    if found.is_empty() && !options.follow {
        output::tell(either("Nothing of that kind happened.", "没有这样的事件。"));
    }
    // The newest of them come first, and are read last.
    for event in found.iter().rev() {
        show(event, options.json)?;
    }
    if !options.follow {
        return Ok(());
    }
    let mut last = found.first().and_then(|event| event["id"].as_str()).map(str::to_owned);
    if last.is_none() {
        last = newest(&client).await?;
    }
    loop {
        let ended = follow(&client, &options, &mut last).await;
        // A server that is restarted is back in a moment; one that refuses is not asked again.
        if let Err(error) = ended
            && !error.is_unreachable()
        {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The newest events that are asked for, as many as are asked for, the newest first.
async fn history(client: &Client, options: &Events) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let left = options.limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(found);
        }
        let mut query = query(options);
        query.append_pair("limit", &left.min(PAGE).to_string());
        if let Some(before) = &before {
            query.append_pair("before", before);
        }
        let mut page = client.get(&format!("/v1/events/history?{}", query.finish())).await?;
        if let Some(events) = page["events"].as_array_mut() {
            found.append(events);
        }
        match page["next"].as_str() {
            Some(next) => before = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

/// The id of the newest event of all, so that nothing is missed between the history and the stream.
async fn newest(client: &Client) -> Result<Option<String>, Error> {
    let newest = client.get("/v1/events/history?limit=1").await?;
    Ok(newest["events"][0]["id"].as_str().map(str::to_owned))
}

/// Shows what happens until the stream ends. `last` is the id from which it goes on.
async fn follow(client: &Client, options: &Events, last: &mut Option<String>) -> Result<(), Error> {
    let mut query = query(options);
    if let Some(last) = last {
        query.append_pair("after", last);
    }
    let path = format!("/v1/events?{}", query.finish());
    let mut messages: Messages = client.messages(&path).await?;
    while let Some(message) = messages.next().await? {
        if let Some(id) = message.id {
            *last = Some(id);
        }
        match message.event.as_str() {
            "gap" => output::tell(either(
                "Some events are missing here: the store has forgotten them.",
                "此处缺少一些事件：存储已不再保留。",
            )),
            _ => {
                if let Ok(event) = serde_json::from_str::<Value>(&message.data) {
                    show(&harmless::answer(event), options.json)?;
                }
            }
        }
    }
    Ok(())
}

fn query(options: &Events) -> Serializer<'static, String> {
    let mut query = Serializer::new(String::new());
    let account = options.account.as_ref().map(ToString::to_string);
    let asked = [
        ("account", &account),
        ("event", &options.event),
        ("severity", &options.severity),
        ("since", &options.since),
    ];
    for (name, value) in asked {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query
}

fn show(event: &Value, json: bool) -> Result<(), Error> {
    if json {
        return output::print_json_line(event);
    }
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let tone = match text("severity") {
        "error" => Tone::Bad,
        "warning" => Tone::Warning,
        "notice" => Tone::Good,
        _ => Tone::Faint,
    };
    let kind = Some(text("kind")).filter(|kind| !kind.is_empty() && *kind != "access_token");
    let of = [Some(text("account")).filter(|account| !account.is_empty()), kind];
    let of: Vec<_> = of.into_iter().flatten().collect();
    let of = if of.is_empty() { "-".to_owned() } else { of.join(" ") };
    let name = output::paint(tone, &format!("{:<16}", text("event")));
    output::print(&format!("{}  {name}  {of:<18}  {}", text("at"), text("text")))
}
