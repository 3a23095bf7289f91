//! Whether everything about a function can be counted: elements, bytes and operations, in 64 bits with room to
//! spare for sums over a whole plan; and positions that become numbers, in 32.

use super::{LowerError, Options};
use arch_compiler::graph::{AxisId, Function, Module};
use arch_compiler::ops::Op;

/// More elements than this no memory has, and their bytes can still be added up.
const MOST_ELEMENTS: u128 = 1 << 53;
/// The same for all values of a function together.
const MOST_TOGETHER: u128 = 1 << 57;
/// More operations than this take a machine years.
const MOST_OPERATIONS: u128 = 1 << 60;

/// Looks at all sizes of a function.
///
/// # Errors
/// With the axes and the numbers of the first that is too large.
pub(super) fn check(module: &Module, function: &Function, options: &Options<'_>) -> Result<(), LowerError> {
    let mut together = 0u128;
    for node in &function.nodes {
        let too_many = |what: &'static str, axes: &[AxisId], count: u128| LowerError::TooLarge {
            what,
            axes: shown(module, axes),
            batch: options.batch,
            count,
            line: options.sources.and_then(|s| s.known_place(node.origin.span)),
        };
        for value in &node.outputs {
            let shape = &function.value(*value).shape;
            let elements = product(module, shape, options.batch);
            together += elements;
            if elements > MOST_ELEMENTS {
                return Err(too_many("elements of one value", shape, elements));
            }
            if together > MOST_TOGETHER {
                return Err(too_many("elements of all values up to this one", shape, together));
            }
        }
        match &node.op {
            Op::Contract(_) => {
                let mut axes: Vec<AxisId> = Vec::new();
                for axis in node.inputs.iter().flat_map(|v| &function.value(*v).shape) {
                    if !axes.contains(axis) {
                        axes.push(*axis);
                    }
                }
                axes.sort_unstable();
                let operations = product(module, &axes, options.batch);
                if operations > MOST_OPERATIONS {
                    return Err(too_many("multiplications of one product", &axes, operations));
                }
            }
            Op::Iota(axis) if module.size(*axis, options.batch) > i32::MAX as usize => {
                let length = module.size(*axis, options.batch) as u128;
                return Err(too_many("positions that become whole numbers of 32 bits", &[*axis], length));
            }
            Op::Scan(scan) => check(module, &scan.body, options)?,
            _ => {}
        }
    }
    Ok(())
}

fn product(module: &Module, axes: &[AxisId], batch: usize) -> u128 {
    axes.iter().fold(1, |n: u128, a| n.saturating_mul(module.size(*a, batch) as u128))
}

/// `batch, A = 40, B = 30`.
fn shown(module: &Module, axes: &[AxisId]) -> String {
    let one = |axis: &AxisId| match *axis {
        AxisId::BATCH => "batch".to_string(),
        _ => format!("{} = {}", module.axis(*axis).name, module.size(*axis, 1)),
    };
    axes.iter().map(one).collect::<Vec<_>>().join(", ")
}
