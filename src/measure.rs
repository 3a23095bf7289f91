//! Times, memory, and what other processes took meanwhile.

use std::time::{Duration, Instant};

/// Some measurements of one thing.
#[derive(Default)]
pub struct Times {
    seconds: Vec<f64>,
}

impl Times {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        self.seconds.push(took.as_secs_f64());
        self.seconds.sort_by(f64::total_cmp);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.seconds.get(self.seconds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.seconds.first().copied().unwrap_or(f64::NAN)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.seconds.last().copied().unwrap_or(f64::NAN)
    }
}

/// The most memory that this process had, in MiB; 0 where the system does not say.
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Watches how many cores other processes use.
pub struct Others {
    began: Instant,
    busy: f64,
    own: f64,
}

impl Others {
    /// Starts watching.
    pub fn begin() -> Self {
        Others { began: Instant::now(), busy: busy_ticks(), own: own_ticks() }
    }

    /// Cores that others used on average since then. The kernel counts in ticks of 10 ms.
    pub fn end(&self) -> f64 {
        let seconds = self.began.elapsed().as_secs_f64();
        let others = (busy_ticks() - self.busy) - (own_ticks() - self.own);
        (others / 100.0 / seconds).max(0.0)
    }
}

/// Ticks that all processes were running: user, nice, system, interrupts and steal.
fn busy_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|f| f.parse().ok())
        .collect();
    [0, 1, 2, 5, 6, 7].iter().filter_map(|i| fields.get(*i)).sum()
}

/// Ticks of this process and of those that it started and waited for.
fn own_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    [11, 12, 13, 14].iter().filter_map(|i| fields.get(*i)).filter_map(|f| f.parse::<f64>().ok()).sum()
}
