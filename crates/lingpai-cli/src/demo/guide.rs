//! What to try: lines that work as they are, typed in the directory of the demo.

use std::time::Duration;

use lingpai_core::{AccountId, Mode};

use super::folder::DemoKey;
use super::screen::Screen;
use crate::config::show_duration;
use crate::error::Error;
use crate::output::{Tone, paint};

/// What the lines are made of.
pub(super) struct Guide<'a> {
    pub(super) server: &'a str,
    pub(super) sandbox: &'a str,
    pub(super) account: &'a AccountId,
    pub(super) mode: Mode,
    pub(super) key: &'a DemoKey,
}

impl Guide<'_> {
    /// Shows where everything is, and what to try.
    pub(super) fn show(&self, screen: &mut Screen, lifetime: Duration) -> Result<(), Error> {
        let Self { server, sandbox, account, key, .. } = self;
        let file = key.file.display();
        let data = key.file.parent().unwrap_or(&key.file).display();
        let shown = if key.is_new { key.key.expose() } else { "the one of the first run" };
        let mode = match self.mode {
            Mode::Stable => "stable mode",
            Mode::Classic => "classic mode",
        };
        screen.line(&paint(
            Tone::Strong,
            "Lingpai demo: the server, one account, and a simulated WeChat",
        ))?;
        screen.line("")?;
        screen.line(&format!("  server    {server}"))?;
        screen.line(&format!(
            "  account   {account}, in {mode}; its tokens live {}",
            show_duration(lifetime)
        ))?;
        screen.line(&format!(
            "  WeChat    {sandbox} (the sandbox; {sandbox}/__sandbox/ lists what it can do)"
        ))?;
        screen.line(&format!("  API key   {shown}"))?;
        screen.line(&format!("            kept in {file}, which the lines below read"))?;
        screen.line(&format!(
            "  data      {data}/ (a sealed SQLite store; remove the folder to begin anew)"
        ))?;
        screen.line("")?;
        screen.line(&paint(Tone::Strong, "Try next, in another terminal in this directory:"))?;
        for (what, lines) in self.lines() {
            screen.line("")?;
            screen.line(&format!("  {what}"))?;
            for line in lines {
                screen.line(&format!("    {}", paint(Tone::Code, &line)))?;
            }
        }
        screen.line("")?;
        screen.line(&paint(
            Tone::Strong,
            "What happens (Ctrl-C ends it; start it again and the token is still there):",
        ))
    }

    fn lines(&self) -> Vec<(&'static str, Vec<String>)> {
        let Self { server, sandbox, account, .. } = self;
        let file = self.key.file.display();
        let bearer = format!("-H \"Authorization: Bearer $(cat {file})\"");
        let token = format!("{server}/v1/accounts/{account}/token");
        let drop_in = format!(
            "curl \"{server}/cgi-bin/token?grant_type=client_credential&appid={account}&secret=$(cat {file})\""
        );
        let take = format!(
            "TOKEN=$(curl -s {bearer} {token} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
        );
        let report = format!(
            "curl -X POST {bearer} {token}/report-invalid -d \"{{\\\"access_token\\\":\\\"$TOKEN\\\"}}\""
        );
        let revoke = format!("curl -X POST {sandbox}/__sandbox/apps/{account}/revoke -d '{{}}'");
        let fail = format!(
            "curl -X POST {sandbox}/__sandbox/faults -d '{{\"fault\":\"errcode\",\"errcode\":-1,\"path\":\"*token\",\"for_seconds\":90}}'"
        );
        let mend = format!("curl -X DELETE {sandbox}/__sandbox/faults");
        let count = format!("curl {sandbox}/__sandbox/counters");
        let program = std::env::args().next().unwrap_or_else(|| "lingpai".to_owned());
        let explain = format!(
            "{program} explain \"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist\""
        );
        vec![
            (
                "Ask for the token, as your own services would:",
                vec![format!("curl {bearer} {token}")],
            ),
            (
                "The same for a WeChat SDK, which only needs another host and the key as its secret:",
                vec![drop_in],
            ),
            (
                "Let WeChat drop the token, then call it invalid: it is repaired at once:",
                vec![take.clone(), revoke, report.clone()],
            ),
            (
                "Call a good one invalid: it is tried (once in 30 s at most), and nothing is fetched:",
                vec![take, report],
            ),
            (
                "Let every fetch fail for 90 s: the token is served as long as it lives; then mend it:",
                vec![fail, mend],
            ),
            ("See how often WeChat was asked:", vec![count]),
            ("What does an error of WeChat mean? (--lang zh for Chinese)", vec![explain]),
        ]
    }
}
