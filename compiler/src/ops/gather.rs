//! `table[index]`: looks up positions of an axis.

use super::{Op, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, RunError, Sizes, Tensor, walk};

/// The shape of a lookup: the index's axes, then the table's without `axis`, the batch first.
pub(super) fn shape(
    axis: AxisId,
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("gather", 2, inputs)?;
    rules::no_batch("gather", &[axis])?;
    let (table, index) = (inputs[0], inputs[1]);
    rules::position("gather", module, &table.shape, axis)?;
    check_index("gather", axis, module, index)?;
    Ok((result(axis, &table.shape, &index.shape), table.storage))
}

/// The order of a lookup's axes.
pub(super) fn result(axis: AxisId, table: &[AxisId], index: &[AxisId]) -> Vec<AxisId> {
    let mut shape = index.to_vec();
    shape.extend(table.iter().filter(|a| **a != axis && !index.contains(a)));
    rules::batch_first(shape)
}

/// Checks that a value can serve as an index along `axis`.
pub(super) fn check_index(
    what: &str,
    axis: AxisId,
    module: &Module,
    index: &Value,
) -> Result<(), ShapeError> {
    if index.storage != DType::Int {
        return Err(ShapeError(format!("{what}: the index holds no integers")));
    }
    if index.shape.contains(&axis) {
        return Err(ShapeError(format!(
            "{what}: the index {} has the axis {} that is looked up",
            module.shape_text(&index.shape),
            module.axis_text(axis)
        )));
    }
    Ok(())
}

/// Looks every element up.
pub(super) fn eval(
    axis: AxisId,
    sizes: Sizes,
    inputs: &[Operand],
    out: &[AxisId],
) -> Result<Tensor, RunError> {
    let (table, index) = (inputs[0], inputs[1]);
    check_range(axis, sizes, index)?;
    let dims = sizes.dims(out);
    let stride = sizes.strides(table.shape, &[axis])[0];
    let (base, place) = (sizes.strides(table.shape, out), sizes.strides(index.shape, out));
    let mut data = Vec::with_capacity(dims.iter().product());
    walk(&dims, [&base, &place], |[base, place]| {
        data.push(table.tensor.data[base + index.tensor.data[place] as usize * stride]);
    });
    Ok(Tensor { dims, data })
}

/// Checks every index before one is used.
pub(super) fn check_range(axis: AxisId, sizes: Sizes, index: Operand) -> Result<(), RunError> {
    let size = sizes.elements(&[axis]) as f64;
    match index.tensor.data.iter().find(|i| !(0.0..size).contains(*i)) {
        None => Ok(()),
        Some(i) => Err(RunError::Index { index: *i as i64, axis: sizes.module.axis_text(axis) }),
    }
}

/// The cotangent of the table: the result's, added at the indices.
pub(super) fn gradient(axis: AxisId, p: &mut Pullback, input: usize) -> Pulled {
    if input != 0 {
        return Ok(None);
    }
    let (g, index) = (p.cotangent(), p.input(1)?);
    let mut shape = p.input_shape(0);
    let keeps_batch = p.sums_batch_later() && p.shape(g).contains(&AxisId::BATCH);
    if keeps_batch && !shape.contains(&AxisId::BATCH) {
        shape.insert(0, AxisId::BATCH);
    }
    p.add(Op::ScatterAdd { axis, shape }, &[index, g]).map(Some)
}
