//! Which form a scan takes: the one place that says so, by counts and never by a clock.

use super::recurrence::Recurrence;
use super::{Form, Machine, Reason};
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

/// Lanes that are enough for a GPU: a warp for each of 132 multiprocessors, as an H100 or H200 has them. Not measured.
const GPU_LANES: usize = 132 * 32;
/// Lanes that are enough for a CPU whose vectors are longer.
///
/// Measured on two cores of an AMD EPYC with AVX-512 that others used, too, so that only ratios count: `--fuse off`, which
/// is step by step, against chunks of 32, microseconds of `archc bench op --batch 1`, the least of three alternated runs of 25.
/// `h' = a h + x` with a decay for each step and channel, times a gate; one thread, then two:
///
/// | channels | 4096 steps | 16384 steps | 4096 steps, two threads | 16384 steps, two threads |
/// | --- | --- | --- | --- | --- |
/// | 1 | 14, 10 | 55, 38 | 14, 11 | 54, 26 |
/// | 4 | 55, 39 | 228, 162 | 54, 33 | 234, 103 |
/// | 8 | 115, 119 | 453, 492 | 163, 173 | 548, 585 |
///
/// A selective scan with 16 states a channel, 4096 steps: 2 channels 388, 285, and 4 channels 818, 602; 4 channels on two
/// threads 736, 398. What two threads share is about twice the work, so it is no gain for the whole machine where samples
/// could be shared out. With gradients, 4096 steps on one thread: 1 channel 20, 41; 4 channels 77, 120; so where a gradient
/// reads the states a CPU stays with steps.
const HOST_LANES: usize = 8;
/// Steps of a chunk: at least, as many as are wanted, and at most, where that makes all chunks equally long. Chunks of 128
/// steps of 4 channels lie a multiple of the first cache apart and evict each other: half as fast as those of 32.
const STEPS: (usize, usize, usize) = (16, 32, 64);
/// Chunks that a sequence must have to be cut.
const FEWEST: usize = 32;
/// Chunks below which cutting gains too little.
///
/// Counted, not measured. While lanes are fewer than are enough, time is the number of steps that follow each other: `T`
/// forward, and `3 T` with the gradient, which takes the steps again before it goes back. In `k` chunks these are
/// `2 T / k + k` (twice through a chunk, once over the chunks) and `5 T / k + 2 k` (the first time back takes no step
/// again). For `T = 1024` the gain is
///
/// | k | 1 | 2 | 3 | 4 | 8 | 32 |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | forward | 0.50 | 1.00 | 1.49 | 1.98 | 3.88 | 10.7 |
/// | with gradients | 0.60 | 1.20 | 1.79 | 2.39 | 4.68 | 13.7 |
///
/// A selective scan pays for it with 13 operations a state and step for 7 (decay 2, state 2, input 1, what is read 2; the
/// first time decay 2, state 2, input 1, effect 1), with 5 numbers moved a channel and step for 3 (`dt` and `x` twice, `y`
/// once), and with two more kernels and the states of all chunks in memory: nearly twice as much of everything, so that it
/// takes twice the speed to be sure of a gain.
const GAINFUL: usize = 4;

/// What is counted of a recurrence.
pub(super) struct Counted {
    /// States that no step joins, of all samples, apart from axes that results are summed over.
    pub lanes: usize,
    pub steps: usize,
    /// Whether another recurrence reads the states of this one: its gradient.
    pub is_read: bool,
}

/// How long the chunks are into which an affine recurrence is cut.
pub(super) fn chunks(counted: &Counted, machine: Machine) -> Result<usize, Reason> {
    let &Counted { lanes, steps, is_read } = counted;
    let enough = match machine {
        Machine::Host { lanes } => lanes.min(HOST_LANES),
        Machine::Gpu => GPU_LANES,
    };
    if lanes >= enough {
        return Err(Reason::Lanes(lanes, enough));
    }
    let (least, wanted, most) = STEPS;
    if steps < FEWEST * wanted {
        return Err(Reason::Short(steps, FEWEST * wanted));
    }
    if is_read && machine != Machine::Gpu {
        return Err(Reason::Gradient);
    }
    // More lanes than are enough are no gain, and longer chunks leave less between them.
    let longer = if machine == Machine::Gpu { steps * lanes.max(1) / enough } else { 0 };
    let wanted = wanted.max(longer.next_power_of_two());
    let (least, most) = (least.max(wanted / 2), most.max(2 * wanted));
    let whole = (least..=most).filter(|n| steps.is_multiple_of(*n)).min_by_key(|n| n.abs_diff(wanted));
    let length = whole.unwrap_or(wanted);
    match steps.div_ceil(length) {
        count if count < GAINFUL => Err(Reason::Few(count, GAINFUL)),
        _ => Ok(length),
    }
}
