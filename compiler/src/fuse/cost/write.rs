//! Writing sums of products back in the order that was chosen.

use super::super::lang::axes;
use super::Reordered;
use super::extract::Choice;
use super::lang::{Node, Op};
use super::load::{Problem, Root};
use super::price::operations;
use crate::graph::{AxisId, Builder, Function, Module, Rules, ValueId};
use crate::ops::{self, Map, Reduce, ShapeError, View};
use egg::{Id, Language};
use std::collections::{BTreeMap, BTreeSet};

/// The results that have sums within sums. They are all written anew: what is not reordered gets the same names of axes.
pub(super) fn nested<'a>(problem: &'a Problem, choice: &Choice) -> Vec<&'a Root> {
    let sums = |root: &Root| {
        let [chosen, written] = both(problem, choice, root);
        [chosen, written].map(|nodes| nodes.values().filter(|n| !n.over().is_empty()).count())
    };
    problem.roots.iter().filter(|root| sums(root).into_iter().any(|count| count > 1)).collect()
}

/// The function with its sums of products as chosen.
pub(super) fn write(
    module: &mut Module,
    source: &Function,
    problem: &Problem,
    choice: &Choice,
    nested: &[&Root],
) -> Result<Function, ShapeError> {
    let by = |root: &&Root| match is_changed(problem, choice, root) {
        true => rules(problem, choice, root),
        false => Rules::NONE,
    };
    let is_new: BTreeMap<ValueId, Rules> = nested.iter().map(|root| (root.value, by(root))).collect();
    let roots: BTreeMap<ValueId, Id> =
        problem.roots.iter().map(|r| (r.value, problem.graph.find(r.class))).collect();
    let mut b = Builder::new(module, source.name.clone());
    let mut values = vec![ValueId(u32::MAX); source.values.len()];
    let mut made = BTreeMap::new();
    for node in &source.nodes {
        b.origin = node.origin;
        let old = node.outputs[0];
        let class = roots.get(&old);
        // What an earlier result needed is not computed a second time.
        let is_made = class.is_some_and(|class| made.contains_key(class));
        let new = match class {
            Some(class) if is_made || is_new.contains_key(&old) => {
                b.origin = node.origin.by(is_new.get(&old).copied().unwrap_or_default());
                let mut writer = Writer { b: &mut b, problem, choice, values: &values, made: &mut made };
                let value = writer.class(*class)?;
                vec![in_order(&mut b, value, &source.value(old).shape)?]
            }
            _ => {
                let inputs = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
                let new = b.copy(source, node, inputs);
                class.map(|class| made.insert(*class, new[0]));
                new
            }
        };
        node.outputs.iter().zip(new).for_each(|(old, new)| values[old.0 as usize] = new);
    }
    let mut function = b.function;
    let new = |id: ValueId| values[id.0 as usize];
    function.inputs = source.inputs.clone();
    function.inputs.iter_mut().for_each(|input| input.value = new(input.value));
    function.outputs = source.outputs.iter().map(|(name, id)| (name.clone(), new(*id))).collect();
    function.updates = source.updates.iter().map(|(state, id)| (new(*state), new(*id))).collect();
    Ok(function)
}

fn in_order(b: &mut Builder<'_>, value: ValueId, shape: &[AxisId]) -> Result<ValueId, ShapeError> {
    if b.shape(value) == shape {
        return Ok(value);
    }
    b.add1(ops::Op::View(View::Transpose(shape.to_vec())), &[value])
}

/// The classes that a root is computed of, itself among them: chosen or as written.
fn below<'a>(
    problem: &Problem,
    root: &Root,
    node: impl Fn(Id) -> Option<&'a Node>,
) -> BTreeMap<Id, &'a Node> {
    let (mut all, mut open) = (BTreeMap::new(), vec![problem.graph.find(root.class)]);
    while let Some(id) = open.pop() {
        if all.contains_key(&id) {
            continue;
        }
        if let Some(node) = node(id) {
            all.insert(id, node);
            open.extend(node.operands.iter().map(|o| problem.graph.find(*o)));
        }
    }
    all
}

/// The sums of a result, chosen and as written.
fn both<'a>(problem: &'a Problem, choice: &'a Choice, root: &Root) -> [BTreeMap<Id, &'a Node>; 2] {
    let chosen = below(problem, root, |id| choice.get(&id));
    [chosen, below(problem, root, |id| problem.written.get(&id))]
}

/// The rules that made the chosen terms of a result, as far as these were not written.
fn rules(problem: &Problem, choice: &Choice, root: &Root) -> Rules {
    let graph = &problem.graph;
    let named = |node: &Node| node.clone().map_children(|id| graph.find(id));
    let mut made: BTreeMap<Node, Rules> = BTreeMap::new();
    for (node, by) in &graph.analysis.made {
        made.entry(named(node)).or_insert(*by);
    }
    let [chosen, _] = both(problem, choice, root);
    let by = chosen.into_values().filter_map(|node| made.get(&named(node)));
    by.fold(Rules::NONE, |all, by| all.and(*by))
}

/// Whether other sums are computed than were written; products alone may be bracketed in any way.
pub(super) fn is_changed(problem: &Problem, choice: &Choice, root: &Root) -> bool {
    let sums = |nodes: BTreeMap<Id, &Node>| -> BTreeSet<Id> {
        nodes.into_iter().filter(|(_, n)| !n.over().is_empty()).map(|(id, _)| id).collect()
    };
    let [chosen, written] = both(problem, choice, root).map(sums);
    chosen != written
}

/// What became of a result.
pub(super) fn reordered(module: &Module, problem: &Problem, choice: &Choice, root: &Root) -> Reordered {
    let graph = &problem.graph;
    let of = |nodes: &BTreeMap<Id, &Node>| {
        let operations = nodes.values().map(|n| operations(graph, n)).fold(0, u64::saturating_add);
        let between = nodes.iter().filter(|(id, n)| **id != graph.find(root.class) && !n.over().is_empty());
        let largest = between.max_by_key(|(id, _)| (graph.analysis.elements(graph[**id].data.iter()), **id));
        let shape = largest.map_or(&[][..], |(id, _)| &graph[*id].data);
        let own = |axis: &AxisId| problem.bound.get(axis).copied().filter(|own| !shape.contains(own));
        let shape: Vec<AxisId> = shape.iter().map(|axis| own(axis).unwrap_or(*axis)).collect();
        let origin = largest.and_then(|(id, _)| problem.origins.get(id).copied());
        (operations, module.shape_text(&shape), origin.unwrap_or(root.origin))
    };
    let [(after, into, _), (before, from, origin)] = both(problem, choice, root).map(|nodes| of(&nodes));
    Reordered { origin, operations: (before, after), through: (from, into) }
}

struct Writer<'a, 'm> {
    b: &'a mut Builder<'m>,
    problem: &'a Problem,
    choice: &'a Choice,
    /// The new value of each old one.
    values: &'a [ValueId],
    made: &'a mut BTreeMap<Id, ValueId>,
}

impl Writer<'_, '_> {
    /// The value of a class, along the axes that it was written with.
    fn class(&mut self, id: Id) -> Result<ValueId, ShapeError> {
        let id = self.problem.graph.find(id);
        if let Some(value) = self.made.get(&id) {
            return Ok(*value);
        }
        let node = self.choice.get(&id).ok_or_else(|| ShapeError("a sum of products has no order".into()))?;
        let value = match &node.op {
            Op::Factor(at) => self.factor(id, *at as usize)?,
            Op::Contract(over) => self.contract(id, over, &node.operands)?,
        };
        self.made.insert(id, value);
        Ok(value)
    }

    /// The names of some axes where they come together: those that they were written with, but for the second of a name.
    fn names(&self, axes: &[AxisId]) -> Vec<(AxisId, AxisId)> {
        let mut names: Vec<(AxisId, AxisId)> = Vec::with_capacity(axes.len());
        for axis in axes {
            let own = self.problem.twins.get(axis).copied();
            let own = own.filter(|own| !axes.contains(own) && !names.iter().any(|(_, name)| name == own));
            names.push((*axis, own.unwrap_or(*axis)));
        }
        names
    }

    /// A value whose axes have one set of names, under another.
    fn renamed(
        &mut self,
        mut value: ValueId,
        from: &[(AxisId, AxisId)],
        to: &[(AxisId, AxisId)],
    ) -> Result<ValueId, ShapeError> {
        let new = |axis: &AxisId| to.iter().find(|(a, _)| a == axis).map(|(_, name)| *name);
        let mut names: Vec<_> = from.iter().filter_map(|(axis, old)| Some((*old, new(axis)?))).collect();
        names.retain(|(old, new)| old != new);
        // A name that another axis still has is given later. Where each has to wait for another, one is set aside.
        while !names.is_empty() {
            let free = names.iter().position(|(_, to)| !self.b.shape(value).contains(to));
            let (from, to) = match free {
                Some(at) => names.remove(at),
                None => {
                    let own = self.b.module.add_axis_like(names[0].0);
                    (std::mem::replace(&mut names[0].0, own), own)
                }
            };
            value = self.b.add1(ops::Op::View(View::Rename { from, to }), &[value])?;
        }
        Ok(value)
    }

    fn contract(&mut self, class: Id, over: &[AxisId], operands: &[Id]) -> Result<ValueId, ShapeError> {
        let axes_of = |id: &Id| self.problem.graph[*id].data.clone();
        let here = self.names(&axes(operands.iter().flat_map(|id| axes_of(id).to_vec())));
        let mut x = Vec::with_capacity(operands.len());
        for id in operands {
            let (value, own) = (self.class(*id)?, self.names(&self.problem.graph[*id].data));
            x.push(self.renamed(value, &own, &here)?);
        }
        let named = |axis: &AxisId| here.iter().find(|(a, _)| a == axis).map_or(*axis, |(_, name)| *name);
        let over: Vec<AxisId> = over.iter().map(named).collect();
        // A weight stands before what it is multiplied with: matrix products take their operands in this order.
        x.sort_by_key(|v| self.b.shape(*v).contains(&AxisId::BATCH));
        let value = match (x.as_slice(), over.is_empty()) {
            ([one], false) => self.b.add1(ops::Op::Reduce(Reduce::Sum, over), &[*one])?,
            ([a, c], false) => self.b.add1(ops::Op::Contract(over), &[*a, *c])?,
            ([first, others @ ..], true) => others
                .iter()
                .try_fold(*first, |product, v| self.b.add1(ops::Op::Map(Map::Mul), &[product, *v]))?,
            _ => return Err(ShapeError("a sum of more than two factors was chosen".into())),
        };
        let own = self.names(&self.problem.graph[class].data);
        let result: Vec<_> =
            here.into_iter().filter(|(axis, _)| own.iter().any(|(a, _)| a == axis)).collect();
        self.renamed(value, &result, &own)
    }

    fn factor(&mut self, class: Id, at: usize) -> Result<ValueId, ShapeError> {
        let factor = &self.problem.graph.analysis.factors[at];
        let mut value = self.values[factor.value.0 as usize];
        if factor.inverse {
            let one = self.b.add1(ops::Op::Constant(1.0), &[])?;
            value = self.b.add1(ops::Op::Map(Map::Div), &[one, value])?;
        }
        let here =
            |axis: &AxisId| factor.renamed.iter().find(|(_, to)| to == axis).map_or(*axis, |(from, _)| *from);
        let written: Vec<_> = factor.axes.iter().map(|axis| (*axis, here(axis))).collect();
        let own = self.names(&self.problem.graph[class].data);
        self.renamed(value, &written, &own)
    }
}
