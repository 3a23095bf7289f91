//! Faults planted in the text of golden kernels: each must be noticed.

use crate::emulator::{Emulated, header, is_there};
use crate::golden_plans;
use arch_kernels::Target;
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Plan, SlotKind};
use arch_kernels::print::cuda;

/// A line of a list of faults.
pub struct Mutant {
    pub kernel: String,
    pub fault: String,
    text: String,
    instead: String,
}

impl Mutant {
    /// The faults of a list.
    pub fn list(text: &str) -> Vec<Mutant> {
        let lines = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
        let mutants = lines.map(|line| {
            let parts: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
            let [kernel, fault, text, instead] = parts[..] else { panic!("not four parts: {line}") };
            let [kernel, fault, text, instead] = [kernel, fault, text, instead].map(String::from);
            Mutant { kernel, fault, text, instead }
        });
        mutants.collect()
    }

    /// The program with the fault in it: everywhere, or where the number behind `@` says.
    pub fn plant(&self, program: &str) -> String {
        let Some((text, at)) = self.text.split_once('@') else {
            assert!(program.contains(&self.text), "{} has no `{}`:\n{program}", self.kernel, self.text);
            return program.replace(&self.text, &self.instead);
        };
        let found = program.match_indices(text).nth(at.parse::<usize>().unwrap() - 1);
        let (at, _) = found.unwrap_or_else(|| panic!("{} has no `{}`", self.kernel, self.text));
        [&program[..at], &self.instead, &program[at + text.len()..]].concat()
    }
}

/// The plan of a golden kernel, and the text that is compiled.
pub fn golden(kernel: &str) -> (Plan, cuda::Source, String) {
    let found = golden_plans::all(Target::Cuda).into_iter().find(|g| g.0 == kernel);
    let plan = found.unwrap_or_else(|| panic!("no golden kernel is called {kernel}")).1;
    let source = cuda::sources(&plan).unwrap().0.remove(0);
    let program = format!("{}\n{}", header(), source.text);
    (plan, source, program)
}

/// Numbers for the arguments, and guards around them.
fn buffers(plan: &Plan) -> Vec<Vec<u32>> {
    let args = cuda::arguments(&plan.steps[0].action);
    let one = |slot: &arch_kernels::plan::Slot| {
        let bits = |i: usize| match slot.elem {
            Elem::I32 => (i % 5) as u32,
            Elem::F32 => (((i * 7919) % 101) as f32 / 50.0 - 1.0).to_bits(),
        };
        let known = |x: &f64| if slot.elem == Elem::I32 { *x as i32 as u32 } else { (*x as f32).to_bits() };
        let mut words: Vec<u32> = match &slot.kind {
            SlotKind::Resident(_) => (0..slot.len).map(bits).collect(),
            SlotKind::Constant(data) => data.iter().map(known).collect(),
            _ => vec![u32::MAX; slot.len],
        };
        words.extend([0x7fc0_beef; 256]);
        words
    };
    args.iter().map(|s| one(plan.slot(*s))).collect()
}

pub fn run(
    kernels: &mut Emulated,
    plan: &Plan,
    source: &cuda::Source,
    seed: u64,
) -> Result<Vec<Vec<u32>>, String> {
    let mut memory = buffers(plan);
    let pointers: Vec<*mut u32> = memory.iter_mut().map(|b| b.as_mut_ptr()).collect();
    kernels.launch(&source.name, &source.launch, &pointers, plan.batch as i32, seed)?;
    Ok(memory)
}

#[test]
fn every_planted_fault_is_noticed() {
    if !is_there() {
        return;
    }
    for mutant in Mutant::list(include_str!("mutants.txt")) {
        let (plan, source, program) = golden(&mutant.kernel);
        let right = run(&mut Emulated::program(&[&source.name], &program), &plan, &source, 0).unwrap();
        let mut wrong = Emulated::program(&[&source.name], &mutant.plant(&program));
        let noticed = (0..4).any(|seed| run(&mut wrong, &plan, &source, seed) != Ok(right.clone()));
        assert!(noticed, "{}: nobody noticed that {}", mutant.kernel, mutant.fault);
    }
}
