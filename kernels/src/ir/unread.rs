//! Values, sums and local arrays that nothing reads, such as the last state of a chunk where only the gradient of what was
//! yielded is asked for: a compiler of C drops them by itself, with a warning, but on a GPU arrays take shared memory from
//! the others.

use super::index::Atom;
use super::{Acc, Expr, Index, Local, Operand, Scalar, Stmt, each_index};
use std::collections::BTreeSet;

/// What the statements read.
#[derive(Default)]
struct Read {
    locals: BTreeSet<Local>,
    accs: BTreeSet<Acc>,
    scalars: BTreeSet<Scalar>,
}

/// The statements without what nothing reads, without what was only computed for that, and without the loops that have
/// nothing left to do.
#[must_use]
pub fn without_unread(mut stmts: Vec<Stmt>) -> Vec<Stmt> {
    loop {
        let mut read = Read::default();
        read.all(&stmts);
        let is_unread = |stmt: &Stmt| match stmt {
            Stmt::Array(local, ..) | Stmt::StoreLocal(local, ..) => !read.locals.contains(local),
            Stmt::Acc(acc, _) | Stmt::Accumulate(acc, _) => !read.accs.contains(acc),
            Stmt::Let(scalar, _) => !read.scalars.contains(scalar),
            _ => false,
        };
        if !drop_where(&mut stmts, &is_unread) {
            return stmts;
        }
    }
}

impl Read {
    fn all(&mut self, stmts: &[Stmt]) {
        each_index(stmts, &mut |index| self.index(index));
        self.operands(stmts);
    }

    fn index(&mut self, index: &Index) {
        for (atom, _) in &index.terms {
            match atom {
                Atom::Var(_) => {}
                Atom::Data(scalar) => drop(self.scalars.insert(*scalar)),
                Atom::Div(inner, _) | Atom::Mod(inner, _) | Atom::Clamp(inner, ..) => self.index(inner),
            }
        }
    }

    fn operand(&mut self, operand: &Operand) {
        if let Operand::Scalar(scalar) = operand {
            self.scalars.insert(*scalar);
        }
    }

    fn operands(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => self.operands(&l.body),
                Stmt::Let(_, expr) => self.expr(expr),
                Stmt::Store(_, _, o) | Stmt::StoreLocal(_, _, o) | Stmt::Accumulate(_, o) => self.operand(o),
                Stmt::Array(..) | Stmt::Acc(..) | Stmt::Fetch(..) => {}
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Local(local, _) => drop(self.locals.insert(*local)),
            Expr::Acc(acc) => drop(self.accs.insert(*acc)),
            Expr::Load(..) | Expr::Index(_) => {}
            Expr::Unary(_, a) => self.operand(a),
            Expr::Binary(_, a, b) => [a, b].into_iter().for_each(|o| self.operand(o)),
            Expr::Select(a, b, c) => [a, b, c].into_iter().for_each(|o| self.operand(o)),
            Expr::Math(_, all) => all.iter().for_each(|o| self.operand(o)),
        }
    }
}

/// Drops such statements; whether there was one.
fn drop_where(stmts: &mut Vec<Stmt>, is_unread: &dyn Fn(&Stmt) -> bool) -> bool {
    let mut dropped = false;
    stmts.retain_mut(|stmt| {
        if is_unread(stmt) {
            dropped = true;
            return false;
        }
        let Stmt::Loop(l) = stmt else { return true };
        let within = drop_where(&mut l.body, is_unread);
        dropped |= within;
        !(within && l.body.is_empty())
    });
    dropped
}

#[cfg(test)]
mod tests {
    use super::super::{Binary, Elem, Extent, IndexVar, Join, Loop, LoopKind};
    use super::*;

    fn around(var: u32, body: Vec<Stmt>) -> Stmt {
        let (kind, var) = (LoopKind::Sequential, IndexVar(var));
        Stmt::Loop(Box::new(Loop { kind, var, extent: Extent::fixed(4), stop: None, body }))
    }

    fn at(var: u32) -> Index {
        Index::var(IndexVar(var))
    }

    fn load(scalar: u32, var: u32) -> Stmt {
        Stmt::Let(Scalar(scalar), Expr::Load(0, at(var)))
    }

    fn own(local: u32, var: u32, scalar: u32) -> Stmt {
        Stmt::StoreLocal(Local(local), at(var), Operand::Scalar(Scalar(scalar)))
    }

    /// An array copied into one that nothing reads: both go, with the loops, and what also goes to memory stays.
    #[test]
    fn what_only_an_unread_array_wants_goes_with_it() {
        let double = Expr::Binary(Binary::Add, Operand::Scalar(Scalar(0)), Operand::Scalar(Scalar(0)));
        let copy = Stmt::Let(Scalar(2), Expr::Local(Local(0), at(1)));
        let result = Stmt::Store(1, at(0), Operand::Scalar(Scalar(0)));
        let stmts = vec![
            Stmt::Array(Local(0), Elem::F32, 4),
            Stmt::Array(Local(1), Elem::F32, 4),
            around(0, vec![load(0, 0), Stmt::Let(Scalar(1), double), own(0, 0, 1), result.clone()]),
            around(1, vec![copy, own(1, 1, 2)]),
        ];
        assert_eq!(without_unread(stmts), [around(0, vec![load(0, 0), result])]);
    }

    #[test]
    fn what_is_read_stays() {
        let back = Stmt::Let(Scalar(1), Expr::Local(Local(0), at(1)));
        let result = Stmt::Store(1, at(1), Operand::Scalar(Scalar(1)));
        let stmts = vec![
            Stmt::Array(Local(0), Elem::F32, 4),
            around(0, vec![load(0, 0), own(0, 0, 0)]),
            around(1, vec![back, result]),
        ];
        assert_eq!(without_unread(stmts.clone()), stmts);
        // A sum that nothing reads, of a value that nothing else reads.
        let add = Stmt::Accumulate(Acc(0), Operand::Scalar(Scalar(2)));
        let sum = [Stmt::Acc(Acc(0), Join::Sum), around(2, vec![load(2, 2), add])];
        assert_eq!(without_unread([stmts.as_slice(), &sum].concat()), stmts);
    }
}
