//! The backward pass of one function (or of one step of a scan) while it is being built.
//!
//! A cotangent may have axes in another order than its value: order means nothing before the end.
//! In a step of a scan the sum over the batch is left to after the scan: there the cotangent of a value that
//! has no batch may have one, and stands for the sum over it. Such cotangents are of the lane
//! [`Lane::PerSample`]; they are never added to others, which count once and not once per sample.

use crate::graph::{AxisId, Builder, DType, FuncId, Function, InputKind, ValueId};
use crate::ops::{Map, Op, Reduce, ShapeError, View, batch_first};
use std::collections::BTreeMap;

/// How a cotangent is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// It has the axes of its value.
    Whole,
    /// It has the batch beside them, and its sum over the batch is meant.
    PerSample,
}

/// A value of the forward pass that the backward pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taken {
    /// A value of the function.
    Value(ValueId),
    /// What the forward pass of a call keeps: which node, and which of the things kept.
    Kept(usize, usize),
    /// The carry of a scan before each step: which node, and which carry.
    Carry(usize, usize),
}

/// A backward pass under construction.
pub(super) struct Backward<'m, 'f> {
    /// The function that is being built.
    pub builder: Builder<'m>,
    /// The function that is differentiated.
    pub forward: &'f Function,
    /// Whether this is a step of a scan: everything but inputs is computed anew, and sums over the batch are
    /// left to after the scan.
    pub step: bool,
    /// What the backward pass reads, in the order in which it came up.
    pub taken: Vec<(Taken, ValueId)>,
    known: BTreeMap<Taken, ValueId>,
    constants: BTreeMap<u64, ValueId>,
    lenders: BTreeMap<AxisId, ValueId>,
    /// New axes for axes of callees that only what a call keeps has; calls of one function share them.
    pub twins: BTreeMap<(FuncId, AxisId), AxisId>,
    cotangents: BTreeMap<(ValueId, Lane), ValueId>,
}

impl<'m, 'f> Backward<'m, 'f> {
    /// Starts the backward pass of a function.
    pub fn new(builder: Builder<'m>, forward: &'f Function, step: bool) -> Self {
        Backward {
            builder,
            forward,
            step,
            taken: Vec::new(),
            known: BTreeMap::new(),
            constants: BTreeMap::new(),
            lenders: BTreeMap::new(),
            twins: BTreeMap::new(),
            cotangents: BTreeMap::new(),
        }
    }

    /// A value of the forward pass: computed anew where that costs nothing, else handed over.
    pub fn value(&mut self, id: ValueId) -> Result<ValueId, ShapeError> {
        if let Some(known) = self.known.get(&Taken::Value(id)) {
            return Ok(*known);
        }
        let forward = self.forward;
        let node = forward.producer(id);
        if !self.is_made_anew(&node.op) {
            let value = forward.value(id);
            return Ok(self.take(Taken::Value(id), value.shape.clone(), value.storage));
        }
        let inputs = node.inputs.iter().map(|v| self.value(*v)).collect::<Result<Vec<_>, _>>()?;
        let made = self.builder.add(node.op.clone(), &inputs)?[forward.value(id).output as usize];
        self.known.insert(Taken::Value(id), made);
        Ok(made)
    }

    /// Something of the forward pass that is handed over: an input of the backward pass.
    pub fn take(&mut self, what: Taken, shape: Vec<AxisId>, dtype: DType) -> ValueId {
        if let Some(known) = self.known.get(&what) {
            return *known;
        }
        let name = format!("taken.{}", self.taken.len());
        let input = self.builder.input(name, InputKind::Argument, shape, dtype);
        self.known.insert(what, input);
        self.taken.push((what, input));
        input
    }

    fn is_made_anew(&self, op: &Op) -> bool {
        match op {
            Op::Input | Op::Scan(_) | Op::After | Op::Call { .. } => false,
            Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => true,
            // Neither moves data of its own: keeping the source is enough.
            Op::Map(Map::Broadcast | Map::StopGradient) => true,
            Op::View(view) => self.step || !matches!(view, View::Concat { .. } | View::Fold(_)),
            Op::Map(_) | Op::Reduce(..) | Op::Contract(_) | Op::Gather { .. } | Op::ScatterAdd { .. } => {
                self.step
            }
        }
    }

    /// A number.
    pub fn constant(&mut self, value: f64) -> Result<ValueId, ShapeError> {
        if let Some(known) = self.constants.get(&value.to_bits()) {
            return Ok(*known);
        }
        let made = self.builder.add1(Op::Constant(value), &[])?;
        self.constants.insert(value.to_bits(), made);
        Ok(made)
    }

    /// A value with some more axes. The batch comes from `sample`, a value that has it.
    pub fn with_axes(
        &mut self,
        value: ValueId,
        axes: &[AxisId],
        sample: Option<ValueId>,
    ) -> Result<ValueId, ShapeError> {
        let mut inputs = vec![value];
        for axis in axes {
            if !self.builder.shape(value).contains(axis) {
                inputs.push(self.lender(*axis, sample)?);
            }
        }
        if inputs.len() == 1 { Ok(value) } else { self.builder.add1(Op::Map(Map::Broadcast), &inputs) }
    }

    /// A value that has one axis only.
    fn lender(&mut self, axis: AxisId, sample: Option<ValueId>) -> Result<ValueId, ShapeError> {
        if let Some(known) = self.lenders.get(&axis) {
            return Ok(*known);
        }
        let made = if axis == AxisId::BATCH {
            let mut sample = sample.ok_or_else(|| ShapeError("no value lends the batch".into()))?;
            for other in self.builder.shape(sample).to_vec().into_iter().skip(1) {
                sample = self.builder.add1(Op::View(View::Index { axis: other, at: 0 }), &[sample])?;
            }
            sample
        } else {
            self.builder.add1(Op::Iota(axis), &[])?
        };
        self.lenders.insert(axis, made);
        Ok(made)
    }

    /// A value in a given order of axes.
    pub fn ordered(&mut self, value: ValueId, shape: &[AxisId]) -> Result<ValueId, ShapeError> {
        if self.builder.shape(value) == shape {
            return Ok(value);
        }
        self.builder.add1(Op::View(View::Transpose(shape.to_vec())), &[value])
    }

    /// Adds to the cotangent of a value of the forward pass, after summing over the axes that the value lacks
    /// and broadcasting along those that the cotangent lacks.
    pub fn accumulate(&mut self, of: ValueId, cotangent: ValueId) -> Result<(), ShapeError> {
        let wanted = self.forward.value(of).shape.clone();
        let have = self.builder.shape(cotangent).to_vec();
        let keep = |a: &AxisId| wanted.contains(a) || (self.step && *a == AxisId::BATCH);
        let extra: Vec<AxisId> = have.iter().copied().filter(|a| !keep(a)).collect();
        let mut g = cotangent;
        if !extra.is_empty() {
            g = self.builder.add1(Op::Reduce(Reduce::Sum, extra), &[g])?;
        }
        let lacks_batch = wanted.contains(&AxisId::BATCH) && !have.contains(&AxisId::BATCH);
        let sample = if lacks_batch { Some(self.value(of)?) } else { None };
        g = self.with_axes(g, &wanted, sample)?;
        let per_sample = !wanted.contains(&AxisId::BATCH) && have.contains(&AxisId::BATCH) && self.step;
        let lane = if per_sample { Lane::PerSample } else { Lane::Whole };
        self.accumulate_in(of, lane, g)
    }

    /// Adds to a cotangent that has the axes its lane says.
    pub fn accumulate_in(&mut self, of: ValueId, lane: Lane, g: ValueId) -> Result<(), ShapeError> {
        let sum = match self.cotangents.get(&(of, lane)) {
            Some(before) => self.builder.add1(Op::Map(Map::Add), &[*before, g])?,
            None => g,
        };
        self.cotangents.insert((of, lane), sum);
        Ok(())
    }

    /// The cotangent of a value of the forward pass so far, if there is any.
    pub fn cotangent(&self, of: ValueId, lane: Lane) -> Option<ValueId> {
        self.cotangents.get(&(of, lane)).copied()
    }

    /// The shape of a cotangent in a lane.
    pub fn lane_shape(shape: &[AxisId], lane: Lane) -> Vec<AxisId> {
        let mut shape = shape.to_vec();
        if lane == Lane::PerSample {
            shape.push(AxisId::BATCH);
        }
        batch_first(shape)
    }
}
