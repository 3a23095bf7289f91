//! The entry functions of training: what is done with the gradients.

use super::optimizer::{OptimizerOptions, Trained, apply_gradients};
use crate::graph::{Builder, DType, FuncId, InputKind, Module, ValueId, inline_some};
use crate::ops::{Map, Op, ShapeError};
use crate::program::Parameter;

/// What an entry function does with the gradients.
pub(super) enum Kind {
    /// Adds them to what is there.
    Accumulate,
    /// Takes the step, with what was accumulated before where there is such.
    Update { optimizer: OptimizerOptions, accumulated: bool },
    /// Gives them out.
    Diagnose,
}

/// The outputs of the differentiated function that only a diagnosis gives out.
const INNER: [&str; 2] = ["x_t", "output"];

/// Adds an entry function around the differentiated one, which gives `grad.NAME` beside its own outputs.
pub(super) fn step_program(
    module: &mut Module,
    differentiated: FuncId,
    trained: &[&Parameter],
    kind: &Kind,
) -> Result<FuncId, ShapeError> {
    let name = match kind {
        Kind::Accumulate => "accumulate",
        Kind::Update { .. } => "update",
        Kind::Diagnose => "diagnose",
    };
    let b = &mut Builder::new(module, name);
    let callee = b.module.function(differentiated);
    let inputs: Vec<_> = callee
        .inputs
        .iter()
        .map(|i| (i.name.clone(), i.kind.clone(), callee.value(i.value).clone()))
        .collect();
    let arguments: Vec<ValueId> = inputs
        .into_iter()
        .map(|(name, kind, value)| b.input(name, kind, value.shape, value.storage))
        .collect();
    let results = super::step::call(b, differentiated, &arguments)?;
    let mut parameters = Vec::new();
    for (name, value) in results {
        let Some(parameter) = name.strip_prefix("grad.") else {
            if matches!(kind, Kind::Diagnose) || !INNER.contains(&name.as_str()) {
                b.output(name, value);
            }
            continue;
        };
        let declared = trained.iter().find(|p| p.name == parameter);
        let held = b.function.input(parameter).map(|i| i.value);
        if let (Some(declared), Some(held)) = (declared, held) {
            parameters.push(Trained {
                name: declared.name.clone(),
                shape: b.shape(held).to_vec(),
                value: held,
                gradient: value,
                decay: declared.decay,
            });
        }
    }
    match kind {
        Kind::Diagnose => {
            for parameter in &parameters {
                b.output(format!("grad.{}", parameter.name), parameter.gradient);
            }
        }
        Kind::Accumulate => accumulate(b, &parameters, false).map(|_| ())?,
        Kind::Update { optimizer, accumulated } => {
            if *accumulated {
                parameters = accumulate(b, &parameters, true)?;
            }
            let norm = apply_gradients(b, &parameters, optimizer)?;
            b.output("grad_norm", norm);
        }
    }
    let function = std::mem::take(&mut b.function);
    let calling = module.add_function(function);
    Ok(inline_some(module, calling, &|callee| callee == differentiated))
}

/// Adds the gradients to the accumulators. With `take` the sums go on to the optimizer and the accumulators
/// begin again at zero.
fn accumulate(b: &mut Builder<'_>, parameters: &[Trained], take: bool) -> Result<Vec<Trained>, ShapeError> {
    let mut summed = Vec::new();
    for parameter in parameters {
        let name = format!("grad.{}", parameter.name);
        let before = b.input(name, InputKind::State, parameter.shape.clone(), DType::F32);
        let gradient = b.add1(Op::Map(Map::Add), &[before, parameter.gradient])?;
        let kept = if take {
            let zero = b.add1(Op::Constant(0.0), &[])?;
            b.add1(Op::Map(Map::Broadcast), &[zero, before])?
        } else {
            gradient
        };
        b.function.updates.push((before, kept));
        summed.push(Trained { gradient, ..parameter.clone() });
    }
    Ok(summed)
}
