//! A value that is there only after another: what is computed of it cannot be what was computed of the value
//! itself before. The backward pass computes values of the forward pass a second time from such inputs.

use super::{ShapeError, shape as rules};
use crate::graph::{AxisId, DType, Value};

/// The shape of the first input.
pub(super) fn shape(inputs: &[&Value]) -> Result<(Vec<AxisId>, DType), ShapeError> {
    rules::count("after", 2, inputs)?;
    Ok((inputs[0].shape.clone(), inputs[0].storage))
}

#[cfg(test)]
mod tests {
    use crate::canon;
    use crate::graph::{AxisId, Builder, DType, InputKind, Module};
    use crate::interp::{Tensor, run};
    use crate::ops::{Map, Op};

    #[test]
    fn it_is_the_first_input_and_nothing_merges_what_is_computed_of_it() {
        let mut module = Module::default();
        let mut b = Builder::new(&mut module, "twice");
        let x = b.input("x", InputKind::Argument, vec![AxisId::BATCH], DType::F32);
        let g = b.input("g", InputKind::Argument, vec![], DType::F32);
        let first = b.add1(Op::Map(Map::Exp), &[x]).unwrap();
        let later = b.add1(Op::After, &[x, g]).unwrap();
        assert_eq!(b.shape(later), [AxisId::BATCH]);
        let second = b.add1(Op::Map(Map::Exp), &[later]).unwrap();
        b.output("first", first);
        b.output("second", second);
        let id = b.finish();
        canon::run(&mut module, id).unwrap();
        let function = module.function(id);
        let exps = function.nodes.iter().filter(|n| n.op == Op::Map(Map::Exp)).count();
        assert_eq!(exps, 2, "the second computation is one of its own");
        let inputs = [("x", Tensor { dims: vec![2], data: vec![0.0, 1.0] }), ("g", Tensor::scalar(7.0))];
        let results = run(&module, id, &inputs.map(|(n, t)| (n.to_string(), t)).into(), 2).unwrap();
        assert_eq!(results.output("second").unwrap().data, [1.0, 1f64.exp()]);
        assert_eq!(results.output("first"), results.output("second"));
    }
}
