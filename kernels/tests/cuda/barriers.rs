//! What is read before a barrier of lanes stays before it, though a value that is read once has no line of its own.

use arch_compiler::graph::AxisId;
use arch_kernels::ir::{
    Arg, Binary, Elem, Expr, Extent, Index, IndexVar, Kernel, Local, Loop, LoopKind, Operand, Over, Role,
    Scalar, Stmt, Type,
};
use arch_kernels::print::print_cuda;

/// A row lies in shared memory; one lane copies an element of it, and then two are added: the second is there only after a
/// barrier, behind which others may write to the row.
fn kernel() -> Kernel {
    let (sample, at, last) = (IndexVar(0), IndexVar(1), IndexVar(2));
    let around = |kind, var, extent, body| Stmt::Loop(Box::new(Loop { kind, var, extent, stop: None, body }));
    let (row, copy) = (Local(0), Local(1));
    let value = |s| Operand::Scalar(Scalar(s));
    let (batch, place) = (Index::var(sample), Index::var(at));
    let fill = vec![
        Stmt::Let(Scalar(0), Expr::Load(0, batch.times(40).plus(&place, 1))),
        Stmt::StoreLocal(row, place, value(0)),
    ];
    let back = vec![
        Stmt::Let(Scalar(5), Expr::Local(copy, Index::var(last))),
        Stmt::Store(2, batch.times(40).plus(&Index::var(last), 1), value(5)),
    ];
    let body = vec![
        Stmt::Array(row, Elem::F32, 40),
        Stmt::Array(copy, Elem::F32, 40),
        around(LoopKind::Vector, at, Extent::fixed(40), fill),
        Stmt::Let(Scalar(1), Expr::Local(row, Index::constant(0))),
        Stmt::StoreLocal(copy, Index::constant(0), value(1)),
        Stmt::Let(Scalar(2), Expr::Local(row, Index::constant(3))),
        Stmt::Let(Scalar(3), Expr::Local(copy, Index::constant(0))),
        Stmt::Let(Scalar(4), Expr::Binary(Binary::Add, value(2), value(3))),
        Stmt::Store(1, batch.clone(), value(4)),
        around(LoopKind::Vector, last, Extent::fixed(40), back),
    ];
    let all = Extent { count: 1, batch: true };
    let arg = |role| Arg { elem: Elem::F32, role };
    Kernel {
        name: "barriers".into(),
        family: "row".into(),
        origins: Vec::new(),
        axes: vec![Over::Axes(vec![(AxisId::BATCH.0, "batch".into())]), Over::Nothing, Over::Nothing],
        shapes: Vec::new(),
        values: Vec::new(),
        args: vec![arg(Role::Read), arg(Role::Write), arg(Role::Write)],
        scalars: vec![Type::F32; 6],
        accs: Vec::new(),
        body: vec![around(LoopKind::Parallel, sample, all, body)],
    }
}

#[test]
fn what_is_read_before_a_barrier_stays_before_it() {
    let text = print_cuda(&kernel(), false).unwrap();
    let read = text.find("[3]").expect("the element is read");
    let barriers: Vec<usize> = text.match_indices("__syncwarp();").map(|found| found.0).collect();
    assert_eq!(barriers.len(), 2, "{text}");
    assert!(barriers[0] < read && read < barriers[1], "{text}");
}
