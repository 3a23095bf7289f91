//! Where the tensors of several programs lie in one memory: named inputs once for all programs, results
//! and constants for each, and one arena for what lives within a run.

use super::options::BuildError;
use crate::device::host::{Memory, Region};
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Plan, SlotId, SlotKind};
use indexmap::IndexMap;

const ALIGN: usize = 64;

/// A tensor that can be written or read from outside.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub region: Region,
    pub elem: Elem,
    dims: Vec<usize>,
}

/// The places of everything.
#[derive(Debug)]
pub(super) struct Layout {
    /// Inputs and state by name.
    pub residents: IndexMap<String, Tensor>,
    /// By program: results by name.
    pub outputs: Vec<IndexMap<String, Tensor>>,
    /// By program: the region of every slot.
    pub slots: Vec<Vec<Region>>,
    pub bytes: usize,
}

impl Layout {
    /// Places the slots of all plans.
    pub(super) fn new(plans: &[Plan]) -> Result<Self, BuildError> {
        let mut layout = Layout {
            residents: IndexMap::new(),
            outputs: Vec::new(),
            slots: Vec::new(),
            bytes: plans.iter().map(|p| p.arena_bytes).max().unwrap_or(0).next_multiple_of(ALIGN),
        };
        for plan in plans {
            let mut regions = Vec::new();
            for (i, slot) in plan.slots.iter().enumerate() {
                let region = match &slot.kind {
                    SlotKind::Scratch => Region { offset: slot.offset, len: slot.len },
                    SlotKind::Resident(name) => layout.resident(plan, name, SlotId(i as u32))?,
                    SlotKind::Output | SlotKind::Constant(_) | SlotKind::Prepared => layout.take(slot.len),
                };
                regions.push(region);
            }
            let outputs = plan.outputs.iter().map(|(name, named)| {
                let slot = plan.slot(named.slot);
                let region = regions[named.slot.0 as usize];
                (name.clone(), Tensor { region, elem: slot.elem, dims: named.dims.clone() })
            });
            layout.outputs.push(outputs.collect());
            layout.slots.push(regions);
        }
        Ok(layout)
    }

    fn take(&mut self, len: usize) -> Region {
        let region = Region { offset: self.bytes, len };
        self.bytes += (len * 4).next_multiple_of(ALIGN);
        region
    }

    fn resident(&mut self, plan: &Plan, name: &str, id: SlotId) -> Result<Region, BuildError> {
        let slot = plan.slot(id);
        let dims = plan.inputs[name].dims.clone();
        if let Some(known) = self.residents.get(name) {
            if known.dims != dims || known.elem != slot.elem {
                let (first, second) = (known.dims.clone(), dims);
                return Err(BuildError::Sizes { name: name.into(), first, second });
            }
            return Ok(known.region);
        }
        let region = self.take(slot.len);
        self.residents.insert(name.into(), Tensor { region, elem: slot.elem, dims });
        Ok(region)
    }

    /// Writes the tensors that are known at compile time.
    pub(super) fn fill_constants(&self, plans: &[Plan], memory: &Memory) {
        for (plan, regions) in plans.iter().zip(&self.slots) {
            for (slot, region) in plan.slots.iter().zip(regions) {
                let SlotKind::Constant(data) = &slot.kind else { continue };
                match slot.elem {
                    Elem::F32 => memory.fill(*region, &data.iter().map(|x| *x as f32).collect::<Vec<f32>>()),
                    Elem::I32 => memory.fill(*region, &data.iter().map(|x| *x as i32).collect::<Vec<i32>>()),
                }
            }
        }
    }
}
