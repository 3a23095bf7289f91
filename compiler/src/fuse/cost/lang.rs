//! The language of the cost e-graph: factors, and sums of products of them.

use crate::graph::{AxisId, ValueId};
use egg::{Analysis, DidMerge, EGraph, Id, Language};
use std::fmt;

use super::super::lang::{Axes, axes};

/// The e-graph.
pub(super) type Graph = EGraph<Node, Facts>;

/// What a node does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Op {
    /// An entry of [`Facts::factors`].
    Factor(u32),
    /// The sum over some axes of the product of the operands; over no axes it is the product.
    Contract(Axes),
}

/// A node: an operation on classes, which are sorted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node {
    pub op: Op,
    pub operands: Vec<Id>,
}

impl Node {
    /// The sum over some axes of the product of some classes.
    pub fn contract(over: Axes, mut operands: Vec<Id>) -> Node {
        operands.sort_unstable();
        Node { op: Op::Contract(over), operands }
    }

    /// The axes that it sums over.
    pub fn over(&self) -> &[AxisId] {
        match &self.op {
            Op::Factor(_) => &[],
            Op::Contract(over) => over,
        }
    }
}

impl Language for Node {
    type Discriminant = (std::mem::Discriminant<Op>, usize);

    fn discriminant(&self) -> Self::Discriminant {
        (std::mem::discriminant(&self.op), self.operands.len())
    }

    fn matches(&self, other: &Self) -> bool {
        self.op == other.op && self.operands.len() == other.operands.len()
    }

    fn children(&self) -> &[Id] {
        &self.operands
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.operands
    }

    /// As in the canon e-graph: sorting here makes congruence modulo commutativity free.
    fn update_children<F: FnMut(Id) -> Id>(&mut self, mut f: F) {
        self.operands.iter_mut().for_each(|id| *id = f(*id));
        self.operands.sort_unstable();
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.op)
    }
}

/// A value that is no sum of products, or not known as one; some of its axes under other names, so that no two sums
/// of one product are over the same axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    pub value: ValueId,
    /// Whether it is one over the value.
    pub inverse: bool,
    /// The axes, before and after.
    pub renamed: Vec<(AxisId, AxisId)>,
    pub axes: Axes,
    /// What it is, however values are numbered.
    pub key: u64,
}

/// What is known beside the nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub factors: Vec<Factor>,
    /// The sizes of all axes; the batch has the one that work is counted for.
    pub sizes: Vec<usize>,
}

impl Facts {
    /// The number of places along some axes.
    pub fn elements<'a>(&self, axes: impl IntoIterator<Item = &'a AxisId>) -> u64 {
        axes.into_iter().map(|a| self.sizes[a.0 as usize] as u64).fold(1, u64::saturating_mul)
    }
}

impl Analysis<Node> for Facts {
    type Data = Axes;

    fn make(graph: &mut Graph, node: &Node, _: Id) -> Axes {
        match &node.op {
            Op::Factor(at) => graph.analysis.factors[*at as usize].axes.clone(),
            Op::Contract(over) => {
                let all = node.operands.iter().flat_map(|id| graph[*id].data.iter().copied());
                axes(all.filter(|a| !over.contains(a)))
            }
        }
    }

    fn merge(&mut self, a: &mut Axes, b: Axes) -> DidMerge {
        assert_eq!(*a, b, "a rule joined values of different axes");
        DidMerge(false, false)
    }
}
