//! Last position first.

use super::{ShapeError, replaced, taken};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, Module};
use crate::interp::Operand;
use crate::ops::{Op, View};

pub(super) fn shape(axis: AxisId, module: &Module, old: &[AxisId]) -> Result<Vec<AxisId>, ShapeError> {
    replaced("flip", module, old, axis, &[axis])
}

/// Takes the positions backwards.
pub(super) fn eval(axis: AxisId, input: Operand) -> Vec<f64> {
    let size = input.tensor.dims[input.position(axis)];
    taken(input, axis, &(0..size).rev().collect::<Vec<_>>())
}

/// The cotangent of the input.
pub(super) fn gradient(axis: AxisId, p: &mut Pullback) -> Pulled {
    p.add(Op::View(View::Flip(axis)), &[p.cotangent()]).map(Some)
}
