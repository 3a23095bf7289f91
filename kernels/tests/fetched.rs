//! What the next chunk of a scan touches is fetched: the rows that a step loads and stores, and nothing else.

use arch_kernels::ir::{Arg, Body, Elem, Expr, Extent, Index, LoopKind, Operand, Role, Stmt};

#[test]
fn rows_that_move_with_the_chunk_are_fetched_for_the_next() {
    let mut body = Body::new();
    let x = body.arg(Arg { elem: Elem::F32, role: Role::Read });
    let y = body.arg(Arg { elem: Elem::F32, role: Role::Write });
    let chunk = body.open(LoopKind::Sequential, Extent::fixed(4));
    let lane = Index::var(body.open(LoopKind::Vector, Extent::fixed(16)));
    let step = Index::var(body.open(LoopKind::Sequential, Extent::fixed(8)));
    let c = Index::var(chunk);
    let row = c.times(-1024).plus(&step, 128).plus(&lane, 1).offset(3072);
    let columns = c.times(1024).plus(&step, 128).plus(&lane, 8);
    let same_in_all_chunks = step.times(128).plus(&lane, 1);
    for index in [&row, &row, &columns, &same_in_all_chunks] {
        body.bind_here(Expr::Load(x, index.clone()));
    }
    body.push(Stmt::Store(y, row.clone(), Operand::float(1.0)));
    body.fetch_next(chunk);
    (0..3).for_each(|_| body.close());
    let mut stmts = body.finish().3;
    while let [Stmt::Loop(l)] = stmts.as_slice() {
        stmts = l.body.clone();
    }
    let fetched: Vec<&Stmt> = stmts.iter().filter(|s| matches!(s, Stmt::Fetch(..))).collect();
    let next = row.offset(-1024);
    assert_eq!(fetched, [&Stmt::Fetch(x, next.clone()), &Stmt::Fetch(y, next)]);
}
