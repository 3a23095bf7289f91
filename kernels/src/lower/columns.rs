//! Sums down columns. One vector of columns at a time leaves most of what memory can give unused: its rows lie far apart, and
//! each sum waits for the one before it. Where there is enough for all threads, several vectors go down the rows together:
//! pieces of whole cache lines are read, and the sums do not wait for each other. Each column is added up in the order that it
//! was, so no result changes.
//!
//! On a GPU each thread has a column of its own, and neighbours read one row together: nothing changes there.

use super::choices::Choices;
use crate::ir::{
    Acc, Binary, Elem, Expr, Extent, Index, IndexVar, Join, Local, Loop, LoopKind, Operand, Over, Scalar,
    Stmt, Type,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many vectors go together at most, and sums in registers.
const WIDEST: i64 = 8;
/// How many pieces are left for threads at least: for the widest, and for others.
const PIECES: (i64, i64) = (8, 4);
/// For how many a batch counts, of which the text of a kernel knows nothing.
const BATCH: i64 = 4;
/// Fewer rows than this are not worth it.
const ROWS: i64 = 16;
/// Statements that are written out several times, at most.
const STATEMENTS: usize = 24;

/// What a kernel has beside its statements.
pub(super) struct Names<'a> {
    /// What each loop runs over.
    pub axes: &'a mut Vec<Over>,
    /// The type of each value.
    pub scalars: &'a mut Vec<Type>,
}

/// The statements, with several vectors of columns together in loops whose lanes are columns.
pub(super) fn together(stmts: Vec<Stmt>, names: Names<'_>, lanes: i64, choices: Choices) -> Vec<Stmt> {
    Together { names, lanes, choices }.visit(stmts, 1)
}

struct Together<'a> {
    names: Names<'a>,
    lanes: i64,
    choices: Choices,
}

impl Together<'_> {
    /// The same within parallel loops, which have so many iterations.
    fn visit(&mut self, stmts: Vec<Stmt>, around: i64) -> Vec<Stmt> {
        let each = |stmt: Stmt| match stmt {
            Stmt::Loop(mut l) if l.kind == LoopKind::Parallel => {
                let batch = if l.extent.batch { BATCH } else { 1 };
                l.body = self.visit(l.body, around.saturating_mul(l.extent.count).saturating_mul(batch));
                Stmt::Loop(l)
            }
            Stmt::Loop(l) if l.kind == LoopKind::ParallelLanes => Stmt::Loop(self.columns(l, around)),
            other => other,
        };
        stmts.into_iter().map(each).collect()
    }

    fn columns(&mut self, columns: Box<Loop>, around: i64) -> Box<Loop> {
        let Some(count) = columns.extent.known().filter(|n| n % self.lanes == 0) else { return columns };
        let Some(shape) = Shape::of(&columns, &self.names) else { return columns };
        let Some(vectors) = self.vectors(count / self.lanes, around, &shape) else { return columns };
        let (axes, lanes) = (&mut *self.names.axes, self.lanes);
        let mut loop_var = |over| {
            axes.push(over);
            IndexVar(axes.len() as u32 - 1)
        };
        let [block, lane] = [Over::Part("block"), Over::Part("column")].map(&mut loop_var);
        let first = Index::var(block).times(lanes * vectors).plus(&Index::var(lane), 1);
        let arrays: Vec<(Local, Elem)> = shape.arrays().map(|local| (local, Elem::F32)).collect();
        let mut apart =
            Apart { names: &mut self.names, shape: &shape, column: columns.var, first, lanes, vectors };
        let written = apart.written_out(&columns.body);
        let arrays = arrays.into_iter().map(|(local, elem)| Stmt::Array(local, elem, vectors));
        let lane = Loop {
            kind: LoopKind::Vector,
            var: lane,
            extent: Extent::fixed(lanes),
            stop: None,
            body: arrays.chain(written).collect(),
        };
        Box::new(Loop {
            kind: LoopKind::Parallel,
            var: block,
            extent: Extent::fixed(count / lanes / vectors),
            stop: None,
            body: vec![Stmt::Loop(Box::new(lane))],
        })
    }

    /// How many vectors go together.
    fn vectors(&self, all: i64, around: i64, shape: &Shape) -> Option<i64> {
        let held = shape.arrays().count().max(1) as i64;
        let fits = |vectors: &i64| {
            let pieces = if *vectors == WIDEST { PIECES.0 } else { PIECES.1 };
            all % vectors == 0 && held * vectors <= WIDEST && (all / vectors).saturating_mul(around) >= pieces
        };
        if let Some(bad) = self.choices.pick("columns together", all as usize, 4) {
            return [2, 3, 5].get(bad).copied().filter(|vectors| all % vectors == 0);
        }
        [WIDEST, 4, 2].into_iter().find(fits)
    }
}

/// Statements of columns, where several vectors can go through them together.
#[derive(Default)]
struct Shape {
    /// Values that differ from column to column, and the stretch between loops that each is bound in.
    stretch: BTreeMap<Scalar, usize>,
    /// Where values are kept that are read in other stretches.
    kept: BTreeMap<Scalar, Local>,
    sums: BTreeMap<Acc, (Local, Join)>,
    /// How many stretches there are so far, and statements in loops.
    stretches: usize,
    statements: usize,
    /// Whether a whole vector of a row is read in a loop.
    reads_rows: bool,
    locals: u32,
}

impl Shape {
    fn of(columns: &Loop, names: &Names<'_>) -> Option<Shape> {
        let mut shape = Shape::default();
        shape.all(&columns.body, columns.var, 0, names)?;
        let long = columns.stop.is_none() && rows(&columns.body) >= ROWS;
        (long && shape.reads_rows && shape.statements <= STATEMENTS && !shape.sums.is_empty())
            .then_some(shape)
    }

    fn arrays(&self) -> impl Iterator<Item = Local> {
        let mut all: Vec<Local> =
            self.sums.values().map(|s| s.0).chain(self.kept.values().copied()).collect();
        all.sort_unstable();
        all.into_iter()
    }

    fn array(&mut self) -> Local {
        self.locals += 1;
        Local(self.locals - 1)
    }

    fn all(&mut self, stmts: &[Stmt], column: IndexVar, depth: usize, names: &Names<'_>) -> Option<()> {
        self.stretches += 1;
        let mut stretch = self.stretches;
        for stmt in stmts {
            if depth > 0 {
                self.statements += 1;
            }
            match stmt {
                Stmt::Loop(l) => {
                    let in_order = l.kind == LoopKind::Sequential && l.stop.is_none();
                    in_order.then(|| self.all(&l.body, column, depth + 1, names))??;
                    self.stretches += 1;
                    stretch = self.stretches;
                }
                Stmt::Acc(acc, join) => {
                    let local = self.array();
                    self.sums.insert(*acc, (local, *join));
                }
                Stmt::Accumulate(acc, value) => {
                    // What is the same in all columns is added up once, by itself.
                    (self.sums.contains_key(acc) && self.differs(value)).then_some(())?;
                    self.reads(value, stretch, names)?;
                }
                Stmt::Store(_, index, value) => {
                    (depth == 0 && self.stride(index, column)? == 1).then_some(())?;
                    self.reads(value, stretch, names)?;
                }
                Stmt::Let(scalar, expr) => self.binds(*scalar, expr, (column, stretch, depth), names)?,
                Stmt::Array(..) | Stmt::StoreLocal(..) | Stmt::Fetch(..) => return None,
            }
        }
        Some(())
    }

    fn binds(
        &mut self,
        scalar: Scalar,
        expr: &Expr,
        (column, stretch, depth): (IndexVar, usize, usize),
        names: &Names<'_>,
    ) -> Option<()> {
        let differs = match expr {
            Expr::Load(_, index) => {
                let stride = self.stride(index, column).filter(|s| (0..=1).contains(s))?;
                self.reads_rows |= stride == 1 && depth > 0;
                stride == 1
            }
            Expr::Index(index) => {
                (self.stride(index, column)? == 0).then_some(())?;
                false
            }
            Expr::Local(..) => return None,
            Expr::Acc(acc) => self.sums.contains_key(acc).then_some(true)?,
            _ => {
                let all = operands(expr);
                for operand in &all {
                    self.reads(operand, stretch, names)?;
                }
                all.iter().any(|o| self.differs(o))
            }
        };
        if differs {
            self.stretch.insert(scalar, stretch);
        }
        Some(())
    }

    /// How an index grows from column to column, if evenly and not with what is read for each.
    fn stride(&self, index: &Index, column: IndexVar) -> Option<i64> {
        index.data().iter().all(|s| !self.stretch.contains_key(s)).then(|| index.stride(column))?
    }

    fn differs(&self, operand: &Operand) -> bool {
        matches!(operand, Operand::Scalar(s) if self.stretch.contains_key(s))
    }

    /// What is read in another stretch than it was bound in is kept, if it is a float.
    fn reads(&mut self, operand: &Operand, stretch: usize, names: &Names<'_>) -> Option<()> {
        let Operand::Scalar(scalar) = operand else { return Some(()) };
        let elsewhere = self.stretch.get(scalar).is_some_and(|bound| *bound != stretch);
        if elsewhere && !self.kept.contains_key(scalar) {
            (names.scalars[scalar.0 as usize] == Type::F32).then_some(())?;
            let local = self.array();
            self.kept.insert(*scalar, local);
        }
        Some(())
    }
}

/// The longest loop; a batch is as long as it needs to be.
fn rows(stmts: &[Stmt]) -> i64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Loop(l) if l.extent.batch => ROWS,
        Stmt::Loop(l) => l.extent.count.saturating_mul(rows(&l.body).max(1)),
        _ => 0,
    };
    stmts.iter().map(of).max().unwrap_or(0)
}

fn operands(expr: &Expr) -> Vec<Operand> {
    match expr {
        Expr::Unary(_, a) => vec![*a],
        Expr::Binary(_, a, b) => vec![*a, *b],
        Expr::Select(a, b, c) => vec![*a, *b, *c],
        Expr::Math(_, all) => all.clone(),
        _ => Vec::new(),
    }
}

/// Writes out what is done for each vector.
struct Apart<'a, 'n> {
    names: &'a mut Names<'n>,
    shape: &'a Shape,
    column: IndexVar,
    /// The column of each lane in the first vector.
    first: Index,
    lanes: i64,
    vectors: i64,
}

impl Apart<'_, '_> {
    /// Loops as they are, and each stretch between them once for each vector.
    fn written_out(&mut self, stmts: &[Stmt]) -> Vec<Stmt> {
        let mut all = Vec::new();
        let mut stretch = Vec::new();
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => {
                    self.stretch(std::mem::take(&mut stretch), &mut all);
                    let body = self.written_out(&l.body);
                    all.push(Stmt::Loop(Box::new(Loop { body, ..(**l).clone() })));
                }
                // The same for all columns.
                Stmt::Let(scalar, _) if !self.shape.stretch.contains_key(scalar) => all.push(stmt.clone()),
                other => stretch.push(other),
            }
        }
        self.stretch(stretch, &mut all);
        all
    }

    fn stretch(&mut self, stmts: Vec<&Stmt>, into: &mut Vec<Stmt>) {
        if stmts.is_empty() {
            return;
        }
        self.names.axes.push(Over::Part("vector"));
        let vector = IndexVar(self.names.axes.len() as u32 - 1);
        let own: BTreeSet<Scalar> = stmts.iter().filter_map(|s| bound(s)).collect();
        let mut each = Each { vector, own, here: BTreeMap::new(), body: Vec::new() };
        for stmt in stmts {
            self.statement(stmt, &mut each);
        }
        into.push(Stmt::Loop(Box::new(Loop {
            kind: LoopKind::Unrolled,
            var: vector,
            extent: Extent::fixed(self.vectors),
            stop: None,
            body: each.body,
        })));
    }

    fn statement(&mut self, stmt: &Stmt, each: &mut Each) {
        let at = Index::var(each.vector);
        match stmt {
            Stmt::Acc(acc, join) => {
                let neutral = match join {
                    Join::Sum => 0.0,
                    Join::Product => 1.0,
                    Join::Max => f32::NEG_INFINITY,
                    Join::Min => f32::INFINITY,
                };
                each.body.push(Stmt::StoreLocal(self.shape.sums[acc].0, at, Operand::float(neutral)));
            }
            Stmt::Accumulate(acc, value) => {
                let value = self.operand(*value, each);
                let (local, join) = self.shape.sums[acc];
                let op = match join {
                    Join::Sum => Binary::Add,
                    Join::Product => Binary::Mul,
                    Join::Max => Binary::Max,
                    Join::Min => Binary::Min,
                };
                let before = self.fresh(Expr::Local(local, at.clone()), each);
                let sum = self.fresh(Expr::Binary(op, before, value), each);
                each.body.push(Stmt::StoreLocal(local, at, sum));
            }
            Stmt::Store(arg, index, value) => {
                let value = self.operand(*value, each);
                each.body.push(Stmt::Store(*arg, self.place(index, each.vector), value));
            }
            Stmt::Let(scalar, expr) => {
                let expr = self.expr(expr, each);
                each.body.push(Stmt::Let(*scalar, expr));
                if let Some(local) = self.shape.kept.get(scalar) {
                    each.body.push(Stmt::StoreLocal(*local, at, Operand::Scalar(*scalar)));
                }
            }
            other => each.body.push(other.clone()),
        }
    }

    fn expr(&mut self, expr: &Expr, each: &mut Each) -> Expr {
        match expr {
            Expr::Load(arg, index) => Expr::Load(*arg, self.place(index, each.vector)),
            Expr::Acc(acc) => Expr::Local(self.shape.sums[acc].0, Index::var(each.vector)),
            Expr::Unary(op, a) => Expr::Unary(*op, self.operand(*a, each)),
            Expr::Binary(op, a, b) => Expr::Binary(*op, self.operand(*a, each), self.operand(*b, each)),
            Expr::Select(a, b, c) => {
                let [a, b, c] = [a, b, c].map(|o| self.operand(*o, each));
                Expr::Select(a, b, c)
            }
            Expr::Math(f, all) => Expr::Math(*f, all.iter().map(|o| self.operand(*o, each)).collect()),
            other => other.clone(),
        }
    }

    /// The place of a column, in this vector.
    fn place(&self, index: &Index, vector: IndexVar) -> Index {
        let stride = index.stride(self.column).unwrap_or(0);
        let column = self.first.plus(&Index::var(vector), self.lanes);
        if stride == 0 { index.clone() } else { index.without(self.column).plus(&column, stride) }
    }

    /// What was kept in another stretch is read, once.
    fn operand(&mut self, operand: Operand, each: &mut Each) -> Operand {
        let Operand::Scalar(scalar) = operand else { return operand };
        match self.shape.kept.get(&scalar) {
            Some(local) if !each.own.contains(&scalar) => {
                if let Some(here) = each.here.get(&scalar) {
                    return *here;
                }
                let here = self.fresh(Expr::Local(*local, Index::var(each.vector)), each);
                each.here.insert(scalar, here);
                here
            }
            _ => operand,
        }
    }

    fn fresh(&mut self, expr: Expr, each: &mut Each) -> Operand {
        self.names.scalars.push(Type::F32);
        let scalar = Scalar(self.names.scalars.len() as u32 - 1);
        each.body.push(Stmt::Let(scalar, expr));
        Operand::Scalar(scalar)
    }
}

/// A stretch that is being written out.
struct Each {
    vector: IndexVar,
    /// What is bound in it.
    own: BTreeSet<Scalar>,
    /// What was kept elsewhere and has been read here.
    here: BTreeMap<Scalar, Operand>,
    body: Vec<Stmt>,
}

fn bound(stmt: &Stmt) -> Option<Scalar> {
    match stmt {
        Stmt::Let(scalar, _) => Some(*scalar),
        _ => None,
    }
}
