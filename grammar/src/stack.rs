//! Room for recursion.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread::{Builder, scope};

use crate::scan::{MAX_DEPTH, Tokens};

/// Brackets nested no deeper than this need no more stack than every thread has.
const SHALLOW: usize = 24;
/// Ample for [`MAX_DEPTH`] levels in an unoptimised build; the system lends only what is used.
const BYTES: usize = MAX_DEPTH * 256 * 1024;

/// Runs `work`, on a thread with a large stack if the brackets of `tokens` nest deep.
pub fn with_room<T: Send>(tokens: &Tokens, work: impl FnOnce() -> T + Send) -> T {
    if tokens.depth <= SHALLOW {
        return work();
    }
    // The work waits in a place of its own, since a thread that cannot be started would take it along.
    let waiting = Mutex::new(Some(work));
    let take = || waiting.lock().ok().and_then(|mut work| work.take()).map(|work| work());
    let done = scope(|scope| match Builder::new().stack_size(BYTES).spawn_scoped(scope, take) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(_) => None,
    });
    match done {
        Some(value) => value,
        None => match waiting.into_inner() {
            Ok(Some(work)) => work(),
            _ => unreachable!("the work is done by the thread or still waits"),
        },
    }
}
