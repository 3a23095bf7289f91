//! Two loops, one directly in the other, become one where every index allows: long loops fill vectors.

use super::{Atom, Expr, Extent, Index, IndexVar, Loop, LoopKind, Over, Stmt};

/// Collapses loops of `stmts` wherever possible, and joins the names of their axes.
#[must_use]
pub fn collapse(stmts: Vec<Stmt>, axes: &mut [Over]) -> Vec<Stmt> {
    stmts
        .into_iter()
        .map(|stmt| match stmt {
            Stmt::Loop(mut l) => {
                l.body = collapse(l.body, axes);
                while let Some(merged) = merge(&l) {
                    join_names(axes, l.var, merged.var);
                    *l = merged;
                }
                Stmt::Loop(l)
            }
            other => other,
        })
        .collect()
}

fn join_names(axes: &mut [Over], outer: IndexVar, inner: IndexVar) {
    let joined = match (&axes[outer.0 as usize], &axes[inner.0 as usize]) {
        (Over::Axes(a), Over::Axes(b)) => Over::Axes([a.as_slice(), b.as_slice()].concat()),
        _ => Over::Nothing,
    };
    axes[inner.0 as usize] = joined;
}

/// The loop and the only statement in it, a loop, as one loop.
fn merge(outer: &Loop) -> Option<Loop> {
    let [Stmt::Loop(inner)] = outer.body.as_slice() else { return None };
    // Rows and columns of a matrix product stay what they are.
    if outer.stop.is_some() || inner.stop.is_some() || inner.multiplies() {
        return None;
    }
    let kind = match (outer.kind, inner.kind) {
        (LoopKind::Parallel, LoopKind::Parallel | LoopKind::ParallelLanes)
        | (LoopKind::Sequential, LoopKind::Sequential | LoopKind::Vector) => inner.kind,
        _ => return None,
    };
    let size = inner.extent.known()?;
    let mut fits = true;
    each_index(&inner.body, &mut |index| {
        let (o, i) = (index.stride(outer.var), index.stride(inner.var));
        fits &= o.is_some() && i.is_some_and(|i| o == Some(i * size));
    });
    // A value that an index is turned into must not lose the outer variable either.
    if !fits {
        return None;
    }
    let extent = Extent { count: outer.extent.count * size, batch: outer.extent.batch };
    let mut body = inner.body.clone();
    without(&mut body, outer.var);
    Some(Loop { kind, var: inner.var, extent, stop: None, body })
}

/// Calls `see` with every index in the statements.
pub(crate) fn each_index(stmts: &[Stmt], see: &mut dyn FnMut(&Index)) {
    for stmt in stmts {
        match stmt {
            Stmt::Loop(l) => {
                l.stop.iter().for_each(&mut *see);
                each_index(&l.body, see);
            }
            Stmt::Let(_, Expr::Load(_, i) | Expr::Local(_, i) | Expr::Index(i)) => see(i),
            Stmt::Store(_, i, _) | Stmt::StoreLocal(_, i, _) | Stmt::Fetch(_, i) => see(i),
            _ => {}
        }
    }
}

fn without(stmts: &mut [Stmt], var: IndexVar) {
    for stmt in stmts {
        match stmt {
            Stmt::Loop(l) => {
                if let Some(stop) = l.stop.as_mut().filter(|stop| stop.mentions(var)) {
                    *stop = stop.without(var);
                }
                without(&mut l.body, var);
            }
            Stmt::Let(_, Expr::Load(_, i) | Expr::Local(_, i) | Expr::Index(i))
            | Stmt::Store(_, i, _)
            | Stmt::StoreLocal(_, i, _)
            | Stmt::Fetch(_, i)
                if i.terms.iter().any(|(a, _)| *a == Atom::Var(var)) =>
            {
                *i = i.without(var);
            }
            _ => {}
        }
    }
}
