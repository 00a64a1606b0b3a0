//! `upswing replay`: rebuild the state from the log and say whether it equals the stored one.

use super::{Failure, progress, say};
use crate::config::Config;
use crate::engine::replay::replay;
use crate::store::Store;

/// Replays the log of the store in the data directory.
///
/// # Errors
/// A store in use or damaged; a state that differs.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    if !config.data.join("db").exists() {
        return Err(Failure::input(format!(
            "there is no store in {}",
            config.data.display()
        )));
    }
    let store = Store::open(&config.data, config.cache_bytes)?;
    let bar = progress(None, "events replayed");
    let replayed = replay(&store, |events| bar.set_position(events))?;
    bar.finish_and_clear();
    let (frames, events, keys) = (replayed.frames, replayed.events, replayed.keys);
    if replayed.differences.is_empty() {
        say(&format!(
            "equal: {events} events in {frames} frames give the stored state, {keys} keys, byte for byte"
        ));
        return Ok(());
    }
    let listed: Vec<String> = replayed
        .differences
        .iter()
        .map(|key| format!("  {}", key.escape_ascii()))
        .collect();
    Err(Failure::store(format!(
        "the stored state differs from its log in these keys:\n{}",
        listed.join("\n")
    )))
}
