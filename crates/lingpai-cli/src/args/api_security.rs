//! What can be typed about the keys of an account's API security.

use std::path::PathBuf;

use clap::Args;
use lingpai_core::PathGlob;

/// The keys of API security, from the page API 安全 of WeChat's console. The symmetric key may also be typed at a hidden prompt.
#[derive(Debug, Args)]
pub(crate) struct WantedApiSecurity {
    /// The file that holds the symmetric key (API 对称密钥), in base64 [default: ask for it]
    #[arg(long, value_name = "FILE")]
    pub(crate) symmetric_key_file: Option<PathBuf>,
    /// Its number in the console
    #[arg(long, value_name = "SERIAL", required_unless_present = "remove")]
    pub(crate) symmetric_serial: Option<String>,
    /// The file that holds the account's private key (API 非对称密钥), in PEM
    #[arg(long, value_name = "FILE", required_unless_present = "remove")]
    pub(crate) private_key_file: Option<PathBuf>,
    /// Its number in the console
    #[arg(long, value_name = "SERIAL", required_unless_present = "remove")]
    pub(crate) private_serial: Option<String>,
    /// The file that holds WeChat's certificate (开放平台证书), in PEM
    #[arg(long, value_name = "FILE", required_unless_present = "remove")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Its number in the console
    #[arg(long, value_name = "SERIAL", required_unless_present = "remove")]
    pub(crate) certificate_serial: Option<String>,
    /// The file that holds the symmetric key before it, while it is being replaced
    #[arg(long, value_name = "FILE", requires = "previous_symmetric_serial")]
    pub(crate) previous_symmetric_key_file: Option<PathBuf>,
    /// Its number
    #[arg(long, value_name = "SERIAL", requires = "previous_symmetric_key_file")]
    pub(crate) previous_symmetric_serial: Option<String>,
    /// The file that holds WeChat's certificate before it or to come, while it is being replaced
    #[arg(long, value_name = "FILE", requires = "other_certificate_serial")]
    pub(crate) other_certificate_file: Option<PathBuf>,
    /// Its number
    #[arg(long, value_name = "SERIAL", requires = "other_certificate_file")]
    pub(crate) other_certificate_serial: Option<String>,
    /// Calls that are encrypted and signed, such as /wxa/business/*; several times [default: those that WeChat documents]
    #[arg(long, value_name = "PATH")]
    pub(crate) call: Vec<PathGlob>,
    /// Forget the keys: calls are neither encrypted nor signed any more
    #[arg(long)]
    pub(crate) remove: bool,
}
