//! Which channels are taken apart, and into what.

use super::places::{Place, Places, Scope, Within, changed};
use crate::canon::has_window;
use crate::graph::{AxisId, InputKind, Module, Node, ValueId};
use crate::ops::{Op, Reduce, View};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of places that are one.
#[derive(Default)]
struct Facts {
    /// What a text takes it apart into, or puts together to it; the first that it says.
    parts: Option<Vec<AxisId>>,
    /// Whether something wants it whole.
    is_whole: bool,
    /// Whether something is computed along it.
    is_computed: bool,
    /// Whether weights have it.
    has_weights: bool,
    /// Whether an argument of the function has it.
    is_given: bool,
    /// Whether a result of the function has it.
    is_result: bool,
}

/// Channels that are taken apart, by what stands for their places.
pub(super) struct Groups(BTreeMap<usize, Vec<AxisId>>);

impl Groups {
    pub fn of(module: &mut Module, places: &Places<'_>) -> Self {
        let mut all = All { places, facts: BTreeMap::new(), sizes: BTreeMap::new() };
        all.look(module);
        let links = links(places);
        let passing = all.passing(&links);
        // What parts are made of waits for its turn.
        let inner: BTreeSet<usize> = links.iter().map(|link| link.part).collect();
        let mut chosen: BTreeMap<usize, Vec<AxisId>> = BTreeMap::new();
        for (group, facts) in &all.facts {
            // What comes in and goes out is what others call it; pixels come in and meet no weights.
            let is_own = !facts.is_given || (facts.has_weights && !facts.is_result);
            let is_free = !inner.contains(group) && !passing.contains(group);
            let may = !facts.is_whole && facts.is_computed && is_own && is_free;
            if let (true, Some(parts)) = (may, &facts.parts) {
                chosen.insert(*group, parts.clone());
            }
        }
        let mut groups = Groups(chosen);
        groups.part_from(module, places);
        groups
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The axes that take the place of one.
    pub fn parts(&self, places: &Places<'_>, place: Place) -> Option<&[AxisId]> {
        if !places.has(place) {
            return None;
        }
        self.0.get(&places.group(place)).map(Vec::as_slice)
    }

    /// Axes of a value with those taken apart that are.
    pub fn expanded(
        &self,
        places: &Places<'_>,
        (scope, value): (Scope, ValueId),
        axes: &[AxisId],
    ) -> Vec<AxisId> {
        let of = |axis: &AxisId| {
            self.parts(places, (scope, value, *axis)).map_or_else(|| vec![*axis], <[AxisId]>::to_vec)
        };
        axes.iter().flat_map(of).collect()
    }

    /// Names of their own for parts that would meet other axes of the same names; what would meet itself stays whole.
    fn part_from(&mut self, module: &mut Module, places: &Places<'_>) {
        let mut meets_itself = BTreeSet::new();
        self.each_node(places, |node, met, _| {
            let mut own: BTreeMap<usize, AxisId> = BTreeMap::new();
            for (group, axis) in met {
                if *own.entry(*group).or_insert(*axis) != *axis && !is_rename(node) {
                    meets_itself.insert(*group);
                }
            }
        });
        self.0.retain(|group, _| !meets_itself.contains(group));
        let mut clash = BTreeSet::new();
        self.each_node(places, |node, met, axes| {
            for (at, (group, whole)) in met.iter().enumerate() {
                // The view that takes it apart has the parts, of course.
                let own = match &node.op {
                    Op::View(View::Flatten { from, to }) if to == whole => from.as_slice(),
                    Op::View(View::Unflatten { from, to }) if from == whole => to.as_slice(),
                    _ => &[],
                };
                let parts = &self.0[group];
                let is_named = |part: &AxisId| part == whole || (axes.contains(part) && !own.contains(part));
                let is_twice = |(other, _): &(usize, AxisId)| {
                    other != group && self.0[other].iter().any(|part| parts.contains(part))
                };
                if parts.iter().any(is_named) || met[..at].iter().any(is_twice) {
                    clash.insert(*group);
                }
            }
        });
        for group in clash {
            if let Some(parts) = self.0.get_mut(&group) {
                parts.iter_mut().for_each(|part| *part = module.add_axis_like(*part));
            }
        }
    }

    /// Calls `see` with each node, the groups that its values have, by their axes there, and all axes of these values.
    fn each_node(
        &self,
        places: &Places<'_>,
        mut see: impl FnMut(&Node, &[(usize, AxisId)], &BTreeSet<AxisId>),
    ) {
        for (scope, within) in places.scopes.iter().enumerate() {
            for node in &within.function.nodes {
                let values = || node.inputs.iter().chain(&node.outputs);
                let shape = |value: &ValueId| &within.function.value(*value).shape;
                let axes: BTreeSet<AxisId> = values().flat_map(|v| shape(v).iter().copied()).collect();
                let met: BTreeSet<(usize, AxisId)> = values()
                    .flat_map(|v| shape(v).iter().map(|axis| (places.group((scope, *v, *axis)), *axis)))
                    .filter(|(group, _)| self.0.contains_key(group))
                    .collect();
                let met: Vec<(usize, AxisId)> = met.into_iter().collect();
                see(node, &met, &axes);
            }
        }
    }
}

fn is_rename(node: &Node) -> bool {
    matches!(node.op, Op::View(View::Rename { .. }))
}

/// That something is put together of parts or taken apart into them.
struct Link {
    whole: usize,
    part: usize,
    is_put_together: bool,
}

/// All that is put together and taken apart.
fn links(places: &Places<'_>) -> Vec<Link> {
    let mut links = Vec::new();
    for (scope, within) in places.scopes.iter().enumerate() {
        for node in &within.function.nodes {
            let (whole, (of, parts), is_put_together) = match &node.op {
                Op::View(View::Flatten { from, to }) => {
                    ((node.outputs[0], *to), (node.inputs[0], from), true)
                }
                Op::View(View::Unflatten { from, to }) => {
                    ((node.inputs[0], *from), (node.outputs[0], to), false)
                }
                _ => continue,
            };
            let whole = places.group((scope, whole.0, whole.1));
            let part = |axis: &AxisId| places.group((scope, of, *axis));
            links.extend(parts.iter().map(|axis| Link { whole, part: part(axis), is_put_together }));
        }
    }
    links
}

/// What is known of all places.
struct All<'a, 'p> {
    places: &'p Places<'a>,
    facts: BTreeMap<usize, Facts>,
    /// The sizes of the parts of each.
    sizes: BTreeMap<usize, Vec<usize>>,
}

impl All<'_, '_> {
    fn at(&mut self, place: Place) -> &mut Facts {
        self.facts.entry(self.places.group(place)).or_default()
    }

    /// Positions that come in apart and go out apart, such as pixels that are tokens in between.
    fn passing(&self, links: &[Link]) -> BTreeSet<usize> {
        let those = |is: fn(&Facts) -> bool| {
            self.facts.iter().filter(|(_, facts)| is(facts)).map(|(group, _)| *group).collect::<BTreeSet<_>>()
        };
        let mut come_in = those(|facts| facts.is_given);
        let mut go_out = those(|facts| facts.is_result);
        for _ in links {
            for Link { whole, part, is_put_together } in links {
                let (earlier, later) = if *is_put_together { (part, whole) } else { (whole, part) };
                if come_in.contains(earlier) {
                    come_in.insert(*later);
                }
                if go_out.contains(later) {
                    go_out.insert(*earlier);
                }
            }
        }
        let ends = |ends: &BTreeSet<usize>, put_together: bool| {
            let of = links.iter().filter(|l| l.is_put_together == put_together && ends.contains(&l.part));
            of.map(|link| link.whole).collect::<BTreeSet<_>>()
        };
        ends(&come_in, true).intersection(&ends(&go_out, false)).copied().collect()
    }

    fn look(&mut self, module: &Module) {
        let places = self.places;
        for (scope, within) in places.scopes.iter().enumerate() {
            for node in &within.function.nodes {
                self.look_at(module, (scope, within), node);
                for value in
                    node.inputs.iter().chain(&node.outputs).filter(|v| within.of_weights[v.0 as usize])
                {
                    for axis in &within.function.value(*value).shape {
                        self.at((scope, *value, *axis)).has_weights = true;
                    }
                }
            }
        }
        let first = &places.scopes[0];
        for input in first.function.inputs.iter().filter(|i| matches!(i.kind, InputKind::Argument)) {
            self.each((0, input.value), |facts| facts.is_given = true);
        }
        let outputs = first.function.outputs.iter().map(|o| o.1);
        let updates = first.function.updates.iter().flat_map(|u| [u.0, u.1]);
        for value in outputs.chain(updates) {
            self.each((0, value), |facts| facts.is_result = true);
        }
    }

    fn each(&mut self, (scope, value): (Scope, ValueId), change: impl Fn(&mut Facts)) {
        for axis in &self.places.scopes[scope].function.value(value).shape {
            change(self.at((scope, value, *axis)));
        }
    }

    fn look_at(&mut self, module: &Module, (scope, within): (Scope, &Within<'_>), node: &Node) {
        match &node.op {
            Op::View(View::Flatten { from, to }) => self.apart(module, (scope, node.outputs[0], *to), from),
            Op::View(View::Unflatten { from, to }) => {
                if !matches!(within.function.producer(node.inputs[0]).op, Op::Input) {
                    self.apart(module, (scope, node.inputs[0], *from), to);
                }
            }
            Op::View(View::Rename { .. } | View::Transpose(_) | View::Index { .. })
            | Op::Input
            | Op::Iota(_) => {}
            Op::View(view) => {
                let (taken, given) = changed(view);
                let whole = matches!(
                    view,
                    View::Window(_) | View::Fold(_) | View::Pad { .. } | View::Permute { .. } | View::Flip(_)
                );
                for value in &node.inputs {
                    self.keep(scope, *value, &taken);
                }
                if whole {
                    self.keep(scope, node.outputs[0], &given);
                }
            }
            Op::Map(_) => {
                node.inputs.iter().for_each(|v| self.each((scope, *v), |facts| facts.is_computed = true))
            }
            Op::Reduce(reduce, over) => {
                self.each((scope, node.inputs[0]), |facts| facts.is_computed = true);
                if *reduce != Reduce::Sum {
                    self.keep(scope, node.inputs[0], over);
                }
            }
            Op::Contract(over) => self.look_at_product((scope, within), node, over),
            Op::Scan(scan) => {
                for value in node.inputs.iter().chain(&node.outputs) {
                    self.keep(scope, *value, &[scan.axis]);
                }
            }
            _ => {
                let all = node.inputs.iter().chain(&node.outputs);
                all.for_each(|v| self.each((scope, *v), |facts| facts.is_whole = true));
            }
        }
    }

    /// Axes of a value that stay whole.
    fn keep(&mut self, scope: Scope, value: ValueId, axes: &[AxisId]) {
        for axis in axes.iter().filter(|a| self.places.has((scope, value, **a))) {
            self.at((scope, value, *axis)).is_whole = true;
        }
    }

    /// Something is taken apart into axes. Those of other sizes than known ones leave it whole.
    fn apart(&mut self, module: &Module, place: Place, parts: &[AxisId]) {
        let group = self.places.group(place);
        let sizes: Vec<usize> = parts.iter().map(|axis| module.size(*axis, 0)).collect();
        let is_fixed = !parts.contains(&AxisId::BATCH);
        let same = *self.sizes.entry(group).or_insert_with(|| sizes.clone()) == sizes;
        let facts = self.at(place);
        facts.parts.get_or_insert_with(|| parts.to_vec());
        facts.is_whole |= !same || !is_fixed;
    }

    /// What products of two computed values have apart from each other, such as tokens, stays whole, and so does what is
    /// seen through windows.
    fn look_at_product(&mut self, (scope, within): (Scope, &Within<'_>), node: &Node, over: &[AxisId]) {
        node.inputs.iter().for_each(|v| self.each((scope, *v), |facts| facts.is_computed = true));
        let is_window = node.inputs.iter().any(|v| has_window(within.function, *v));
        let computed: Vec<ValueId> =
            node.inputs.iter().copied().filter(|v| !within.of_weights[v.0 as usize]).collect();
        let shape = |v: &ValueId| &within.function.value(*v).shape;
        let own = |v: &ValueId| {
            let shared = |a: &AxisId| computed.iter().all(|other| shape(other).contains(a));
            shape(v).iter().copied().filter(|a| !shared(a)).collect::<Vec<_>>()
        };
        let are_apart = computed.len() > 1 && computed.iter().all(|v| !own(v).is_empty());
        for value in &node.inputs {
            if is_window {
                self.each((scope, *value), |facts| facts.is_whole = true);
            } else if are_apart && computed.contains(value) {
                self.keep(scope, *value, &own(value));
                self.keep(scope, *value, over);
            }
        }
    }
}
