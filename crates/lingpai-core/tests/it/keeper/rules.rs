//! What callers of a keeper can rely on.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_secret_changed_during_a_fetch_does_not_wait_for_what_failed_with_the_old_one() {
    let stand = stand(STABLE).await;
    stand.upstream.answers(Err(Failure::new(Class::NeedsPerson, "invalid appsecret")));
    let waiter = tokio::spawn({
        let keeper = Arc::clone(&stand.keeper);
        async move { keeper.fresh().await.map(|token| token.value.expose().to_owned()) }
    });
    sleep(SECOND / 2).await;
    let mended = Upstream::new(STABLE);
    let issuer: Arc<dyn Issuer> = Arc::clone(&mended) as _;
    stand.registry.manage(credential(), issuer, Arc::new(Policy::default()));
    assert_eq!(timeout(3 * SECOND, waiter).await.unwrap().unwrap().unwrap(), "T1");
    assert_eq!((stand.upstream.fetches(), mended.fetches()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_now_kept_while_it_is_used_is_renewed_while_it_is_used() {
    let stand = stand(STABLE).await;
    stand.keeper.fresh().await.unwrap();
    let policy = Policy { refresh: Refresh::IdleAfter(HOUR), ..Policy::default() };
    let issuer: Arc<dyn Issuer> = Arc::clone(&stand.upstream) as _;
    stand.registry.manage(credential(), issuer, Arc::new(policy));
    for _ in 0..5 {
        sleep(HOUR / 2).await;
        assert!(stand.keeper.token().is_some());
    }
    assert_eq!(stand.upstream.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_cold_callers_cause_one_fetch() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move { keeper.fresh().await.unwrap().value.expose().to_owned() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "T1");
    }
    assert_eq!(stand.upstream.fetches(), 1);
}

#[test]
fn ten_thousand_cold_callers_on_several_threads_cause_one_fetch() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
        let callers: Vec<_> = (0..10_000)
            .map(|_| {
                let keeper = Arc::clone(&stand.keeper);
                tokio::spawn(async move { keeper.fresh().await.map(|token| token.generation) })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), Generation(1));
        }
        assert_eq!(stand.upstream.fetches(), 1);
    });
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_is_shared_by_all_who_wait_and_not_retried_by_each() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    stand.upstream.answers(Err(Failure::new(Class::NeedsPerson, "invalid appsecret")));
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move { keeper.fresh().await.map(|_| ()) })
        })
        .collect();
    for caller in callers {
        let unavailable = caller.await.unwrap().unwrap_err();
        assert_eq!(unavailable.failure.message, "invalid appsecret");
        assert!(unavailable.retry_after > 10 * SECOND);
    }
    // Nor do those who come a little later.
    assert!(stand.keeper.fresh().await.is_err());
    assert_eq!(stand.upstream.fetches(), 1);
    sleep(20 * SECOND).await;
    assert!(stand.keeper.fresh().await.is_ok());
    assert_eq!(stand.upstream.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_strands_nobody() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    let hasty = timeout(Duration::from_millis(10), stand.keeper.fresh()).await;
    assert!(hasty.is_err());
    assert_eq!(stand.keeper.fresh().await.unwrap().value.expose(), "T1");
    assert_eq!(stand.upstream.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_panics_is_a_failure_like_another() {
    let stand = stand_on(Arc::new(MemoryStore::new()), STABLE, on_demand()).await;
    stand.upstream.panics.store(true, Ordering::SeqCst);
    assert!(stand.keeper.fresh().await.is_err());
    stand.upstream.panics.store(false, Ordering::SeqCst);
    sleep(SECOND).await;
    assert!(stand.keeper.fresh().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_hangs_is_given_up_at_the_deadline_and_the_token_is_served_on() {
    let stand = stand(STABLE).await;
    stand.keeper.fresh().await.unwrap();
    stand.upstream.hangs.store(true, Ordering::SeqCst);
    sleep(LIFE - 60 * SECOND).await;
    assert_eq!(stand.keeper.token().unwrap().value.expose(), "T1");
    assert!(stand.upstream.fetches() >= 3, "{}", stand.upstream.fetches());
    let failure = stand.keeper.status().failure.unwrap();
    assert_eq!(failure.message, "no answer from upstream within 8 s");
    stand.upstream.hangs.store(false, Ordering::SeqCst);
    sleep(59 * SECOND).await;
    assert!(stand.keeper.token().unwrap().generation > Generation(1));
}

#[tokio::test(start_paused = true)]
async fn no_read_of_a_day_finds_no_token_and_the_fetches_are_the_fewest_possible() {
    for (profile, fewest) in [(STABLE, 13), (CLASSIC, 14)] {
        let stand = stand(profile).await;
        stand.keeper.fresh().await.unwrap();
        for _ in 0..24 * 60 {
            sleep(60 * SECOND).await;
            assert!(stand.keeper.token().is_some());
        }
        assert!(stand.upstream.fetches() <= fewest, "{} fetches", stand.upstream.fetches());
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_costs_no_fetch() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = stand_on(Arc::clone(&store), CLASSIC, Policy::default()).await;
    first.keeper.fresh().await.unwrap();
    first.registry.close(SECOND).await;
    let second = stand_on(store, CLASSIC, Policy::default()).await;
    assert_eq!(second.keeper.token().unwrap().value.expose(), "T1");
    sleep(HOUR).await;
    assert_eq!(second.upstream.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_end_in_order_waits_for_the_rotation_under_way() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let stand = stand_on(Arc::clone(&store), CLASSIC, Policy::default()).await;
    sleep(Duration::from_millis(500)).await; // The first fetch is under way.
    stand.registry.close(5 * SECOND).await;
    let record = store.read(&credential()).await.unwrap().unwrap();
    assert!(record.token.is_some() && record.intent.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_longest_rotation_is_that_of_the_most_patient_policy() {
    let patient = Policy { fetch_deadline: 120 * SECOND, ..Policy::default() };
    let stand = stand_on(Arc::new(MemoryStore::new()), CLASSIC, patient.clone()).await;
    let (credential, issuer) = (stand.keeper.credential().clone(), Arc::clone(&stand.upstream));
    stand.registry.manage(credential, issuer, Arc::default());
    assert!(stand.registry.longest_rotation() > patient.attempt());
}

#[tokio::test(start_paused = true)]
async fn a_report_of_a_bad_token_is_answered_with_a_good_one_after_one_trial_and_one_fetch() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    stand.upstream.refuses.store(true, Ordering::SeqCst);
    let reports: Vec<_> = (0..100)
        .map(|_| {
            let keeper = Arc::clone(&stand.keeper);
            tokio::spawn(async move {
                let reported = keeper.report_invalid("T1").await.unwrap();
                (reported.outcome, reported.token.value.expose().to_owned())
            })
        })
        .collect();
    for report in reports {
        assert_eq!(report.await.unwrap(), (Outcome::Rotated, "T2".to_owned()));
    }
    assert_eq!(stand.upstream.fetches(), 2);
    assert_eq!(stand.upstream.checks.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_a_good_token_is_answered_with_that_token_and_no_fetch() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    for _ in 0..50 {
        let reported = stand.keeper.report_invalid("T1").await.unwrap();
        assert_eq!(reported.outcome, Outcome::Accepted);
        assert_eq!(reported.token.value.expose(), "T1");
    }
    let old = stand.keeper.report_invalid("T0").await.unwrap();
    assert_eq!(old.outcome, Outcome::Replaced);
    assert_eq!(stand.upstream.fetches(), 1);
    assert_eq!(stand.upstream.checks.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_cannot_be_replaced_is_answered_as_it_is() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    stand.upstream.refuses.store(true, Ordering::SeqCst);
    stand.upstream.answers(Err(Failure::new(Class::NeedsPerson, "invalid ip")));
    let reported = stand.keeper.report_invalid("T1").await.unwrap();
    assert_eq!(reported.outcome, Outcome::Refused);
    assert_eq!(reported.token.value.expose(), "T1");
}

#[tokio::test(start_paused = true)]
async fn a_person_can_rotate_but_not_so_soon_that_it_hurts() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    let hasty = stand.keeper.rotate().await.unwrap_err();
    assert!(matches!(hasty, RotateError::Denied(_)), "{hasty}");
    sleep(300 * SECOND).await;
    assert_eq!(stand.keeper.rotate().await.unwrap().value.expose(), "T2");
    sleep(300 * SECOND).await;
    stand.upstream.answers(Err(Failure::new(Class::NeedsPerson, "invalid ip")));
    let failed = stand.keeper.rotate().await.unwrap_err();
    assert!(matches!(failed, RotateError::Failed(_)), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_is_given_the_next_generation() {
    let stand = stand(STABLE).await;
    stand.keeper.fresh().await.unwrap();
    let next = timeout(LIFE, stand.keeper.later_than(Generation(1))).await.unwrap();
    assert_eq!(next.value.expose(), "T2");
}

#[tokio::test(start_paused = true)]
async fn a_readers_handle_follows_every_rotation_and_stops_at_the_end() {
    let stand = stand(STABLE).await;
    let mut reader = stand.keeper.reader();
    assert!(reader.token().is_none());
    stand.keeper.fresh().await.unwrap();
    for _ in 0..200 {
        let seen = reader.token().map(|token| token.generation);
        assert_eq!(seen, stand.keeper.token().map(|token| token.generation));
        sleep(60 * SECOND).await;
    }
    stand.upstream.hangs.store(true, Ordering::SeqCst);
    sleep(2 * LIFE).await;
    assert!(reader.token().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_by_hours_causes_no_storm_and_no_expired_read() {
    let stand = stand(CLASSIC).await;
    stand.keeper.fresh().await.unwrap();
    for jump in [6 * 3600, -12 * 3600, 6 * 3600] {
        stand.clock.jump_wall(jump);
        for _ in 0..8 {
            sleep(600 * SECOND).await;
            assert!(stand.keeper.token().is_some());
        }
    }
    assert!(stand.upstream.fetches() <= 4, "{} fetches", stand.upstream.fetches());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_counted_as_long_as_it_waits_and_a_fetch_as_long_as_it_takes() {
    let stand = stand(STABLE).await;
    let waiting = || stand.registry.measured().waiting;
    let callers = (0..3).map(|_| {
        let keeper = Arc::clone(&stand.keeper);
        tokio::spawn(async move { keeper.fresh().await.map(drop) })
    });
    let mut callers: Vec<_> = callers.collect();
    tokio::task::yield_now().await;
    assert_eq!(waiting(), 3);
    callers.pop().unwrap().abort();
    tokio::task::yield_now().await;
    assert_eq!(waiting(), 2, "one gave up");
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    let measured = stand.registry.measured();
    assert_eq!((measured.waiting, measured.fetches.count()), (0, 1));
    assert_eq!(measured.fetches.sum, SECOND);
    assert_eq!(measured.store.count(), 2, "the claim and the commit");
}
