//! Convolutions that keep channels apart: one kernel with their bias and activation, and one for the gradients of all
//! weights.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::memory::Memory;
use arch_kernels::build::{self, Gradients, Spelling};
use arch_kernels::plan::Plan;
use arch_kernels::print::print_c;
use arch_kernels::{Options, Target};

const TEXT: &str = "edition 2026
import std.{depthwise_conv1d}
block Conv(E) {
  conv = depthwise_conv1d(E, kernel: 4)
  forward(x: [T, E]) -> [T, E] { silu(conv(x)) }
}
";

fn plan(gradients: bool, target: Target) -> Plan {
    let dims = vec![("E".into(), 512), ("T".into(), 19)];
    let outcome = compile(&NoFiles, "conv.arch", TEXT, &Request { dims, ..Request::default() });
    let mut program = outcome.program.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let names: Vec<String> = program.trained().into_iter().map(String::from).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["x"]).collect();
    let gradients = gradients.then_some(Gradients { of: &names, memory: Memory::Fast });
    let (entry, _) = build::entry(&mut program.module, program.entry, Spelling::Canonical, gradients)
        .expect("there are gradients");
    let options = Options { target, batch: 2, sources: None };
    build::plan(&mut program.module, entry, Spelling::Canonical, &options).expect("it can be lowered").plan
}

#[test]
fn a_convolution_its_bias_and_its_activation_are_one_kernel() {
    for target in [Target::Generic, Target::Avx2, Target::Avx512, Target::Cuda] {
        let plan = plan(false, target);
        let families: Vec<&str> = plan.kernels.iter().map(|k| k.family.as_str()).collect();
        assert_eq!((families.as_slice(), plan.steps.len()), (["window"].as_slice(), 1), "{target}\n{plan}");
    }
}

/// What a kernel calls a loop over an axis: its header has the legend.
fn letter(axis: &str, kernel: &str) -> String {
    let legend = kernel.lines().find(|l| l.contains(&format!(" in {axis}"))).expect("a legend");
    let words: Vec<&str> = legend.split([' ', ',']).filter(|w| !w.is_empty()).collect();
    let place = words.windows(3).find(|w| w[1] == "in" && w[2] == axis).expect("the axis");
    place[0].to_string()
}

fn over(axis: &str, kernel: &str) -> String {
    format!("for (int64_t {} = ", letter(axis, kernel))
}

/// The weights are read before the loop over positions, and all their gradients come of one run over these.
#[test]
fn weights_stay_in_registers_while_the_window_moves() {
    let plan = plan(true, Target::Avx2);
    let texts: Vec<String> = plan.kernels.iter().map(|k| print_c(k, Target::Avx2)).collect();
    let window = |text: &&String| text.contains("silu") || text.contains("sigmoid");
    let forward = texts.iter().find(window).unwrap_or_else(|| panic!("{plan}"));
    let (weights, positions) = (forward.find("EACH_LANE"), forward.find(&over("T", forward)));
    assert!(weights.is_some() && weights < positions, "{forward}");
    let of_weights = plan.steps.iter().filter(|s| s.name.starts_with("window"));
    let of_weights: Vec<_> = of_weights.filter(|s| plan.slot(s.writes[0]).len == 4 * 512).collect();
    let [step] = of_weights[..] else { panic!("{} kernels sum for the weights\n{plan}", of_weights.len()) };
    let text = &texts[plan.kernels.iter().position(|k| k.name == step.name).expect("its kernel")];
    let lanes = format!("for (; {} < stop", letter("E", text));
    let body = &text[..text.find(&lanes).unwrap_or(text.len())];
    assert_eq!(body.matches(&over("T", text)).count(), 1, "{body}");
    assert_eq!(body.matches("vset(0.0f);").count(), 4, "{body}");
}
