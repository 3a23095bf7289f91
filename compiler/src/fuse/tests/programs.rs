//! Programs, and how far apart two functions are.

use crate::check::{NoFiles, Request, compile};
use crate::graph::{FuncId, Module};
use crate::interp::{Tensor, noise, run};
use std::collections::BTreeMap;

/// Larger differences than this are no rounding: the interpreter works in f64.
pub(in crate::fuse) const ROUNDING: f64 = 1e-9;

/// A program with axes of these sizes, as far as it names them.
pub(in crate::fuse) fn program(text: &str, sizes: &[(&str, usize)]) -> (Module, FuncId) {
    let wanted = |name: &str| {
        ["[", " ", "("].iter().any(|before| {
            [",", "]", ")"].iter().any(|after| text.contains(&format!("{before}{name}{after}")))
        })
    };
    let dims = sizes.iter().filter(|(name, _)| wanted(name)).map(|(name, size)| ((*name).into(), *size));
    let request = Request { dims: dims.collect(), ..Request::default() };
    let outcome = compile(&NoFiles, "products.arch", text, &request);
    let said = arch_grammar::render(&outcome.diagnostics, &outcome.sources, false);
    let program = outcome.program.unwrap_or_else(|| panic!("{said}\n{text}"));
    (program.module, program.entry)
}

fn numbers(module: &Module, function: FuncId) -> BTreeMap<String, Tensor> {
    let f = module.function(function);
    let dims = |v| module.dims(&f.value(v).shape, 2);
    f.inputs.iter().map(|i| (i.name.clone(), noise(&i.name, &dims(i.value)))).collect()
}

/// The largest difference between what two functions compute, relative to what they compute.
pub(in crate::fuse) fn apart(module: &Module, a: FuncId, b: FuncId) -> f64 {
    let inputs = numbers(module, a);
    let results = [a, b].map(|f| run(module, f, &inputs, 2).expect("the program runs").outputs);
    let mut worst: f64 = 0.0;
    for ((_, x), (_, y)) in results[0].iter().zip(&results[1]) {
        let largest = x.data.iter().fold(1e-300, |m: f64, x| m.max(x.abs()));
        let differences = x.data.iter().zip(&y.data).map(|(x, y)| (x - y).abs() / largest);
        worst = differences.fold(worst, f64::max);
    }
    worst
}
