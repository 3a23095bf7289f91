//! The language of the e-graph: arithmetic on values with named axes.
//!
//! Sums and products have any number of operands, sorted, so that the order of a text is lost at once. Axes are
//! in the analysis; broadcasting is by axis, so that terms need no binders. Whatever is no arithmetic on floats
//! (views, lookups, scans, calls, truth values, inputs) is an [`Op::Other`]: known by what it is, and opaque.

use crate::graph::{AxisId, DType, Origin, Rules};
use crate::ops::{self, Map, Reduce};
use egg::{Analysis, DidMerge, EGraph, Id, Language};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

/// The e-graph.
pub(super) type Graph = EGraph<Node, Problem>;

/// A set of axes, sorted.
pub(super) type Axes = Arc<[AxisId]>;

/// What a node of the e-graph does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Op {
    /// The bits of a number.
    Number(u64),
    /// A sum of its operands.
    Sum,
    /// A product of its operands.
    Product,
    /// `x^(n/2)`: 4 is a square, -1 an inverse square root.
    Power(i16),
    /// Any other map on floats.
    Map(Map),
    /// A reduction.
    Reduce(Reduce, Axes),
    /// The same along further axes.
    Broadcast(Axes),
    /// `x - mean(x, over: axes)`: an atom, so that no rule takes a centred moment apart.
    Center(Axes),
    /// `softmax(x, over: axes)`.
    Softmax(Axes),
    /// The last position first, along each of some axes.
    Flip(Axes),
    /// An entry of [`Problem::others`].
    Other(u32),
}

/// What a node of an e-graph may do.
pub(super) trait Operation: Clone + fmt::Debug + Ord + Hash {
    /// Whether the order of operands does not matter.
    fn is_commutative(&self) -> bool;
}

/// A node of an e-graph: of this one, or with operations of its own of the cost e-graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node<O = Op> {
    pub op: O,
    pub operands: Vec<Id>,
}

impl Operation for Op {
    fn is_commutative(&self) -> bool {
        matches!(self, Op::Sum | Op::Product | Op::Map(Map::Min | Map::Max))
    }
}

impl<O: Operation> Node<O> {
    pub fn new(op: O, mut operands: Vec<Id>) -> Node<O> {
        if op.is_commutative() {
            operands.sort_unstable();
        }
        Node { op, operands }
    }
}

impl<O: Operation> Language for Node<O> {
    type Discriminant = (std::mem::Discriminant<O>, usize);

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

    /// Sorting here makes congruence modulo commutativity free: the e-graph canonicalises nodes through this
    /// method whenever it looks one up or rebuilds.
    fn update_children<F: FnMut(Id) -> Id>(&mut self, mut f: F) {
        self.operands.iter_mut().for_each(|id| *id = f(*id));
        if self.op.is_commutative() {
            self.operands.sort_unstable();
        }
    }
}

impl<O: Operation> fmt::Display for Node<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.op)
    }
}

/// A result of an operation that is no arithmetic.
#[derive(Clone, Debug)]
pub(super) struct Other {
    /// The operation, and which of its results this is. Results of one node share the operation.
    pub op: ops::Op,
    pub output: usize,
    /// The input of the function that it is, if it is one.
    pub input: Option<usize>,
    /// The carry of a recurrence that it is, if it is one.
    pub carry: Option<Carried>,
    /// The shapes of the operands, if the operation wants them stored in one order; else empty.
    pub wants: Vec<Vec<AxisId>>,
    pub shape: Vec<AxisId>,
    pub dtype: DType,
    /// What it is, however axes and functions are numbered.
    pub key: u64,
}

/// A carry: which recurrence of [`Problem::scans`], which of its carries, and whether before or after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Carried {
    pub scan: usize,
    pub carry: usize,
    /// What it is after a step is known: it is a leaf to all who read it, beside what it is made of.
    pub after: bool,
}

/// A scan whose step is part of the e-graph. A value of the step is the sequence of what it is at all positions:
/// it has the scan's axis, and arithmetic knows no difference between what stands in the step and what does not.
#[derive(Clone, Debug)]
pub(super) struct Recurrence {
    pub axis: AxisId,
    pub reverse: bool,
    pub carries: Vec<Carry>,
    pub origin: Origin,
}

/// What is carried from step to step.
#[derive(Clone, Debug)]
pub(super) struct Carry {
    /// How it is stored: without the scan's axis.
    pub shape: Vec<AxisId>,
    /// Its value before the first step.
    pub init: Id,
    /// Its value before each step: a leaf.
    pub before: Id,
    /// Its value after each step.
    pub after: Id,
}

/// What rules may ask beside the e-graph itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    pub others: Vec<Other>,
    pub scans: Vec<Recurrence>,
    /// The sizes of all axes of the module; 0 for the batch, which has none yet.
    pub sizes: Vec<usize>,
    /// What an axis is, however axes are numbered.
    pub colors: Vec<u64>,
    /// A seed by which terms are chosen badly, in tests.
    pub chaos: Option<u64>,
    /// Where a class was written, in the order in which classes came up.
    pub origins: Vec<(Id, Origin)>,
    /// Where that stands of which new classes are made, nowhere if that is not known; and the rules that make them.
    pub origin: Origin,
    /// All nodes in the order in which they came up, each with the rules that made it.
    pub made: Vec<(Id, Node, Rules)>,
    /// How many of these were loaded, and not made by rules.
    pub loaded: usize,
    /// Where a rule found that two values which were there are one.
    pub joined: Vec<(Id, Rules)>,
}

/// What is known of a class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub axes: Axes,
    pub number: Option<f64>,
    /// Whether it is a new carry or an input: no rule looks into it from outside. What else an input is, the difference of
    /// two sums, is never smaller.
    pub sealed: bool,
    /// The recurrences whose carries it depends on, sorted.
    pub scans: Arc<[usize]>,
}

impl Problem {
    /// What does not depend on which nodes there are.
    pub fn without_nodes(&self) -> Problem {
        let (others, scans, sizes, colors) =
            (self.others.clone(), self.scans.clone(), self.sizes.clone(), self.colors.clone());
        Problem { others, scans, sizes, colors, chaos: self.chaos, ..Problem::default() }
    }

    /// The carry that a node is.
    pub fn carry(&self, node: &Node) -> Option<Carried> {
        match node.op {
            Op::Other(at) => self.others[at as usize].carry,
            _ => None,
        }
    }

    /// The number of places along some axes; a batch counts as many.
    pub fn elements(&self, axes: &[AxisId]) -> usize {
        let size = |axis: &AxisId| match self.sizes[axis.0 as usize] {
            0 => 1 << 20,
            size => size,
        };
        axes.iter().map(size).fold(1, usize::saturating_mul)
    }

    /// The number of places along some axes; `None` if the batch is among them.
    pub fn size(&self, axes: &[AxisId]) -> Option<usize> {
        axes.iter().map(|a| self.sizes[a.0 as usize]).try_fold(1usize, |n, s| (s > 0).then(|| n * s))
    }
}

/// Axes as a sorted set.
pub(super) fn axes(of: impl IntoIterator<Item = AxisId>) -> Axes {
    let mut all: Vec<AxisId> = of.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

impl Analysis<Node> for Problem {
    type Data = Facts;

    fn make(graph: &mut Graph, node: &Node, id: Id) -> Facts {
        let origin = graph.analysis.origin;
        if origin.is_known() {
            graph.analysis.origins.push((id, origin));
        }
        graph.analysis.made.push((id, node.clone(), origin.rules));
        Problem::facts(graph, node)
    }

    /// What is known of a class may change with its operands; where it comes from does not.
    fn remake(graph: &mut Graph, node: &Node, _: Id) -> Facts {
        Problem::facts(graph, node)
    }

    fn merge(&mut self, a: &mut Facts, b: Facts) -> DidMerge {
        assert_eq!(a.axes, b.axes, "a rule joined values of different axes");
        let (from_b, from_a) =
            (a.number.is_none() && b.number.is_some(), a.number.is_some() && b.number.is_none());
        if from_b {
            a.number = b.number;
        }
        let (sealed_b, sealed_a) = (b.sealed && !a.sealed, a.sealed && !b.sealed);
        a.sealed |= b.sealed;
        // What is the same without a scan does not depend on it.
        let both: Arc<[usize]> = a.scans.iter().copied().filter(|scan| b.scans.contains(scan)).collect();
        let (fewer_b, fewer_a) = (both.len() < a.scans.len(), both.len() < b.scans.len());
        a.scans = both;
        DidMerge(from_b || sealed_b || fewer_b, from_a || sealed_a || fewer_a)
    }
}

impl Problem {
    fn facts(graph: &Graph, node: &Node) -> Facts {
        let of = |id: &Id| &graph[*id].data;
        let union = || match node.operands.as_slice() {
            [one] => of(one).axes.clone(),
            many => axes(many.iter().flat_map(|id| of(id).axes.iter().copied())),
        };
        let carry = graph.analysis.carry(node);
        let sealed = match node.op {
            Op::Other(_) => carry.map_or(node.operands.is_empty(), |carry| carry.after),
            _ => false,
        };
        let mut scans: Vec<usize> =
            node.operands.iter().flat_map(|id| of(id).scans.iter().copied()).collect();
        scans.extend(carry.map(|carry| carry.scan));
        scans.sort_unstable();
        scans.dedup();
        let scans: Arc<[usize]> = scans.into();
        let facts = |axes| Facts { axes, number: None, sealed, scans };
        match &node.op {
            Op::Number(bits) => Facts { number: Some(f64::from_bits(*bits)), ..facts(axes([])) },
            Op::Reduce(_, over) => {
                let inner = of(&node.operands[0]).axes.iter().copied();
                facts(axes(inner.filter(|a| !over.contains(a))))
            }
            Op::Broadcast(along) => facts(axes(union().iter().chain(along.iter()).copied())),
            Op::Other(at) => facts(axes(graph.analysis.others[*at as usize].shape.iter().copied())),
            Op::Sum
            | Op::Product
            | Op::Power(_)
            | Op::Map(_)
            | Op::Center(_)
            | Op::Softmax(_)
            | Op::Flip(_) => facts(union()),
        }
    }
}

/// The number that a class is.
pub(super) fn number(graph: &Graph, id: Id) -> Option<f64> {
    graph[id].data.number
}

/// The axes of a class.
pub(super) fn axes_of(graph: &Graph, id: Id) -> &[AxisId] {
    &graph[id].data.axes
}

/// Whether a class has one of these axes.
pub(super) fn has_any(graph: &Graph, id: Id, of: &[AxisId]) -> bool {
    axes_of(graph, id).iter().any(|a| of.contains(a))
}
