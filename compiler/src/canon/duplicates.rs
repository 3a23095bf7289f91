//! Merges nodes that do the same to the same inputs; sums and products also where the two are exchanged, which functions
//! that are put together write either way. Inputs, random ones among them, are never merged.

use super::rewrite::rewrite;
use crate::graph::{Function, Module, ValueId};
use crate::ops::{Map, Op, ShapeError};
use rustc_hash::FxHashMap;

/// Merges equal nodes; the first of them stays.
pub(super) fn merge(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let Some(first) = firsts(source) else { return Ok(None) };
    // The new values of the nodes that stay.
    let mut values = vec![ValueId(u32::MAX); source.values.len()];
    rewrite(module, source, &mut |b, node, inputs| {
        let index = source.value(node.outputs[0]).node as usize;
        if first[index] != index {
            let same = &source.nodes[first[index]].outputs;
            return Ok(Some(same.iter().map(|v| values[v.0 as usize]).collect()));
        }
        let new = b.copy(source, node, inputs.to_vec());
        node.outputs.iter().zip(&new).for_each(|(old, new)| values[old.0 as usize] = *new);
        Ok(Some(new))
    })
}

/// For each node the first that does the same; `None` if that is always the node itself.
fn firsts(source: &Function) -> Option<Vec<usize>> {
    // The table is only asked for one key at a time, so that its order shows nowhere.
    let mut known: FxHashMap<(std::mem::Discriminant<Op>, Vec<ValueId>), Vec<usize>> = FxHashMap::default();
    let mut first: Vec<usize> = (0..source.nodes.len()).collect();
    let mut found = false;
    let mut values: Vec<ValueId> = (0..source.values.len() as u32).map(ValueId).collect();
    // The order of axes is that of the first input: results are stored in it.
    let types =
        |n: usize| source.nodes[n].outputs.iter().map(|v| source.value(*v)).map(|v| (v.storage, &v.shape));
    for (at, node) in source.nodes.iter().enumerate() {
        if node.op == Op::Input {
            continue;
        }
        let mut inputs: Vec<ValueId> = node.inputs.iter().map(|v| values[v.0 as usize]).collect();
        if matches!(node.op, Op::Map(Map::Add | Map::Mul)) {
            inputs.sort_unstable();
        }
        let alike = known.entry((std::mem::discriminant(&node.op), inputs)).or_default();
        match alike.iter().find(|n| same(&source.nodes[**n].op, &node.op) && types(**n).eq(types(at))) {
            Some(n) => {
                found = true;
                first[at] = *n;
                let pairs = node.outputs.iter().zip(&source.nodes[*n].outputs);
                pairs.for_each(|(old, same)| values[old.0 as usize] = *same);
            }
            None => alike.push(at),
        }
    }
    found.then_some(first)
}

/// Whether two operations are the same, bit by bit: `0` and `-0` are not.
fn same(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Constant(a), Op::Constant(b)) => a.to_bits() == b.to_bits(),
        (Op::Tensor(a), Op::Tensor(b)) => {
            let bits = |x: &f64| x.to_bits();
            let data = a.data.iter().map(bits).eq(b.data.iter().map(bits));
            a.shape == b.shape && a.integer == b.integer && data
        }
        _ => a == b,
    }
}
