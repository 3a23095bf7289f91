//! A recurrence as one kernel: parallel over the batch and over every axis along which the steps share no
//! data, vectors along one of these, the state in local arrays (registers, where loops are written out).

mod again;
mod arrange;
mod carry;
mod chunk;
mod shared;
mod step;
mod sums;

pub(super) use arrange::{arrange, free_axes};
pub(super) use chunk::{Chunks, chunks};

use super::LowerError;
use super::analysis::{self, Analysis, Role};
use super::attention::Attentions;
use super::choices::Choices;
use super::element::Env;
use super::gemm::Epilogues;
use super::group::{self, Groups};
use super::lowering::Lowering;
use super::order::{self, Unit};
use super::pull::{Frame, Place, Puller, Strides};
use super::rows::{Style, written_out};
use crate::ir::{Index, LoopKind};
use crate::plan::SlotId;
use again::{AgainStep, Kept};
use arch_compiler::graph::{AxisId, Function, Module, ValueId};
use arch_compiler::ops::{Op, Scan};
use arrange::Arrangement;
use std::collections::BTreeMap;
use step::Now;

/// Local arrays of one scan may not be larger than this: they lie on the stack, also on that of the caller.
const LARGEST_STATE: usize = 1 << 20;
/// Constants of a scan up to this many elements are loaded before the first step.
const PRELOADED: i64 = 64;

/// What is known of a scan before its kernel is built.
struct Step<'a> {
    /// Which of the kernel's functions its body is.
    frame: usize,
    scan: &'a Scan,
    body: &'a Function,
    inputs: &'a [ValueId],
    /// Axes around the recurrence, the axis of vectors last if there is one.
    free: Vec<AxisId>,
    style: Style,
    /// Results that are sums along the vectors: node, and where the sum of each block of vectors goes.
    sums: Vec<(usize, SlotId, Strides)>,
    lanes: usize,
    analysis: Analysis,
    groups: Groups,
    units: Vec<Unit>,
}

impl<'a> Lowering<'a> {
    pub(super) fn scan(&mut self, n: usize) -> Result<(), LowerError> {
        let function: &'a Function = self.function;
        let chunks: &'a Chunks = self.chunks;
        let node = &function.nodes[n];
        let Op::Scan(scan) = &node.op else { return Ok(()) };
        let lanes = self.options.target.lanes();
        let arrangement = arrange(self.module, function, scan, &node.inputs, lanes);
        let mut step = Step::new(self.module, (scan, &node.inputs), &arrangement, lanes, (1, self.choices));
        let results: Vec<Place> = node.outputs.iter().filter_map(|v| self.places.get(v).cloned()).collect();
        let vectors = step.free.last().map_or(1, |a| self.module.size(*a, 1) / lanes).max(1);
        let blocks = vectors / sums::block(vectors);
        let mut partial = Vec::new();
        for n in &arrangement.sums {
            let value = scan.body.nodes[*n].outputs[0];
            // Several results may be one sum: that of what two sequences add is the gradient of both.
            let given = scan.body.outputs[scan.carries..].iter().zip(&node.outputs);
            let outs: Vec<ValueId> = given.filter(|(o, _)| o.1 == value).map(|(_, out)| *out).collect();
            let Some(first) = outs.first() else { continue };
            let (slot, strides) = self.partial_sums(*first, blocks);
            step.sums.push((*n, slot, strides.clone()));
            partial.push((slot, strides, outs));
        }
        let again = chunks.again.get(&n).map(|again| self.again(again, &arrangement));
        let bytes = step.state_bytes(self.module) + again.as_ref().map_or(0, |a| a.bytes(self.module));
        if bytes > LARGEST_STATE {
            let axis = self.module.axis_text(scan.axis);
            let line = self.options.sources.and_then(|s| s.known_place(node.origin.span));
            return Err(LowerError::ScanState { bytes, most: LARGEST_STATE, axis, line });
        }
        let kept = self.keep(n, &step);
        self.kernel("scan", &[n], &node.outputs, |p| step.emit(p, &results, &kept, again.as_ref()));
        for (slot, strides, outs) in partial {
            outs.into_iter().for_each(|out| self.finish_sums(n, out, slot, &strides, blocks));
        }
        Ok(())
    }
}

impl<'a> Step<'a> {
    fn new(
        module: &Module,
        (scan, inputs): (&'a Scan, &'a [ValueId]),
        arrangement: &Arrangement,
        lanes: usize,
        (frame, choices): (usize, Choices),
    ) -> Self {
        let Arrangement { free, style, sums } = arrangement;
        let body = &*scan.body;
        let choices = choices.within_a_step();
        let mut analysis =
            Analysis::new(module, body, (analysis::Place::Body, choices), Attentions::default());
        if frame == 1 {
            sums.iter().for_each(|n| analysis.roles[*n] = Role::LaneSum);
        }
        let groups = group::group(module, body, &analysis, free, (true, choices));
        let units = order::order(body, &analysis, &groups, &Epilogues::default()).units;
        let (free, style, sums) = (free.clone(), *style, Vec::new());
        Step { frame, scan, body, inputs, free, style, sums, lanes, analysis, groups, units }
    }

    fn local_axes(&self, value: ValueId) -> Vec<AxisId> {
        self.body.value(value).shape.iter().copied().filter(|a| !self.free.contains(a)).collect()
    }

    fn state_bytes(&self, module: &Module) -> usize {
        let lanes = if self.style == Style::InLanes { self.lanes } else { 1 };
        let elements: usize = (0..self.body.values.len())
            .filter(|v| {
                let node = self.body.values[*v].node as usize;
                let carry = self.body.inputs.iter().take(self.scan.carries).any(|i| i.value.0 as usize == *v);
                carry || matches!(self.analysis.roles[node], Role::Member | Role::Alone)
            })
            .map(|v| module.dims(&self.local_axes(ValueId(v as u32)), 1).iter().product::<usize>())
            .filter(|n| *n > 1)
            .sum();
        elements * 4 * lanes
    }

    fn emit<'c>(
        &self,
        p: &mut Puller<'a, 'c>,
        results: &[Place],
        kept: &Kept,
        again: Option<&AgainStep<'a>>,
    ) {
        p.frames.push(Frame { function: self.body, places: BTreeMap::new() });
        if !self.sums.is_empty() {
            return self.in_blocks(p, results, again);
        }
        let mut env: Env = Vec::new();
        for (i, axis) in self.free.iter().enumerate() {
            let lanes = self.style == Style::InLanes && i + 1 == self.free.len();
            let at = p.open(if lanes { LoopKind::ParallelLanes } else { LoopKind::Parallel }, *axis);
            env.push((*axis, at));
        }
        let mut carries = self.start(p, &env);
        self.constants(p, &env, &|_| None);
        match again {
            Some(again) => self.back(p, &env, again, &mut carries, results),
            None if !kept.states.is_empty() => self.keeping(p, &env, kept, &mut carries, results),
            None => {
                let at = p.open(LoopKind::Sequential, self.scan.axis);
                let t = self.position(p.module, &at);
                self.step(p, &env, &Now { t: &t, results, known: &[], sums: &[] }, &mut carries);
                p.close();
            }
        }
        self.finals(p, &env, &carries, results);
        for _ in &self.free {
            p.close();
        }
    }

    /// Where along the axis a step is, counted in the direction of the scan.
    fn position(&self, module: &Module, step: &Index) -> Index {
        match self.scan.reverse {
            true => step.times(-1).offset(module.size(self.scan.axis, 1) as i64 - 1),
            false => step.clone(),
        }
    }

    /// Runs `at` for every place on local axes.
    fn each(
        &self,
        p: &mut Puller<'_, '_>,
        axes: &[AxisId],
        env: &Env,
        at: impl FnOnce(&mut Puller<'_, '_>, &Env),
    ) {
        let mut env = env.clone();
        let nested = written_out(p, axes);
        for (i, axis) in axes.iter().enumerate() {
            let kind = match self.style {
                Style::InStep if i + 1 == axes.len() => LoopKind::Vector,
                Style::InLanes => nested[i],
                _ => LoopKind::Sequential,
            };
            let var = p.open(kind, *axis);
            env.push((*axis, var));
        }
        at(p, &env);
        for _ in axes {
            p.close();
        }
    }

    fn length(&self, p: &Puller<'_, '_>, axes: &[AxisId]) -> i64 {
        p.module.dims(axes, 1).iter().product::<usize>() as i64
    }
}
