//! Views: where an element is read from. One view is one file; this one dispatches.

mod concat;
mod flatten;
mod flip;
mod fold;
mod index;
mod pad;
mod permute;
mod rename;
mod slice;
mod transpose;
mod unflatten;
mod window;

use super::{ShapeError, View, shape as rules};
use crate::graph::{AxisId, DType, Module, Value};

/// The shape of a view.
pub(super) fn shape(
    view: &View,
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    if let View::Concat { parts, into } = view {
        return concat::shape(parts, *into, module, inputs);
    }
    let what = symbol(view);
    rules::count(what, 1, inputs)?;
    let old = inputs[0].shape.as_slice();
    let new = match view {
        View::Rename { from, to } => rename::shape(*from, *to, module, old),
        View::Transpose(order) => transpose::shape(order, module, old),
        View::Flatten { from, to } => flatten::shape(from, *to, module, old),
        View::Unflatten { from, to } => unflatten::shape(*from, to, module, old),
        View::Slice { axis, to, start, step } => slice::shape((*axis, *to), *start, *step, module, old),
        View::Index { axis, at } => index::shape(*axis, *at, module, old),
        View::Concat { .. } => unreachable!("concatenations were handled above"),
        View::Flip(axis) => flip::shape(*axis, module, old),
        View::Pad { axis, to, before, value: _ } => pad::shape((*axis, *to), *before, module, old),
        View::Window { axis, to, offset, stride, dilation, .. } => {
            window::shape(*axis, (*to, *offset), (*stride, *dilation), module, old)
        }
        View::Fold { axis, to, offset, stride, dilation, .. } => {
            fold::shape(*axis, (*to, *offset), (*stride, *dilation), module, old)
        }
        View::Permute { axis, to, order } => permute::shape((*axis, *to), order, module, old),
    }?;
    Ok((new, inputs[0].storage))
}

/// How a view is called in texts.
pub(crate) fn symbol(view: &View) -> &'static str {
    match view {
        View::Rename { .. } => "rename",
        View::Transpose(_) => "transpose",
        View::Flatten { .. } => "flatten",
        View::Unflatten { .. } => "unflatten",
        View::Slice { .. } => "slice",
        View::Index { .. } => "index",
        View::Concat { .. } => "concat",
        View::Flip(_) => "flip",
        View::Pad { .. } => "pad",
        View::Window { .. } => "window",
        View::Fold { .. } => "fold",
        View::Permute { .. } => "permute",
    }
}

/// The shape with axes put in place of one axis.
fn replaced(
    what: &str,
    module: &Module,
    shape: &[AxisId],
    axis: AxisId,
    by: &[AxisId],
) -> Result<Vec<AxisId>, ShapeError> {
    rules::no_batch(what, &[axis])?;
    rules::no_batch(what, by)?;
    let at = rules::position(what, module, shape, axis)?;
    let mut result = shape.to_vec();
    result.splice(at..=at, by.iter().copied());
    rules::distinct(what, module, &result)?;
    Ok(result)
}
