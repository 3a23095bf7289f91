//! What is computed element by element and then read in another order, such as the tokens of a picture along a path, is
//! computed in that order of what it reads: the other order is index arithmetic there, and no pass of its own before a
//! product.

use super::dead;
use super::rewrite::{reads, rewrite, view_of};
use crate::graph::{AxisId, Builder, Function, Module, Node, ValueId};
use crate::ops::{Map, Op, ShapeError, View};

/// Takes permutations of results of maps, and of projections of such, to the inputs, unless something else reads the results and
/// they are worth being kept.
pub(super) fn lift(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let mut lifted = None;
    while let Some(next) = lift_once(module, lifted.as_ref().unwrap_or(source))? {
        // What was lifted is read by nobody in its old place.
        lifted = Some(dead::remove(module, &next)?.unwrap_or(next));
    }
    Ok(lifted)
}

fn lift_once(module: &mut Module, source: &Function) -> Result<Option<Function>, ShapeError> {
    let read = reads(source);
    rewrite(module, source, &mut |b, node, inputs| {
        let Op::View(order @ View::Permute { axis, to, .. }) = &node.op else { return Ok(None) };
        let Node { op, inputs: operands, origin, .. } = b.function.producer(inputs[0]).clone();
        let is_alone = read[node.inputs[0].0 as usize] == 1;
        let lifts = match &op {
            // What is spread over more than each of its operands has is rather computed twice than kept.
            Op::Map(map) => {
                let is_spread = operands.iter().all(|v| b.shape(*v).len() < b.shape(inputs[0]).len());
                (is_alone || is_spread) && *map != Map::Broadcast
            }
            // Of a product that is projected and then ordered, each token is.
            Op::Contract(over) => {
                is_alone && !over.contains(to) && projects(b, source, (node, &operands), *axis, &read)
            }
            _ => false,
        };
        if !lifts {
            return Ok(None);
        }
        let mut ordered = operands;
        view_of(b, &mut ordered, *axis, order)?;
        b.origin = origin;
        b.add(op, &ordered).map(Some)
    })
}

/// Whether one factor alone of a product has an axis, and is computed for nothing else.
fn projects(
    b: &Builder<'_>,
    source: &Function,
    (node, factors): (&Node, &[ValueId]),
    axis: AxisId,
    read: &[usize],
) -> bool {
    let product = source.producer(node.inputs[0]);
    let ordered: Vec<usize> = (0..factors.len()).filter(|at| b.shape(factors[*at]).contains(&axis)).collect();
    let [at] = ordered[..] else { return false };
    let factor = product.inputs[at];
    matches!(source.producer(factor).op, Op::Map(_)) && read[factor.0 as usize] == 1
}
