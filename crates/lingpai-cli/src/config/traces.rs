//! The table `[traces]`: where traces go, and which.

use std::path::Path;

use http::HeaderMap;
use lingpai_server::traces::{self, Protocol, Settings};
use lingpai_wechat::wire::{self, BaseUrl};

use super::secret::Reference;
use super::section::{Section, meaning, one_of};
use crate::language::say;

/// The shares that are followed unless something else is said.
const CALLS: f64 = 0.05;
const READS: f64 = 0.001;

/// `None` if there is no collector.
pub(super) fn read(
    root: &mut Section<'_>,
    base: &Path,
    upstream: &wire::Settings,
) -> Option<Settings> {
    let example = "endpoint = \"http://127.0.0.1:4318\"";
    let (table, span) = root.table("traces", example);
    let mut section = Section::new(root.reading(), table, span, Some("LINGPAI_TRACES_"));
    let endpoint = section.text("endpoint", meaning::<BaseUrl>);
    let protocol = section.text("protocol", |text| one_of(&Protocol::NAMED, text));
    let headers = Reference::fetched(&mut section, "headers", Some("LINGPAI_TRACES_HEADERS"), base);
    let service = section.text("service-name", |text| Ok(text.to_owned()));
    let calls = section.text("calls", share);
    let reads = section.text("reads", share);
    let headers = headers.map(|said| {
        traces::headers(said.value.expose()).unwrap_or_else(|number| {
            let what = say!(
                "header {number} of what `headers` refers to is none: write `name=value`, separated by commas",
                "`headers` 引用的内容中，第 {number} 个请求头格式不对：请写 `名称=值`，以逗号分隔"
            );
            section.mistake(said.place, what);
            HeaderMap::new()
        })
    });
    section.end();
    let endpoint = endpoint?.value;
    Some(Settings {
        // Its own way out: what WeChat is reached through is not for it.
        upstream: wire::Settings { hosts: vec![endpoint.clone()], proxy: None, ..upstream.clone() },
        endpoint,
        protocol: protocol.map_or(Protocol::Protobuf, |said| said.value),
        headers: headers.unwrap_or_default(),
        service: service.map_or_else(|| "lingpai".to_owned(), |said| said.value),
        calls: calls.map_or(CALLS, |said| said.value),
        reads: reads.map_or(READS, |said| said.value),
    })
}

/// A share, such as `5%`, as a part of 1.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(say!(
            "`{text}` is no share: write it as `5%` or `0.1%`, from `0%` to `100%`",
            "`{text}` 不是比例：请写成 `5%` 或 `0.1%`，从 `0%` 到 `100%`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, parse_in};
    use super::*;

    #[test]
    fn traces_are_sent_only_where_a_collector_is_named() {
        let none = |_: &str| None;
        assert_eq!(parse_in("", &none).unwrap().traces, None);
        assert_eq!(parse_in("[traces]\ncalls = \"1%\"\n", &none).unwrap().traces, None);
        let headers = |name: &str| (name == "HEADERS").then(|| "api-key=a%20b".to_owned());
        let text = "[traces]\nendpoint = \"http://127.0.0.1:4318\"\nheaders = { env = \"HEADERS\" }\nreads = \"0.5%\"\n";
        let traces = parse_in(text, &headers).unwrap().traces.unwrap();
        assert_eq!((traces.protocol, &*traces.service), (Protocol::Protobuf, "lingpai"));
        assert_eq!((traces.calls, traces.reads), (CALLS, 0.005));
        assert_eq!(traces.headers["api-key"], "a b");
        assert!(!format!("{traces:?}").contains("a b"));
    }

    #[test]
    fn what_is_wrong_with_traces_is_said() {
        let text = "[traces]\nendpoint = \"127.0.0.1\"\nprotocol = \"grpc\"\ncalls = \"0.5\"\nreads = \"101%\"\n";
        let told = mistakes(text).join("\n");
        for part in
            ["`grpc` is none of", "`0.5` is no share", "`101%` is no share", "needs a scheme"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
