//! The interpreter: runs a function in f64, as naively as possible. It is the oracle for everything behind
//! the graph, and it folds constants. Storage types are not rounded to.

mod fresh;
mod tensor;

pub use fresh::{fresh_inputs, fresh_parameters, noise};
pub use tensor::Tensor;
pub(crate) use tensor::{Operand, Sizes, walk};

use crate::graph::{FuncId, Function, Module, Value, ValueId};
use crate::ops::Op;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// An input was not given.
    Missing {
        /// Its name.
        input: String,
    },
    /// An input was given with other sizes.
    Sizes {
        /// Its name.
        input: String,
        /// The sizes it has.
        wanted: Vec<usize>,
        /// The sizes that were given.
        given: Vec<usize>,
    },
    /// An index is out of the range of the axis that is looked up.
    Index {
        /// The index.
        index: i64,
        /// The axis, with its size.
        axis: String,
    },
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Missing { input } => write!(f, "the input {input} is not given"),
            RunError::Sizes { input, wanted, given } => {
                write!(f, "the input {input} has the sizes {wanted:?}, but {given:?} were given")
            }
            RunError::Index { index, axis } => write!(f, "the index {index} is out of the range of {axis}"),
        }
    }
}

impl std::error::Error for RunError {}

/// What a run gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The outputs by name, in order.
    pub outputs: Vec<(String, Tensor)>,
    /// New contents of state inputs, by the input's name.
    pub updates: Vec<(String, Tensor)>,
}

impl Results {
    /// The output of that name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Tensor> {
        self.outputs.iter().find(|o| o.0 == name).map(|o| &o.1)
    }
}

/// Runs a function on inputs given by name.
///
/// # Errors
/// If an input is missing or has other sizes, or if an index is out of range.
pub fn run(
    module: &Module,
    function: FuncId,
    inputs: &BTreeMap<String, Tensor>,
    batch: usize,
) -> Result<Results, RunError> {
    let known = module.function(function).inputs.iter().map(|input| {
        inputs.get(&input.name).cloned().ok_or_else(|| RunError::Missing { input: input.name.clone() })
    });
    let inputs = known.collect::<Result<Vec<Tensor>, RunError>>()?;
    run_in_order(module, function, inputs, batch)
}

/// Runs a function on inputs given in the function's order.
///
/// # Errors
/// If an input is missing or has other sizes, or if an index is out of range.
pub fn run_in_order(
    module: &Module,
    function: FuncId,
    inputs: Vec<Tensor>,
    batch: usize,
) -> Result<Results, RunError> {
    let sizes = Sizes { module, batch };
    let function = module.function(function);
    let inputs: Vec<Arc<Tensor>> = inputs.into_iter().map(Arc::new).collect();
    for (at, input) in function.inputs.iter().enumerate() {
        let Some(given) = inputs.get(at) else {
            return Err(RunError::Missing { input: input.name.clone() });
        };
        let wanted = sizes.dims(&function.value(input.value).shape);
        if given.dims != wanted || given.data.len() != wanted.iter().product::<usize>() {
            let given = given.dims.clone();
            return Err(RunError::Sizes { input: input.name.clone(), wanted, given });
        }
    }
    let values = evaluate(sizes, function, &inputs)?;
    let take = |id: ValueId| values[id.0 as usize].as_deref().cloned().unwrap_or_else(|| Tensor::scalar(0.0));
    let state = |id: ValueId| {
        let input = function.inputs.iter().find(|i| i.value == id);
        input.map_or_else(String::new, |i| i.name.clone())
    };
    Ok(Results {
        outputs: function.outputs.iter().map(|(name, id)| (name.clone(), take(*id))).collect(),
        updates: function.updates.iter().map(|(old, new)| (state(*old), take(*new))).collect(),
    })
}

/// Runs a function whose inputs are known to fit and gives its outputs in order.
pub(crate) fn outputs(
    sizes: Sizes,
    function: &Function,
    inputs: &[Arc<Tensor>],
) -> Result<Vec<Arc<Tensor>>, RunError> {
    let mut values = evaluate(sizes, function, inputs)?;
    let mut taken = Vec::with_capacity(function.outputs.len());
    for (_, id) in &function.outputs {
        taken.extend(values[id.0 as usize].clone());
    }
    values.clear();
    Ok(taken)
}

/// Evaluates every node. Values that no later node and no output reads are given back on the way.
fn evaluate(
    sizes: Sizes,
    function: &Function,
    inputs: &[Arc<Tensor>],
) -> Result<Vec<Option<Arc<Tensor>>>, RunError> {
    let mut values: Vec<Option<Arc<Tensor>>> = vec![None; function.values.len()];
    for (input, given) in function.inputs.iter().zip(inputs) {
        values[input.value.0 as usize] = Some(given.clone());
    }
    let dying = last_reads(function);
    for (index, node) in function.nodes.iter().enumerate() {
        if node.op == Op::Input {
            continue;
        }
        let given: Vec<Arc<Tensor>> =
            node.inputs.iter().filter_map(|id| values[id.0 as usize].clone()).collect();
        let described: Vec<&Value> = node.inputs.iter().map(|id| function.value(*id)).collect();
        let results: Vec<&Value> = node.outputs.iter().map(|id| function.value(*id)).collect();
        let outputs = node.op.eval(sizes, &described, &given, &results)?;
        for (id, tensor) in node.outputs.iter().zip(outputs) {
            values[id.0 as usize] = Some(tensor);
        }
        for id in &dying[index] {
            values[id.0 as usize] = None;
        }
    }
    Ok(values)
}

/// For each node, the values that it is the last to read.
fn last_reads(function: &Function) -> Vec<Vec<ValueId>> {
    let mut last: Vec<Option<usize>> = vec![None; function.values.len()];
    for (index, node) in function.nodes.iter().enumerate() {
        for id in &node.inputs {
            last[id.0 as usize] = Some(index);
        }
    }
    let results = function.outputs.iter().map(|o| o.1).chain(function.updates.iter().map(|u| u.1));
    for id in results {
        last[id.0 as usize] = None;
    }
    let mut dying = vec![Vec::new(); function.nodes.len()];
    for (id, index) in last.iter().enumerate() {
        if let Some(index) = index {
            dying[*index].push(ValueId(id as u32));
        }
    }
    dying
}

#[cfg(test)]
mod tests {
    use super::{RunError, Tensor, run};
    use crate::graph::{AxisId, Builder, DType, FuncId, InputKind, Module};
    use crate::ops::{Op, Scan};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// `h <- table[h]` from the initial index on: follows links, and yields where it came by.
    fn links() -> (Module, FuncId) {
        let mut module = Module::default();
        let (t, n) = (module.add_axis("T", 3), module.add_axis("N", 4));
        let mut step = Builder::new(&mut module, "follow");
        let h = step.input("h", InputKind::Argument, vec![AxisId::BATCH], DType::Int);
        let table = step.input("table", InputKind::Argument, vec![n], DType::Int);
        let next = step.add1(Op::Gather { axis: n }, &[table, h]).unwrap();
        for name in ["h", "y", "last"] {
            step.output(name, next);
        }
        let body = Arc::new(step.function);
        let mut b = Builder::new(&mut module, "links");
        let start = b.input("start", InputKind::Argument, vec![AxisId::BATCH], DType::Int);
        let table = b.input("table", InputKind::Parameter, vec![n], DType::Int);
        let scan = Scan { axis: t, reverse: true, carries: 1, sequences: 0, yields: 1, finals: 1, body };
        let found = b.add(Op::Scan(scan), &[start, table]).unwrap();
        b.output("path", found[0]);
        b.output("end", found[1]);
        let id = b.finish();
        (module, id)
    }

    fn inputs(start: [f64; 2]) -> BTreeMap<String, Tensor> {
        let start = Tensor { dims: vec![2], data: start.to_vec() };
        let table = Tensor { dims: vec![4], data: vec![1.0, 2.0, 3.0, 0.0] };
        BTreeMap::from([("start".into(), start), ("table".into(), table)])
    }

    #[test]
    fn a_reverse_scan_writes_its_yields_backwards() {
        let (module, id) = links();
        let results = run(&module, id, &inputs([0.0, 2.0]), 2).unwrap();
        assert_eq!(results.output("path").unwrap().data, [3.0, 2.0, 1.0, 1.0, 0.0, 3.0]);
        assert_eq!(results.output("end").unwrap().data, [3.0, 1.0]);
    }

    #[test]
    fn what_a_user_can_get_wrong_is_an_error() {
        let (module, id) = links();
        let error = run(&module, id, &inputs([0.0, 7.0]), 2).unwrap_err();
        assert_eq!(error, RunError::Index { index: 7, axis: "N:4".into() });
        let mut few = inputs([0.0, 1.0]);
        few.remove("table");
        assert_eq!(run(&module, id, &few, 2).unwrap_err(), RunError::Missing { input: "table".into() });
        let error = run(&module, id, &inputs([0.0, 1.0]), 3).unwrap_err();
        assert_eq!(error.to_string(), "the input start has the sizes [3], but [2] were given");
    }
}
