//! Merges nodes that do the same to the same inputs. Inputs, random ones among them, are never merged.

use super::rewrite::rewrite;
use crate::graph::{Function, Module, ValueId};
use crate::ops::{Op, ShapeError};
use rustc_hash::FxHashMap;

/// Merges equal nodes; the first of them stays.
pub(super) fn merge(module: &mut Module, source: &Function) -> Result<Function, ShapeError> {
    // The table is only asked for one key at a time, so that its order shows nowhere.
    let mut known: FxHashMap<(std::mem::Discriminant<Op>, Vec<ValueId>), Vec<Made>> = FxHashMap::default();
    rewrite(module, source, &mut |b, node, inputs| {
        if node.op == Op::Input {
            return Ok(None);
        }
        let made = known.entry((std::mem::discriminant(&node.op), inputs.to_vec())).or_default();
        let types =
            |ids: &[ValueId], of: &Function| ids.iter().map(|v| of.value(*v).storage).collect::<Vec<_>>();
        let same = |m: &&Made| {
            same(&m.op, &node.op) && types(&m.outputs, &b.function) == types(&node.outputs, source)
        };
        if let Some(first) = made.iter().find(same) {
            return Ok(Some(first.outputs.clone()));
        }
        let outputs = b.copy(source, node, inputs.to_vec());
        made.push(Made { op: node.op.clone(), outputs: outputs.clone() });
        Ok(Some(outputs))
    })
}

struct Made {
    op: Op,
    outputs: Vec<ValueId>,
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
