//! Loops in C: pieces for threads, vectors, and what is left at their ends.

use super::Printer;
use crate::ir::{Acc, Extent, Loop, LoopKind, Stmt};
use crate::print::{names, operations};

impl Printer<'_> {
    /// The statements outside and inside the parallel loops. Their variables are told from the piece.
    pub(super) fn top(&mut self, body: &[Stmt], kinds: &[LoopKind]) {
        let inner_parallel = |s: &Stmt| matches!(s, Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes));
        let Some(at) = body.iter().position(inner_parallel) else { return self.block(body) };
        self.block(&body[..at]);
        let Stmt::Loop(first) = &body[at] else { unreachable!("found above") };
        if kinds == [LoopKind::ParallelLanes] {
            return self.lane_range(first);
        }
        self.line("for (int64_t p = begin; p < end; p++) {");
        self.indent += 1;
        self.decode(first);
        let (mut l, mut own) = (first.as_ref(), None);
        while l.kind == LoopKind::Parallel {
            let at = l.body.iter().position(inner_parallel);
            self.block(&l.body[..at.unwrap_or(l.body.len())]);
            let Some(at) = at else { break };
            let Stmt::Loop(next) = &l.body[at] else { unreachable!("found above") };
            l = next;
            own = (l.kind == LoopKind::ParallelLanes).then_some(l);
        }
        if let Some(l) = own {
            self.one_vector(l);
        }
        self.indent -= 1;
        self.line("}");
    }

    /// Only lanes are shared out: one long loop.
    fn lane_range(&mut self, l: &Loop) {
        let v = names::var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        self.line(&format!("const int64_t stop = end * {lanes} < {n} ? end * {lanes} : {n};"));
        self.line(&format!("int64_t {v} = begin * {lanes};"));
        self.vector_then_rest(l, "stop", None);
    }

    /// The variables of the parallel loops from the number of the piece.
    fn decode(&mut self, first: &Loop) {
        let mut loops = vec![first];
        while let Some(next) = loops[loops.len() - 1].body.iter().find_map(|s| match s {
            Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes) => Some(l),
            _ => None,
        }) {
            loops.push(next);
        }
        // The loops further in: how many pieces one step of this loop takes.
        let (mut below, mut batches) = (1, 0);
        let mut lines = Vec::new();
        for (i, l) in loops.iter().enumerate().rev() {
            let lanes = l.kind == LoopKind::ParallelLanes;
            let count = if lanes { (l.extent.count + self.lanes - 1) / self.lanes } else { l.extent.count };
            let by = names::extent(Extent { count: below, batch: batches > 0 });
            let mut text = match by.as_str() {
                "1" => "p".to_string(),
                _ if batches > 0 => format!("p / ({by})"),
                _ => format!("p / {by}"),
            };
            if i > 0 {
                let count = names::extent(Extent { count, ..l.extent });
                let count = if l.extent.batch { format!("({count})") } else { count };
                text = format!("{text} % {count}");
            }
            let lanes_of = if lanes { format!(" * {}", self.lanes) } else { String::new() };
            let constant = if lanes { "" } else { "const " };
            lines.push(format!("{constant}int64_t {} = {text}{lanes_of};", names::var(l.var)));
            below *= count;
            batches += usize::from(l.extent.batch);
        }
        for line in lines.iter().rev() {
            self.line(line);
        }
    }

    /// One piece of a lane loop: a whole vector, or what is left at the end.
    fn one_vector(&mut self, l: &Loop) {
        let v = names::var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        if l.extent.known().is_some_and(|n| n % lanes == 0) {
            return self.as_vector(l);
        }
        self.line(&format!("if ({v} + {lanes} <= {n}) {{"));
        self.indent += 1;
        self.as_vector(l);
        self.indent -= 1;
        self.line("} else {");
        self.indent += 1;
        self.line(&format!("for (; {v} < {n}; {v}++) {{"));
        self.indented(&l.body);
        self.line("}");
        self.indent -= 1;
        self.line("}");
    }

    fn as_vector(&mut self, l: &Loop) {
        self.vector = Some(l.var);
        self.block(&l.body);
        self.vector = None;
        self.varying.clear();
        self.vector_arrays.clear();
        self.vector_accs.clear();
    }

    pub(super) fn inner_loop(&mut self, l: &Loop) {
        let (v, n) = (names::var(l.var), names::extent(l.extent));
        let vector = matches!(l.kind, LoopKind::Vector | LoopKind::ParallelLanes);
        if vector && self.vector.is_none() {
            self.line("{");
            self.indent += 1;
            self.line(&format!("int64_t {v} = 0;"));
            self.vector_then_rest(l, &n, l.extent.known());
            self.indent -= 1;
            self.line("}");
            return;
        }
        if l.kind == LoopKind::Unrolled {
            self.line(&format!("#pragma GCC unroll {}", l.extent.count.max(1)));
        }
        self.line(&format!("for (int64_t {v} = 0; {v} < {n}; {v}++) {{"));
        self.indented(&l.body);
        self.line("}");
    }

    /// Whole vectors as far as they go, then single elements. Accumulators from outside get lanes of their
    /// own, which are joined in a fixed order.
    fn vector_then_rest(&mut self, l: &Loop, stop: &str, known: Option<i64>) {
        let v = names::var(l.var);
        let lanes = self.lanes;
        if known.is_none_or(|n| n >= lanes) {
            let mut outer = Vec::new();
            accumulated(&l.body, &mut outer);
            for acc in &outer {
                let start = operations::neutral(self.accs[acc.0 as usize]);
                self.line(&format!("vf r{}v = vset({start});", acc.0));
            }
            self.line(&format!("for (; {v} + {lanes} <= {stop}; {v} += {lanes}) {{"));
            self.indent += 1;
            self.as_vector(l);
            self.indent -= 1;
            self.line("}");
            for acc in &outer {
                let join = self.accs[acc.0 as usize];
                let name = format!("r{}", acc.0);
                let lanes = operations::join_lanes(join, &format!("{name}v"));
                let joined = operations::join(join, &name, &lanes, false);
                self.line(&format!("{name} = {joined};"));
            }
        }
        if known.is_none_or(|n| n % lanes != 0) {
            self.line(&format!("for (; {v} < {stop}; {v}++) {{"));
            self.indented(&l.body);
            self.line("}");
        }
    }
}

/// Accumulators that the statements add to and do not declare.
fn accumulated(stmts: &[Stmt], found: &mut Vec<Acc>) {
    let mut all = Vec::new();
    let mut own = Vec::new();
    fn visit(stmts: &[Stmt], all: &mut Vec<Acc>, own: &mut Vec<Acc>) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => visit(&l.body, all, own),
                Stmt::Accumulate(acc, _) if !all.contains(acc) => all.push(*acc),
                Stmt::Acc(acc, _) => own.push(*acc),
                _ => {}
            }
        }
    }
    visit(stmts, &mut all, &mut own);
    found.extend(all.into_iter().filter(|a| !own.contains(a)));
}
