//! How long each kernel takes.

use crate::execute::KernelProfile;
use std::sync::atomic::{AtomicU64, Ordering};

/// The clock of one step.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub calls: AtomicU64,
    pub nanoseconds: AtomicU64,
}

impl Clock {
    pub(super) fn add(&self, took: std::time::Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Adds up the steps of each kernel, the slowest first.
pub(super) fn sum(rows: impl Iterator<Item = KernelProfile>) -> Vec<KernelProfile> {
    let mut sums: indexmap::IndexMap<String, KernelProfile> = indexmap::IndexMap::new();
    for row in rows {
        match sums.get_mut(&row.name) {
            Some(sum) => {
                sum.calls += row.calls;
                sum.seconds += row.seconds;
                sum.bytes += row.bytes;
                sum.flops += row.flops;
            }
            None => {
                sums.insert(row.name.clone(), row);
            }
        }
    }
    let mut sums: Vec<KernelProfile> = sums.into_values().filter(|s| s.calls > 0).collect();
    sums.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    sums
}
