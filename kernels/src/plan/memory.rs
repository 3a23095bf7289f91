//! One arena for everything that lives between two steps.

use super::{Plan, SlotId, SlotKind};
use std::cmp::Reverse;

/// Every buffer starts at a multiple of this.
const ALIGN: usize = 64;

/// A buffer in time (first and last step) and space.
struct Block {
    slot: usize,
    first: usize,
    last: usize,
    bytes: usize,
    offset: usize,
}

/// Gives every scratch slot of the plan its place, and says how large the arena is.
///
/// Buffers are placed one after the other, each at the lowest place that is free as long as it lives, in
/// several orders: large ones first, early ones first, and those first that take most space over time.
/// The smallest arena wins.
pub fn place(plan: &mut Plan) {
    let mut blocks = lifetimes(plan);
    plan.live_lower_bound = lower_bound(&blocks, plan.steps.len());
    plan.arena_bytes = usize::MAX;
    for order in 0..5 {
        blocks.sort_by_key(|b| {
            let long = b.last - b.first + 1;
            let large = Reverse(b.bytes);
            match order {
                0 => (large, b.first, b.slot),
                1 => (Reverse(b.bytes * long), b.first, b.slot),
                2 => (Reverse(long), b.first, b.slot),
                3 => (Reverse(usize::MAX - b.first), usize::MAX - b.bytes, b.slot),
                _ => (Reverse(b.last), usize::MAX - b.bytes, b.slot),
            }
        });
        let bytes = assign(&mut blocks);
        if bytes < plan.arena_bytes {
            plan.arena_bytes = bytes;
            for block in &blocks {
                plan.slots[block.slot].offset = block.offset;
            }
        }
        if bytes == plan.live_lower_bound {
            return;
        }
    }
}

fn lifetimes(plan: &Plan) -> Vec<Block> {
    let mut blocks: Vec<Option<Block>> = plan.slots.iter().map(|_| None).collect();
    for (at, step) in plan.steps.iter().enumerate() {
        for SlotId(slot) in step.reads.iter().chain(&step.writes) {
            let slot = *slot as usize;
            if plan.slots[slot].kind != SlotKind::Scratch {
                continue;
            }
            let bytes = (plan.slots[slot].len * 4).next_multiple_of(ALIGN);
            let block = blocks[slot].get_or_insert(Block { slot, first: at, last: at, bytes, offset: 0 });
            block.last = at;
        }
    }
    blocks.into_iter().flatten().collect()
}

fn lower_bound(blocks: &[Block], steps: usize) -> usize {
    (0..steps)
        .map(|at| blocks.iter().filter(|b| b.first <= at && at <= b.last).map(|b| b.bytes).sum())
        .max()
        .unwrap_or(0)
}

fn assign(blocks: &mut [Block]) -> usize {
    let mut top = 0;
    for i in 0..blocks.len() {
        let (done, rest) = blocks.split_at_mut(i);
        let block = &mut rest[0];
        let mut taken: Vec<(usize, usize)> = done
            .iter()
            .filter(|d| d.first <= block.last && block.first <= d.last)
            .map(|d| (d.offset, d.offset + d.bytes))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if offset + block.bytes <= start {
                break;
            }
            offset = offset.max(end);
        }
        block.offset = offset;
        top = top.max(offset + block.bytes);
    }
    top
}
