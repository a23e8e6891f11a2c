//! Where an AppSecret comes from that a person gives: a file, a hidden prompt, or standard input. Never an argument, which
//! other users of the machine see.

use std::io::{self, IsTerminal, Read};

use lingpai_core::{AccountId, Secret};

use crate::args::AppSecret;
use crate::config::secret::bare;
use crate::error::Error;
use crate::output;

/// No AppSecret comes near it. What is longer is some other file.
const MOST: u64 = 4096;

/// Takes the secret, refuses what is none, and warns of what does not look like one.
pub(super) fn take(account: &AccountId, from: &AppSecret) -> Result<Secret, Error> {
    let (text, origin) = match &from.file {
        Some(path) => {
            let text = std::fs::File::open(path).and_then(read).map_err(|source| Error::File {
                path: path.clone(),
                deed: "read",
                advice: "Name the file that holds the AppSecret",
                source,
            })?;
            (text, format!("the file {}", path.display()))
        }
        None if io::stdin().is_terminal() => {
            let prompt = format!("AppSecret of {account} (not shown): ");
            let what = "the AppSecret could not be read from the terminal. Put it into a file and use --secret-file";
            let text = rpassword::prompt_password(prompt)
                .map_err(|source| Error::System { what, source })?;
            (Secret::from(text), "what was typed".to_owned())
        }
        None => {
            let what = "standard input cannot be read. Put the AppSecret into a file and use --secret-file";
            let text = read(io::stdin()).map_err(|source| Error::System { what, source })?;
            (text, "standard input".to_owned())
        }
    };
    let secret = bare(&text, &origin).map_err(Error::said)?;
    if !looks_like_one(secret.expose()) {
        output::tell(
            "warning: this does not look like an AppSecret, which is 32 digits and letters a to f. It is taken all the \
             same; if WeChat refuses it (40125), copy it again from the console of the account",
        );
    }
    Ok(secret)
}

fn read(from: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text)?;
    Ok(Secret::from(text))
}

fn looks_like_one(secret: &str) -> bool {
    secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())
}
