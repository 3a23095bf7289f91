//! Values that need no line and no name of their own.

use crate::ir::{Expr, Operand, Scalar, Stmt, each_index};
use std::collections::{BTreeMap, BTreeSet};

/// The values that are read once, by a statement that follows with nothing but values between: they may stand in its text
/// instead of a line of their own.
pub(super) fn read_at_once(stmts: &[Stmt]) -> BTreeSet<Scalar> {
    let mut reads = BTreeMap::new();
    each_read(stmts, &mut |scalar, times| *reads.entry(scalar).or_insert(0) += times);
    let mut found = BTreeSet::new();
    in_block(stmts, &reads, &mut found);
    found
}

fn in_block(stmts: &[Stmt], reads: &BTreeMap<Scalar, usize>, found: &mut BTreeSet<Scalar>) {
    let mut open: BTreeSet<Scalar> = BTreeSet::new();
    for stmt in stmts {
        if let Stmt::Loop(l) = stmt {
            in_block(&l.body, reads, found);
            open.clear();
            continue;
        }
        each_operand(stmt, &mut |scalar| {
            if open.remove(&scalar) {
                found.insert(scalar);
            }
        });
        match stmt {
            Stmt::Let(scalar, _) if reads.get(scalar) == Some(&1) => drop(open.insert(*scalar)),
            Stmt::Let(..) | Stmt::Array(..) | Stmt::Acc(..) | Stmt::Fetch(..) => {}
            _ => open.clear(),
        }
    }
}

/// Calls `see` with every value that statements read, and how often; places in memory count as many.
fn each_read(stmts: &[Stmt], see: &mut dyn FnMut(Scalar, usize)) {
    each_index(stmts, &mut |index| index.data().into_iter().for_each(|s| see(s, 2)));
    fn operands(stmts: &[Stmt], see: &mut dyn FnMut(Scalar, usize)) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => operands(&l.body, see),
                other => each_operand(other, &mut |scalar| see(scalar, 1)),
            }
        }
    }
    operands(stmts, see);
}

/// Calls `see` with every value that a statement, no loop, reads for what it is.
pub(super) fn each_operand(stmt: &Stmt, see: &mut dyn FnMut(Scalar)) {
    let mut of = |operand: &Operand| {
        if let Operand::Scalar(scalar) = operand {
            see(*scalar);
        }
    };
    match stmt {
        Stmt::Store(_, _, o) | Stmt::StoreLocal(_, _, o) | Stmt::Accumulate(_, o) => of(o),
        Stmt::Let(_, Expr::Unary(_, a)) => of(a),
        Stmt::Let(_, Expr::Binary(_, a, b)) => [a, b].into_iter().for_each(of),
        Stmt::Let(_, Expr::Select(a, b, c)) => [a, b, c].into_iter().for_each(of),
        Stmt::Let(_, Expr::Math(_, all)) => all.iter().for_each(of),
        _ => {}
    }
}
