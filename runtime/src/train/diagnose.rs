//! Finding the first tensor that went wrong.

use super::batches::Batch;
use super::session::Programs;
use crate::error::{Code, Problem};
use crate::execute::{Data, Execute, Prepare};
use arch_compiler::graph::InputKind;

/// The problem of a step whose loss or gradient is not finite. The step is run again with everything given
/// out: the optimizer has changed nothing, so weights and batch are those of the fault.
pub(super) fn diagnose(
    programs: &Programs<'_>,
    form: &dyn Prepare,
    session: &dyn Execute,
    batch: &Batch,
    step: u64,
    loss: f64,
) -> Problem {
    let found = first_bad_tensor(programs, form, session, batch)
        .unwrap_or_else(|problem| format!("the step could not be run again: {}", problem.message));
    Problem::new(
        Code::NotFinite,
        format!("step {step}: the loss is {loss}; {found}"),
        "the last checkpoint is from before the fault: lower `train.learning_rate`, set \
         `train.clip_grad_norm = 1.0`, or raise `train.warmup`, and continue with --resume",
    )
}

/// A sentence on the first tensor with a number that is not finite, in the order of computation.
fn first_bad_tensor(
    programs: &Programs<'_>,
    form: &dyn Prepare,
    session: &dyn Execute,
    batch: &Batch,
) -> Result<String, Problem> {
    if let Some(at) = first_bad(&batch.x_start) {
        let sample = at / programs.interface.layout(1).len();
        return Ok(format!(
            "the first number that is not finite is in the data: sample {sample} of the batch"
        ));
    }
    let id = programs.built.diagnose;
    let function = programs.function(id);
    let mut again = form.prepare(&programs.built.module, &[("diagnose", id)], batch.labels.len())?;
    for input in &function.inputs {
        if matches!(input.kind, InputKind::Parameter | InputKind::Buffer) {
            let mut data = vec![0.0; session.len(&input.name).unwrap_or(0)];
            session.read(&input.name, &mut data)?;
            if first_bad(&data).is_some() {
                return Ok(format!("the first tensor that is not finite is the parameter `{}`", input.name));
            }
            again.write(&input.name, Data::Float(&data))?;
        }
    }
    programs.write_batch(again.as_mut(), id, batch, 1.0 / batch.labels.len() as f64, true)?;
    again.run("diagnose")?;
    let is_bad = |name: &str| -> Result<bool, Problem> {
        let mut data = vec![0.0; again.len(name).unwrap_or(0)];
        again.read(name, &mut data)?;
        Ok(first_bad(&data).is_some())
    };
    let forward = [
        ("x_t", "the noisy sample"),
        ("output", "the model's prediction"),
        ("mse", "the squared error"),
        ("vb", "the variational bound"),
        ("loss", "the loss"),
    ];
    for (name, what) in forward {
        if function.output(name).is_some() && is_bad(name)? {
            return Ok(format!("the first tensor that is not finite is {what} (`{name}`)"));
        }
    }
    // The backward pass goes from the last parameter to the first.
    for (name, _) in function.outputs.iter().rev().filter(|o| o.0.starts_with("grad.")) {
        if is_bad(name)? {
            return Ok(format!("the loss is finite; the first gradient that is not is `{name}`"));
        }
    }
    Ok("no single tensor of the step is to blame: a sum overflowed".into())
}

fn first_bad(numbers: &[f32]) -> Option<usize> {
    numbers.iter().position(|x| !x.is_finite())
}
