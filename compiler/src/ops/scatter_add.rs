//! The adjoint of a lookup: updates are added at their indices.

use super::{Op, ShapeError, gather, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, RunError, Sizes, Tensor, walk};

/// The shape of the result is given; the updates have the axes of the lookup that this is the adjoint of.
pub(super) fn shape(
    axis: AxisId,
    shape: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("scatter_add", 2, inputs)?;
    rules::no_batch("scatter_add", &[axis])?;
    rules::distinct("scatter_add", module, shape)?;
    rules::position("scatter_add", module, shape, axis)?;
    let (index, updates) = (inputs[0], inputs[1]);
    gather::check_index("scatter_add", axis, module, index)?;
    let wanted = gather::result(axis, shape, &index.shape);
    if !rules::same_axes(&wanted, &updates.shape) {
        return Err(ShapeError(format!(
            "scatter_add: the updates are {}, not {}",
            module.shape_text(&updates.shape),
            module.shape_text(&wanted)
        )));
    }
    Ok((rules::batch_first(shape.to_vec()), updates.storage))
}

/// Adds the updates in their own row-major order.
pub(super) fn eval(
    axis: AxisId,
    sizes: Sizes,
    inputs: &[Operand],
    out: &[AxisId],
) -> Result<Tensor, RunError> {
    let (index, updates) = (inputs[0], inputs[1]);
    gather::check_range(axis, sizes, index)?;
    let mut result = Tensor::filled(sizes.dims(out), 0.0);
    let stride = sizes.strides(out, &[axis])[0];
    let base = sizes.strides(out, updates.shape);
    let place = sizes.strides(index.shape, updates.shape);
    let own = sizes.strides(updates.shape, updates.shape);
    walk(&updates.tensor.dims, [&base, &place, &own], |[base, place, own]| {
        result.data[base + index.tensor.data[place] as usize * stride] += updates.tensor.data[own];
    });
    Ok(result)
}

/// The cotangent of the updates: the result's, looked up.
pub(super) fn gradient(axis: AxisId, p: &mut Pullback, input: usize) -> Pulled {
    if input != 1 {
        return Ok(None);
    }
    let (g, index) = (p.cotangent(), p.input(0)?);
    p.add(Op::Gather { axis }, &[g, index]).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::check::check;
    use crate::graph::{Builder, FuncId, InputKind};
    use crate::interp::run_in_order;

    fn scattered(shape: &[usize], index: &[usize], updates: &[usize]) -> (Module, FuncId) {
        let mut module = Module::default();
        let axes = [AxisId::BATCH, module.add_axis("N", 4), module.add_axis("D", 3), module.add_axis("T", 5)];
        let of = |places: &[usize]| places.iter().map(|at| axes[*at]).collect::<Vec<_>>();
        let mut b = Builder::new(&mut module, "scatter");
        let index = b.input("index", InputKind::Argument, of(index), DType::Int);
        let updates = b.input("updates", InputKind::Argument, of(updates), DType::F32);
        let sums = b.add1(Op::ScatterAdd { axis: axes[1], shape: of(shape) }, &[index, updates]).unwrap();
        b.output("sums", sums);
        let id = b.finish();
        (module, id)
    }

    #[test]
    fn gradients_agree_with_differences() {
        let cases: [[&[usize]; 3]; 4] = [
            [&[1, 2], &[0], &[0, 2]],
            [&[0, 2, 1], &[0, 3], &[0, 3, 2]],
            [&[1], &[3], &[3]],
            [&[3, 1], &[0, 3], &[0, 3]],
        ];
        for [shape, index, updates] in cases {
            let (module, id) = scattered(shape, index, updates);
            check(&module, id, &[]);
        }
    }

    #[test]
    fn updates_at_one_place_add_up() {
        let (module, id) = scattered(&[1, 2], &[0], &[0, 2]);
        let index = Tensor { dims: vec![2], data: vec![2.0, 2.0] };
        let updates = Tensor { dims: vec![2, 3], data: vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0] };
        let sums = run_in_order(&module, id, vec![index, updates], 2).unwrap().outputs.swap_remove(0).1;
        assert_eq!(sums.data, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 11.0, 22.0, 33.0, 0.0, 0.0, 0.0]);
    }
}
