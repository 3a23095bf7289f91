//! Runs a plan for CUDA on the CPU: one arena, one buffer for everything else, the steps in their order.

use crate::emulator::Emulated;
use arch_kernels::Plan;
use arch_kernels::ir::Elem;
use arch_kernels::plan::{SlotId, SlotKind};
use arch_kernels::print::cuda::{self, Source};
use std::collections::{BTreeMap, BTreeSet};

/// No number as a float, -1 as an integer.
const POISON: u32 = u32::MAX;
/// Words before and behind every buffer that nobody may touch.
const GUARD: usize = 64;
const GUARDED: u32 = 0x7fc0_beef;

/// A plan and its kernels, ready to run.
pub struct Runner<'p> {
    plan: &'p Plan,
    pub sources: Vec<Source>,
    calls: Vec<usize>,
    kernels: Emulated,
}

/// Memory of a run.
struct Memory {
    arena: Vec<u32>,
    buffers: Vec<Vec<u32>>,
}

impl<'p> Runner<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        let (sources, calls) = cuda::sources(plan).unwrap_or_else(|e| panic!("{e}"));
        let kernels = Emulated::new(&sources);
        Runner { plan, sources, calls, kernels }
    }

    /// The results and updated inputs by name, from inputs by name.
    ///
    /// # Errors
    /// What the emulator found, and in which kernel.
    pub fn run(
        &mut self,
        inputs: &BTreeMap<String, Vec<f64>>,
        seed: u64,
    ) -> Result<BTreeMap<String, Vec<u32>>, String> {
        let mut memory = Memory::new(self.plan, inputs);
        let mut seen = BTreeSet::new();
        for (step, call) in self.plan.steps.iter().zip(&self.calls) {
            let source = &self.sources[*call];
            // What other buffers have left in the arena is gone; a kernel that reads what no kernel wrote shows.
            for slot in step.writes.iter().filter(|s| !seen.contains(*s)) {
                if !matches!(self.plan.slot(*slot).kind, SlotKind::Resident(_)) {
                    memory.words(self.plan, *slot).fill(POISON);
                }
            }
            seen.extend(step.reads.iter().chain(&step.writes).copied());
            let args = cuda::arguments(&step.action);
            let pointers: Vec<*mut u32> =
                args.iter().map(|s| memory.words(self.plan, *s).as_mut_ptr()).collect();
            self.kernels
                .launch(&source.name, &source.launch, &pointers, self.plan.batch as i32, seed)
                .map_err(|e| format!("{}: {e}", source.name))?;
        }
        memory.check(self.plan)?;
        let mut results = BTreeMap::new();
        for (name, named) in &self.plan.outputs {
            results.insert(name.clone(), memory.words(self.plan, named.slot).to_vec());
        }
        for (name, named) in &self.plan.inputs {
            if self.plan.updates.contains(&named.slot) {
                results.insert(name.clone(), memory.words(self.plan, named.slot).to_vec());
            }
        }
        Ok(results)
    }
}

impl Memory {
    fn new(plan: &Plan, inputs: &BTreeMap<String, Vec<f64>>) -> Self {
        let buffers = plan.slots.iter().map(|slot| {
            if slot.kind == SlotKind::Scratch {
                return Vec::new();
            }
            let mut words = vec![GUARDED; slot.len + 2 * GUARD];
            let bits = |x: f64| if slot.elem == Elem::I32 { x as i32 as u32 } else { (x as f32).to_bits() };
            let data: &[f64] = match &slot.kind {
                SlotKind::Resident(name) => &inputs[name],
                SlotKind::Constant(data) => data,
                _ => &[],
            };
            words[GUARD..GUARD + slot.len].fill(POISON);
            words[GUARD..].iter_mut().zip(data).for_each(|(w, x)| *w = bits(*x));
            words
        });
        let mut arena = vec![POISON; plan.arena_bytes / 4 + 2 * GUARD];
        let end = arena.len() - GUARD;
        arena[..GUARD].fill(GUARDED);
        arena[end..].fill(GUARDED);
        Memory { arena, buffers: buffers.collect() }
    }

    fn words(&mut self, plan: &Plan, slot: SlotId) -> &mut [u32] {
        let of = plan.slot(slot);
        let (from, start) = match of.kind {
            SlotKind::Scratch => (&mut self.arena, GUARD + of.offset / 4),
            _ => (&mut self.buffers[slot.0 as usize], GUARD),
        };
        &mut from[start..start + of.len]
    }

    /// Nobody has written before or behind a buffer.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        for (at, words) in self.buffers.iter().chain([&self.arena]).enumerate().filter(|b| !b.1.is_empty()) {
            let (before, behind) = (&words[..GUARD], &words[words.len() - GUARD..]);
            if before.iter().chain(behind).any(|w| *w != GUARDED) {
                let what =
                    plan.slots.get(at).map_or("the arena".into(), |s| format!("{:?} {}", s.kind, s.shape));
                return Err(format!("something was written beside {what}"));
            }
        }
        Ok(())
    }
}

/// The numbers of a result.
pub fn numbers(words: &[u32], elem: Elem) -> Vec<f64> {
    let number =
        |w: &u32| if elem == Elem::I32 { f64::from(*w as i32) } else { f64::from(f32::from_bits(*w)) };
    words.iter().map(number).collect()
}
