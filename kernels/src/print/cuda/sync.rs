//! When the lanes of a warp must wait for one another: before one reads what another wrote, or writes over what
//! another may still read.

use super::layout::{Home, Layout};
use crate::ir::{Expr, Kernel, Local, Role, Stmt};
use std::collections::BTreeSet;

/// Memory that lanes of a warp write and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    Arg(u32),
    Local(Local),
}

/// What a statement does to memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Touch {
    pub reads: BTreeSet<Object>,
    /// Written by many lanes.
    pub writes: BTreeSet<Object>,
    /// Written by lane 0 for all.
    pub once: BTreeSet<Object>,
}

/// What has been done since all lanes last met.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    done: Touch,
}

impl Since {
    /// Whether lanes must meet before this; notes that it is done.
    pub(super) fn meets(&mut self, touch: &Touch) -> bool {
        let done = &self.done;
        let written = |o: &Object| done.writes.contains(o) || done.once.contains(o);
        let late = touch.reads.iter().any(written)
            || touch.writes.iter().any(|o| written(o) || done.reads.contains(o))
            || touch.once.iter().any(|o| done.writes.contains(o) || done.reads.contains(o));
        if late {
            self.done = Touch::default();
        }
        self.note(touch);
        late
    }

    /// This happens, or has happened in an earlier iteration.
    pub(super) fn note(&mut self, touch: &Touch) {
        self.done.reads.extend(&touch.reads);
        self.done.writes.extend(&touch.writes);
        self.done.once.extend(&touch.once);
    }
}

/// What lanes of a warp may see of one another's work.
pub(super) struct Shared<'k> {
    pub kernel: &'k Kernel,
    pub layout: &'k Layout,
}

impl Shared<'_> {
    fn arg(&self, arg: u32) -> Option<Object> {
        (self.kernel.args[arg as usize].role == Role::Update).then_some(Object::Arg(arg))
    }

    fn local(&self, local: Local) -> Option<Object> {
        (self.layout.arrays[&local].home == Home::Shared).then_some(Object::Local(local))
    }

    /// What a statement does, by one lane or by each of them.
    pub(super) fn touch(&self, stmt: &Stmt, per_thread: bool) -> Touch {
        let mut touch = Touch::default();
        self.add(stmt, per_thread, &mut touch);
        touch
    }

    fn add(&self, stmt: &Stmt, per_thread: bool, touch: &mut Touch) {
        match stmt {
            Stmt::Loop(l) => {
                let inside = per_thread || l.kind == crate::ir::LoopKind::Vector;
                l.body.iter().for_each(|s| self.add(s, inside, touch));
            }
            Stmt::Let(_, Expr::Load(arg, _)) => touch.reads.extend(self.arg(*arg)),
            Stmt::Let(_, Expr::Local(local, _)) => touch.reads.extend(self.local(*local)),
            Stmt::Store(arg, ..) => {
                let to = if per_thread { &mut touch.writes } else { &mut touch.once };
                to.extend(self.arg(*arg));
            }
            Stmt::StoreLocal(local, ..) => {
                let to = if per_thread { &mut touch.writes } else { &mut touch.once };
                to.extend(self.local(*local));
            }
            _ => {}
        }
    }
}
