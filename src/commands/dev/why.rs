//! `archc dev FILE --stage fused --why`: what became of a text, kernel by kernel, and what did not become one.

use arch_compiler::cost::{counted, grouped};
use arch_compiler::fuse::{Canonical, Fired};
use arch_compiler::schedule::{Chosen, Form};
use arch_grammar::Sources;
use arch_kernels::Target;
use arch_kernels::plan::{Machine, Plan, Step};
use std::collections::BTreeMap;

/// What is predicted is for this machine, whatever machine it is asked on; of a GPU nothing is.
const MACHINE: Machine = Machine::TWO_CORES;

/// Prints the rules, the sums of both plans and each kernel.
pub fn print(canonical: &Canonical, (before, after): (&Plan, &Plan), in_time: &[Chosen], sources: &Sources) {
    println!("Rules that found another way to say a value, and how often:");
    if canonical.fired.is_empty() {
        println!("  none: the text is its own canonical spelling");
    }
    for fired in &canonical.fired {
        println!("  {:>4}  {}", fired.count, rule(fired));
    }
    for one in &canonical.incomplete {
        println!("  `{}` was not searched to its end: its kernels may depend on how it is spelled", one.name);
    }
    products(canonical, sources);
    scans(canonical, in_time, sources);
    println!("\nThe whole, at batch {}:", after.batch);
    total("each operation by itself", after.separate.iter().map(|s| s.bytes).sum(), &times(after).1, None);
    total("as written, fused", before.bytes_moved(), &times(before).0, Some(before.counts()));
    total("canonical, fused", after.bytes_moved(), &times(after).0, Some(after.counts()));
    if after.target != Target::Cuda {
        println!(
            "  (predicted from bytes and operations for two cores with AVX-512; `archc bench --profile` measures)"
        );
    }
    println!("\nWhat is run, in order; equal kernels are shown once:");
    let rules = Rules::new(canonical, sources);
    for (at, times) in distinct(after) {
        kernel(after, at, times, &rules);
    }
    for refusal in &after.refused {
        println!("\nThe softmax of {} is no attention kernel: {}.", refusal.origin, refusal.reason);
    }
}

/// A line for each result whose factors are multiplied in another order, and what that saves.
fn products(canonical: &Canonical, sources: &Sources) {
    if !canonical.products.is_empty() {
        println!("\nProducts of more than two factors, and the order in which they are multiplied:");
    }
    for product in &canonical.products {
        let place = if product.origin.end > 0 { sources.place(product.origin) } else { String::new() };
        println!("  {place}: {product}");
    }
}

/// A line for each recurrence: how its steps are taken, and why.
fn scans(canonical: &Canonical, in_time: &[Chosen], sources: &Sources) {
    if !canonical.scans.is_empty() {
        println!("\nRecurrences, and how they are computed:");
    }
    for scan in &canonical.scans {
        let place = if scan.origin.end > 0 { sources.place(scan.origin) } else { String::new() };
        let same = |other: &&Chosen| (other.origin, &other.axis) == (scan.origin, &scan.axis);
        match (&scan.form, in_time.iter().find(same)) {
            (Form::Sequential(_), Some(cut @ Chosen { form: Form::InTime { .. }, .. })) => {
                println!("  {place}: {cut}")
            }
            (Form::Sequential(_), Some(Chosen { form: Form::Sequential(reason), .. })) => {
                println!("  {place}: {scan}\n    not in parallel over time: {reason}");
            }
            _ => println!("  {place}: {scan}"),
        }
    }
}

fn rule(fired: &Fired) -> String {
    let guard = if fired.guard.is_empty() { String::new() } else { format!("   ({})", fired.guard) };
    format!("{:<24} {}{guard}", fired.rule, fired.algebra)
}

/// What all steps are predicted to take, and their operations one by one, as text.
fn times(plan: &Plan) -> (String, String) {
    let each = (0..plan.steps.len()).map(|at| plan.predicted_seconds(at, &MACHINE));
    let (fused, separate) = each.fold((0.0, 0.0), |(fused, separate), (f, s)| (fused + f, separate + s));
    match plan.target {
        Target::Cuda => (String::new(), String::new()),
        _ => (time(fused), time(separate)),
    }
}

fn total(what: &str, bytes: u64, time: &str, counts: Option<(usize, usize)>) {
    let counts = counts.map_or_else(String::new, |(kernels, products)| {
        format!("   {}, {}", counted(kernels, "kernel"), counted(products, "matrix product"))
    });
    println!("  {what:<26} {:>18} bytes {time:>12}{counts}", grouped(bytes));
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", 1e3 * s),
        s => format!("{:.0} us", 1e6 * s),
    }
}

/// Which rules found something on a line.
struct Rules<'a> {
    by_line: BTreeMap<String, Vec<&'a Fired>>,
}

impl<'a> Rules<'a> {
    fn new(canonical: &'a Canonical, sources: &Sources) -> Self {
        let mut by_line: BTreeMap<String, Vec<&Fired>> = BTreeMap::new();
        for fired in &canonical.fired {
            for span in fired.origins.iter().filter(|s| s.end > 0) {
                let rules = by_line.entry(sources.place(*span)).or_default();
                if !rules.contains(&fired) {
                    rules.push(fired);
                }
            }
        }
        Rules { by_line }
    }

    /// Those of any of these lines, each once.
    fn of(&self, lines: &[String]) -> Vec<&'a Fired> {
        let mut all: Vec<&Fired> = Vec::new();
        for fired in lines.iter().filter_map(|l| self.by_line.get(l)).flatten() {
            if !all.contains(fired) {
                all.push(fired);
            }
        }
        all
    }
}

/// The first step of every kind, and how many there are of it.
fn distinct(plan: &Plan) -> Vec<(usize, usize)> {
    let same = |a: &Step, b: &Step| a.name == b.name && a.origins == b.origins && a.bytes == b.bytes;
    let mut all: Vec<(usize, usize)> = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        match all.iter_mut().find(|(first, _)| same(&plan.steps[*first], step)) {
            Some((_, times)) => *times += 1,
            None => all.push((at, 1)),
        }
    }
    all
}

fn kernel(plan: &Plan, at: usize, times: usize, rules: &Rules<'_>) {
    let step = &plan.steps[at];
    let times = if times > 1 { format!("   {times} times") } else { String::new() };
    println!("\n{}{times}", step.name);
    if !step.origins.is_empty() {
        println!("  lines       {}", step.origins.join(", "));
    }
    let separate = plan.separate[at];
    let (own, apart) = plan.predicted_seconds(at, &MACHINE);
    let predicted = |text: String| {
        if plan.target != Target::Cuda {
            println!("  predicted   {text}");
        }
    };
    if separate.operations > 1 {
        let before = grouped(separate.bytes);
        println!(
            "  bytes       {}, in place of {before} for its {} operations one by one",
            grouped(step.bytes),
            separate.operations
        );
        predicted(format!("{}, in place of {}", time(own), time(apart)));
    } else {
        println!("  bytes       {}", grouped(step.bytes));
        predicted(time(own));
    }
    for fired in rules.of(&step.origins) {
        println!("  rule        {}", rule(fired));
    }
    for neighbor in plan.neighbors.iter().filter(|n| n.to == at) {
        println!("  not in it   {}: {}", plan.steps[neighbor.from].name, neighbor.apart);
    }
}
