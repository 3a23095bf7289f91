//! The part of `manifest.json` that lets somebody else run the kernels: buffers, and steps over them.

use super::Printed;
use arch_compiler::program::Program;
use arch_kernels::Plan;
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Action, Gemm, Operand, Slot, SlotId, SlotKind};
use arch_kernels::print::cuda;
use serde_json::{Value, json};

/// Every buffer, by its number: what it is, its type and how many elements it has. Those of scratch lie at an
/// offset, in bytes, of one arena.
pub fn buffers(program: &Program, plan: &Plan) -> Vec<Value> {
    let slots = plan.slots.iter().enumerate();
    slots.map(|(at, slot)| buffer(program, plan, SlotId(at as u32), slot)).collect()
}

fn buffer(program: &Program, plan: &Plan, id: SlotId, slot: &Slot) -> Value {
    let dtype = if slot.elem == Elem::I32 { "i32" } else { "f32" };
    let mut row = json!({ "shape": slot.shape, "dtype": dtype, "elements": slot.len });
    match &slot.kind {
        SlotKind::Resident(name) => {
            row["kind"] = "input".into();
            row["name"] = name.clone().into();
            row["updated"] = plan.updates.contains(&id).into();
            if let Some(parameter) = program.parameters.iter().find(|p| p.name == *name) {
                row["checkpoint_shape"] = parameter.stored.clone().into();
            }
        }
        SlotKind::Output => row["kind"] = "output".into(),
        SlotKind::Prepared => row["kind"] = "prepared".into(),
        SlotKind::Constant(data) => {
            row["kind"] = "constant".into();
            row["values"] = match slot.elem {
                Elem::I32 => data.iter().map(|x| *x as i32).collect::<Vec<_>>().into(),
                _ => data.iter().map(|x| *x as f32).collect::<Vec<_>>().into(),
            };
        }
        SlotKind::Scratch => {
            row["kind"] = "scratch".into();
            row["offset"] = slot.offset.into();
        }
    }
    let names: Vec<String> = plan.outputs.iter().filter(|o| o.1.slot == id).map(|o| o.0.clone()).collect();
    if !names.is_empty() {
        row["results"] = names.into();
    }
    row
}

/// The steps in their order: a kernel with its buffers, or a matrix product that a library runs.
pub fn steps(plan: &Plan, printed: &[Printed]) -> Vec<Value> {
    let name = |at: usize| printed.iter().find(|k| k.steps.contains(&at)).map(|k| k.name.as_str());
    let step = |(at, action): (usize, &Action)| match (name(at), action) {
        (Some(name), _) => {
            json!({ "kernel": name, "buffers": cuda::arguments(action).iter().map(|s| s.0).collect::<Vec<_>>() })
        }
        (None, Action::Gemm(gemm)) => json!({ "product": product(gemm) }),
        (None, Action::Kernel { .. }) => Value::Null,
    };
    plan.steps.iter().map(|s| &s.action).enumerate().map(step).collect()
}

/// `out[i, j] = sum of left[i, k] * right[k, j]`, with strides in elements.
fn product(gemm: &Gemm) -> Value {
    let operand =
        |o: &Operand| json!({ "buffer": o.slot.0, "offset": o.offset, "row": o.row, "column": o.column });
    let repeats: Vec<Value> =
        gemm.repeats.iter().map(|r| json!({ "count": r.count, "strides": r.strides })).collect();
    json!({
        "m": gemm.m, "n": gemm.n, "k": gemm.k, "repeats": repeats,
        "left": operand(&gemm.left), "right": operand(&gemm.right), "out": operand(&gemm.out),
    })
}
