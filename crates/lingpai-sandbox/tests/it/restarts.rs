//! What outlives a world: by snapshot, and in the file of a server.

use std::{fs, path::Path, time::Duration};

use lingpai_sandbox::{
    AppKind, AppSettings, DEMO_APPID, DEMO_SECRET, Decision, Error, Family, FaultKind, OtherSystem,
    Punishment, Quota, Rank, Revocation, Server, Settings, Takes, Verdict, World,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    sky::{LOOPBACK, MINI, Sky, classic_uri, code, token},
    wire::{Running, body, get, get_stable, get_token, post, run_with},
};

/// The wall time when the first world is made; any will do.
const WALL: u64 = 1_800_000_000;

impl Sky {
    fn wall(&self) -> Duration {
        Duration::from_secs(WALL) + self.now
    }

    /// The world after its process was dead for so many seconds.
    fn restarted(&self, seconds: u64) -> Self {
        self.restarted_with(seconds, Settings::default())
    }

    fn restarted_with(&self, seconds: u64, settings: Settings) -> Self {
        let wall = self.wall() + Duration::from_secs(seconds);
        let world =
            World::restore(settings, wall, &self.world.snapshot(self.now, self.wall())).unwrap();
        Self { world, now: Duration::ZERO, peer: self.peer }
    }
}

#[test]
fn old_tokens_stay_good_and_their_lifetimes_go_on() {
    let mut sky = Sky::new();
    let (classic, stable) = (token(&sky.classic()), token(&sky.stable()));
    sky.pass(1000);
    let mut sky = sky.restarted(500);
    assert_eq!((sky.tried(&classic), sky.tried(&stable)), (0, 0));
    let repeated = sky.stable();
    assert_eq!((token(&repeated), &repeated["expires_in"]), (stable.clone(), &5700.into()));
    sky.pass(5699);
    assert_eq!((sky.tried(&classic), sky.tried(&stable)), (0, 0));
    sky.pass(1);
    assert_eq!((sky.tried(&classic), sky.tried(&stable)), (42001, 42001));
}

#[test]
fn an_overlap_goes_on_and_ends_while_nobody_is_there() {
    let mut sky = Sky::new();
    let (old, new) = (token(&sky.classic()), token(&sky.classic()));
    let rank = Rank::Previous;
    let previous = Verdict::Live {
        appid: DEMO_APPID.to_owned(),
        family: Family::Classic,
        rank,
        seconds_left: 1,
    };
    assert_eq!(sky.restarted(299).verdict(&old), previous);
    let sky = sky.restarted(300);
    assert_eq!(sky.verdict(&old), Verdict::Replaced);
    assert!(matches!(sky.verdict(&new), Verdict::Live { rank: Rank::Latest, .. }));
}

#[test]
fn no_token_comes_twice() {
    let mut sky = Sky::new();
    let (classic, stable) = (token(&sky.classic()), token(&sky.stable()));
    let mut sky = sky.restarted(0);
    let again = [token(&sky.classic()), token(&sky.forced())];
    assert!(!again.contains(&classic) && !again.contains(&stable));
}

#[test]
fn time_that_was_advanced_and_sped_up_stays_so() {
    let mut sky = Sky::new();
    let first = token(&sky.stable());
    sky.world.advance(sky.now, Duration::from_secs(3600));
    sky.world.set_speed(sky.now, 7200.0 / 61.0).unwrap();
    let mut sky = sky.restarted(10);
    let answer = sky.stable();
    // 30.5 s of 61 s were left.
    assert_eq!((token(&answer), &answer["expires_in"]), (first, &20.into()));
}

#[test]
fn settings_that_are_new_win_over_what_was_changed_before() {
    let lifetime = |seconds| Settings::default().with_lifetime(Duration::from_secs(seconds));
    let mut sky = Sky::with(lifetime(61));
    sky.stable();
    assert_eq!(sky.restarted_with(0, lifetime(61)).stable()["expires_in"], 61);
    assert_eq!(sky.restarted_with(0, lifetime(600)).stable()["expires_in"], 600);

    let seen = |ip: &str| Some(ip.parse().unwrap());
    sky.world.set_caller_ip(seen("203.0.113.7"));
    assert_eq!(code(&sky.restarted_with(0, lifetime(61)).classic()), 40164);
    let back = Settings { caller_ip: seen("127.0.0.1"), ..lifetime(61) };
    token(&sky.restarted_with(0, back).classic());
}

#[test]
fn settings_that_are_the_same_do_not_undo_a_change_however_odd_their_figure() {
    for seconds in 1..=600 {
        let settings = Settings::default().with_lifetime(Duration::from_secs(seconds));
        let mut sky = Sky::with(settings.clone());
        sky.world.set_speed(sky.now, 1.0).unwrap();
        assert_eq!(sky.restarted_with(0, settings).stable()["expires_in"], 7200, "{seconds}");
    }
}

#[test]
fn a_wall_set_back_counts_as_no_time() {
    let mut sky = Sky::new();
    let old = token(&sky.classic());
    let snapshot = sky.world.snapshot(sky.now, sky.wall());
    let world = World::restore(Settings::default(), Duration::ZERO, &snapshot).unwrap();
    assert!(matches!(
        world.verdict(Duration::ZERO, &old),
        Verdict::Live { seconds_left: 7200, .. }
    ));
}

#[test]
fn used_quotas_stay_used_until_their_window_ends() {
    let mut sky = Sky::new();
    token(&sky.forced());
    let sky = sky.restarted(29);
    assert_eq!(sky.counters().forced, 0, "counters start anew");
    let mut sky = sky.restarted(0);
    sky.forced();
    assert_eq!(sky.counters().forced_in_vain, 1, "30 s apart");
    for quota in [Quota::ClassicDay, Quota::ForcedDay, Quota::ClearsMonth] {
        sky.world.exhaust(sky.now, DEMO_APPID, &quota).unwrap();
    }
    let mut sky = sky.restarted(60);
    assert_eq!(code(&sky.classic()), 45009);
    sky.forced();
    assert_eq!(sky.counters().forced_in_vain, 1);
    let mut sky = sky.restarted(86_400);
    token(&sky.classic());
}

#[test]
fn what_was_done_to_an_app_stays_done() {
    let mut sky = Sky::new();
    let stubborn = token(&sky.stable());
    let (now, elsewhere) = (sky.now, "203.0.113.7".parse().unwrap());
    let world = &mut sky.world;
    world.add_app(AppSettings::new(MINI, AppKind::MiniProgram)).unwrap();
    let secret = world.reset_secret(MINI, None).unwrap();
    world.revoke(now, DEMO_APPID, &[Family::Stable], Revocation::Stubborn).unwrap();
    world.freeze(now, MINI, Takes::TenMinutes).unwrap();
    world.allow_ip(DEMO_APPID, elsewhere).unwrap();
    world.block_ip(DEMO_APPID, LOOPBACK).unwrap();

    let mut sky = sky.restarted(0);
    assert_eq!(sky.world.secret(MINI).unwrap(), &secret);
    token(&sky.get(&classic_uri(MINI, secret.expose())));
    assert_eq!(code(&sky.classic()), 40164);
    sky.peer = elsewhere;
    assert_eq!(token(&sky.stable()), stubborn);
    assert_eq!(sky.tried(&stubborn), 40001);
    sky.world.punish(DEMO_APPID, Some(Punishment::TokenForbidden)).unwrap();

    let mut sky = sky.restarted(600);
    assert_eq!(code(&sky.classic()), 50004);
    sky.peer = LOOPBACK;
    assert_eq!(code(&sky.get(&classic_uri(MINI, secret.expose()))), 40243);
}

#[test]
fn the_administrator_is_asked_only_once() {
    let mut sky = Sky::new();
    sky.world.require_confirmation(DEMO_APPID, LOOPBACK).unwrap();
    assert_eq!(code(&sky.classic()), 89503);
    let mut sky = sky.restarted(0);
    assert_eq!(code(&sky.classic()), 89501);
    sky.world.decide(sky.now, DEMO_APPID, LOOPBACK, Decision::Refuse).unwrap();
    let mut sky = sky.restarted(3599);
    assert_eq!(code(&sky.classic()), 89507);
    assert_eq!(code(&sky.restarted(1).classic()), 89503);
}

#[test]
fn faults_and_counters_end_with_the_world() {
    let mut sky = Sky::new();
    sky.stable();
    sky.fault_once(FaultKind::Html);
    let mut sky = sky.restarted(0);
    assert!(sky.world.faults(sky.now).is_empty());
    assert_eq!((sky.world.counters().calls, sky.world.log(9).count()), (0, 0));
}

#[test]
fn an_app_of_the_settings_joins_unless_it_is_there_already() {
    let mut sky = Sky::new();
    sky.world.reset_secret(DEMO_APPID, None).unwrap();
    let apps = vec![AppSettings::demo(), AppSettings::new(MINI, AppKind::MiniProgram)];
    let mut sky = sky.restarted_with(0, Settings { apps, ..Settings::default() });
    assert_eq!(sky.world.appids().collect::<Vec<_>>(), [MINI, DEMO_APPID]);
    assert_eq!(code(&sky.classic()), 40125, "the secret is the one it was given last");
}

#[test]
fn a_snapshot_stays_small_and_has_what_is_live() {
    let mut sky = Sky::with_mini_program();
    let quiet = sky.world.other_system_refreshes(sky.now, MINI, OtherSystem::Classic).unwrap();
    let tokens: Vec<_> = (0..3000)
        .map(|_| {
            sky.world.other_system_refreshes(sky.now, DEMO_APPID, OtherSystem::Classic).unwrap()
        })
        .collect();
    assert!(sky.world.snapshot(sky.now, sky.wall()).len() < 300_000);
    let sky = sky.restarted(0);
    for live in [&quiet, &tokens[2998], &tokens[2999]] {
        assert!(matches!(sky.verdict(live), Verdict::Live { .. }));
    }
    assert_eq!(sky.verdict(&tokens[2997]), Verdict::Replaced);
    assert_eq!(sky.verdict(&tokens[0]), Verdict::Unknown);
}

#[test]
fn a_damaged_snapshot_is_refused_with_the_place_and_without_its_contents() {
    let mut sky = Sky::new();
    sky.stable();
    let whole = sky.world.snapshot(sky.now, sky.wall());
    let refused = |text: &str| {
        let error = World::restore(Settings::default(), sky.wall(), text).unwrap_err();
        assert!(matches!(error, Error::BadSnapshot { .. }), "{error}");
        error.to_string()
    };
    assert!(refused("").contains("cut short"));
    assert!(refused(&whole[..whole.len() / 2]).contains("cut short (line 1, column "));
    assert!(refused("\u{0}\u{0}").contains("not JSON"));
    assert!(refused(&whole.replace("\"format\":1", "\"format\":2")).contains("format is 2"));
    let told = refused(&whole.replace(&format!("\"{DEMO_SECRET}\""), "[\"hunter2\"]"));
    assert!(told.contains("another version") && !told.contains("hunter2"), "{told}");
    let stopped = whole.replace("\"now\":1.0", "\"now\":0.0");
    assert_ne!(stopped, whole);
    assert!(refused(&stopped).contains("speed of 0"));
}

/// A directory for one state file.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("state.json")
    }

    fn settings(&self) -> Settings {
        Settings {
            addr: "127.0.0.1:0".parse().unwrap(),
            state: Some(self.file()),
            ..Settings::default()
        }
    }

    async fn run(&self) -> Running {
        run_with(self.settings()).await
    }
}

async fn tried(server: &Running, token: &str) -> i64 {
    let uri = format!("/cgi-bin/user/info?openid=o1&access_token={token}");
    body(&server.exchange(&get(&uri)).await)["errcode"].as_i64().unwrap_or(0)
}

#[tokio::test]
async fn a_server_that_was_killed_accepts_its_old_tokens() {
    let home = Home::new();
    let server = home.run().await;
    let classic = token(&body(&server.exchange(&get_token()).await));
    let stable = token(&body(&server.exchange(&get_stable()).await));
    let advance = json!({"advance_seconds": 3000});
    server.exchange(&post("/__sandbox/time", &advance)).await;
    server.kill().await;

    let server = home.run().await;
    assert_eq!((tried(&server, &classic).await, tried(&server, &stable).await), (0, 0));
    let repeated = body(&server.exchange(&get_stable()).await);
    assert_eq!(token(&repeated), stable);
    let left = repeated["expires_in"].as_u64().unwrap();
    assert!((4100..=4200).contains(&left), "{left}");
    server.kill().await;
    let gone = Settings { state: None, ..home.settings() };
    assert_eq!(tried(&run_with(gone).await, &stable).await, 40001, "it is the file that knew");
}

#[tokio::test]
async fn the_file_knows_of_a_mint_before_its_caller_does_even_if_the_answer_is_lost() {
    let home = Home::new();
    let server = home.run().await;
    for round in 0..20 {
        if round % 2 == 1 {
            server.fault_once(FaultKind::CutBody);
        }
        server.exchange(&get_token()).await;
        // What a kill at this very moment would leave behind.
        let left = fs::read_to_string(home.file()).unwrap();
        let world = World::restore(Settings::default(), Duration::ZERO, &left).unwrap();
        let kept = world.snapshot(Duration::ZERO, Duration::ZERO);
        let live = server.world.with(|world, now| world.snapshot(now, Duration::ZERO));
        let lines = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).unwrap()["tokens"]["lines"].clone()
        };
        assert_eq!(lines(&kept), lines(&live));
    }
}

#[tokio::test]
async fn control_calls_and_deeds_from_rust_outlive_the_server() {
    let home = Home::new();
    let server = home.run().await;
    let stable = token(&body(&server.exchange(&get_stable()).await));
    let deed = |name: &str| format!("/__sandbox/apps/{DEMO_APPID}/{name}");
    server.exchange(&post(&deed("revoke"), &json!({}))).await;
    server.kill().await;

    let server = home.run().await;
    assert_eq!(tried(&server, &stable).await, 40001);
    let punishment = Some(Punishment::AccountFrozen);
    server.world.with(|world, _| world.punish(DEMO_APPID, punishment)).unwrap();
    server.end().await;

    let server = home.run().await;
    assert_eq!(code(&body(&server.exchange(&get_token()).await)), 50007);
}

#[tokio::test]
async fn a_quota_that_was_used_up_is_used_up_after_a_restart() {
    let home = Home::new();
    let mut settings = home.settings();
    settings.apps[0].quotas.classic_per_day = 2;
    let server = run_with(settings.clone()).await;
    token(&body(&server.exchange(&get_token()).await));
    token(&body(&server.exchange(&get_token()).await));
    server.kill().await;
    let server = run_with(settings).await;
    assert_eq!(code(&body(&server.exchange(&get_token()).await)), 45009);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only_and_leaves_no_draft() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    // What a kill in the middle of a write leaves behind.
    fs::write(home.0.path().join("state.json.new"), "{\"form").unwrap();
    let server = home.run().await;
    server.exchange(&get_token()).await;
    server.end().await;
    let files: Vec<_> = fs::read_dir(home.0.path()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_alone() {
    let home = Home::new();
    for damage in [b"{\"format\":1".as_slice(), b"", b"\xff\xfe"] {
        fs::write(home.file(), damage).unwrap();
        let error = Server::bind(home.settings()).await.unwrap_err();
        assert!(matches!(error, Error::DamagedState { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains(home.file().to_str().unwrap()), "{told}");
        assert!(told.contains("Delete the file to start anew"), "{told}");
        assert_eq!(fs::read(home.file()).unwrap(), damage);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_known_at_once_and_later_silences_nobody() {
    let home = Home::new();
    let state = Some(home.0.path().join("missing").join("state.json"));
    let error = Server::bind(Settings { state, ..home.settings() }).await.unwrap_err();
    assert!(matches!(error, Error::StateFile { .. }), "{error}");

    let server = home.run().await;
    let Home(dir) = home;
    let path = dir.path().to_owned();
    dir.close().unwrap();
    token(&body(&server.exchange(&get_stable()).await));
    assert!(!Path::new(&path).exists());
    fs::create_dir(&path).unwrap();
    server.exchange(&get_stable()).await;
    assert!(path.join("state.json").exists(), "it is tried again");
    fs::remove_dir_all(&path).unwrap();
}
