//! How a kernel lies on the machine: what a thread is, and where local arrays live.

use super::{Refusal, product};
use crate::ir::{Acc, Atom, Elem, Expr, Index, IndexVar, Kernel, Local, Loop, LoopKind, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Threads of a warp.
pub(super) const LANES: i64 = 32;
/// Warps of a block, unless shared memory is short.
const WARPS: i64 = 4;
/// Shared memory of a block in bytes that every GPU gives without being asked.
const SHARED: i64 = 48 << 10;
/// Shared memory of a block in bytes that a launch can ask for: sm_90 and sm_100 have it, sm_80 has 163 KiB, other
/// GPUs 99 KiB.
const MOST_SHARED: i64 = 227 << 10;
/// Rows of up to so many times 32 elements lie in registers.
const TURNS: i64 = 40;
/// Elements of local arrays that a thread keeps in registers; what is more goes to shared memory.
const REGISTERS: i64 = 160;

/// What a piece of the kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One thread: its iteration of all parallel loops, of those also whose lanes are shared out. Of a matrix product
    /// it has several.
    Thread,
    /// A warp, of which vector loops make use.
    Warp,
}

/// Where a local array lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In registers of each thread: every index is known once loops are written out.
    Registers,
    /// In registers, element `i` with lane `i % 32`.
    Spread,
    /// In shared memory, one array for each thread.
    Column,
    /// In shared memory, one array for each warp.
    Shared,
    /// In local memory of each thread: too large for anything else.
    Memory,
    /// In local memory, element `i` with lane `i % 32`.
    SpreadMemory,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    pub elem: Elem,
    pub len: i64,
    pub home: Home,
}

#[derive(Debug)]
pub(super) struct Layout {
    pub mode: Mode,
    pub warps: i64,
    pub arrays: BTreeMap<Local, Array>,
    /// Accumulators of which each lane has a part until they are read.
    pub parted: BTreeSet<Acc>,
}

impl Layout {
    /// # Errors
    /// If what a warp's lanes share does not fit into shared memory.
    pub(super) fn of(kernel: &Kernel) -> Result<Self, Refusal> {
        let mode = mode(kernel);
        let mut seen = Seen::default();
        seen.visit(&kernel.body, Around { per_thread: mode == Mode::Thread, vector: None }, &mut Vec::new());
        let mut arrays: BTreeMap<Local, Array> = seen
            .arrays
            .iter()
            .map(|(l, u)| (*l, Array { elem: u.elem, len: u.len, home: u.home() }))
            .collect();
        spare_registers(&mut arrays, &seen);
        let mut warps = if multiplies(kernel) { product::THREADS / LANES } else { WARPS };
        while bytes(&arrays) * warps > SHARED {
            if warps > 1 {
                warps /= 2;
                continue;
            }
            let movable = arrays.iter().filter(|(l, a)| match a.home {
                Home::Column => true,
                Home::Shared => seen.arrays[l].spreads(),
                _ => false,
            });
            let Some(largest) = movable.max_by_key(|(l, a)| (shared_bytes(a), **l)).map(|(l, _)| *l) else {
                break;
            };
            if let Some(array) = arrays.get_mut(&largest) {
                array.home = if array.home == Home::Column { Home::Memory } else { Home::SpreadMemory };
            }
        }
        let layout = Layout { mode, warps, arrays, parted: seen.parted };
        if layout.shared() > MOST_SHARED {
            let (kernel, bytes) = (kernel.name.clone(), layout.shared());
            return Err(Refusal::Shared { kernel, bytes, most: MOST_SHARED });
        }
        Ok(layout)
    }

    /// Whether a launch must ask for the shared memory of a block.
    pub(super) fn asks(&self) -> bool {
        self.shared() > SHARED
    }

    /// Bytes of shared memory of a block.
    pub(super) fn shared(&self) -> i64 {
        bytes(&self.arrays) * self.warps
    }

    /// Bytes of local memory of a thread.
    pub(super) fn local(&self) -> i64 {
        let of = |a: &Array| match a.home {
            Home::Memory => a.len * 4,
            Home::SpreadMemory => turns(a.len) * 4,
            _ => 0,
        };
        self.arrays.values().map(of).sum()
    }
}

/// How often all lanes of a warp go over so many elements.
pub(super) fn turns(len: i64) -> i64 {
    (len + LANES - 1) / LANES
}

fn shared_bytes(array: &Array) -> i64 {
    match array.home {
        Home::Column => array.len * 4 * LANES,
        Home::Shared => array.len * 4,
        _ => 0,
    }
}

fn bytes(arrays: &BTreeMap<Local, Array>) -> i64 {
    arrays.values().map(shared_bytes).sum()
}

/// The largest arrays go to shared memory where registers would not hold all of them.
fn spare_registers(arrays: &mut BTreeMap<Local, Array>, seen: &Seen) {
    let size = |a: &Array| match a.home {
        Home::Registers => a.len,
        Home::Spread => turns(a.len),
        _ => 0,
    };
    while arrays.values().map(size).sum::<i64>() > REGISTERS {
        let largest = arrays.iter().max_by_key(|(l, a)| (size(a), **l)).map(|(l, _)| *l);
        let Some(array) = largest.and_then(|l| arrays.get_mut(&l).map(|a| (l, a))) else { return };
        let shared = array.1.home == Home::Spread || !seen.arrays[&array.0].per_thread;
        array.1.home = if shared { Home::Shared } else { Home::Column };
    }
}

fn multiplies(kernel: &Kernel) -> bool {
    kernel.body.iter().any(|s| matches!(s, Stmt::Loop(l) if l.multiplies()))
}

fn mode(kernel: &Kernel) -> Mode {
    fn vectors(stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| matches!(s, Stmt::Loop(l) if l.kind == LoopKind::Vector || vectors(&l.body)))
    }
    let lanes = kernel.parallel().iter().any(|p| p.0 == LoopKind::ParallelLanes);
    if !lanes && !multiplies(kernel) && vectors(&kernel.body) { Mode::Warp } else { Mode::Thread }
}

/// Which row of 32 elements an index is in, where that does not depend on the lane.
pub(super) fn whole_rows(index: &Index) -> Option<Index> {
    let (rows, rest) = index.split(LANES);
    (rest.constant == 0 && matches!(rest.terms.as_slice(), [(Atom::Var(_), 1)])).then_some(rows)
}

/// Where a statement stands.
#[derive(Clone, Copy)]
struct Around {
    /// Whether each thread is at an iteration of its own.
    per_thread: bool,
    /// The vector loop that lanes share out, with its length if that is known.
    vector: Option<(IndexVar, Option<i64>)>,
}

/// What is known of a local array.
struct Use {
    elem: Elem,
    len: i64,
    per_thread: bool,
    /// Whether every index is known once loops are written out.
    fixed: bool,
    /// Whether all lanes store the same.
    alike: bool,
    /// Whether element `i` is only touched by lane `i % 32`.
    own: bool,
    /// Whether all such elements of a lane are gone through in order.
    in_turn: bool,
}

impl Use {
    fn spreads(&self) -> bool {
        self.own && !self.per_thread
    }

    fn home(&self) -> Home {
        match self.per_thread {
            true if self.fixed => Home::Registers,
            true => Home::Column,
            false if self.fixed && self.alike => Home::Registers,
            false if self.own && !self.in_turn => Home::SpreadMemory,
            false if self.own && turns(self.len) <= TURNS => Home::Spread,
            false => Home::Shared,
        }
    }
}

#[derive(Default)]
struct Seen {
    arrays: BTreeMap<Local, Use>,
    /// Accumulators by whether they were declared where each thread is on its own.
    accs: BTreeMap<Acc, bool>,
    parted: BTreeSet<Acc>,
}

impl Seen {
    fn visit(&mut self, stmts: &[Stmt], around: Around, unrolled: &mut Vec<IndexVar>) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => self.enter(l, around, unrolled),
                Stmt::Array(local, elem, len) => {
                    let per_thread = around.per_thread;
                    let (elem, len) = (*elem, *len);
                    let array =
                        Use { elem, len, per_thread, fixed: true, alike: true, own: true, in_turn: true };
                    self.arrays.insert(*local, array);
                }
                Stmt::StoreLocal(local, index, _) => self.touch(*local, index, true, around, unrolled),
                Stmt::Let(_, Expr::Local(local, index)) => self.touch(*local, index, false, around, unrolled),
                Stmt::Acc(acc, _) => {
                    self.accs.insert(*acc, around.per_thread);
                }
                Stmt::Accumulate(acc, _) if around.per_thread && !self.accs[acc] => {
                    self.parted.insert(*acc);
                }
                _ => {}
            }
        }
    }

    fn enter(&mut self, l: &Loop, around: Around, unrolled: &mut Vec<IndexVar>) {
        let mut inside = around;
        match l.kind {
            LoopKind::Vector if !around.per_thread => {
                inside = Around { per_thread: true, vector: Some((l.var, l.extent.known())) };
            }
            LoopKind::Unrolled => unrolled.push(l.var),
            _ => {}
        }
        self.visit(&l.body, inside, unrolled);
        if l.kind == LoopKind::Unrolled {
            unrolled.pop();
        }
    }

    fn touch(&mut self, local: Local, index: &Index, store: bool, around: Around, unrolled: &[IndexVar]) {
        let Some(array) = self.arrays.get_mut(&local) else { return };
        let fixed = index.data().is_empty() && index.vars().iter().all(|v| unrolled.contains(v));
        let known = around.vector.filter(|(_, n)| n.is_some());
        let in_turn = known.is_some_and(|(v, _)| *index == Index::var(v));
        let own = known.is_some_and(|(v, n)| {
            in_turn
                || (n == Some(LANES)
                    && whole_rows(index).is_some_and(|w| index.plus(&w, -LANES) == Index::var(v)))
        });
        array.in_turn &= in_turn;
        array.fixed &= fixed;
        array.alike &= !store || !around.per_thread;
        array.own &= own;
    }
}
