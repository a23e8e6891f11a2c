//! What to try: lines that work as they are, typed in the directory of the demo.

use std::time::Duration;

use lingpai_core::{AccountId, Mode};

use super::folder::DemoKey;
use super::screen::Screen;
use crate::config::show_duration;
use crate::error::Error;
use crate::language::{either, say};
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
        let shown = if key.is_new {
            key.key.expose()
        } else {
            either("the one of the first run", "与首次运行时相同")
        };
        let mode = match self.mode {
            Mode::Stable => either("stable mode", "稳定版(stable)模式"),
            Mode::Classic => either("classic mode", "普通(classic)模式"),
        };
        let title = either(
            "Lingpai demo: the server, one account, and a simulated WeChat",
            "Lingpai 演示：服务、一个账号、模拟的微信",
        );
        screen.line(&paint(Tone::Strong, title))?;
        screen.line("")?;
        screen.line(&say!("  server    {server}", "  服务      {server}"))?;
        screen.line(&say!(
            "  console   {server}/console/ (log in with the key in {file})",
            "  控制台    {server}/console/ （用 {file} 中的密钥登录）"
        ))?;
        screen.line(&say!(
            "  account   {account}, in {mode}; its tokens live {life}",
            "  账号      {account}，{mode}，凭据有效期 {life}",
            life = show_duration(lifetime)
        ))?;
        screen.line(&say!(
            "  WeChat    {sandbox} (the sandbox; {sandbox}/__sandbox/ lists what it can do)",
            "  微信      {sandbox} （沙箱；能做什么见 {sandbox}/__sandbox/ ）"
        ))?;
        screen.line(&say!("  API key   {shown}", "  API 密钥  {shown}"))?;
        screen.line(&say!(
            "            kept in {file}, which the lines below read",
            "            保存在 {file}，下面的命令从那里读取"
        ))?;
        screen.line(&say!(
            "  data      {data}/ (a sealed SQLite store; remove the folder to begin anew)",
            "  数据      {data}/ （加密的 SQLite 存储；删除该目录即可从头开始）"
        ))?;
        screen.line("")?;
        let next = either(
            "Try next, in another terminal in this directory:",
            "接下来，在此目录的另一个终端里试试：",
        );
        screen.line(&paint(Tone::Strong, next))?;
        for (what, lines) in self.lines() {
            screen.line("")?;
            screen.line(&format!("  {what}"))?;
            for line in lines {
                screen.line(&format!("    {}", paint(Tone::Code, &line)))?;
            }
        }
        screen.line("")?;
        let story = either(
            "What happens (Ctrl-C ends it; start it again and the token is still there):",
            "正在发生（按 Ctrl-C 结束；重新启动后凭据还在）：",
        );
        screen.line(&paint(Tone::Strong, story))
    }

    fn lines(&self) -> Vec<(&'static str, Vec<String>)> {
        let Self { server, sandbox, account, .. } = self;
        let file = self.key.file.display();
        let bearer = format!("-H \"Authorization: Bearer $(cat {file})\"");
        let token = format!("{server}/v1/accounts/{account}/token");
        let drop_in = format!(
            "curl \"{server}/cgi-bin/token?grant_type=client_credential&appid={account}&secret=$(cat {file})\""
        );
        let call =
            format!("curl {bearer} \"{server}/gateway/{account}/cgi-bin/user/info?openid=o1\"");
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
                either(
                    "Ask for the token, as your own services would:",
                    "像业务服务那样索取凭据：",
                ),
                vec![format!("curl {bearer} {token}")],
            ),
            (
                either(
                    "The same for a WeChat SDK, which only needs another host and the key as its secret:",
                    "微信 SDK 也一样，只需换个域名，把密钥填在 AppSecret 的位置：",
                ),
                vec![drop_in],
            ),
            (
                either(
                    "Or call WeChat's API through the gateway: the token is put in, and repaired if WeChat refuses it:",
                    "或者通过网关调用微信接口：自动填入凭据，被微信拒绝时自动修复：",
                ),
                vec![call],
            ),
            (
                either(
                    "Let WeChat drop the token, then call it invalid: it is repaired at once:",
                    "让微信作废凭据，再报告它失效：立即修复：",
                ),
                vec![take.clone(), revoke, report.clone()],
            ),
            (
                either(
                    "Call a good one invalid: it is tried (once in 30 s at most), and nothing is fetched:",
                    "把有效的凭据报告为失效：先验证（30 秒内最多一次），不会重新获取：",
                ),
                vec![take, report],
            ),
            (
                either(
                    "Let every fetch fail for 90 s: the token is served as long as it lives; then mend it:",
                    "让获取连续失败 90 秒：有效期内的凭据照常提供；然后恢复：",
                ),
                vec![fail, mend],
            ),
            (either("See how often WeChat was asked:", "查看向微信请求了多少次："), vec![count]),
            (
                either(
                    "What does an error of WeChat mean? (--lang zh for Chinese)",
                    "微信的错误是什么意思？（加 --lang en 看英文解释）",
                ),
                vec![explain],
            ),
        ]
    }
}
