//! Which form a scan takes: the one place that says so, by counts and never by a clock.

use super::recurrence::Recurrence;
use super::{Form, Reason};
use crate::graph::{AxisId, Module};
use crate::ops::Scan;

/// Positions of a chunk, at least and at most: products of fewer rows are no longer products, and more positions
/// take more memory than the sequence itself.
const CHUNKS: (usize, usize) = (16, 256);
/// Numbers of a head's state below which its products are too small to be any.
///
/// Measured on two cores with AVX-512 that others used, too, so that only ratios count: a scan alone, the least of several
/// runs, milliseconds forward and with backward. DiMamba-S/2 (T 256, 12 heads, 64 channels, 16 states, batch 8): step by
/// step 13.8, and its gradient does not fit; in chunks of 32 7.2 and 30.7; as one chunk of 256 30 and 80. Digits (T 16, 4
/// heads, batch 128): step by step 5.4 and 15, as one chunk 0.4 and 2.0. A mixer of 6 heads, 128 channels and 64 states:
/// step by step 24 and none, in chunks of 64 26 and 55. Narrower heads were not measured.
const NARROW: usize = 512;

/// The form of a scan whose step was recognised.
pub(super) fn form(module: &Module, scan: &Scan, recurrence: &Recurrence) -> Form {
    let steps = module.size(scan.axis, 1);
    let product = |axes: &[AxisId]| module.dims(axes, 1).iter().product::<usize>();
    let (width, states) = (product(&recurrence.free), product(&recurrence.contracted));
    if width * states < NARROW || steps == 0 {
        return Form::Sequential(Reason::Narrow(width * states, NARROW));
    }
    Form::Matrix { chunk: length(width, states).min(steps), steps }
}

/// Positions of a chunk for states of `states` numbers for each of `width` channels of a head: with the root of
/// twice their product there are as many scores, written and read once, as numbers of states at the ends of chunks,
/// which are written and read twice.
fn length(width: usize, states: usize) -> usize {
    let root = (2 * width * states).isqrt();
    let above = root.next_power_of_two();
    let nearest = if 4 * root < 3 * above { above / 2 } else { above };
    nearest.clamp(CHUNKS.0, CHUNKS.1)
}
