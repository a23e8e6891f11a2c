//! Whole days of a client that reads all the time.

use std::time::Duration;

use lingpai_core::keeper::Outcome;
use lingpai_core::{Mode, Refresh};
use lingpai_sandbox::{DEMO_APPID, OtherSystem, Quota};
use tokio::time::{Instant, sleep};

use crate::stand::{HOUR, MINUTE, Stand};

/// The fewest fetches that keep a token of 7200 s fresh for a day, with the lead of each mode: a fetch at the start and
/// one at the end of each life that ends a lead early within the day.
fn fewest(mode: Mode) -> u64 {
    let (life, lead) = match mode {
        Mode::Stable => (7200, 240), // At most; the renewal lies inside the last 300 s.
        Mode::Classic => (7200, 660),
    };
    1 + 24 * 3600 / (life - lead)
}

#[tokio::test(start_paused = true)]
async fn no_read_of_a_day_gets_a_dead_token_and_the_fetches_are_the_fewest_possible() {
    for mode in [Mode::Stable, Mode::Classic] {
        let stand = Stand::new(mode).await;
        stand.keeper.fresh().await.unwrap();
        stand.read_for(24 * HOUR).await;
        assert!(stand.wechat.fetches() <= fewest(mode), "{mode:?}: {}", stand.wechat.fetches());
        let minted = stand.wechat.counters().minted;
        assert_eq!(minted.classic + minted.stable, stand.wechat.fetches(), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_in_the_middle_of_a_day_cost_no_fetch() {
    for mode in [Mode::Stable, Mode::Classic] {
        let mut stand = Stand::new(mode).await;
        stand.keeper.fresh().await.unwrap();
        for _ in 0..23 {
            stand.read_for(HOUR + 2 * MINUTE).await;
            stand = stand.restart().await;
        }
        assert!(stand.wechat.fetches() <= fewest(mode), "{mode:?}: {}", stand.wechat.fetches());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rogue_refresher_is_repaired_by_each_report_and_named() {
    for (mode, rogue) in
        [(Mode::Stable, OtherSystem::Forced), (Mode::Classic, OtherSystem::Classic)]
    {
        let stand = Stand::new(mode).await;
        let mut events = stand.registry.events();
        stand.keeper.fresh().await.unwrap();
        let end = Instant::now() + 12 * HOUR;
        let (mut disturbances, mut calls) = (0, 0);
        while Instant::now() < end {
            sleep(10 * MINUTE).await;
            if calls % 7 == 3 {
                stand.wechat.with(|world, now| {
                    // Twice, or the token that we have would live on as the previous one.
                    world.other_system_refreshes(now, DEMO_APPID, rogue).unwrap();
                    world.advance(now, Duration::from_secs(31));
                    world.other_system_refreshes(now, DEMO_APPID, rogue).unwrap();
                });
                disturbances += 1;
            }
            calls += 1;
            let token = stand.keeper.token().unwrap().value.expose().to_owned();
            if !stand.wechat.accepts(&token) {
                let reported = stand.keeper.report_invalid(&token).await.unwrap();
                assert_eq!(reported.outcome, Outcome::Rotated);
                assert!(stand.wechat.accepts(reported.token.value.expose()));
            }
        }
        let mut rogues = 0;
        while let Ok(event) = events.try_recv() {
            rogues += u32::from(event.what.name() == "rogue-refresher");
        }
        assert!(disturbances >= 9 && rogues >= disturbances - 2, "{rogues} of {disturbances}");
        // One fetch for each repair, on top of those of an ordinary half day.
        let most = fewest(mode) / 2 + 2 + u64::from(disturbances);
        assert!(stand.wechat.fetches() <= most, "{mode:?}: {}", stand.wechat.fetches());
        assert_eq!(stand.wechat.counters().forced, 0, "no forced refresh was needed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_upstream_insists_on_and_refuses_is_replaced_by_one_forced_refresh() {
    let stand = Stand::new(Mode::Stable).await;
    stand.keeper.fresh().await.unwrap();
    sleep(HOUR).await;
    let dead = stand.read();
    stand.wechat.with(|world, now| {
        let families = &lingpai_sandbox::Family::ALL;
        world.revoke(now, DEMO_APPID, families, lingpai_sandbox::Revocation::Stubborn).unwrap();
    });
    let reported = stand.keeper.report_invalid(&dead).await.unwrap();
    if reported.outcome != Outcome::Rotated {
        sleep(Duration::from_secs(5)).await;
    }
    assert_ne!(stand.read(), dead);
    assert_eq!(stand.wechat.counters().forced, 1);
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_classic_quota_is_bridged_by_the_stable_family_and_left_again_by_itself() {
    let stand = Stand::new(Mode::Classic).await;
    stand.keeper.fresh().await.unwrap();
    stand.wechat.with(|world, now| {
        world.exhaust(now, DEMO_APPID, &Quota::ClassicDay).unwrap();
    });
    stand.read_for(10 * HOUR).await;
    let minted = stand.wechat.counters().minted;
    assert!(minted.stable > 0, "{minted:?}");
    stand.wechat.with(|world, _| world.restore_quotas(DEMO_APPID).unwrap());
    stand.read_for(HOUR).await;
    assert!(stand.wechat.counters().minted.classic > minted.classic);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_by_hours_costs_no_read_and_no_storm() {
    for mode in [Mode::Stable, Mode::Classic] {
        let stand = Stand::new(mode).await;
        stand.keeper.fresh().await.unwrap();
        for jump in [5 * 3600, -11 * 3600, 3600, -3600] {
            stand.clock.jump_wall(jump);
            stand.read_for(6 * HOUR).await;
        }
        assert!(stand.wechat.fetches() <= fewest(mode), "{mode:?}: {}", stand.wechat.fetches());
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_a_wall_clock_set_back_or_forth_serves_no_dead_token() {
    for jump in [5 * 3600, -5 * 3600] {
        for mode in [Mode::Stable, Mode::Classic] {
            let stand = Stand::new(mode).await;
            stand.keeper.fresh().await.unwrap();
            sleep(HOUR).await;
            stand.clock.jump_wall(jump);
            let stand = stand.restart().await;
            stand.keeper.fresh().await.unwrap();
            stand.read_for(6 * HOUR).await;
            assert!(stand.wechat.fetches() <= 7, "{mode:?} {jump}: {}", stand.wechat.fetches());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_on_demand_fetches_only_when_it_is_used() {
    let stand =
        Stand::with_account(Mode::Stable, |account| account.policy.refresh = Refresh::OnDemand)
            .await;
    sleep(12 * HOUR).await;
    assert_eq!(stand.wechat.fetches(), 0);
    stand.keeper.fresh().await.unwrap();
    stand.read();
    sleep(12 * HOUR).await;
    assert_eq!(stand.wechat.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_falls_idle_is_let_go_and_taken_up_again() {
    let idle = Refresh::IdleAfter(6 * HOUR);
    let stand = Stand::with_account(Mode::Stable, |account| account.policy.refresh = idle).await;
    stand.keeper.fresh().await.unwrap();
    stand.read_for(12 * HOUR).await;
    let while_used = stand.wechat.fetches();
    assert!((6..=8).contains(&while_used), "{while_used}");
    sleep(48 * HOUR).await;
    assert!(stand.wechat.fetches() <= while_used + 4);
    assert!(stand.keeper.token().is_none());
    stand.keeper.fresh().await.unwrap();
    stand.read();
}
