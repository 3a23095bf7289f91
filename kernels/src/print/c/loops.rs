//! Loops in C: pieces for threads, vectors, and what is left at their ends.

use super::Printer;
use crate::ir::{Acc, Loop, LoopKind, Stmt};
use crate::print::expression::Expression;
use crate::print::{called, names, operations, pieces};

impl Printer<'_> {
    /// The statements outside and inside the parallel loops. Their variables are told from the piece.
    pub(super) fn top(&mut self, body: &[Stmt], kinds: &[LoopKind]) {
        let Some(at) = pieces::parallel_in(body) else { return self.block(body) };
        self.block(&body[..at]);
        let Stmt::Loop(first) = &body[at] else { unreachable!("found above") };
        if kinds == [LoopKind::ParallelLanes] {
            return self.lane_range(first);
        }
        let pieces = self.lines.open("for (int64_t p = begin; p < end; p++)");
        self.decode(first);
        let (mut l, mut own) = (first.as_ref(), None);
        while l.kind == LoopKind::Parallel {
            let at = pieces::parallel_in(&l.body);
            self.block(&l.body[..at.unwrap_or(l.body.len())]);
            let Some(at) = at else { break };
            let Stmt::Loop(next) = &l.body[at] else { unreachable!("found above") };
            l = next;
            own = (l.kind == LoopKind::ParallelLanes).then_some(l);
        }
        if let Some(l) = own {
            self.one_vector(l);
        }
        self.lines.close(pieces);
    }

    /// Only lanes are shared out: one long loop.
    fn lane_range(&mut self, l: &Loop) {
        let v = self.names.var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        self.line(&format!("const int64_t stop = end * {lanes} < {n} ? end * {lanes} : {n};"));
        self.line(&format!("int64_t {v} = begin * {lanes};"));
        self.vector_then_rest(l, "stop", None);
    }

    /// The variables of the parallel loops from the number of the piece.
    fn decode(&mut self, first: &Loop) {
        for place in pieces::places(first, self.lanes, "p") {
            let constant = if place.of.kind == LoopKind::ParallelLanes { "" } else { "const " };
            self.line(&format!("{constant}int64_t {} = {};", self.names.var(place.of.var), place.text));
        }
    }

    /// One piece of a lane loop: a whole vector, or what is left at the end.
    fn one_vector(&mut self, l: &Loop) {
        let v = self.names.var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        if l.extent.known().is_some_and(|n| n % lanes == 0) {
            return self.as_vector(l);
        }
        let whole = self.lines.open(&format!("if ({v} + {lanes} <= {n})"));
        self.as_vector(l);
        let rest = self.lines.otherwise(whole);
        self.each(&format!("for (; {v} < {n}; {v}++)"), l);
        self.lines.close(rest);
    }

    /// The statements of a loop one by one.
    fn each(&mut self, head: &str, l: &Loop) {
        let opened = self.lines.open(head);
        self.block(&l.body);
        self.lines.close(opened);
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
        let v = self.names.var(l.var);
        let n = match &l.stop {
            Some(stop) => self.names.index(stop, None),
            None => names::extent(l.extent),
        };
        let vector = matches!(l.kind, LoopKind::Vector | LoopKind::ParallelLanes);
        if vector && self.vector.is_none() {
            return self.inner_vectors(l, &n);
        }
        if l.kind == LoopKind::Unrolled && self.writes_out {
            self.line(&format!("#pragma GCC unroll {}", l.extent.count.max(1)));
        }
        self.each(&format!("for (int64_t {v} = 0; {v} < {n}; {v}++)"), l);
    }

    /// A loop of vectors. One that begins in its own head needs no brackets around it, nor does a single vector.
    fn inner_vectors(&mut self, l: &Loop, stop: &str) {
        let known = l.extent.known();
        if known == Some(self.lanes) {
            return self.single_vector(l);
        }
        let is_whole = known.is_some_and(|n| n >= self.lanes && n % self.lanes == 0);
        let in_brackets = !is_whole || !accumulated(&l.body).is_empty();
        let brackets = in_brackets.then(|| self.lines.open(""));
        if !is_whole {
            let v = self.names.var(l.var);
            self.line(&format!("int64_t {v} = 0;"));
        }
        self.vector_then_rest(l, stop, known);
        if let Some(brackets) = brackets {
            self.lines.close(brackets);
        }
    }

    /// What a single vector adds to a sum is joined at once, unless it adds more than one thing.
    fn single_vector(&mut self, l: &Loop) {
        self.names.first.insert(l.var);
        let sums = accumulated(&l.body);
        let direct = l.body.iter().filter(|s| matches!(s, Stmt::Accumulate(acc, _) if sums.contains(acc)));
        let all = additions(&l.body, &sums);
        if all == sums.len() && direct.count() == all {
            self.joins_at_once = true;
            self.as_vector(l);
            self.joins_at_once = false;
        } else {
            let brackets = self.lines.open("");
            self.vector_then_rest(l, "", Some(self.lanes));
            self.lines.close(brackets);
        }
        self.names.first.remove(&l.var);
    }

    /// Whole vectors as far as they go, then single elements. Accumulators from outside get lanes of their
    /// own, which are joined in a fixed order.
    fn vector_then_rest(&mut self, l: &Loop, stop: &str, known: Option<i64>) {
        let v = self.names.var(l.var);
        let lanes = self.lanes;
        if known.is_none_or(|n| n >= lanes) {
            let outer = accumulated(&l.body);
            for acc in &outer {
                let start = operations::neutral(self.accs[acc.0 as usize]);
                self.line(&format!("vf {}v = vset({start});", called::acc(*acc)));
            }
            if known == Some(lanes) {
                self.as_vector(l);
            } else {
                let head = match known {
                    Some(n) if n % lanes == 0 => format!("int64_t {v} = 0; {v} < {stop}; {v} += {lanes}"),
                    _ => format!("; {v} + {lanes} <= {stop}; {v} += {lanes}"),
                };
                let vectors = self.lines.open(&format!("for ({head})"));
                self.as_vector(l);
                self.lines.close(vectors);
            }
            for acc in &outer {
                let join = self.accs[acc.0 as usize];
                let name = called::acc(*acc);
                let lanes = Expression::tight(operations::join_lanes(join, &format!("{name}v")));
                let joined = operations::join(join, &name, &lanes, false);
                self.line(&format!("{name} = {joined};"));
            }
        }
        if known.is_none_or(|n| n % lanes != 0) {
            self.each(&format!("for (; {v} < {stop}; {v}++)"), l);
        }
    }
}

/// Accumulators that the statements add to and do not declare.
fn accumulated(stmts: &[Stmt]) -> Vec<Acc> {
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
    all.retain(|a| !own.contains(a));
    all
}

/// How many statements add to one of these accumulators.
fn additions(stmts: &[Stmt], accs: &[Acc]) -> usize {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Loop(l) => additions(&l.body, accs),
        Stmt::Accumulate(acc, _) => usize::from(accs.contains(acc)),
        _ => 0,
    };
    stmts.iter().map(of).sum()
}
