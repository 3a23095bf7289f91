//! Plans as text.

use super::{Action, Plan, Slot, SlotId, SlotKind};
use arch_compiler::cost::counted;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kernels, gemms) = self.counts();
        writeln!(
            f,
            "plan for {} at batch {}: {} of {}, {}",
            self.target,
            self.batch,
            counted(kernels, "kernel step"),
            counted(self.kernels.len(), "kernel"),
            counted(gemms, "matrix product"),
        )?;
        writeln!(
            f,
            "scratch: {} bytes; at most {} alive at once; {} bytes read and written",
            self.arena_bytes,
            self.live_lower_bound,
            self.bytes_moved()
        )?;
        for step in &self.steps {
            write!(f, "{}(", step.name)?;
            self.list(f, &step.reads)?;
            write!(f, ") -> ")?;
            self.list(f, &step.writes)?;
            match &step.action {
                Action::Kernel { pieces, grain, .. } => write!(f, "  pieces {pieces} by {grain}")?,
                Action::Gemm(g) => {
                    write!(f, "  {} x {} x {}", g.m, g.n, g.k)?;
                    for repeat in &g.repeats {
                        write!(f, ", {} times", repeat.count)?;
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Plan {
    fn list(&self, f: &mut fmt::Formatter<'_>, slots: &[SlotId]) -> fmt::Result {
        for (i, id) in slots.iter().enumerate() {
            if i > 0 {
                write!(f, ", ")?;
            }
            write!(f, "{}", self.slot(*id).text(*id, self))?;
        }
        Ok(())
    }
}

impl Slot {
    fn text(&self, id: SlotId, plan: &Plan) -> String {
        match &self.kind {
            SlotKind::Resident(name) => name.clone(),
            SlotKind::Constant(_) => format!("constant{}[{}]", id.0, self.len),
            SlotKind::Prepared => format!("prepared{}[{}]", id.0, self.len),
            SlotKind::Scratch => format!("s{}[{} at {}]", id.0, self.len, self.offset),
            SlotKind::Output => {
                let name = plan.outputs.iter().find(|(_, o)| o.slot == id).map_or("output", |(n, _)| n);
                format!("{name}[{}]", self.len)
            }
        }
    }
}
