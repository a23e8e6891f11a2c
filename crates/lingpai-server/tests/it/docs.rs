//! The commands in the HTTP reference work as they stand there.

use std::path::Path;
use std::process::Command;

use lingpai_server::errcode as code;

use crate::house::{House, KEPT};

#[tokio::test]
async fn every_command_in_the_reference_works() {
    let house = House::open().await;
    let admin = house.admin().await;
    for page in ["api.md", "zh/api.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        let blocks: Vec<&str> = text.split("```sh\n").skip(1).collect();
        assert!(blocks.len() >= 6, "{page} has its commands");
        for block in blocks {
            let script = block.split("```").next().unwrap();
            let mut shell = Command::new("sh");
            shell.args(["-euc", script]).env("LINGPAI_KEY", &admin).env("APPID", KEPT);
            shell.env("LINGPAI_SERVER", format!("http://{}", house.addr)).env("no_proxy", "*");
            let output = tokio::task::spawn_blocking(move || shell.output()).await.unwrap();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{script}\n{complaint}(apt install curl)");
            let good = [
                "access_token",
                "replaced",
                "\"ok\"",
                "304",
                "\"created_at\"",
                "\"good\"",
                "\"rotated\"",
                "\"ready\"",
                "state=\"good\"",
                "\"propagation\"",
                "\"signature\"",
                "\"headline\"",
                "\"findings\"",
            ];
            assert!(good.iter().any(|sign| said.contains(sign)), "{script}\n{said}");
            let is_refused = said.contains("\"error\"") || said.contains("\"errmsg\"");
            assert!(!is_refused, "{script}\n{said}");
        }
    }
}

#[test]
fn every_code_of_our_own_is_explained_in_both_languages() {
    for page in ["gateway.md", "zh/gateway.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        for code in [
            code::INVALID_CREDENTIAL,
            code::INVALID_SECRET,
            code::NO_TOKEN,
            code::TOKEN_PENDING,
            code::CALLER_UNKNOWN,
            code::KEY_REFUSED,
            code::NOT_ALLOWED,
            code::ACCOUNT_UNCLEAR,
            code::REAL_TOKEN,
            code::TOO_MANY_CALLS,
            code::DAY_SPENT,
            code::NOT_FORWARDABLE,
            code::BODY_REFUSED,
            code::BUSY,
            code::UPSTREAM_UNREACHABLE,
            code::UPSTREAM_LOST,
            code::UPSTREAM_SLOW,
            code::LOOPING,
        ] {
            assert!(text.contains(&format!("| {code}")), "{page}: {code}");
        }
    }
}
