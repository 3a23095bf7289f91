//! A scan whose carries fall into groups that know nothing of each other is one scan a group: whether a text goes
//! through a sequence once or twice is no mathematics, and the groups may want to go different ways.

use super::{Form, rewrite};
use crate::fuse::step::copy;
use crate::graph::{Function, Module, Rules, ValueId};
use crate::ops::{Op, Scan, ShapeError};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const FORM: Form = Form {
    name: "recurrences apart",
    algebra: "scan (h, g) {...} = scan (h) {...}, scan (g) {...}",
    guard: "neither reads the other",
    find: apart,
};

/// The same function with such scans taken apart; `None` if it has none.
fn apart(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    rewrite(module, source, by, &mut |b, node, inputs| {
        let Op::Scan(scan) = &node.op else { return Ok(None) };
        let groups = groups(scan);
        if groups.len() < 2 {
            return Ok(None);
        }
        let mut results = vec![None; node.outputs.len()];
        for group in &groups {
            let (part, given) = part(scan, group);
            let given: Vec<ValueId> = given.into_iter().map(|at| inputs[at]).collect();
            let made = b.add(Op::Scan(part), &given)?;
            group.results.iter().zip(made).for_each(|(at, value)| results[*at] = Some(value));
        }
        let all: Option<Vec<ValueId>> = results.into_iter().collect();
        all.map(Some).ok_or_else(|| ShapeError("a result of a scan belongs to no carry".into()))
    })
}

/// Carries that depend on each other, and the results that depend on them.
struct Group {
    carries: BTreeSet<usize>,
    results: Vec<usize>,
}

/// The groups of a scan, by their first carries.
fn groups(scan: &Scan) -> Vec<Group> {
    let body = &*scan.body;
    let mut on: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); body.values.len()];
    for (carry, input) in body.inputs[..scan.carries].iter().enumerate() {
        on[input.value.0 as usize].insert(carry);
    }
    for node in body.nodes.iter().filter(|n| n.op != Op::Input) {
        let all: BTreeSet<usize> =
            node.inputs.iter().flat_map(|v| on[v.0 as usize].iter().copied()).collect();
        node.outputs.iter().for_each(|v| on[v.0 as usize].clone_from(&all));
    }
    let outputs = || body.outputs.iter().map(|o| &on[o.1.0 as usize]).enumerate();
    let mut group: Vec<usize> = (0..scan.carries).collect();
    for (at, all) in outputs() {
        let own = (at < scan.carries).then_some(at);
        let joined: BTreeSet<usize> = all.iter().copied().chain(own).map(|carry| group[carry]).collect();
        let first = joined.first().copied().unwrap_or_default();
        group.iter_mut().filter(|g| joined.contains(g)).for_each(|g| *g = first);
    }
    let different: BTreeSet<usize> = group.iter().copied().collect();
    let of = |first: usize| {
        let results = outputs().skip(scan.carries).filter(|(_, all)| {
            let own = all.first().map_or(0, |carry| group[*carry]);
            own == first
        });
        Group {
            carries: (0..scan.carries).filter(|carry| group[*carry] == first).collect(),
            results: results.map(|(at, _)| at - scan.carries).collect(),
        }
    };
    different.into_iter().map(of).collect()
}

/// The scan of one group, and which inputs of the whole it takes.
fn part(scan: &Scan, group: &Group) -> (Scan, Vec<usize>) {
    let body = &*scan.body;
    let first = scan.carries;
    let outputs: Vec<usize> =
        group.carries.iter().copied().chain(group.results.iter().map(|at| at + first)).collect();
    let mut needed = vec![false; body.nodes.len()];
    let mut open: Vec<ValueId> = outputs.iter().map(|at| body.outputs[*at].1).collect();
    while let Some(value) = open.pop() {
        let at = body.value(value).node as usize;
        if !std::mem::replace(&mut needed[at], true) {
            open.extend(&body.nodes[at].inputs);
        }
    }
    let is_read = |at: usize| needed[body.value(body.inputs[at].value).node as usize];
    let is_given = |at: &usize| group.carries.contains(at) || (*at >= first && is_read(*at));
    let given: Vec<usize> = (0..body.inputs.len()).filter(is_given).collect();
    let sequences = given.iter().filter(|at| (first..first + scan.sequences).contains(at)).count();
    let mut result = Function { name: body.name.clone(), ..Function::default() };
    let mut values = vec![ValueId(u32::MAX); body.values.len()];
    for at in &given {
        let mut input = body.inputs[*at].clone();
        copy(body, &mut result, body.producer(input.value), &mut values);
        input.value = values[input.value.0 as usize];
        result.inputs.push(input);
    }
    for (_, node) in body.nodes.iter().enumerate().filter(|(at, n)| needed[*at] && n.op != Op::Input) {
        copy(body, &mut result, node, &mut values);
    }
    for at in outputs {
        let (name, old) = &body.outputs[at];
        result.outputs.push((name.clone(), values[old.0 as usize]));
    }
    let yields = group.results.iter().filter(|at| **at < scan.yields).count();
    let (carries, finals) = (group.carries.len(), group.results.len() - yields);
    (Scan { carries, sequences, yields, finals, body: Arc::new(result), ..scan.clone() }, given)
}
