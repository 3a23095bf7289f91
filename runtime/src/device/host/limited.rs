//! Runs a program that may hang, or take all memory, within limits.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How a program ended.
pub(super) struct Ended {
    pub success: bool,
    /// What it wrote to stderr; if it was stopped, that it was.
    pub said: String,
}

/// How long a program that has just started is waited for at a time; the wait doubles up to the longest.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(20);
/// More memory than any kernel takes to compile, and less than most machines have: one that takes more is refused by
/// its compiler, and not the whole machine by the system.
#[cfg(unix)]
const MEMORY: u64 = 8 << 30;

/// Runs a program until it ends, or until the time is over: then it is stopped, with all that it has started.
/// Its messages go by way of a file, which never fills up as a pipe does.
pub(super) fn run(command: &mut Command, messages: &Path, limit: Duration) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(messages)?);
    own_group(command);
    within(command, limit);
    let mut child = command.spawn()?;
    let (start, mut wait) = (Instant::now(), SHORTEST);
    loop {
        if let Some(status) = child.try_wait()? {
            let said = String::from_utf8_lossy(&std::fs::read(messages)?).into_owned();
            return Ok(Ended { success: status.success(), said });
        }
        if start.elapsed() >= limit {
            stop(&mut child);
            let said = format!("it was stopped after {} seconds (ARCHC_CC_SECONDS)", limit.as_secs());
            return Ok(Ended { success: false, said });
        }
        std::thread::sleep(wait);
        wait = (2 * wait).min(LONGEST);
    }
}

/// A compiler's driver starts the compiler itself: only as a group are both stopped.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// The system itself ends a compiler that takes too much memory, or that goes on computing after whoever started it was
/// killed.
#[cfg(unix)]
fn within(command: &mut Command, limit: Duration) {
    let seconds = limit.as_secs().max(1);
    let set = move || {
        for (what, most) in [(libc::RLIMIT_AS, MEMORY), (libc::RLIMIT_CPU, seconds)] {
            // SAFETY: a call of the C library that reads the structure it is given and is safe between fork and exec.
            // Where it fails, such as for a limit that is lower already, that one stays.
            unsafe { libc::setrlimit(what, &libc::rlimit { rlim_cur: most, rlim_max: most }) };
        }
        Ok(())
    };
    // SAFETY: the closure neither allocates nor takes a lock.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, set) };
}

#[cfg(not(unix))]
fn within(_: &mut Command, _: Duration) {}

fn stop(child: &mut Child) {
    #[cfg(unix)]
    // SAFETY: a call of the C library without memory. The child was not waited for, so that its number, which is that
    // of its group, is still its own.
    unsafe {
        libc::kill(-(child.id() as i32), libc::SIGKILL);
    }
    // It may have ended by itself in the meantime.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (Ended, Duration) {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let mut command = Command::new("sh");
        let ended = run(command.args(["-c", script]), &folder.path().join("messages"), limit).unwrap();
        (ended, start.elapsed())
    }

    #[test]
    fn what_hangs_is_stopped_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let script = format!("(sleep 3; touch {}) & sleep 60", trace.display());
        let (ended, took) = shell(&script, Duration::from_millis(200));
        assert!(!ended.success && ended.said.contains("stopped after"), "{}", ended.said);
        assert!(took < Duration::from_secs(30), "{took:?}");
        std::thread::sleep(Duration::from_secs(4));
        assert!(!trace.exists(), "what it had started went on");
    }

    #[test]
    fn memory_and_computing_have_ends() {
        let (ended, _) = shell("ulimit -v >&2; ulimit -t >&2", Duration::from_secs(7));
        assert_eq!(ended.said, format!("{}\n7\n", MEMORY >> 10));
    }

    #[test]
    fn much_that_is_said_is_no_hindrance() {
        let (ended, _) =
            shell("i=0; while [ $i -lt 30000 ]; do echo too much >&2; i=$((i+1)); done; exit 1", LONG);
        assert!(!ended.success);
        assert_eq!(ended.said.lines().count(), 30000);
        assert!(shell("true", LONG).0.success);
    }

    const LONG: Duration = Duration::from_secs(60);
}
