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
#[cfg(test)]
mod tests;
mod transpose;
mod unflatten;
mod window;

pub use window::Windows;

use super::{ShapeError, View, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, Sizes, Tensor};

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
        View::Window(windows) => window::shape(*windows, module, old),
        View::Fold(windows) => fold::shape(*windows, module, old),
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
        View::Window(_) => "window",
        View::Fold(_) => "fold",
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

/// Reads the elements through a view.
pub(super) fn eval(view: &View, sizes: Sizes, inputs: &[Operand], out: &[AxisId]) -> Tensor {
    let input = inputs[0];
    let data = match view {
        View::Rename { .. } => rename::eval(input),
        View::Transpose(order) => transpose::eval(order, sizes, input),
        View::Flatten { from, to: _ } => flatten::eval(from, sizes, input),
        View::Unflatten { .. } => unflatten::eval(input),
        View::Slice { axis, to, start, step } => slice::eval((*axis, *to), *start, *step, sizes, input),
        View::Index { axis, at } => index::eval(*axis, *at, input),
        View::Concat { parts, into } => concat::eval(parts, *into, sizes, inputs, out),
        View::Flip(axis) => flip::eval(*axis, input),
        View::Pad { axis, to, before, value } => pad::eval((*axis, *to), *before, *value, sizes, input),
        View::Window(windows) => window::eval(*windows, sizes, input),
        View::Fold(windows) => fold::eval(*windows, sizes, input),
        View::Permute { axis, to: _, order } => permute::eval(*axis, order, input),
    };
    Tensor { dims: sizes.dims(out), data }
}

/// The cotangent of an input: the view backwards.
pub(super) fn gradient(view: &View, p: &mut Pullback, input: usize) -> Pulled {
    match view {
        View::Rename { from, to } => rename::gradient(*from, *to, p),
        // The order of axes in memory means nothing to a cotangent.
        View::Transpose(_) => Ok(Some(p.cotangent())),
        View::Flatten { from, to } => flatten::gradient(from, *to, p),
        View::Unflatten { from, to } => unflatten::gradient(*from, to, p),
        View::Slice { axis, to, start, step } => slice::gradient((*axis, *to), *start, *step, p),
        View::Index { axis, at } => index::gradient(*axis, *at, p),
        View::Concat { parts, into } => concat::gradient(parts, *into, p, input),
        View::Flip(axis) => flip::gradient(*axis, p),
        View::Pad { axis, to, before, value: _ } => pad::gradient((*axis, *to), *before, p),
        View::Window(windows) => window::gradient(*windows, p),
        View::Fold(windows) => fold::gradient(*windows, p),
        View::Permute { axis, to, order } => permute::gradient((*axis, *to), order, p),
    }
}

/// The elements at some places of an axis, in that order.
fn taken(input: Operand, axis: AxisId, places: &[usize]) -> Vec<f64> {
    let (outer, size, inner) = input.around(axis);
    let mut data = Vec::with_capacity(outer * places.len() * inner);
    for row in 0..outer {
        for place in places {
            let start = (row * size + place) * inner;
            data.extend_from_slice(&input.tensor.data[start..start + inner]);
        }
    }
    data
}
