//! What is said of each kernel.

use super::time;
use arch_compiler::cost::grouped;
use arch_compiler::fuse::all_rules;
use arch_kernels::plan::{Action, Plan, SlotKind, Step};

/// Why some steps are not in a kernel: the reason and their names.
type Absent = Vec<(String, Vec<String>)>;

/// Says what is run, in order.
pub(super) fn all(plan: &Plan) {
    println!("\nWhat is run, in order; equal kernels are shown once:");
    let mut last = Absent::new();
    for (at, times) in distinct(plan) {
        last = one(plan, at, times, &last);
    }
}

/// The first step of every kind, and how many there are of it.
fn distinct(plan: &Plan) -> Vec<(usize, usize)> {
    let is_same = |a: usize, b: usize| {
        plan.steps[a].name == plan.steps[b].name
            && plan.contents[a] == plan.contents[b]
            && plan.is_prepared(a) == plan.is_prepared(b)
    };
    let mut all: Vec<(usize, usize)> = Vec::new();
    for at in 0..plan.steps.len() {
        match all.iter_mut().find(|(first, _)| is_same(*first, at)) {
            Some((_, times)) => *times += 1,
            None => all.push((at, 1)),
        }
    }
    all
}

/// Says all of one step, and gives what is not in it and why; what was said of the one before is not said again.
fn one(plan: &Plan, at: usize, times: usize, before: &Absent) -> Absent {
    let (step, contents) = (&plan.steps[at], &plan.contents[at]);
    let times = if times > 1 { format!("   {times} times") } else { String::new() };
    println!("\n{}{times}", step.name);
    println!("  what        {}", what(plan, at));
    if !contents.lines.is_empty() {
        println!("  lines       {}", contents.lines.join(", "));
    }
    let rules: Vec<&str> = all_rules()
        .iter()
        .enumerate()
        .filter(|(place, _)| contents.rules.has(*place))
        .map(|(_, rule)| rule.name)
        .collect();
    if !rules.is_empty() {
        println!("  rules       {}", rules.join(", "));
    }
    bytes(plan, at);
    let absent = absent(plan, at);
    for (reason, names) in &absent {
        // Where a kernel has several reasons it would not be plain which one is meant.
        let is_known = absent.len() == 1 && matches!(before.as_slice(), [(known, _)] if known == reason);
        let reason = if is_known { "for the reason above" } else { reason };
        println!("  not in it   {}: {reason}", names.join(", "));
    }
    absent
}

/// Bytes and time of a step, in place of those of its operations one by one.
fn bytes(plan: &Plan, at: usize) {
    let (contents, label) = (&plan.contents[at], time::label(plan.target));
    let all = at..=at + contents.with;
    let (own, seconds) = (
        all.clone().map(|at| plan.contents[at].moved).sum(),
        all.map(|at| time::of(plan, at).0).sum::<f64>(),
    );
    let together = match contents.with {
        0 => String::new(),
        1 => " with the kernel after it".into(),
        more => format!(" with the {more} kernels after it"),
    };
    let once = if plan.is_prepared(at) { ", once: it is kept until the weights change" } else { "" };
    if contents.operations > 1 {
        println!(
            "  bytes       {}{together}, in place of {} for its {} operations one by one{once}",
            grouped(own),
            grouped(contents.bytes),
            grouped(contents.operations as u64)
        );
        println!("  {label:<11} {}, in place of {}", time::text(seconds), time::text(time::of(plan, at).1));
    } else {
        println!("  bytes       {}{once}", grouped(contents.moved));
        println!("  {label:<11} {}", time::text(time::of(plan, at).0));
    }
}

/// A step in words.
fn what(plan: &Plan, at: usize) -> String {
    let step = &plan.steps[at];
    let Action::Kernel { kernel, .. } = step.action else {
        return "a matrix product, by the library".into();
    };
    let words = match plan.kernels[kernel].family.as_str() {
        "gemm" if plan.contents[at].operations > 1 => {
            "a matrix product, with what is done to each of its results"
        }
        "gemm" => "a matrix product",
        "pack" => return copied(plan, step),
        "row" => "rows, with sums or largest elements along them",
        "map" => "each element by itself",
        "window" => "sums of a few products for each element",
        "attention" => "attention: scores, softmax and weighted sums, block by block",
        "attention_gradient" => "the gradient of attention, block by block",
        "scan" => "a recurrence, one step after the other",
        "scatter" => "additions at places that data say",
        "concat" => "a part of values that are put side by side",
        _ => "a copy",
    };
    words.into()
}

/// What a step copies for a product, in words.
fn copied(plan: &Plan, step: &Step) -> String {
    let named = step.reads.iter().filter_map(|slot| match &plan.slot(*slot).kind {
        SlotKind::Resident(name) => Some(format!("`{name}`")),
        _ => None,
    });
    let named: Vec<String> = named.collect();
    let of = if named.is_empty() { "what the rows are multiplied with".into() } else { named.join(", ") };
    format!("a copy of {of} in the order in which a matrix product reads it")
}

/// The neighbors that a step did not take in, by the reason.
fn absent(plan: &Plan, at: usize) -> Absent {
    let mut all = Absent::new();
    for neighbor in plan.neighbors.iter().filter(|n| n.to == at) {
        let (reason, name) = (neighbor.apart.to_string(), &plan.steps[neighbor.from].name);
        match all.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) if names.contains(name) => {}
            Some((_, names)) => names.push(name.clone()),
            None => all.push((reason, vec![name.clone()])),
        }
    }
    all
}
