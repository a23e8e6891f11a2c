//! Why a command failed, and the exit code that says so.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, io};

use lingpai_core::StoreError;
use thiserror::Error;

use crate::config::{DEFAULT_FILE, Mistakes};
use crate::language::{either, say};

/// Why a command failed. Each says what happened, why, and what to do, in the language in force when it is shown.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] Mistakes),
    /// The configuration cannot be read at all.
    #[error("{}", say!(
        "the configuration {file} cannot be read. {why}",
        "无法读取配置文件 {file}。{why}",
        file = path.display(),
        why = unreadable(source)
    ))]
    ConfigFile { path: PathBuf, source: io::Error },
    /// There is nothing to do yet.
    #[error("{}", say!(
        "there is no {DEFAULT_FILE} here and no store, so there is nothing to keep. Write one with `lingpai init`, name \
         one with --config, or see it all at work first: lingpai serve --demo",
        "这里没有 {DEFAULT_FILE}，也没有存储，因此没有账号可以维护。请用 `lingpai init` 写一份配置，或用 --config 指定一份；\
         也可以先看看演示：lingpai serve --demo"
    ))]
    NothingToKeep,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server.
    #[error(transparent)]
    Server(#[from] lingpai_server::Error),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] lingpai_sandbox::Error),
    /// The way to WeChat.
    #[error(transparent)]
    WeChat(#[from] lingpai_wechat::Error),
    /// The server that was asked.
    #[error("{}", say!(
        "the server {server} cannot be reached. Check that it runs (lingpai serve), and its address (--server)",
        "无法连接服务 {server}。请检查它是否在运行（lingpai serve），地址是否正确（--server）"
    ))]
    Unreachable { server: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The connection to it ended too early, or nothing moved on it for a minute.
    #[error("{}", say!(
        "the connection to the server {server} broke off, or stood still for a minute. Whether WeChat has carried the call \
         out is not known: find out before you make it again",
        "与服务 {server} 的连接中断，或一分钟没有动静。不知道微信是否已经执行这次调用：请先查明，再决定是否重新调用"
    ))]
    BrokenOff { server: String, source: Option<Box<dyn std::error::Error + Send + Sync>> },
    /// Somebody pressed Ctrl-C.
    #[error(
        "{}",
        either(
            "interrupted. Whether WeChat has carried the call out is not known",
            "已中断。不知道微信是否已经执行这次调用",
        )
    )]
    Interrupted,
    /// The certificates.
    #[error(
        "{}",
        either(
            "the certificates that this machine trusts cannot be loaded. Install them (Debian: ca-certificates)",
            "无法加载本机信任的 CA 证书。请安装它们（Debian：ca-certificates）",
        )
    )]
    Trust { source: rustls::Error },
    /// A file.
    #[error("{}", say!(
        "the file {file} cannot be {deed}. {advice}",
        "无法{deed}文件 {file}。{advice}",
        file = path.display()
    ))]
    File { path: PathBuf, deed: Deed, advice: &'static str, source: io::Error },
    /// The operating system.
    #[error("{what}")]
    System { what: &'static str, source: io::Error },
    /// What was printed could not be written.
    #[error(
        "{}",
        either(
            "the output could not be written. Check the disk, or what it is piped into",
            "无法写出结果。请检查磁盘，或管道另一端的程序",
        )
    )]
    Output(#[from] io::Error),
    /// The doctor has found something, and said it.
    #[error("{}", either("something needs to be looked at: see above", "有需要处理的问题，见上文"))]
    Unwell {
        /// Something does not work; else there are warnings only.
        failed: bool,
    },
    /// The server that was asked refused, in its own words.
    #[error("{said}")]
    Refused {
        /// The code of the refusal, such as `account-configured`.
        code: String,
        /// What happened, why, and what to do.
        said: String,
    },
    /// Anything that one command alone can meet, said in full.
    #[error("{0}")]
    Said(String),
}

/// What was to be done with a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Read,
    Write,
    Use,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => either("read", "读取"),
            Self::Write => either("written", "写入"),
            Self::Use => either("used", "使用"),
        })
    }
}

impl Error {
    /// An error said in full: what happened, why, what to do.
    pub(crate) fn said(what: impl Into<String>) -> Self {
        Self::Said(what.into())
    }

    /// Standard input failed.
    pub(crate) fn standard_input(source: io::Error) -> Self {
        Self::System {
            what: either("standard input cannot be read", "无法读取标准输入"), source
        }
    }

    /// Whether a server could not be reached, which may pass.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether somebody closed the pipe because he has seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 78 (`EX_CONFIG`) for a configuration that must be changed first, 130 after Ctrl-C, 3 and 4 for what the doctor
    /// warns of and finds broken, 1 for everything else. clap says 2 for arguments.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::ConfigFile { .. } | Self::NothingToKeep => ExitCode::from(78),
            Self::Interrupted => ExitCode::from(130),
            Self::Unwell { failed } => ExitCode::from(if *failed { 4 } else { 3 }),
            _ => ExitCode::FAILURE,
        }
    }

    /// What a person reads on standard error: the error, then its causes.
    pub(crate) fn report(&self) -> String {
        let causes = self.causes();
        // Where it is written in Chinese, it is said so; else by whom it is said.
        match self {
            Self::Store(error) if let Some(chinese) = error.chinese() => {
                say!("error: {error}\n{causes}", "错误：{chinese}\n{causes}")
            }
            _ => {
                let part = self.part_in_chinese();
                say!("error: {self}\n{causes}", "错误：{part}{self}\n{causes}")
            }
        }
    }

    /// What the log says of a configuration that was changed and cannot be taken over.
    pub(crate) fn refusal(&self) -> String {
        match self {
            Self::Config(mistakes) => mistakes.after_a_change(),
            other => format!("{other}. The configuration before stays in force\n{}", self.causes()),
        }
    }

    /// Which part of Lingpai speaks, where it speaks only English.
    fn part_in_chinese(&self) -> &'static str {
        match self {
            Self::Store(_) => "存储：",
            Self::Server(_) => "服务：",
            Self::Sandbox(_) => "沙箱：",
            Self::WeChat(_) => "访问微信：",
            _ => "",
        }
    }

    fn causes(&self) -> String {
        let mut report = String::new();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            report.push_str(&say!("  caused by: {cause}\n", "  原因：{cause}\n"));
            source = cause.source();
        }
        report
    }
}

fn unreadable(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => {
            either("It does not exist: check the path", "文件不存在：请检查路径")
        }
        io::ErrorKind::PermissionDenied => either(
            "This user may not read it: check its owner and permissions",
            "当前用户无权读取：请检查文件的所有者与权限",
        ),
        io::ErrorKind::InvalidData => {
            either("It is not UTF-8: save it as UTF-8", "不是 UTF-8 编码：请另存为 UTF-8")
        }
        io::ErrorKind::IsADirectory => {
            either("It is a directory: name the file in it", "这是一个目录：请指定其中的文件")
        }
        _ => either("Check the path and the disk", "请检查路径与磁盘"),
    }
}
