//! The language of the cost e-graph: factors, and sums of products of them.

use crate::graph::{AxisId, Rules, ValueId};
use egg::{Analysis, DidMerge, EGraph, Id};

use super::super::lang::{Axes, Operation, axes};

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

impl Operation for Op {
    fn is_commutative(&self) -> bool {
        matches!(self, Op::Contract(_))
    }
}

/// A node: an operation on classes.
pub(super) type Node = super::super::lang::Node<Op>;

impl Node {
    /// The sum over some axes of the product of some classes.
    pub fn contract(over: Axes, operands: Vec<Id>) -> Node {
        Node::new(Op::Contract(over), operands)
    }

    /// The axes that it sums over.
    pub fn over(&self) -> &[AxisId] {
        match &self.op {
            Op::Factor(_) => &[],
            Op::Contract(over) => over,
        }
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
    /// All nodes in the order in which they came up, each with the rule that made it.
    pub made: Vec<(Node, Rules)>,
    /// The rule that makes new nodes.
    pub by: Rules,
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
        let by = graph.analysis.by;
        graph.analysis.made.push((node.clone(), by));
        Facts::axes(graph, node)
    }

    /// The axes of a class may be asked for again; who made it does not change.
    fn remake(graph: &mut Graph, node: &Node, _: Id) -> Axes {
        Facts::axes(graph, node)
    }

    fn merge(&mut self, a: &mut Axes, b: Axes) -> DidMerge {
        assert_eq!(*a, b, "a rule joined values of different axes");
        DidMerge(false, false)
    }
}

impl Facts {
    fn axes(graph: &Graph, node: &Node) -> Axes {
        match &node.op {
            Op::Factor(at) => graph.analysis.factors[*at as usize].axes.clone(),
            Op::Contract(over) => {
                let all = node.operands.iter().flat_map(|id| graph[*id].data.iter().copied());
                axes(all.filter(|a| !over.contains(a)))
            }
        }
    }
}
