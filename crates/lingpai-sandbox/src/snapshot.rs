//! What of a world outlives it, and how a world goes on from there.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Error as JsonError, error::Category, json};

use crate::{
    Error, Settings, World,
    api::KeptTickets,
    app::App,
    platform::Platforms,
    random::Random,
    settings::valid_speed,
    time::{Clock, Moment},
    tokens::{Kept, Tokens},
    wecom::WeCom,
};

/// Grows when older snapshots can no longer be understood.
const FORMAT: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: u32,
    /// The wall time at which it was `moment` in the world.
    wall: Duration,
    moment: Moment,
    speed: Changeable<f64>,
    caller_ip: Changeable<Option<IpAddr>>,
    random: Random,
    apps: Vec<App>,
    tokens: Kept,
    #[serde(default)]
    tickets: KeptTickets,
    #[serde(default)]
    wecom: WeCom,
    #[serde(default)]
    platforms: Platforms,
}

/// Something that the settings say, and that can be changed while the world runs.
#[derive(Deserialize, Serialize)]
struct Changeable<T> {
    set: T,
    now: T,
}

impl<T: PartialEq> Changeable<T> {
    /// Settings that say what they said before do not undo a change; others do.
    fn after(self, set: T) -> T {
        if set == self.set { self.now } else { set }
    }
}

impl World {
    /// Everything that a restart must not undo, as JSON: the apps with all that was done to them
    /// and what they have used up, the tokens of both families (the live ones, and the last 500
    /// dead ones), the tickets, WeCom's applications, suites and tokens, the platforms, virtual time and its speed, the caller's address, and the randomness, so that
    /// no token comes twice.
    ///
    /// Not in it: faults, counters, the log (so rid/get finds no calls from before) and uploaded
    /// media. Secrets and tokens are in it in clear.
    ///
    /// `wall` is the wall time, from the Unix epoch, at `now`.
    pub fn snapshot(&self, now: Duration, wall: Duration) -> String {
        let snapshot = Snapshot {
            format: FORMAT,
            wall,
            moment: self.clock.at(now),
            speed: Changeable { set: self.settings.speed, now: self.clock.speed() },
            caller_ip: Changeable { set: self.settings.caller_ip, now: self.caller_ip },
            random: self.random.clone(),
            apps: self.apps.values().cloned().collect(),
            tokens: self.tokens.kept(),
            tickets: self.tickets.kept(),
            wecom: self.wecom.clone(),
            platforms: self.platforms.clone(),
        };
        json!(snapshot).to_string()
    }

    /// A world that goes on from a snapshot: its real time starts anew at zero, its virtual time
    /// has run on at its speed while the wall went from the snapshot to `wall` (a wall set back
    /// counts as no time).
    ///
    /// Of the settings, `start` and `seed` have no meaning then, and the apps only if the snapshot
    /// has none with the same appid. `speed` and `caller_ip` win over the snapshot only if they are
    /// not what they were when the world of the snapshot was made.
    ///
    /// # Errors
    /// If the snapshot cannot be understood, or the settings are not valid.
    pub fn restore(mut settings: Settings, wall: Duration, snapshot: &str) -> Result<Self, Error> {
        let kept: Snapshot = serde_json::from_str(snapshot).map_err(|error| unreadable(&error))?;
        if kept.format != FORMAT {
            let problem = format!("its format is {}, not {FORMAT}", kept.format);
            return Err(Error::BadSnapshot { problem });
        }
        for speed in [kept.speed.set, kept.speed.now] {
            let bad = |error: Error| Error::BadSnapshot { problem: error.to_string() };
            valid_speed(speed).map_err(bad)?;
        }
        let passed = wall.saturating_sub(kept.wall);
        let moment = Clock::new(kept.moment, kept.speed.now).at(passed);

        let apps = std::mem::take(&mut settings.apps);
        let agents = std::mem::take(&mut settings.agents);
        let components = std::mem::take(&mut settings.components);
        let providers = std::mem::take(&mut settings.providers);
        let mut world = Self::new(settings)?;
        world.clock = Clock::new(moment, kept.speed.after(world.settings.speed));
        world.caller_ip = kept.caller_ip.after(world.settings.caller_ip);
        world.random = kept.random;
        world.apps = kept.apps.into_iter().map(|app| (app.appid.clone(), app)).collect();
        world.tokens = Tokens::from(kept.tokens);
        world.tickets = kept.tickets.into();
        world.wecom = kept.wecom;
        world.platforms = kept.platforms;
        for component in components {
            if !world.platforms.has(&component.appid) {
                world.add_component(Duration::ZERO, component)?;
            }
        }
        for agent in agents {
            if !world.wecom.has(&agent) {
                world.add_agent(agent)?;
            }
        }
        for provider in providers {
            if !world.has_provider(&provider) {
                world.add_provider(provider)?;
            }
        }
        for app in apps {
            if !world.apps.contains_key(&app.appid) {
                world.add_app(app)?;
            }
        }
        Ok(world)
    }
}

/// Only kind and place: the words of `serde_json` may quote a secret.
fn unreadable(error: &JsonError) -> Error {
    let what = match error.classify() {
        Category::Eof => "it is cut short",
        Category::Data => "it was changed by hand, or written by another version",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    let problem = format!("{what} (line {}, column {})", error.line(), error.column());
    Error::BadSnapshot { problem }
}
