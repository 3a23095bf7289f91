//! Contraction: `sum(a * b, over: axes)`.
//!
//! Every matrix product is one. Axes that both inputs have and that are not summed are batched; axes that one
//! input has are outer.

use super::{Map, Op, ShapeError, shape as rules};
use crate::grad::{Pullback, Pulled};
use crate::graph::{AxisId, DType, Module, Value};
use crate::interp::{Operand, Sizes, Tensor, walk};

/// The shape of a contraction: the union of the axes without those that are summed.
pub(super) fn shape(
    axes: &[AxisId],
    module: &Module,
    inputs: &[&Value],
) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("contract", 2, inputs)?;
    rules::distinct("contract", module, axes)?;
    if axes.is_empty() {
        return Err(ShapeError("contract over no axis; that is a product".into()));
    }
    for axis in axes {
        for input in inputs {
            rules::position("contract", module, &input.shape, *axis)?;
        }
    }
    let mut shape = rules::union(inputs.iter().map(|v| v.shape.as_slice()));
    shape.retain(|a| !axes.contains(a));
    Ok((shape, rules::promote(inputs.iter().map(|v| v.storage))))
}

/// Sums products, element by element of the result.
pub(super) fn eval(axes: &[AxisId], sizes: Sizes, inputs: &[Operand], out: &[AxisId]) -> Tensor {
    let (a, b) = (inputs[0], inputs[1]);
    let dims = sizes.dims(out);
    let mut terms = Vec::new();
    let (along_a, along_b) = (sizes.strides(a.shape, axes), sizes.strides(b.shape, axes));
    walk(&sizes.dims(axes), [&along_a, &along_b], |at| terms.push(at));
    let mut data = Vec::with_capacity(dims.iter().product());
    let (outer_a, outer_b) = (sizes.strides(a.shape, out), sizes.strides(b.shape, out));
    walk(&dims, [&outer_a, &outer_b], |[i, j]| {
        let (x, y) = (&a.tensor.data[i..], &b.tensor.data[j..]);
        data.push(terms.iter().map(|[k, l]| x[*k] * y[*l]).sum());
    });
    Tensor { dims, data }
}

/// The cotangent of one factor is a contraction of the result's with the other factor.
pub(super) fn gradient(p: &mut Pullback, input: usize) -> Pulled {
    let (g, other) = (p.cotangent(), p.input(1 - input)?);
    let own = p.input_shape(input);
    let mut over = p.input_shape(1 - input);
    let later = p.sums_batch_later();
    over.retain(|a| !own.contains(a) && (*a != AxisId::BATCH || !later));
    let op = if over.is_empty() { Op::Map(Map::Mul) } else { Op::Contract(over) };
    p.add(op, &[g, other]).map(Some)
}

/// Multiply-accumulates for one sample: the product of the sizes of all axes but the batch. A sum of products
/// of two values with the same axes throughout (the sum of squares in a norm) has no matrix in it and is not
/// counted, as in the figures of papers.
pub(super) fn macs(axes: &[AxisId], module: &Module, inputs: [&[AxisId]; 2]) -> u64 {
    if inputs.iter().all(|shape| shape.iter().all(|a| inputs[0].contains(a) && inputs[1].contains(a))) {
        return 0;
    }
    let all = rules::union(inputs);
    debug_assert!(axes.iter().all(|a| all.contains(a)), "the shape rule has checked the axes");
    module.dims(&all, 1).iter().map(|size| *size as u64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::check::check;
    use crate::graph::{Builder, FuncId, InputKind};
    use crate::interp::run_in_order;

    fn contracted(shapes: [&[usize]; 2], over: &[usize]) -> (Module, FuncId) {
        let mut module = Module::default();
        let mut axes = vec![AxisId::BATCH];
        for (name, size) in [("H", 2), ("T", 3), ("S", 5), ("K", 7), ("L", 1)] {
            axes.push(module.add_axis(name, size));
        }
        let shape = |places: &[usize]| places.iter().map(|at| axes[*at]).collect::<Vec<_>>();
        let mut b = Builder::new(&mut module, "product");
        let x = b.input("x", InputKind::Argument, shape(shapes[0]), DType::F32);
        let y = b.input("y", InputKind::Argument, shape(shapes[1]), DType::F32);
        let z = b.add1(Op::Contract(shape(over)), &[x, y]).unwrap();
        b.output("z", z);
        let id = b.finish();
        (module, id)
    }

    #[test]
    fn gradients_agree_with_differences() {
        let cases: [([&[usize]; 2], &[usize]); 9] = [
            ([&[0, 2, 4], &[3, 4]], &[4]),
            ([&[3, 4], &[0, 2, 4]], &[4]),
            ([&[0, 1, 2, 4], &[0, 1, 3, 4]], &[4]),
            ([&[0, 4, 1, 2], &[0, 2, 3, 4]], &[4, 2]),
            ([&[0, 2, 4], &[0, 2, 4]], &[4]),
            ([&[4], &[4]], &[4]),
            ([&[2, 4], &[4, 3]], &[4]),
            ([&[0, 5], &[5, 4]], &[5]),
            ([&[0, 2, 4, 5], &[4]], &[4]),
        ];
        for (shapes, over) in cases {
            let (module, id) = contracted(shapes, over);
            check(&module, id, &[]);
        }
    }

    #[test]
    fn is_a_matrix_product_where_the_axes_say_so() {
        let (module, id) = contracted([&[2, 1], &[5, 1]], &[1]);
        let x = Tensor { dims: vec![3, 2], data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let y = Tensor { dims: vec![1, 2], data: vec![10.0, 1.0] };
        let z = run_in_order(&module, id, vec![x, y], 1).unwrap().outputs.swap_remove(0).1;
        assert_eq!(z, Tensor { dims: vec![3, 1], data: vec![12.0, 34.0, 56.0] });
    }

    #[test]
    fn an_axis_that_one_input_lacks_is_refused() {
        let mut module = Module::default();
        let (k, l) = (module.add_axis("K", 2), module.add_axis("L", 2));
        let mut b = Builder::new(&mut module, "product");
        let x = b.input("x", InputKind::Argument, vec![k], DType::F32);
        let y = b.input("y", InputKind::Argument, vec![l], DType::F32);
        let message = b.add(Op::Contract(vec![k]), &[x, y]).unwrap_err().0;
        assert_eq!(message, "contract: the axis K:2 is not in [L:2]");
    }
}
