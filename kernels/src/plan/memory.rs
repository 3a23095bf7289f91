//! One arena for everything that lives between two steps.

use super::{Plan, SlotId, SlotKind};

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
/// Two orders are tried, large buffers first and early buffers first; each buffer goes to the lowest place
/// that is free as long as it lives. The smaller arena wins.
pub fn place(plan: &mut Plan) {
    let mut blocks = lifetimes(plan);
    plan.live_lower_bound = lower_bound(&blocks, plan.steps.len());
    blocks.sort_by_key(|b| (std::cmp::Reverse(b.bytes), b.first, b.slot));
    let by_size = assign(&mut blocks);
    let offsets: Vec<(usize, usize)> = blocks.iter().map(|b| (b.slot, b.offset)).collect();
    blocks.sort_by_key(|b| (b.first, std::cmp::Reverse(b.bytes), b.slot));
    let by_time = assign(&mut blocks);
    plan.arena_bytes = by_size.min(by_time);
    if by_size <= by_time {
        for (slot, offset) in offsets {
            plan.slots[slot].offset = offset;
        }
    } else {
        for block in &blocks {
            plan.slots[block.slot].offset = block.offset;
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
