//! How a scan lies on the machine: the axes around the recurrence, and the axis of vectors.

use crate::lower::analysis::needed;
use crate::lower::rows::Style;
use arch_compiler::graph::{AxisId, DType, Function, Module, Node, ValueId};
use arch_compiler::ops::{Op, Reduce, Scan, View};

/// Vectors that are enough to share out.
const ENOUGH: usize = 32;
/// Bytes of the states of a vector up to which every lane keeps a state by itself: the first cache of a core, and for a
/// warp of 32 lanes as many numbers a thread as it has registers.
const KEPT: usize = 32 << 10;

/// How a scan lies on the machine.
pub(in crate::lower) struct Arrangement {
    /// Axes around the recurrence, the axis of vectors last if there is one.
    pub free: Vec<AxisId>,
    pub style: Style,
    /// Nodes of the body that sum along the vectors.
    pub sums: Vec<usize>,
}

impl Arrangement {
    /// The axis of vectors.
    pub(in crate::lower) fn lane(&self) -> Option<AxisId> {
        self.free.last().copied().filter(|_| self.style == Style::InLanes)
    }
}

/// The axes around the recurrence, and how the kernel uses vectors: along the free axis that sequences
/// store last, or else along one that results are summed over.
pub(in crate::lower) fn arrange(
    module: &Module,
    function: &Function,
    scan: &Scan,
    inputs: &[ValueId],
    lanes: usize,
) -> Arrangement {
    let mut free = free_axes(scan);
    let sequences = &inputs[scan.carries..scan.carries + scan.sequences];
    let last = sequences.iter().filter_map(|v| function.value(*v).shape.last());
    let long = |a: &AxisId| *a != AxisId::BATCH && module.size(*a, 1) > 1;
    let lane = last.copied().find(|a| free.contains(a) && long(a));
    let lane = lane.or_else(|| free.iter().rev().copied().find(long));
    // Few channels leave vectors empty that the chunks of a sequence would fill.
    let fills = |a: &AxisId| *a != AxisId::BATCH && module.size(*a, 1) >= lanes;
    let lane = lane.filter(fills).or_else(|| free.iter().rev().copied().find(fills)).or(lane);
    // Where a step sums over channels, chunks side by side are free and channels are not: with a chunk a lane, each would
    // have the states of all channels. So channels are the vectors, as they are where nothing is cut.
    let lane = lane.filter(|_| states(module, scan, &free) * lanes * 4 <= KEPT);
    if let Some(lane) = lane {
        free.retain(|a| *a != lane);
        let shapes: Vec<&Vec<AxisId>> = sequences.iter().map(|v| &function.value(*v).shape).collect();
        if shapes.iter().all(|s| s.last() != Some(&lane)) {
            shared_loads(module, &mut free, &shapes, module.size(lane, 1) / lanes);
        }
        free.push(lane);
        return Arrangement { free, style: Style::InLanes, sums: Vec::new() };
    }
    if let Some((lane, sums)) = summed_lane(module, scan, lanes) {
        free.push(lane);
        return Arrangement { free, style: Style::InLanes, sums };
    }
    Arrangement { free, style: Style::InStep, sums: Vec::new() }
}

/// The numbers of a state without these axes.
fn states(module: &Module, scan: &Scan, free: &[AxisId]) -> usize {
    let numbers = |carry: usize| {
        let shape = &scan.body.value(scan.body.inputs[carry].value).shape;
        let local = shape.iter().filter(|a| **a != AxisId::BATCH && !free.contains(a));
        local.map(|a| module.size(*a, 1)).product::<usize>()
    };
    (0..scan.carries).map(numbers).sum()
}

/// Takes away axes that some sequence lacks: where vectors are collected from places far apart, one is read once for all
/// of such an axis, as long as enough is left to share out besides so many vectors.
fn shared_loads(module: &Module, free: &mut Vec<AxisId>, sequences: &[&Vec<AxisId>], vectors: usize) {
    for axis in free.clone().into_iter().rev().filter(|a| *a != AxisId::BATCH) {
        let others = free.iter().filter(|a| **a != axis).map(|a| module.size(*a, 1));
        let left = others.product::<usize>() * vectors;
        if left >= ENOUGH && sequences.iter().any(|s| !s.contains(&axis)) {
            free.retain(|a| *a != axis);
        }
    }
}

/// An axis of a scan that vectors can run along although some results are sums over it: every carry has it,
/// and nothing else touches it than sums that leave the step at once. Of several the longest, so that what a lane keeps
/// is short. Gives the nodes of these sums.
fn summed_lane(module: &Module, scan: &Scan, lanes: usize) -> Option<(AxisId, Vec<usize>)> {
    let body = &scan.body;
    let first = &body.value(body.outputs.first()?.1).shape;
    let needed = needed(body);
    let found = first.iter().copied().filter_map(|axis| {
        if axis == AxisId::BATCH || !module.size(axis, 1).is_multiple_of(lanes) {
            return None;
        }
        if body.outputs[..scan.carries].iter().any(|o| !body.value(o.1).shape.contains(&axis)) {
            return None;
        }
        let mut sums = Vec::new();
        for (n, node) in body.nodes.iter().enumerate().filter(|(n, _)| needed[*n]) {
            if !touched(body, node).contains(&axis) {
                continue;
            }
            let value = node.outputs[0];
            let sum = matches!(node.op, Op::Reduce(Reduce::Sum, _) | Op::Contract(_));
            let leaves = body.outputs.iter().any(|o| o.1 == value);
            let read = (0..body.nodes.len()).any(|r| needed[r] && body.nodes[r].inputs.contains(&value));
            // These sums are of all steps, and what is given after the last one is of that alone.
            let is_final = body.outputs[scan.carries + scan.yields..].iter().any(|o| o.1 == value);
            if !sum || !leaves || is_final || read || body.value(value).storage == DType::Int {
                return None;
            }
            sums.push(n);
        }
        let known = |v: ValueId| {
            body.value(v).shape.contains(&axis) || sums.iter().any(|n| body.nodes[*n].outputs[0] == v)
        };
        body.outputs.iter().all(|o| known(o.1)).then_some((axis, sums))
    });
    found.max_by_key(|(axis, _)| module.size(*axis, 1))
}

/// The axes of a scan that its iterations share no data along: they run in parallel, each with its own
/// state.
pub(in crate::lower) fn free_axes(scan: &Scan) -> Vec<AxisId> {
    let body = &scan.body;
    let shapes: Vec<&Vec<AxisId>> = body.outputs.iter().map(|o| &body.value(o.1).shape).collect();
    let Some(first) = shapes.first() else { return Vec::new() };
    let mut free: Vec<AxisId> =
        first.iter().copied().filter(|a| shapes.iter().all(|s| s.contains(a))).collect();
    let needed = needed(body);
    for (_, node) in body.nodes.iter().enumerate().filter(|(n, _)| needed[*n]) {
        let touched = touched(body, node);
        free.retain(|a| !touched.contains(a));
    }
    free
}

/// The axes that an operation does more to than pass on.
pub(super) fn touched(function: &Function, node: &Node) -> Vec<AxisId> {
    match &node.op {
        Op::Reduce(_, over) | Op::Contract(over) => over.clone(),
        Op::Gather { axis } => vec![*axis],
        Op::ScatterAdd { axis, shape } => {
            let updates = &function.value(node.inputs[1]).shape;
            updates.iter().copied().filter(|a| !shape.contains(a)).chain([*axis]).collect()
        }
        Op::View(view) => match view {
            View::Rename { from, to } => vec![*from, *to],
            View::Transpose(_) => Vec::new(),
            View::Flatten { from, to } => from.iter().copied().chain([*to]).collect(),
            View::Unflatten { from, to } => to.iter().copied().chain([*from]).collect(),
            View::Slice { axis, to, .. } | View::Pad { axis, to, .. } | View::Permute { axis, to, .. } => {
                vec![*axis, *to]
            }
            View::Index { axis, .. } | View::Flip(axis) => vec![*axis],
            View::Concat { parts, into } => parts.iter().flatten().copied().chain([*into]).collect(),
            View::Window(w) | View::Fold(w) => vec![w.axis, w.to, w.offset],
        },
        _ => Vec::new(),
    }
}
