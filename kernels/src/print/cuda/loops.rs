//! Loops in CUDA: pieces for warps, vector loops for their lanes.

use super::layout::{Home, LANES, Mode, turns};
use super::sync::Shared;
use super::{Printer, launch};
use crate::ir::{Acc, Expr, Extent, Loop, LoopKind, Stmt};
use crate::print::{called, names, pieces};
use std::collections::BTreeSet;

impl Printer<'_> {
    /// The statements outside and inside the parallel loops. Their variables are told from the piece.
    pub(super) fn top(&mut self, body: &[Stmt]) {
        let Some(at) = pieces::parallel_in(body) else {
            if self.layout.mode == Mode::Thread {
                self.line("if (blockIdx.x + threadIdx.x != 0) return;");
            } else {
                self.line("if (threadIdx.x >= 32) return;");
            }
            return self.block(body);
        };
        self.block(&body[..at]);
        let Stmt::Loop(first) = &body[at] else { unreachable!("found above") };
        self.piece(first);
        let mut l = first.as_ref();
        while let Some(at) = pieces::parallel_in(&l.body) {
            self.block(&l.body[..at]);
            let Stmt::Loop(next) = &l.body[at] else { unreachable!("found above") };
            l = next;
        }
        self.block(&l.body);
    }

    pub(super) fn int(&self) -> &'static str {
        if self.wide { "long long" } else { "int" }
    }

    fn extent(&self, extent: Extent) -> String {
        names::extent(extent)
    }

    /// The piece of this warp or thread, and the variables of the parallel loops there.
    fn piece(&mut self, first: &Loop) {
        let (int, warps) = (self.int(), self.layout.warps);
        let block = if self.wide { "(long long)blockIdx.x" } else { "blockIdx.x" };
        let (each, own) = match self.layout.mode {
            Mode::Thread => (warps * LANES, "threadIdx.x"),
            Mode::Warp => (warps, "threadIdx.x / 32"),
        };
        // Where there is one loop, its variable is the piece.
        let alone = pieces::nest(first).len() == 1;
        let name = if alone { self.names.var(first.var) } else { "piece".into() };
        // Nothing is multiplied by one.
        let piece = if each == 1 { block.to_string() } else { format!("{block} * {each} + {own}") };
        self.line(&format!("const {int} {name} = {piece};"));
        let kernel = self.kernel.expect("a kernel has pieces");
        let count = self.extent(launch::pieces_extent(kernel));
        self.line(&format!("if ({name} >= {count}) return;"));
        if alone {
            return;
        }
        for place in pieces::places(first, 1, "piece") {
            self.line(&format!("const {int} {} = {};", self.names.var(place.of.var), place.text));
        }
    }

    pub(super) fn inner_loop(&mut self, stmt: &Stmt, l: &Loop) {
        if l.kind == LoopKind::Vector && !self.per_thread {
            self.meet(stmt);
            return self.vector(l);
        }
        if !self.per_thread
            && let Some(kernel) = self.kernel
        {
            // What an iteration does comes before the next one.
            let touch = Shared { kernel, layout: &self.layout }.touch(stmt, false);
            self.since.note(&touch);
        }
        let v = self.names.var(l.var);
        let n = l.stop.as_ref().map_or_else(|| self.extent(l.extent), |stop| self.index(stop));
        if l.kind == LoopKind::Unrolled {
            self.line("#pragma unroll");
        }
        self.around(&format!("for ({} {v} = 0; {v} < {n}; {v}++)", self.int()), &l.body);
    }

    /// A block under a head.
    fn around(&mut self, head: &str, body: &[Stmt]) {
        let opened = self.lines.open(head);
        self.block(body);
        self.lines.close(opened);
    }

    /// The lanes of the warp share out the iterations.
    fn vector(&mut self, l: &Loop) {
        let (v, n) = (self.names.var(l.var), self.extent(l.extent));
        for acc in read_inside(&l.body) {
            if self.layout.parted.contains(&acc) {
                let all = super::values::joins(self.accs[acc.0 as usize]).1;
                let name = called::acc(acc);
                self.line(&format!("const float {name}_all = {all}({name});"));
            }
        }
        let int = self.int();
        self.per_thread = true;
        match l.extent.known() {
            Some(count) if count <= LANES && self.holds_spread(&l.body) => {
                let guard = if count == LANES { String::new() } else { format!("if (lane < {n})") };
                let own = self.lines.open(&guard);
                self.turn = "0";
                self.line(&format!("const {int} {v} = lane;"));
                self.block(&l.body);
                self.turn = "turn";
                self.lines.close(own);
            }
            Some(count) if self.holds_spread(&l.body) => {
                self.line("#pragma unroll");
                let head = format!("for (int turn = 0; turn < {}; turn++)", turns(count));
                let turns = self.lines.open(&head);
                self.line(&format!("const {int} {v} = lane + turn * 32;"));
                if count % LANES == 0 {
                    self.block(&l.body);
                } else {
                    self.around(&format!("if ({v} < {n})"), &l.body);
                }
                self.lines.close(turns);
            }
            _ => self.around(&format!("for ({int} {v} = lane; {v} < {n}; {v} += 32)"), &l.body),
        }
        self.per_thread = false;
    }

    /// Whether the statements touch an array of which each lane has its own elements.
    fn holds_spread(&self, stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| match s {
            Stmt::Loop(l) => self.holds_spread(&l.body),
            Stmt::StoreLocal(local, ..) | Stmt::Let(_, Expr::Local(local, _)) => {
                matches!(self.layout.arrays[local].home, Home::Spread | Home::SpreadMemory)
            }
            _ => false,
        })
    }
}

/// The accumulators that statements read and do not declare.
fn read_inside(stmts: &[Stmt]) -> BTreeSet<Acc> {
    fn visit(stmts: &[Stmt], read: &mut BTreeSet<Acc>, own: &mut BTreeSet<Acc>) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => visit(&l.body, read, own),
                Stmt::Let(_, Expr::Acc(acc)) => {
                    read.insert(*acc);
                }
                Stmt::Acc(acc, _) => {
                    own.insert(*acc);
                }
                _ => {}
            }
        }
    }
    let (mut read, mut own) = (BTreeSet::new(), BTreeSet::new());
    visit(stmts, &mut read, &mut own);
    &read - &own
}
