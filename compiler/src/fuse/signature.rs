//! What the chosen term of a class is but for brackets and numbers. Two terms of one value with one signature are
//! computed by the same operations on the same values.

use super::extract::Best;
use super::lang::{Axes, Graph, Node, Op, Operation, number};
use super::signs::hashed;
use crate::ops::{Map, Reduce};
use egg::Id;
use rustc_hash::FxHashMap;

/// The stack that a term may need before more is taken.
const RED_ZONE: usize = 128 << 10;

/// The signatures of chosen terms.
pub(super) struct Signatures<'a> {
    graph: &'a Graph,
    best: &'a Best,
    known: FxHashMap<Id, u64>,
}

impl<'a> Signatures<'a> {
    pub fn new(graph: &'a Graph, best: &'a Best) -> Self {
        Signatures { graph, best, known: FxHashMap::default() }
    }

    /// That of the chosen term of a class.
    fn of(&mut self, id: Id) -> u64 {
        let id = self.graph.find(id);
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        // Terms that nothing depends on may go round in a circle.
        self.known.insert(id, hashed(&id));
        let node = self.best.node(self.graph, id);
        let signature = stacker::maybe_grow(RED_ZONE, 1 << 20, || node.map(|node| self.of_node(node)));
        let signature = signature.unwrap_or_else(|| hashed(&id));
        self.known.insert(id, signature);
        signature
    }

    /// That of a node with the chosen terms of its operands.
    pub fn of_node(&mut self, node: &Node) -> u64 {
        match &node.op {
            Op::Number(_) => hashed(&"number"),
            Op::Sum | Op::Product => {
                let parts = self.flat(node).0;
                self.together(&node.op, &parts, Vec::new())
            }
            // Both are written out again when terms become operations.
            Op::Center(over) => self.centered(over, node.operands[0]),
            Op::Softmax(over) => self.softmax(over, node.operands[0]),
            op => {
                let mut parts: Vec<u64> = node.operands.iter().map(|id| self.of(*id)).collect();
                if op.is_commutative() {
                    parts.sort_unstable();
                }
                hashed(&(op, parts))
            }
        }
    }

    /// The terms or factors of a node without brackets and numbers, and the classes that were in brackets.
    pub fn flat(&self, node: &Node) -> (Vec<Id>, Vec<Id>) {
        let (mut parts, mut within) = (Vec::new(), Vec::new());
        if !matches!(node.op, Op::Sum | Op::Product) {
            return (parts, within);
        }
        let mut open = node.operands.clone();
        while let Some(id) = open.pop().map(|id| self.graph.find(id)) {
            let inner = self.best.node(self.graph, id).filter(|_| !within.contains(&id));
            if number(self.graph, id).is_some() {
                if node.op == Op::Sum {
                    parts.push(id);
                }
                continue;
            }
            match inner {
                Some(inner) if inner.op == node.op => {
                    within.push(id);
                    open.extend(&inner.operands);
                }
                Some(inner) if self.multiple(inner).is_some() => {
                    within.push(id);
                    open.extend(self.multiple(inner));
                }
                _ => parts.push(id),
            }
        }
        (parts, within)
    }

    /// The class that a node is a number times.
    pub fn multiple(&self, node: &Node) -> Option<Id> {
        let is_number = |id: &&Id| number(self.graph, **id).is_some();
        let mut others = node.operands.iter().filter(|id| !is_number(id));
        match (&node.op, others.next(), others.next()) {
            (Op::Product, Some(one), None) => Some(*one),
            _ => None,
        }
    }

    /// A sum or product of some classes, and of others by their signatures.
    fn together(&mut self, op: &Op, parts: &[Id], more: Vec<u64>) -> u64 {
        let mut all: Vec<u64> = parts.iter().map(|id| self.of(*id)).chain(more).collect();
        all.sort_unstable();
        // A number times a value is the value.
        if let [one] = all[..] { one } else { hashed(&(op, all)) }
    }

    /// A value and something more, added.
    fn sum_with(&mut self, of: Id, more: u64) -> u64 {
        let parts = self.flat(&Node::new(Op::Sum, vec![of])).0;
        self.together(&Op::Sum, &parts, vec![more])
    }

    fn reduced(&mut self, reduce: Reduce, over: &Axes, of: Id) -> u64 {
        let node = Node::new(Op::Reduce(reduce, over.clone()), vec![self.graph.find(of)]);
        match self.graph.lookup(node.clone()) {
            // Behind a number it is the same reduction.
            Some(class) => self.of(class),
            None => self.of_node(&node),
        }
    }

    fn centered(&mut self, over: &Axes, of: Id) -> u64 {
        let mean = self.reduced(Reduce::Sum, over, of);
        self.sum_with(of, mean)
    }

    /// The exponential of what is left when the largest is taken away, divided by the sum of these.
    fn softmax(&mut self, over: &Axes, of: Id) -> u64 {
        let largest = self.reduced(Reduce::Max, over, of);
        let largest = hashed(&(&Op::Map(Map::StopGradient), vec![largest]));
        let exponential = hashed(&(&Op::Map(Map::Exp), vec![self.sum_with(of, largest)]));
        let sum = hashed(&(&Op::Reduce(Reduce::Sum, over.clone()), vec![exponential]));
        let inverse = hashed(&(&Op::Power(-2), vec![sum]));
        self.together(&Op::Product, &[], vec![exponential, inverse])
    }
}
