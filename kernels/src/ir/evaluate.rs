//! Runs a kernel as it stands, statement by statement, without a compiler: slow, and right. It is what a kernel
//! runs on that the C compiler does not take, and a second opinion on what the printers print.
//!
//! A vector loop runs one element after the other, so sums come in another order than on vectors: results agree
//! with compiled code within rounding, not bit for bit.

use super::math::{self, Arithmetic, Definition};
use super::{Atom, Binary, Expr, Index, Join, Kernel, Loop, LoopKind, Math, Operand, Stmt, Type, Unary};
use std::collections::BTreeMap;

/// The buffers of a kernel, as bits of 32-bit elements.
pub trait Buffers {
    /// Element `at` of argument `arg`.
    fn load(&self, arg: u32, at: i64) -> u32;
    /// Writes element `at` of argument `arg`.
    fn store(&self, arg: u32, at: i64, bits: u32);
}

/// A kernel with everything that running it needs.
#[derive(Clone, Debug)]
pub struct Evaluator {
    kernel: Kernel,
    lanes: i64,
    functions: BTreeMap<Math, Definition>,
}

/// What a run of some pieces holds.
struct Run<'a> {
    of: &'a Evaluator,
    buffers: &'a dyn Buffers,
    batch: i64,
    scalars: Vec<u32>,
    vars: Vec<i64>,
    accs: Vec<f32>,
    locals: Vec<Vec<u32>>,
}

impl Evaluator {
    /// For pieces as they are counted on vectors of `lanes`: see [`Kernel::pieces`].
    #[must_use]
    pub fn new(kernel: Kernel, lanes: usize) -> Self {
        let mut functions = BTreeMap::new();
        used(&kernel.body, &mut functions);
        Evaluator { kernel, lanes: lanes as i64, functions }
    }

    /// Runs the pieces `begin..end`.
    pub fn run(&self, buffers: &dyn Buffers, batch: usize, begin: i64, end: i64) {
        let mut run = Run {
            of: self,
            buffers,
            batch: batch as i64,
            scalars: vec![0; self.kernel.scalars.len()],
            vars: vec![0; self.kernel.axes.len()],
            accs: vec![0.0; self.kernel.accs.len()],
            locals: Vec::new(),
        };
        let at = self.kernel.body.iter().position(is_parallel);
        run.block(&self.kernel.body[..at.unwrap_or(self.kernel.body.len())]);
        if at.is_some() {
            (begin..end).for_each(|piece| run.piece(&self.kernel.body, piece));
        }
    }
}

fn is_parallel(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes))
}

/// The functions that statements call, with those that these call.
fn used(stmts: &[Stmt], found: &mut BTreeMap<Math, Definition>) {
    for stmt in stmts {
        match stmt {
            Stmt::Loop(l) => used(&l.body, found),
            Stmt::Let(_, Expr::Math(function, _)) if !found.contains_key(function) => {
                let definition = math::define(*function, Arithmetic::Separate);
                used(&definition.body, found);
                found.insert(*function, definition);
            }
            _ => {}
        }
    }
}

impl Run<'_> {
    /// One piece of the parallel loops among `stmts`; what stands before them has run.
    fn piece(&mut self, stmts: &[Stmt], piece: i64) {
        let Some(Stmt::Loop(l)) = stmts.iter().find(|s| is_parallel(s)) else { return };
        let below = self.pieces(&l.body);
        let (at, rest) = (piece / below, piece % below);
        let (first, last) = match l.kind {
            LoopKind::ParallelLanes => {
                let first = at * self.of.lanes;
                (first, (first + self.of.lanes).min(self.extent(l)))
            }
            _ => (at, at + 1),
        };
        let inner = l.body.iter().position(is_parallel);
        for i in first..last {
            self.vars[l.var.0 as usize] = i;
            match inner {
                Some(at) => {
                    self.block(&l.body[..at]);
                    self.piece(&l.body, rest);
                }
                None => self.block(&l.body),
            }
        }
    }

    /// How many pieces one iteration around these statements has.
    fn pieces(&self, stmts: &[Stmt]) -> i64 {
        let Some(Stmt::Loop(l)) = stmts.iter().find(|s| is_parallel(s)) else { return 1 };
        let lanes = if l.kind == LoopKind::ParallelLanes { self.of.lanes } else { 1 };
        (self.extent(l) + lanes - 1) / lanes * self.pieces(&l.body)
    }

    fn extent(&self, l: &Loop) -> i64 {
        l.extent.at(self.batch as usize)
    }

    fn block(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Loop(l) => {
                let stop = l.stop.as_ref().map_or_else(|| self.extent(l), |stop| self.index(stop));
                for i in 0..stop {
                    self.vars[l.var.0 as usize] = i;
                    self.block(&l.body);
                }
            }
            Stmt::Let(scalar, expr) => self.scalars[scalar.0 as usize] = self.expr(expr),
            Stmt::Store(arg, index, value) => {
                self.buffers.store(*arg, self.index(index), self.operand(*value));
            }
            Stmt::Array(local, _, len) => {
                let at = local.0 as usize;
                self.locals.resize_with(self.locals.len().max(at + 1), Vec::new);
                self.locals[at].resize(*len as usize, 0);
            }
            Stmt::StoreLocal(local, index, value) => {
                let at = self.index(index) as usize;
                self.locals[local.0 as usize][at] = self.operand(*value);
            }
            Stmt::Acc(acc, join) => {
                self.accs[acc.0 as usize] = match join {
                    Join::Sum => 0.0,
                    Join::Product => 1.0,
                    Join::Max => f32::NEG_INFINITY,
                    Join::Min => f32::INFINITY,
                };
            }
            Stmt::Accumulate(acc, value) => {
                let value = f32::from_bits(self.operand(*value));
                let join = self.of.kernel.accs[acc.0 as usize];
                let acc = &mut self.accs[acc.0 as usize];
                *acc = match join {
                    Join::Sum => *acc + value,
                    Join::Product => *acc * value,
                    Join::Max => largest(*acc, value),
                    Join::Min => smallest(*acc, value),
                };
            }
            Stmt::Fetch(..) => {}
        }
    }

    fn index(&self, index: &Index) -> i64 {
        let terms = index.terms.iter().map(|(atom, scale)| {
            scale
                * match atom {
                    Atom::Var(v) => self.vars[v.0 as usize],
                    Atom::Data(s) => i64::from(self.scalars[s.0 as usize] as i32),
                    Atom::Div(inner, by) => self.index(inner) / by,
                    Atom::Mod(inner, by) => self.index(inner) % by,
                    Atom::Clamp(inner, low, high) => self.index(inner).max(*low).min(*high),
                }
        });
        index.constant + terms.sum::<i64>()
    }

    fn operand(&self, operand: Operand) -> u32 {
        value(&self.scalars, operand)
    }

    fn expr(&self, expr: &Expr) -> u32 {
        match expr {
            Expr::Load(arg, index) => self.buffers.load(*arg, self.index(index)),
            Expr::Local(local, index) => self.locals[local.0 as usize][self.index(index) as usize],
            Expr::Acc(acc) => self.accs[acc.0 as usize].to_bits(),
            Expr::Index(index) => self.index(index) as i32 as u32,
            other => pure(other, &self.scalars, &self.of.kernel.scalars, &self.of.functions),
        }
    }
}

fn value(scalars: &[u32], operand: Operand) -> u32 {
    match operand {
        Operand::Scalar(s) => scalars[s.0 as usize],
        Operand::Float(bits) => bits,
        Operand::Int(n) => n as u32,
    }
}

fn type_of(types: &[Type], operand: Operand) -> Type {
    match operand {
        Operand::Scalar(s) => types[s.0 as usize],
        Operand::Float(_) => Type::F32,
        Operand::Int(_) => Type::I32,
    }
}

/// What depends on nothing but scalars. Masks are 0 and 1.
fn pure(expr: &Expr, scalars: &[u32], types: &[Type], functions: &BTreeMap<Math, Definition>) -> u32 {
    let of = |operand: Operand| value(scalars, operand);
    match expr {
        Expr::Unary(op, a) => unary(*op, type_of(types, *a), of(*a)),
        Expr::Binary(op, a, b) => binary(*op, type_of(types, *a), of(*a), of(*b)),
        Expr::Select(mask, a, b) => of(if of(*mask) != 0 { *a } else { *b }),
        Expr::Math(function, inputs) => {
            let definition = &functions[function];
            let mut own = vec![0; definition.scalars.len()];
            for (at, input) in inputs.iter().enumerate() {
                own[at] = of(*input);
            }
            for stmt in &definition.body {
                if let Stmt::Let(scalar, expr) = stmt {
                    own[scalar.0 as usize] = pure(expr, &own, &definition.scalars, functions);
                }
            }
            value(&own, definition.result)
        }
        _ => unreachable!("elements, accumulators and indices are no pure expressions"),
    }
}

/// The smaller one; the second where either is no number, as the kernels' headers have it.
fn smallest(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The larger one; the second where either is no number.
fn largest(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

fn unary(op: Unary, ty: Type, bits: u32) -> u32 {
    let (x, n) = (f32::from_bits(bits), bits as i32);
    let float = |x: f32| x.to_bits();
    match (op, ty) {
        (Unary::Neg, Type::I32) => n.wrapping_neg() as u32,
        (Unary::Neg, _) => float(-x),
        (Unary::Abs, Type::I32) => n.wrapping_abs() as u32,
        (Unary::Abs, _) => float(x.abs()),
        (Unary::Floor, _) => float(x.floor()),
        (Unary::Rint, _) => float(x.round_ties_even()),
        (Unary::Sqrt, _) => float(x.sqrt()),
        (Unary::Not, _) => u32::from(bits == 0),
        (Unary::ToFloat, _) => float(n as f32),
        (Unary::ToInt, _) => x as i32 as u32,
        (Unary::Bits | Unary::FromBits, _) => bits,
        (Unary::Sixteenth, _) => float((f64::from(n & 15) / 16.0).exp2() as f32),
    }
}

fn binary(op: Binary, ty: Type, a: u32, b: u32) -> u32 {
    if ty == Type::F32 {
        return of_floats(op, f32::from_bits(a), f32::from_bits(b));
    }
    let (x, y) = (a as i32, b as i32);
    let result = match op {
        Binary::Add => x.wrapping_add(y),
        Binary::Sub => x.wrapping_sub(y),
        Binary::Mul => x.wrapping_mul(y),
        Binary::Div => x.checked_div(y).unwrap_or(0),
        // With the sign of the divisor.
        Binary::Rem => match x.checked_rem(y).unwrap_or(0) {
            r if r != 0 && (r ^ y) < 0 => r + y,
            r => r,
        },
        Binary::Min => x.min(y),
        Binary::Max => x.max(y),
        Binary::Lt => i32::from(x < y),
        Binary::Le => i32::from(x <= y),
        Binary::Eq => i32::from(x == y),
        Binary::And => x & y,
        Binary::Or => x | y,
        Binary::Xor => x ^ y,
        Binary::Shl => x << y,
        Binary::Shr => x >> y,
        Binary::Scale => unreachable!("only floats are scaled"),
    };
    result as u32
}

fn of_floats(op: Binary, x: f32, y: f32) -> u32 {
    let result = match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Rem => x - (x / y).floor() * y,
        Binary::Min => smallest(x, y),
        Binary::Max => largest(x, y),
        Binary::Scale => {
            let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
            let n = y.floor() as i32;
            let half = n >> 1;
            x * power(half) * power(n - half)
        }
        Binary::Lt => return u32::from(x < y),
        Binary::Le => return u32::from(x <= y),
        Binary::Eq => return u32::from(x == y),
        Binary::And | Binary::Or | Binary::Xor | Binary::Shl | Binary::Shr => {
            unreachable!("floats have no such operation")
        }
    };
    result.to_bits()
}
