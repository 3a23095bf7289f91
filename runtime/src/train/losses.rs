//! The standard library's loss and noising, compiled for a model.

use crate::error::{Code, Problem};
use crate::interface::Interface;
use crate::recipe::DiffusionRecipe;
use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::library::STD;
use arch_compiler::program::Program;

const FILE: &str = "std/losses.arch";

/// `NoisySample` and `GaussianLoss` of `std.losses`, in this order, for a model's channels and size and a
/// recipe's prediction, variance and loss.
///
/// # Errors
/// If the library does not compile: a fault of ours.
pub fn loss_programs(interface: &Interface, recipe: &DiffusionRecipe) -> Result<(Program, Program), Problem> {
    let noising = item("NoisySample", interface, Vec::new())?;
    let loss = item("GaussianLoss", interface, recipe.loss_settings())?;
    Ok((noising, loss))
}

fn item(name: &str, interface: &Interface, set: Vec<(String, String)>) -> Result<Program, Problem> {
    let text = STD.iter().find(|file| file.0 == FILE).map_or("", |file| file.1);
    let sizes = [("C", interface.channels), ("H", interface.height), ("W", interface.width)];
    let request = Request {
        item: Some(name.into()),
        preset: None,
        set,
        dims: sizes.map(|(axis, size)| (axis.to_string(), size)).to_vec(),
        training: true,
    };
    let outcome = compile(&NoFiles, FILE, text, &request);
    let said: Vec<&str> =
        outcome.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.title.as_str()).collect();
    outcome.program.ok_or_else(|| {
        Problem::new(
            Code::ModelShape,
            format!("`{name}` of {FILE} does not compile: {}", said.join("; ")),
            "please report this as a fault of the standard library",
        )
    })
}
