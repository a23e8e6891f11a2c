//! A running server whose configuration changes: nobody who asks notices, and the change is in force within seconds.

use std::sync::Arc;
use std::time::Duration;

use lingpai_sandbox::{Family, Revocation};
use tokio::time::{sleep, timeout};

use crate::console;
use crate::load::{Load, Way};
use crate::node::{Home, WeChat, appid};

/// Sooner than the engine would try again by itself after a wrong secret (15 s).
const SOON: Duration = Duration::from_secs(12);

/// Asks for an account's token until it is there.
pub(crate) async fn token_soon(home: &Home, account: usize) -> String {
    let ask = async {
        loop {
            match home.token(account).await {
                Ok(token) => return token,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(SOON, ask).await.unwrap_or_else(|_| panic!("no token came:\n{}", home.printed()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_added_under_load_is_kept_and_nobody_else_notices() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Arc::new(Home::new(&wechat, 1, "classic", "", ""));
    let node = home.start().await;
    token_soon(&home, 0).await;
    let load = Load::on(&home, &[(Way::Anew, 8)]);
    home.configure(2);
    token_soon(&home, 1).await;
    home.wait_for(&format!("kept from now on: {}", appid(1))).await;
    // The other account is out of the file again, and kept on.
    home.configure(1);
    home.wait_for(&format!(
        "no longer in the configuration, but still in the store and kept on: {}",
        appid(1)
    ))
    .await;
    home.token(1).await.unwrap();
    assert_eq!(load.end().await.tokens.len(), 1, "the first account keeps its token");
    assert_eq!(wechat.fetches(), 2);
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_is_refused_as_at_a_start_and_the_old_one_stays() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let node = home.start().await;
    token_soon(&home, 0).await;
    let load = Load::on(&home, &[(Way::Anew, 8)]);
    home.write("lisen = \"127.0.0.1:1\"\nstore = 5\n");
    home.wait_for("The one before it stays in force").await;
    let at_start = home.command(&["serve"]).output().unwrap().stderr;
    let at_start = String::from_utf8(at_start).unwrap();
    let (_, mistakes) = at_start.split_once("Nothing was started\n").unwrap();
    assert!(mistakes.contains("Did you mean `listen`?"), "{mistakes}");
    assert!(home.printed().contains(mistakes.trim_end()), "{}", home.printed());

    // What cannot change is said; what can is in force.
    home.configure(1);
    home.wait_for("was read again").await;
    home.write(
        &home
            .configuration()
            .replace("\"debug\"", "\"warn\"")
            .replace(&format!("127.0.0.1:{}", home.port), "127.0.0.1:1"),
    );
    home.wait_for("`listen` cannot change while the server runs").await;
    let before = home.printed().len();
    home.configure(1);
    node.signal("HUP");
    home.wait_for_after(before, "was read again").await;
    assert_eq!(load.end().await.tokens.len(), 1);
    assert_eq!(wechat.fetches(), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_that_are_written_into_the_configuration_are_in_force_and_those_taken_out_are_not() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let private = "private-networks = [\"127.0.0.0/8\"]";
    let home = Home::new(&wechat, 1, "stable", private, "");
    let node = home.start().await;
    let before = home.configuration();
    let alerts = async || home.call("GET", "/v1/alerts", "").await.1;
    assert_eq!(alerts().await, r#"{"alerts":[]}"#);
    std::fs::write(home.file("robot"), console::receiver(r#"{"errcode": 0}"#).await).unwrap();
    let alert = |name: &str| {
        format!("[[alert]]\nname = \"{name}\"\nrobot = \"wecom\"\nurl = {{ file = \"robot\" }}\n")
    };
    for (text, names) in [
        (alert("ops"), vec!["ops"]),
        (alert("night") + &alert("ops"), vec!["night", "ops"]),
        (alert("night"), vec!["night"]),
        (String::new(), vec![]),
    ] {
        let said = home.printed().len();
        home.write(&format!("{before}\n{text}"));
        home.wait_for_after(said, "was read again").await;
        let told = alerts().await;
        assert_eq!(told.matches("\"name\"").count(), names.len(), "{told}");
        for name in names {
            let path = format!("/v1/alerts/{name}/test");
            let (status, told) = home.call("POST", &path, "").await;
            assert!(status == 200 && told.contains("\"sent\""), "{name}: {told}");
        }
    }
    // What waits for the next start is said by name.
    let traces = "[traces]\nendpoint = \"http://127.0.0.1:9\"\n[console]\nenabled = false\n";
    home.write(&format!("{before}\n{traces}"));
    for name in ["traces", "console"] {
        home.wait_for(&format!("`{name}` cannot change while the server runs")).await;
    }
    // A mistake changes nothing: the file is refused as a whole.
    home.write(&format!("{before}\n{}robt = 1\n", alert("ops")));
    home.wait_for("The one before it stays in force").await;
    assert_eq!(alerts().await, r#"{"alerts":[]}"#);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_replaced_in_its_file_mends_the_account_at_once() {
    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Home::new(&wechat, 1, "stable", "", "");
    let node = home.start().await;
    let first = token_soon(&home, 0).await;
    let reset = wechat.world.with(|world, now| {
        world.revoke(now, &appid(0), Family::ALL, Revocation::default()).unwrap();
        world.reset_secret(&appid(0), None).unwrap()
    });
    let answer = home.report(0, &first).await;
    assert!(answer.contains("\"refused\""), "{answer}");
    home.wait_for("40125").await;
    std::fs::write(home.secret_file(0), reset.expose()).unwrap();
    // Until then the old one is served on: it is all there is.
    let mended = async {
        loop {
            match token_soon(&home, 0).await {
                token if token != first => return token,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let second = timeout(SOON, mended).await.expect("a token by the new secret");
    assert!(wechat.accepts(&second));
    assert!(!home.printed().contains(reset.expose()));
    node.end().await;
    home.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_another_process_puts_into_the_store_is_kept_until_it_is_removed_there() {
    let wechat = WeChat::start(Duration::from_secs(7200), 2).await;
    let home = Home::new(&wechat, 2, "stable", "", "");
    home.configure(1);
    let node = home.start().await;
    token_soon(&home, 0).await;
    let command = |arguments: &[&str]| {
        let output = home.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(home.secret_file(2), "0".repeat(32)).unwrap();
    command(&["account", "add", &appid(1), "--secret-file", "secret-2", "--untried"]);
    home.wait_for("40125").await;
    command(&["account", "set-secret", &appid(1), "--secret-file", "secret-1", "--untried"]);
    token_soon(&home, 1).await;
    command(&["account", "remove", &appid(1)]);
    home.wait_for(&format!("no longer kept: {}", appid(1))).await;
    assert!(home.token(1).await.is_err());
    home.token(0).await.unwrap();
    node.end().await;
    home.assert_nothing_leaked();
}

/// Kubernetes mounts a Secret as links through one link to a folder, and replaces that link.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_kubernetes_swaps_is_in_force_within_seconds() {
    use std::os::unix::fs::symlink;

    let wechat = WeChat::start(Duration::from_secs(7200), 1).await;
    let home = Arc::new(Home::new(&wechat, 1, "stable", "", ""));
    let right = std::fs::read_to_string(home.secret_file(0)).unwrap();
    let swap = |folder: &str, secret: &str| {
        std::fs::create_dir(home.file(folder)).unwrap();
        std::fs::write(home.file(folder).join("secret-0"), secret).unwrap();
        symlink(folder, home.file("..data.new")).unwrap();
        std::fs::rename(home.file("..data.new"), home.file("..data")).unwrap();
    };
    swap("..first", "00000000000000000000000000000000");
    std::fs::remove_file(home.secret_file(0)).unwrap();
    symlink("..data/secret-0", home.secret_file(0)).unwrap();
    let node = home.start().await;
    home.wait_for("40125").await;
    swap("..second", &right);
    token_soon(&home, 0).await;
    node.end().await;
    home.assert_nothing_leaked();
}
