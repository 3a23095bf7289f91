//! Loops that run once: their statements stand where the loop did.

use super::{Expr, Extent, Index, IndexVar, LoopKind, Stmt};

/// The statements without loops that one thing after another runs through just once.
#[must_use]
pub fn without_single(stmts: Vec<Stmt>) -> Vec<Stmt> {
    let mut all = Vec::with_capacity(stmts.len());
    for stmt in stmts {
        match stmt {
            Stmt::Loop(mut l) => {
                l.body = without_single(l.body);
                let in_order = matches!(l.kind, LoopKind::Sequential | LoopKind::Unrolled);
                if in_order && l.extent == Extent::fixed(1) && l.stop.is_none() {
                    at_zero(&mut l.body, l.var);
                    all.extend(l.body);
                } else {
                    all.push(Stmt::Loop(l));
                }
            }
            other => all.push(other),
        }
    }
    all
}

fn at_zero(stmts: &mut [Stmt], var: IndexVar) {
    let zero = |index: &mut Index| {
        if index.mentions(var) {
            *index = index.at_zero(var);
        }
    };
    for stmt in stmts {
        match stmt {
            Stmt::Loop(l) => {
                l.stop.iter_mut().for_each(zero);
                at_zero(&mut l.body, var);
            }
            Stmt::Let(_, Expr::Load(_, i) | Expr::Local(_, i) | Expr::Index(i)) => zero(i),
            Stmt::Store(_, i, _) | Stmt::StoreLocal(_, i, _) | Stmt::Fetch(_, i) => zero(i),
            _ => {}
        }
    }
}
