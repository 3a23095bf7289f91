//! What is needed, what must be in memory, and what is computed where it is read.

use super::attention::Attentions;
use super::choices::Choices;
use super::element;
use super::group::enough_to_share_out;
use super::window;
use arch_compiler::graph::{AxisId, DType, Function, Module, ValueId};
use arch_compiler::ops::{Map, Op, View};

/// What each node is to the lowering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Not needed.
    Dead,
    /// An input or something known at compile time.
    Source,
    /// Another reading of a value: index arithmetic.
    View,
    /// Computed where it is read.
    Inline,
    /// A map, lookup, row reduction or small product: may share a kernel with others.
    Member,
    /// A short sum of products: an element like that of a map.
    Window,
    /// Elements that are each a sum over far elements: a kernel of its own, one element at a time.
    Alone,
    /// A matrix product.
    Product,
    /// Computed in a kernel of attention, and nowhere else.
    Attention,
    /// A concatenation: one kernel for each part.
    Pieces,
    /// A recurrence.
    Scan,
    /// Additions at indices.
    Scatter,
    /// In a scan: a sum along the axis of its vectors, finished outside.
    LaneSum,
}

/// The findings for one function.
#[derive(Debug)]
pub(super) struct Analysis {
    /// By node.
    pub roles: Vec<Role>,
    /// By value: the nodes that read it, once for each time.
    pub readers: Vec<Vec<usize>>,
    /// By node: all values that come from it. States of which a scan keeps one for each chunk are among them,
    /// though they are no results of the scan: who takes the steps again waits for it.
    pub values: Vec<Vec<ValueId>>,
    /// By value: whether it must be in memory whatever else holds.
    pub kept: Vec<bool>,
    /// The attentions, which nodes with that role belong to.
    pub attentions: Attentions,
}

/// Whether the function is the body of a scan: no matrix products then, and nothing in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Body,
}

impl Analysis {
    pub(super) fn new(
        module: &Module,
        function: &Function,
        (place, choices): (Place, Choices),
        attentions: Attentions,
    ) -> Self {
        let needed = needed(function);
        let readers = readers(function, &needed);
        let mut values = vec![Vec::new(); function.nodes.len()];
        for (v, value) in function.values.iter().enumerate() {
            values[value.node as usize].push(ValueId(v as u32));
        }
        let mut kept = vec![false; function.values.len()];
        for value in function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1)) {
            kept[value.0 as usize] = true;
        }
        let mut roles: Vec<Role> = function
            .nodes
            .iter()
            .enumerate()
            .map(|(n, _)| if needed[n] { role(module, function, n, place) } else { Role::Dead })
            .collect();
        for attention in &attentions.all {
            attention.nodes.iter().for_each(|n| roles[*n] = Role::Attention);
            for operand in attention.operands() {
                kept[product_base(module, function, operand).0 as usize] = true;
            }
        }
        for (node, role) in function.nodes.iter().zip(&roles) {
            if *role == Role::Product {
                for input in &node.inputs {
                    kept[product_base(module, function, *input).0 as usize] = true;
                }
            }
        }
        // A kept view is a copy; whatever it reads may stay where it is.
        for n in (0..roles.len()).rev() {
            let node = &function.nodes[n];
            if roles[n] == Role::View
                && kept[node.outputs[0].0 as usize]
                && !is_input(function, node.outputs[0])
            {
                roles[n] = Role::Member;
            }
        }
        let mut analysis = Analysis { roles, readers, values, kept, attentions };
        for n in (0..analysis.roles.len()).rev() {
            if choices.joins()
                && analysis.roles[n] == Role::Member
                && analysis.goes_inline(module, function, n, place)
            {
                analysis.roles[n] = Role::Inline;
            }
        }
        analysis
    }

    fn goes_inline(&self, module: &Module, function: &Function, n: usize, place: Place) -> bool {
        let node = &function.nodes[n];
        let value = node.outputs[0];
        let pointwise = matches!(node.op, Op::Map(_) | Op::Gather { .. });
        if self.kept[value.0 as usize] || !pointwise {
            return false;
        }
        if is_trivial(function, n) || place == Place::Top && is_spread(function, n) {
            return true;
        }
        let mut through_view = false;
        let mut at = value;
        let reader = loop {
            let [reader] = self.readers[at.0 as usize].as_slice() else { return false };
            if self.roles[*reader] != Role::View || !keeps_elements(&function.nodes[*reader].op) {
                break *reader;
            }
            through_view = true;
            at = function.nodes[*reader].outputs[0];
            if self.kept[at.0 as usize] {
                return false;
            }
        };
        let shape = &function.value(value).shape;
        match (self.roles[reader], &function.nodes[reader].op) {
            (Role::Alone, Op::Reduce(..)) | (Role::Pieces, _) => true,
            (Role::Alone, Op::Contract(over)) => {
                let node = &function.nodes[reader];
                element::union(function, node).len() == shape.len() && !over.is_empty()
            }
            (Role::Scatter, _) => function.nodes[reader].inputs[1] == at,
            (Role::Scan, Op::Scan(scan)) => {
                let inputs = &function.nodes[reader].inputs;
                let sequence = inputs[scan.carries..scan.carries + scan.sequences].contains(&at);
                let free = super::scan::free_axes(scan);
                sequence && !through_view && free.iter().all(|a| shape.contains(a))
            }
            (Role::Member | Role::Inline, Op::Map(_)) => {
                let size = |v: ValueId| {
                    let shape = &function.value(v).shape;
                    (shape.contains(&AxisId::BATCH), module.dims(shape, 1).iter().product::<usize>())
                };
                through_view && place == Place::Top && size(at) == size(function.nodes[reader].outputs[0])
            }
            _ => false,
        }
    }
}

/// Views that read every element at most once. What is computed again later must not be computed where that
/// reads it: it was chosen to be in memory.
fn keeps_elements(op: &Op) -> bool {
    !matches!(op, Op::View(View::Window(_) | View::Pad { .. }) | Op::After)
}

fn is_input(function: &Function, value: ValueId) -> bool {
    matches!(function.producer(value).op, Op::Input)
}

pub(super) fn needed(function: &Function) -> Vec<bool> {
    let mut needed = vec![false; function.nodes.len()];
    let ends = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
    for value in ends {
        needed[function.value(value).node as usize] = true;
    }
    for n in (0..needed.len()).rev() {
        if needed[n] {
            for input in &function.nodes[n].inputs {
                needed[function.value(*input).node as usize] = true;
            }
        }
    }
    needed
}

fn role(module: &Module, function: &Function, n: usize, place: Place) -> Role {
    let node = &function.nodes[n];
    match &node.op {
        Op::Input | Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => Role::Source,
        Op::Map(Map::Broadcast | Map::StopGradient) | Op::After => Role::View,
        Op::Map(_) | Op::Gather { .. } => Role::Member,
        Op::Reduce(_, over) => {
            let last = function.value(node.inputs[0]).shape.last();
            let along_rows = last.is_some_and(|a| over.contains(a));
            let out = &function.value(node.outputs[0]).shape;
            let shared_out = along_rows && !over.contains(&AxisId::BATCH) && enough_to_share_out(module, out);
            if shared_out || place == Place::Body { Role::Member } else { Role::Alone }
        }
        Op::Contract(over) if place == Place::Top => match is_product(module, function, n, over) {
            true => Role::Product,
            false if window::is_short(module, over) => Role::Window,
            false
                if element::union(function, node).last().is_some_and(|a| over.contains(a))
                    && !over.contains(&AxisId::BATCH)
                    && enough_to_share_out(module, &function.value(node.outputs[0]).shape) =>
            {
                Role::Member
            }
            false => Role::Alone,
        },
        Op::Contract(_) => Role::Member,
        Op::Scan(_) => Role::Scan,
        Op::View(View::Concat { .. }) if place == Place::Top => Role::Pieces,
        Op::View(View::Concat { .. } | View::Fold(_)) => Role::Alone,
        Op::View(_) => Role::View,
        Op::ScatterAdd { .. } if place == Place::Top => Role::Scatter,
        // In a step nothing is in memory that could be added to: each element looks for its updates.
        Op::ScatterAdd { .. } => Role::Alone,
        Op::Call { .. } => Role::Alone,
    }
}

/// By value: the needed nodes that read it, once for each time.
pub(super) fn readers(function: &Function, needed: &[bool]) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); function.values.len()];
    for (n, node) in function.nodes.iter().enumerate().filter(|(n, _)| needed[*n]) {
        for input in &node.inputs {
            readers[input.0 as usize].push(n);
        }
    }
    readers
}

/// Whether a contraction has rows, columns and enough work for a matrix product.
fn is_product(module: &Module, function: &Function, n: usize, over: &[AxisId]) -> bool {
    let node = &function.nodes[n];
    if node.inputs.iter().any(|v| function.value(*v).storage == DType::Int) {
        return false;
    }
    let (a, b) = (&function.value(node.inputs[0]).shape, &function.value(node.inputs[1]).shape);
    let outer = |of: &[AxisId], other: &[AxisId]| -> usize {
        of.iter().filter(|x| !other.contains(x)).map(|x| module.size(*x, 16)).product()
    };
    let k: usize = over.iter().map(|x| module.size(*x, 16)).product();
    let (m, n) = (outer(a, b), outer(b, a));
    m > 1 && n > 1 && m * n * k >= 64
}

/// The value whose buffer a matrix product reads for this operand: below views that keep strides.
pub(super) fn product_base(module: &Module, function: &Function, value: ValueId) -> ValueId {
    if element::strided(module, function, value).is_none() {
        return value;
    }
    element::base(function, value)
}

/// Cheaper to do again than to keep: one simple operation on one value and numbers.
fn is_trivial(function: &Function, n: usize) -> bool {
    let number = |v: &ValueId| matches!(function.producer(*v).op, Op::Constant(_) | Op::Iota(_));
    is_cheap(function, n) && function.nodes[n].inputs.iter().filter(|v| !number(v)).count() <= 1
}

/// One simple operation on values that have fewer elements than the result: reading these is cheaper.
fn is_spread(function: &Function, n: usize) -> bool {
    let axes = |v: ValueId| function.value(v).shape.len();
    let node = &function.nodes[n];
    is_cheap(function, n) && node.inputs.iter().all(|v| axes(*v) < axes(node.outputs[0]))
}

fn is_cheap(function: &Function, n: usize) -> bool {
    let Op::Map(map) = function.nodes[n].op else { return false };
    matches!(
        map,
        Map::Add
            | Map::Sub
            | Map::Mul
            | Map::Min
            | Map::Max
            | Map::Lt
            | Map::Le
            | Map::Eq
            | Map::Neg
            | Map::Not
            | Map::Abs
            | Map::Floor
            | Map::ToFloat
            | Map::And
            | Map::Or
    )
}
