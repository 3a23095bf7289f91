//! `archc dev FILE --stage fused --why`: what became of a text, kernel by kernel, and what did not become one.

mod kernel;
mod time;

use arch_compiler::cost::{counted, grouped};
use arch_compiler::fuse::{Canonical, Rule, all_rules};
use arch_compiler::schedule::{Chosen, Form};
use arch_grammar::Sources;
use arch_kernels::plan::Plan;

/// Prints the rules, the sums of both plans and each kernel.
pub fn print(canonical: &Canonical, (before, after): (&Plan, &Plan), in_time: &[Chosen], sources: &Sources) {
    rules(canonical, after);
    for one in &canonical.incomplete {
        println!("  `{}` was not searched to its end: its kernels may depend on how it is spelled", one.name);
    }
    products(canonical, sources);
    scans(canonical, in_time, sources);
    totals(before, after);
    kernel::all(after);
    refusals(after);
}

/// The rules that had an effect with the number of kernels that have it, and the names of the others that found something.
fn rules(canonical: &Canonical, after: &Plan) {
    println!("Rules of algebra that changed what is computed, and in how many of the kernels below:");
    let (mut idle, mut none) = (Vec::new(), true);
    for (place, rule) in all_rules().iter().enumerate() {
        let count = after.contents.iter().filter(|c| c.rules.has(place)).count();
        if count > 0 {
            println!("  {count:>4}  {}", text(rule));
            none = false;
        } else if canonical.fired.has(place) {
            idle.push(rule.name);
        }
    }
    if none {
        println!("  none: all is computed as it is written");
    }
    if !idle.is_empty() {
        println!("  Others matched, but nothing is computed differently for them: {}", idle.join(", "));
    }
}

fn text(rule: &Rule) -> String {
    let guard = if rule.guard.is_empty() { String::new() } else { format!("   ({})", rule.guard) };
    format!("{:<24} {}{guard}", rule.name, rule.algebra)
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

/// A line for each recurrence: how its steps are taken, and why; those that are alike share one.
fn scans(canonical: &Canonical, in_time: &[Chosen], sources: &Sources) {
    if !canonical.scans.is_empty() {
        println!("\nRecurrences, and how they are computed:");
    }
    let mut all: Vec<(String, usize)> = Vec::new();
    for scan in &canonical.scans {
        let said = scan_text(scan, in_time, sources);
        match all.iter_mut().find(|(known, _)| *known == said) {
            Some((_, times)) => *times += 1,
            None => all.push((said, 1)),
        }
    }
    for (said, times) in all {
        println!("  {said}{}", if times > 1 { format!("   ({times} alike)") } else { String::new() });
    }
}

fn scan_text(scan: &Chosen, in_time: &[Chosen], sources: &Sources) -> String {
    let place = if scan.origin.end > 0 { sources.place(scan.origin) } else { String::new() };
    let same = |other: &&Chosen| (other.origin, &other.axis) == (scan.origin, &scan.axis);
    match (&scan.form, in_time.iter().find(same)) {
        (Form::Sequential(_), Some(cut @ Chosen { form: Form::InTime { .. }, .. })) => {
            format!("{place}: {cut}")
        }
        (Form::Sequential(_), Some(Chosen { form: Form::Sequential(reason), .. })) => {
            format!("{place}: {scan}\n    not in parallel over time: {reason}")
        }
        _ => format!("{place}: {scan}"),
    }
}

/// Bytes and times of all steps: one by one, as written and canonical. What is computed once is a line of its own.
fn totals(before: &Plan, after: &Plan) {
    println!("\nOne run of the whole, at batch {}:", after.batch);
    let line = |what: &str, bytes: u64, seconds: f64, counts: &str| {
        println!("  {what:<26} {:>18} bytes {:>12}{counts}", grouped(bytes), time::text(seconds));
    };
    let steps = |plan: &Plan, once: bool| -> Vec<usize> {
        (0..plan.steps.len()).filter(|at| plan.is_prepared(*at) == once).collect()
    };
    let fused = |what: &str, plan: &Plan, once: bool| {
        let own = steps(plan, once);
        let products = own.iter().filter(|at| plan.is_product(**at)).count();
        let kernels = counted(own.len() - products, "kernel");
        let counts = format!("   {kernels}, {}", counted(products, "matrix product"));
        let bytes = own.iter().map(|at| plan.steps[*at].bytes).sum();
        let seconds = own.iter().map(|at| time::of(plan, *at).0).sum();
        if !(once && own.is_empty()) {
            line(what, bytes, seconds, if once { "" } else { &counts });
        }
    };
    let separate = before.contents.iter().map(|c| c.bytes).sum();
    let seconds = (0..before.steps.len()).map(|at| time::of(before, at).1).sum();
    line("as written, one by one", separate, seconds, "");
    fused("as written, fused", before, false);
    fused("canonical, fused", after, false);
    fused("  and once, of weights", after, true);
    println!(
        "  Canonical is what the rules made of the text. Bytes are those that kernels read and write in memory,"
    );
    println!("  each once a kernel.");
    println!("  {}", time::made_of(after.target));
}

/// The softmaxes that are no attention kernels, those with one reason together.
fn refusals(after: &Plan) {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for refusal in &after.refused {
        let (reason, origin) = (refusal.reason.to_string(), refusal.origin.as_str());
        match all.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, origins)) if origins.contains(&origin) => {}
            Some((_, origins)) => origins.push(origin),
            None => all.push((reason, vec![origin])),
        }
    }
    for (reason, origins) in all {
        println!("\nThe softmax of {} is no attention kernel: {reason}.", origins.join(", "));
    }
}
