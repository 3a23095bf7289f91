//! The kernels of a recurrence in parallel over time: chunks are what they run over in parallel, and no state of every
//! step reaches memory.

use arch_compiler::check::{NoFiles, Request, compile};
use arch_compiler::memory::Memory;
use arch_compiler::schedule::{Chosen, Form, Reason};
use arch_kernels::build::{self, Gradients, Planned, Spelling};
use arch_kernels::plan::{Action, SlotKind};
use arch_kernels::print::print_c;
use arch_kernels::{Options, Plan, Target};

/// Few channels and many steps.
const SELECTIVE: &str = "edition 2026
block Selective(E, N) {
  param a: [E, N] = -1.0 - iota(N)
  forward(x: [T, E], dt: [T, E], b: [T, N], c: [T, N]) -> [T, E] {
    scan t over T (h: [E, N] = 0) {
      h <- exp(dt[t] * a) * h + dt[t] * b[t] * x[t]
      yield sum(c[t] * h, over: N)
    }
  }
}
";

/// The plan of a text for so many samples, and how its scans are computed.
fn plan(
    text: &str,
    dims: &[(&str, usize)],
    (target, batch): (Target, usize),
    backward: bool,
) -> (Plan, Vec<Chosen>) {
    let dims = dims.iter().map(|(name, size)| ((*name).into(), *size)).collect();
    let outcome = compile(&NoFiles, "test.arch", text, &Request { dims, ..Request::default() });
    let mut program = outcome.program.expect("the text checks");
    let module = &mut program.module;
    let gradients = backward.then_some(Gradients { of: &["x", "dt", "a"], memory: Memory::Fast });
    let (entry, _) =
        build::entry(module, program.entry, Spelling::Canonical, gradients).expect("there are gradients");
    let options = Options { target, batch, sources: None };
    let planned = build::plan(module, entry, Spelling::Canonical, &options).expect("it can be lowered");
    let Planned { plan, scans, .. } = planned;
    (plan, scans)
}

fn selective(channels: usize, steps: usize, to: (Target, usize), backward: bool) -> (Plan, Vec<Chosen>) {
    plan(SELECTIVE, &[("E", channels), ("N", 16), ("T", steps)], to, backward)
}

#[test]
fn chunks_are_shared_out_and_keep_no_states() {
    for (target, backward) in
        [(Target::Avx2, false), (Target::Avx512, false), (Target::Cuda, false), (Target::Cuda, true)]
    {
        let (plan, scans) = selective(4, 4096, (target, 1), backward);
        assert_eq!(scans[0].form, Form::InTime { chunk: 32, steps: 4096 });
        // Where each chunk ends, the scan over chunks, and the results.
        let scans = plan.steps.iter().filter(|s| s.name.starts_with("scan"));
        let pieces: Vec<usize> = scans
            .filter_map(|step| match step.action {
                Action::Kernel { pieces, .. } => Some(pieces),
                _ => None,
            })
            .collect();
        let whole = 4 * 128 / target.lanes();
        assert!(pieces[0] >= whole && pieces[2] >= whole, "{plan}");
        let scratch = plan.slots.iter().filter(|s| s.kind == SlotKind::Scratch);
        let largest = scratch.map(|s| s.len).max().unwrap_or(0);
        assert!(4 * largest <= 4096 * 4 * 16, "scratch of {largest} elements\n{plan}");
    }
}

/// What a machine is told is how wide its vectors are and how many lanes fill a GPU, never how many threads it has.
#[test]
fn says_when_it_does_not_pay() {
    let form = |channels, steps, to, backward| selective(channels, steps, to, backward).1[0].form.clone();
    let host = Target::Avx2;
    assert_eq!(form(4, 1024, (host, 1), false), Form::InTime { chunk: 32, steps: 1024 });
    assert_eq!(form(4, 1024, (host, 2), false), Form::Sequential(Reason::Lanes(8, 8)));
    assert_eq!(form(4, 1023, (host, 1), false), Form::Sequential(Reason::Short(1023, 1024)));
    assert_eq!(form(4, 1024, (host, 1), true), Form::Sequential(Reason::Gradient));
    // Chunks are equally long where a length near the wanted one divides the steps.
    assert_eq!(form(4, 1100, (host, 1), false), Form::InTime { chunk: 25, steps: 1100 });
    assert_eq!(form(4, 1031, (host, 1), false), Form::InTime { chunk: 32, steps: 1031 });
    assert_eq!(form(7, 4096, (Target::Avx512, 1), false), Form::InTime { chunk: 32, steps: 4096 });
    assert_eq!(form(4, 4096, (Target::Generic, 1), false), Form::Sequential(Reason::Lanes(4, 4)));
    assert_eq!(form(64, 4096, (Target::Cuda, 2), true), Form::InTime { chunk: 128, steps: 4096 });
    assert_eq!(form(5000, 4096, (Target::Cuda, 1), true), Form::Sequential(Reason::Lanes(5000, 4224)));
    // Chunks are run through twice: four of them are twice as fast at best, and fewer are none.
    assert_eq!(form(768, 1024, (Target::Cuda, 1), true), Form::InTime { chunk: 256, steps: 1024 });
    assert_eq!(form(1536, 1024, (Target::Cuda, 1), true), Form::Sequential(Reason::Few(2, 4)));
    assert_eq!(form(1536, 1024, (Target::Cuda, 2), false), Form::Sequential(Reason::Few(1, 4)));
}

/// Loops that are written out inside each other.
fn written_out(text: &str) -> u64 {
    let mut open: Vec<(usize, u64)> = Vec::new();
    let mut most = 1;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        open.retain(|(depth, _)| *depth < indent || line.trim_start().starts_with("for"));
        if let Some(count) = line.trim_start().strip_prefix("#pragma GCC unroll ") {
            open.retain(|(depth, _)| *depth < indent);
            open.push((indent, count.parse().expect("a number")));
            most = most.max(open.iter().map(|(_, count)| count).product());
        }
    }
    most
}

/// A step over several short axes is no program of a million lines for the C compiler.
#[test]
fn loops_inside_each_other_are_written_out_only_so_far() {
    let text = "edition 2026
block Deep(E, A, B, C) {
  param k: [E, A, B, C] = 0.5
  forward(x: [T, E], w: [T, A, B, C]) -> [T, E] {
    scan t over T (h: [E, A, B, C] = 0) {
      h <- k * h + w[t] * x[t]
      yield sum(tanh(h), over: (A, B, C))
    }
  }
}
";
    let dims = [("E", 16), ("A", 12), ("B", 12), ("C", 12), ("T", 5)];
    for target in [Target::Avx2, Target::Avx512] {
        let (plan, _) = plan(text, &dims, (target, 1), false);
        let most = plan.kernels.iter().map(|k| written_out(&print_c(k, target))).max().unwrap_or(1);
        assert!((144..=256).contains(&most), "{most}\n{plan}");
    }
}
