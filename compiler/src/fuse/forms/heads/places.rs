//! Which axes of which values are the same: an axis of a value is a place, and what computes element by element along
//! places makes one of them.

use crate::fuse::forms::weights;
use crate::graph::{AxisId, Function, Node, ValueId};
use crate::ops::{Op, Scan, View};
use petgraph::unionfind::UnionFind;
use std::collections::BTreeMap;

/// A function or the step of a scan within it, by the order in which they are met; the function itself is the first.
pub(super) type Scope = usize;

/// An axis of a value.
pub(super) type Place = (Scope, ValueId, AxisId);

/// One function or step of those that are looked at together.
pub(super) struct Within<'a> {
    pub function: &'a Function,
    /// By value: whether it is made of weights alone.
    pub of_weights: Vec<bool>,
    /// By node: the step of the scan that it is.
    pub steps: BTreeMap<usize, Scope>,
}

/// All places of a function, and which of them are one.
pub(super) struct Places<'a> {
    pub scopes: Vec<Within<'a>>,
    numbers: BTreeMap<Place, usize>,
    one: UnionFind<usize>,
}

impl<'a> Places<'a> {
    pub fn of(function: &'a Function) -> Self {
        let given: Vec<bool> = function.inputs.iter().map(weights::is_weight).collect();
        let mut scopes = Vec::new();
        visit(&mut scopes, function, &given);
        let mut numbers = BTreeMap::new();
        for (scope, within) in scopes.iter().enumerate() {
            for (at, value) in within.function.values.iter().enumerate() {
                for axis in &value.shape {
                    let number = numbers.len();
                    numbers.insert((scope, ValueId(at as u32), *axis), number);
                }
            }
        }
        let one = UnionFind::new(numbers.len());
        let mut places = Places { scopes, numbers, one };
        places.unite();
        places
    }

    /// What stands for all places that are one with this one.
    pub fn group(&self, place: Place) -> usize {
        self.one.find(self.numbers[&place])
    }

    pub fn has(&self, place: Place) -> bool {
        self.numbers.contains_key(&place)
    }

    fn join(&mut self, a: Place, b: Place) {
        if let (Some(a), Some(b)) = (self.numbers.get(&a), self.numbers.get(&b)) {
            self.one.union(*a, *b);
        }
    }

    fn unite(&mut self) {
        for scope in 0..self.scopes.len() {
            let function = self.scopes[scope].function;
            for (at, node) in function.nodes.iter().enumerate() {
                match &node.op {
                    Op::Scan(scan) => self.unite_step((scope, at), node, scan),
                    Op::Map(_) | Op::Contract(_) | Op::Reduce(..) => self.unite_names(scope, node, &[]),
                    Op::View(View::Rename { from, to }) => {
                        self.join((scope, node.inputs[0], *from), (scope, node.outputs[0], *to));
                        self.unite_names(scope, node, &[*from, *to]);
                    }
                    Op::View(view) => {
                        let (taken, given) = changed(view);
                        self.unite_names(scope, node, &[taken, given].concat());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Axes that have one name in what a node reads and gives, but for those that it changes.
    fn unite_names(&mut self, scope: Scope, node: &Node, but: &[AxisId]) {
        let function = self.scopes[scope].function;
        let mut first: BTreeMap<AxisId, Place> = BTreeMap::new();
        for value in node.inputs.iter().chain(&node.outputs) {
            for axis in function.value(*value).shape.iter().filter(|a| !but.contains(a)) {
                let place = (scope, *value, *axis);
                let known = *first.entry(*axis).or_insert(place);
                self.join(known, place);
            }
        }
    }

    /// What is given to a step and what it gives.
    fn unite_step(&mut self, (scope, at): (Scope, usize), node: &Node, scan: &'a Scan) {
        let inner = self.scopes[scope].steps[&at];
        let body = &*scan.body;
        let mut same = |outer: ValueId, within: ValueId| {
            for axis in &body.value(within).shape {
                self.join((scope, outer, *axis), (inner, within, *axis));
            }
        };
        node.inputs.iter().zip(&body.inputs).for_each(|(outer, input)| same(*outer, input.value));
        let results = body.outputs[scan.carries..].iter();
        node.outputs.iter().zip(results).for_each(|(outer, output)| same(*outer, output.1));
        // A new state has the axes of the old one.
        for (input, output) in body.inputs[..scan.carries].iter().zip(&body.outputs) {
            for axis in &body.value(input.value).shape {
                self.join((inner, input.value, *axis), (inner, output.1, *axis));
            }
        }
        // The axis that is gone along is the same wherever it is.
        let along = |v: &ValueId| (scope, *v, scan.axis);
        let all: Vec<Place> = node.inputs.iter().chain(&node.outputs).map(along).collect();
        let all: Vec<Place> = all.into_iter().filter(|place| self.has(*place)).collect();
        all.windows(2).for_each(|pair| self.join(pair[0], pair[1]));
    }
}

/// Adds a function and the steps within it.
fn visit<'a>(scopes: &mut Vec<Within<'a>>, function: &'a Function, given: &[bool]) -> Scope {
    let scope = scopes.len();
    let of_weights = weights::of_weights(function, given.iter().copied());
    scopes.push(Within { function, of_weights, steps: BTreeMap::new() });
    for (at, node) in function.nodes.iter().enumerate() {
        let Op::Scan(scan) = &node.op else { continue };
        let of = |(at, v): (usize, &ValueId)| at >= scan.carries && scopes[scope].of_weights[v.0 as usize];
        let given: Vec<bool> = node.inputs.iter().enumerate().map(of).collect();
        let step = visit(scopes, &scan.body, &given);
        scopes[scope].steps.insert(at, step);
    }
    scope
}

/// The axes that a view takes and those that it gives instead.
pub(super) fn changed(view: &View) -> (Vec<AxisId>, Vec<AxisId>) {
    match view {
        View::Transpose(_) => (Vec::new(), Vec::new()),
        View::Rename { from, to } => (vec![*from], vec![*to]),
        View::Flatten { from, to } => (from.clone(), vec![*to]),
        View::Unflatten { from, to } => (vec![*from], to.clone()),
        View::Slice { axis, to, .. } | View::Pad { axis, to, .. } | View::Permute { axis, to, .. } => {
            (vec![*axis], vec![*to])
        }
        View::Index { axis, .. } => (vec![*axis], Vec::new()),
        View::Concat { parts, into } => (parts.iter().flatten().copied().collect(), vec![*into]),
        View::Flip(axis) => (vec![*axis], vec![*axis]),
        View::Window(w) => (vec![w.axis], vec![w.to, w.offset]),
        View::Fold(w) => (vec![w.to, w.offset], vec![w.axis]),
    }
}
