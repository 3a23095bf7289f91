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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::check::check;
    use crate::graph::{Builder, FuncId, InputKind};
    use crate::interp::run_in_order;

    /// Looks up the first axis; inputs are random integers below 3.
    fn looked_up(table: &[usize], index: &[usize]) -> (Module, FuncId) {
        let mut module = Module::default();
        let axes = [AxisId::BATCH, module.add_axis("N", 4), module.add_axis("D", 3), module.add_axis("T", 5)];
        let shape = |places: &[usize]| places.iter().map(|at| axes[*at]).collect::<Vec<_>>();
        let mut b = Builder::new(&mut module, "lookup");
        let table = b.input("table", InputKind::Parameter, shape(table), DType::F32);
        let index = b.input("index", InputKind::Argument, shape(index), DType::Int);
        let row = b.add1(Op::Gather { axis: axes[1] }, &[table, index]).unwrap();
        let square = b.add1(Op::Map(crate::ops::Map::Mul), &[row, row]).unwrap();
        b.output("row", row);
        b.output("square", square);
        let id = b.finish();
        (module, id)
    }

    #[test]
    fn gradients_agree_with_differences() {
        let cases: [[&[usize]; 2]; 7] = [
            [&[1, 2], &[0]],
            [&[2, 1], &[0, 3]],
            [&[1], &[]],
            [&[0, 1, 2], &[3]],
            // The table and the index share an axis.
            [&[3, 1, 2], &[0, 3]],
            [&[0, 3, 1], &[0, 3]],
            [&[0, 1], &[0]],
        ];
        for [table, index] in cases {
            let (module, id) = looked_up(table, index);
            check(&module, id, &[]);
        }
    }

    #[test]
    fn the_axes_of_the_index_come_first() {
        let (module, id) = looked_up(&[2, 1], &[0]);
        let table = Tensor { dims: vec![3, 4], data: (0..12).map(f64::from).collect() };
        let index = Tensor { dims: vec![2], data: vec![3.0, 0.0] };
        let row = run_in_order(&module, id, vec![table, index], 2).unwrap().outputs.swap_remove(0).1;
        assert_eq!(row, Tensor { dims: vec![2, 3], data: vec![3.0, 7.0, 11.0, 0.0, 4.0, 8.0] });
    }
}
