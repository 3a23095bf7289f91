//! Units in execution order, such that state can be updated in place wherever that is possible.

use super::analysis::{Analysis, Role};
use super::attention::Pass;
use super::gemm::Epilogues;
use super::group::Groups;
use arch_compiler::graph::{Function, ValueId};
use arch_compiler::ops::Op;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// What becomes one or a few steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A group.
    Group(usize),
    /// A node with kernels of its own.
    Node(usize),
    /// An input or a view that is asked for as a result: a copy.
    Copy(ValueId),
    /// A kernel of an attention.
    Attention(usize, Pass),
}

/// The order, and the updates that need no copy.
#[derive(Debug)]
pub(super) struct Order {
    pub units: Vec<Unit>,
    /// Values that are written straight into the input that they update.
    pub in_place: BTreeMap<ValueId, ValueId>,
}

/// The units and what they wait for.
pub(super) struct Graph<'a> {
    function: &'a Function,
    analysis: &'a Analysis,
    groups: &'a Groups,
    epilogues: &'a Epilogues,
    units: Vec<Unit>,
    /// By node.
    unit_of: Vec<Option<usize>>,
    /// By unit: the units that come before it.
    before: Vec<BTreeSet<usize>>,
    /// By unit: the inputs of the function that it reads, and whether at other places than its own.
    inputs: Vec<BTreeMap<ValueId, bool>>,
}

/// Orders the units of a function.
pub(super) fn order(
    function: &Function,
    analysis: &Analysis,
    groups: &Groups,
    epilogues: &Epilogues,
) -> Order {
    let mut graph = Graph::new(function, analysis, groups, epilogues);
    let mut in_place = BTreeMap::new();
    for (input, value) in &function.updates {
        if graph.update_in_place(*input, *value, &in_place) {
            in_place.insert(*value, *input);
        }
    }
    // What is copied to its input only at the end lets the input's readers be.
    Order { units: graph.sorted(), in_place }
}

impl<'a> Graph<'a> {
    /// The units of a function; a group that is computed with a product is one with it.
    pub(super) fn new(
        function: &'a Function,
        analysis: &'a Analysis,
        groups: &'a Groups,
        epilogues: &'a Epilogues,
    ) -> Self {
        let mut graph = Graph {
            function,
            analysis,
            groups,
            epilogues,
            units: Vec::new(),
            unit_of: vec![None; function.nodes.len()],
            before: Vec::new(),
            inputs: Vec::new(),
        };
        let mut known: BTreeMap<(bool, usize), usize> = BTreeMap::new();
        for n in 0..function.nodes.len() {
            let (key, unit) = match (analysis.roles[n], groups.of[n]) {
                (_, Some(g)) => match epilogues.product_of(g) {
                    Some(product) => ((false, product), Unit::Node(product)),
                    None => ((true, g), Unit::Group(g)),
                },
                (Role::Product | Role::Pieces | Role::Scan | Role::Scatter, _) => ((false, n), Unit::Node(n)),
                _ => continue,
            };
            graph.unit_of[n] = Some(*known.entry(key).or_insert_with(|| {
                graph.units.push(unit);
                graph.units.len() - 1
            }));
        }
        graph.attentions();
        graph.copies();
        graph.edges();
        graph
    }

    /// The kernels of attentions: one writes several values.
    fn attentions(&mut self) {
        for (at, attention) in self.analysis.attentions.all.iter().enumerate() {
            for pass in attention.passes() {
                for value in attention.writes(*pass) {
                    self.unit_of[self.function.value(value).node as usize] = Some(self.units.len());
                }
                self.units.push(Unit::Attention(at, *pass));
            }
        }
    }

    /// Results that are no unit's values: inputs, and what is computed where it is read.
    fn copies(&mut self) {
        for (v, kept) in self.analysis.kept.iter().enumerate() {
            let node = self.function.values[v].node as usize;
            let source = matches!(self.analysis.roles[node], Role::Source | Role::Inline | Role::View);
            let value = ValueId(v as u32);
            let wanted = self.function.outputs.iter().any(|o| o.1 == value)
                || self.function.updates.iter().any(|u| u.1 == value)
                || !matches!(self.function.nodes[node].op, Op::Input | Op::Tensor(_));
            if *kept && source && wanted {
                self.units.push(Unit::Copy(value));
                if !matches!(self.function.nodes[node].op, Op::Input) {
                    self.unit_of[node] = Some(self.units.len() - 1);
                }
            }
        }
    }

    fn edges(&mut self) {
        for u in 0..self.units.len() {
            let mut before = BTreeSet::new();
            let mut inputs = BTreeMap::new();
            match self.units[u] {
                Unit::Group(g) => {
                    for n in &self.groups.groups[g].members {
                        self.reads(*n, false, &mut before, &mut inputs);
                    }
                }
                Unit::Node(n) => {
                    self.reads(n, true, &mut before, &mut inputs);
                    for m in self.epilogues.group_of(n).iter().flat_map(|g| &self.groups.groups[*g].members) {
                        self.reads(*m, true, &mut before, &mut inputs);
                    }
                }
                Unit::Copy(value) => {
                    let node = self.function.value(value).node as usize;
                    if matches!(self.function.nodes[node].op, Op::Input) {
                        inputs.insert(value, true);
                    } else {
                        self.reads(node, true, &mut before, &mut inputs);
                    }
                }
                Unit::Attention(at, pass) => {
                    for value in self.analysis.attentions.all[at].reads(pass) {
                        self.read(*value, true, &mut before, &mut inputs);
                    }
                }
            }
            before.remove(&u);
            self.before.push(before);
            self.inputs.push(inputs);
        }
    }

    /// The units and inputs that a node reads, by way of what is computed where it is read.
    fn reads(
        &self,
        n: usize,
        moved: bool,
        before: &mut BTreeSet<usize>,
        inputs: &mut BTreeMap<ValueId, bool>,
    ) {
        let node = &self.function.nodes[n];
        let moved = moved || matches!(node.op, Op::View(_));
        for (i, input) in node.inputs.iter().enumerate() {
            let moved = moved || (matches!(node.op, Op::Gather { .. }) && i == 0);
            self.read(*input, moved, before, inputs);
        }
    }

    /// The unit or input that a value comes from, or those behind it.
    fn read(
        &self,
        value: ValueId,
        moved: bool,
        before: &mut BTreeSet<usize>,
        inputs: &mut BTreeMap<ValueId, bool>,
    ) {
        let source = self.function.value(value).node as usize;
        match (self.unit_of[source], self.analysis.roles[source]) {
            (Some(unit), _) => {
                before.insert(unit);
            }
            (None, Role::Inline | Role::View) => self.reads(source, moved, before, inputs),
            (None, _) if matches!(self.function.nodes[source].op, Op::Input) => {
                *inputs.entry(value).or_insert(false) |= moved;
            }
            _ => {}
        }
    }

    /// Tries to let the unit that computes `value` write it over `input`: every other reader of the input
    /// goes first.
    fn update_in_place(&mut self, input: ValueId, value: ValueId, done: &BTreeMap<ValueId, ValueId>) -> bool {
        let node = self.function.value(value).node as usize;
        let Some(writer) = self.unit_of[node] else { return false };
        let flat = match self.units[writer] {
            Unit::Group(g) => self.groups.groups[g].inner.is_empty(),
            Unit::Node(n) => self.analysis.roles[n] != Role::Scan,
            Unit::Copy(_) | Unit::Attention(..) => return false,
        };
        let own = self.inputs[writer].get(&input);
        let fits = own.is_none() || (flat && own == Some(&false));
        let sole = self.function.outputs.iter().all(|o| o.1 != input && o.1 != value);
        let same = {
            let (a, b) = (self.function.value(input), self.function.value(value));
            a.shape.len() == b.shape.len() && a.storage == b.storage
        };
        if !fits || !sole || !same || done.contains_key(&value) {
            return false;
        }
        // A view of the input that is asked for elsewhere, or an update by the input itself, reads it late.
        if self.function.updates.iter().any(|(_, v)| *v == input) {
            return false;
        }
        let readers: Vec<usize> =
            (0..self.units.len()).filter(|u| *u != writer && self.inputs[*u].contains_key(&input)).collect();
        if readers.iter().any(|r| self.comes_before(writer, *r)) {
            return false;
        }
        self.before[writer].extend(readers);
        true
    }

    /// Makes a product and a group that reads it one unit, if nothing stands between them.
    pub(super) fn join(&mut self, n: usize, g: usize) -> Option<()> {
        let product = self.unit_of[n]?;
        let group = self.unit_of[*self.groups.groups[g].members.first()?]?;
        let between = self.before[group].iter().any(|b| *b != product && self.comes_before(product, *b));
        if between || product == group {
            return None;
        }
        let waits = std::mem::take(&mut self.before[group]);
        self.before[product].extend(waits.into_iter().filter(|b| *b != product));
        for before in &mut self.before {
            if before.remove(&group) {
                before.insert(product);
            }
        }
        for unit in self.unit_of.iter_mut().filter(|u| **u == Some(group)) {
            *unit = Some(product);
        }
        Some(())
    }

    fn comes_before(&self, first: usize, then: usize) -> bool {
        let mut seen = vec![false; self.units.len()];
        let mut todo = vec![then];
        while let Some(u) = todo.pop() {
            if u == first {
                return true;
            }
            if !std::mem::replace(&mut seen[u], true) {
                todo.extend(&self.before[u]);
            }
        }
        false
    }

    /// Where a unit stands in the program: where its last node stands.
    fn rank(&self, u: usize) -> usize {
        match self.units[u] {
            Unit::Group(g) => *self.groups.groups[g].members.last().unwrap_or(&0),
            Unit::Node(n) => n,
            Unit::Copy(value) => self.function.value(value).node as usize,
            Unit::Attention(at, pass) => {
                let writes = self.analysis.attentions.all[at].writes(pass);
                writes.iter().map(|v| self.function.value(*v).node as usize).max().unwrap_or(0)
            }
        }
    }

    fn sorted(&self) -> Vec<Unit> {
        let mut left: Vec<usize> = self.before.iter().map(BTreeSet::len).collect();
        let mut after = vec![Vec::new(); self.units.len()];
        for (u, before) in self.before.iter().enumerate() {
            for b in before {
                after[*b].push(u);
            }
        }
        let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
            (0..self.units.len()).filter(|u| left[*u] == 0).map(|u| Reverse((self.rank(u), u))).collect();
        let mut sorted = Vec::new();
        while let Some(Reverse((_, u))) = ready.pop() {
            sorted.push(self.units[u]);
            for a in &after[u] {
                left[*a] -= 1;
                if left[*a] == 0 {
                    ready.push(Reverse((self.rank(*a), *a)));
                }
            }
        }
        assert_eq!(sorted.len(), self.units.len(), "units form no cycle");
        sorted
    }
}
