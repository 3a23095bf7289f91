//! The C printer.

use super::names::{self, Lane};
use super::{Target, operations};
use crate::ir::math::Definition;
use crate::ir::{
    Acc, Elem, Expr, Extent, Index, IndexVar, Join, Kernel, Local, Loop, LoopKind, Math, Operand, Role,
    Scalar, Stmt, Type,
};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One kernel as a C function:
/// `void NAME(void *const *args, int64_t batch, int64_t begin, int64_t end)`.
#[must_use]
pub fn print_c(kernel: &Kernel, target: Target) -> String {
    let mut printer = Printer::new(&kernel.scalars, &kernel.accs, target.lanes() as i64);
    printer.args = kernel.args.iter().map(|a| a.elem).collect();
    for origin in &kernel.origins {
        printer.line(&format!("/* {origin} */"));
    }
    let name = &kernel.name;
    printer.line(&format!("void {name}(void *const *args, int64_t batch, int64_t begin, int64_t end) {{"));
    printer.indent += 1;
    for (i, arg) in kernel.args.iter().enumerate() {
        let elem = if arg.elem == Elem::F32 { "float" } else { "int32_t" };
        let constant = if arg.role == Role::Read { "const " } else { "" };
        printer.line(&format!("{constant}{elem} *restrict a{i} = args[{i}];"));
    }
    printer.line("(void)batch;");
    let parallel = kernel.parallel();
    if parallel.is_empty() {
        printer.line("(void)begin, (void)end;");
    }
    printer.top(&kernel.body, &parallel.iter().map(|p| p.0).collect::<Vec<_>>());
    printer.indent -= 1;
    printer.line("}");
    printer.text
}

/// One function of the language, for scalars and for vectors.
#[must_use]
pub(super) fn print_math(function: Math, definition: &Definition) -> String {
    let mut text = String::new();
    for vector in [false, true] {
        let mut printer = Printer::new(&definition.scalars, &[], 1);
        let (ty, prefix) = if vector { ("vf", "v") } else { ("float", "s") };
        if vector {
            printer.vector = Some(IndexVar(u32::MAX));
            printer.varying.extend((0..definition.parameters).map(|p| Scalar(p as u32)));
        }
        let parameters: Vec<String> =
            (0..definition.parameters).map(|p| format!("{ty} {}", names::scalar(Scalar(p as u32)))).collect();
        printer.line("");
        printer.line(&format!(
            "static inline {ty} {prefix}{}({}) {{",
            names::math(function),
            parameters.join(", ")
        ));
        printer.indent += 1;
        printer.block(&definition.body);
        let result = printer.operand(definition.result, vector);
        printer.line(&format!("return {result};"));
        printer.indent -= 1;
        printer.line("}");
        text += &printer.text;
    }
    text
}

struct Printer<'k> {
    text: String,
    indent: usize,
    lanes: i64,
    args: Vec<Elem>,
    scalars: &'k [Type],
    accs: &'k [Join],
    /// The variable of the vector loop that is being printed as vectors.
    vector: Option<IndexVar>,
    varying: BTreeSet<Scalar>,
    /// Arrays and accumulators that were declared inside the vector loop: their elements are vectors.
    vector_arrays: BTreeSet<Local>,
    vector_accs: BTreeSet<Acc>,
    arrays: Vec<(Local, Elem)>,
}

impl<'k> Printer<'k> {
    fn new(scalars: &'k [Type], accs: &'k [Join], lanes: i64) -> Self {
        Printer {
            text: String::new(),
            indent: 0,
            lanes,
            args: Vec::new(),
            scalars,
            accs,
            vector: None,
            varying: BTreeSet::new(),
            vector_arrays: BTreeSet::new(),
            vector_accs: BTreeSet::new(),
            arrays: Vec::new(),
        }
    }

    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            let _ = write!(self.text, "{:1$}", "", self.indent * 2);
        }
        self.text += text;
        self.text += "\n";
    }

    /// The statements outside and inside the parallel loops. Their variables are told from the piece.
    fn top(&mut self, body: &[Stmt], kinds: &[LoopKind]) {
        let inner_parallel = |s: &Stmt| matches!(s, Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes));
        let Some(at) = body.iter().position(inner_parallel) else { return self.block(body) };
        self.block(&body[..at]);
        let Stmt::Loop(first) = &body[at] else { unreachable!("found above") };
        if kinds == [LoopKind::ParallelLanes] {
            return self.lane_range(first);
        }
        self.line("for (int64_t p = begin; p < end; p++) {");
        self.indent += 1;
        self.decode(first);
        let (mut l, mut own) = (first.as_ref(), None);
        while l.kind == LoopKind::Parallel {
            let at = l.body.iter().position(inner_parallel);
            self.block(&l.body[..at.unwrap_or(l.body.len())]);
            let Some(at) = at else { break };
            let Stmt::Loop(next) = &l.body[at] else { unreachable!("found above") };
            l = next;
            own = (l.kind == LoopKind::ParallelLanes).then_some(l);
        }
        if let Some(l) = own {
            self.one_vector(l);
        }
        self.indent -= 1;
        self.line("}");
    }

    /// Only lanes are shared out: one long loop.
    fn lane_range(&mut self, l: &Loop) {
        let v = names::var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        self.line(&format!("const int64_t stop = end * {lanes} < {n} ? end * {lanes} : {n};"));
        self.line(&format!("int64_t {v} = begin * {lanes};"));
        self.vector_then_rest(l, "stop", None);
    }

    /// The variables of the parallel loops from the number of the piece.
    fn decode(&mut self, first: &Loop) {
        let mut loops = vec![first];
        while let Some(next) = loops[loops.len() - 1].body.iter().find_map(|s| match s {
            Stmt::Loop(l) if matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes) => Some(l),
            _ => None,
        }) {
            loops.push(next);
        }
        // The loops further in: how many pieces one step of this loop takes.
        let (mut below, mut batches) = (1, 0);
        let mut lines = Vec::new();
        for (i, l) in loops.iter().enumerate().rev() {
            let lanes = l.kind == LoopKind::ParallelLanes;
            let count = if lanes { (l.extent.count + self.lanes - 1) / self.lanes } else { l.extent.count };
            let by = names::extent(Extent { count: below, batch: batches > 0 });
            let mut text = match by.as_str() {
                "1" => "p".to_string(),
                _ if batches > 0 => format!("p / ({by})"),
                _ => format!("p / {by}"),
            };
            if i > 0 {
                let count = names::extent(Extent { count, ..l.extent });
                let count = if l.extent.batch { format!("({count})") } else { count };
                text = format!("{text} % {count}");
            }
            let lanes_of = if lanes { format!(" * {}", self.lanes) } else { String::new() };
            let constant = if lanes { "" } else { "const " };
            lines.push(format!("{constant}int64_t {} = {text}{lanes_of};", names::var(l.var)));
            below *= count;
            batches += usize::from(l.extent.batch);
        }
        for line in lines.iter().rev() {
            self.line(line);
        }
    }

    /// One piece of a lane loop: a whole vector, or what is left at the end.
    fn one_vector(&mut self, l: &Loop) {
        let v = names::var(l.var);
        let n = names::extent(l.extent);
        let lanes = self.lanes;
        if l.extent.known().is_some_and(|n| n % lanes == 0) {
            return self.as_vector(l);
        }
        self.line(&format!("if ({v} + {lanes} <= {n}) {{"));
        self.indent += 1;
        self.as_vector(l);
        self.indent -= 1;
        self.line("} else {");
        self.indent += 1;
        self.line(&format!("for (; {v} < {n}; {v}++) {{"));
        self.indented(&l.body);
        self.line("}");
        self.indent -= 1;
        self.line("}");
    }

    fn as_vector(&mut self, l: &Loop) {
        self.vector = Some(l.var);
        self.block(&l.body);
        self.vector = None;
        self.varying.clear();
        self.vector_arrays.clear();
        self.vector_accs.clear();
    }

    fn indented(&mut self, body: &[Stmt]) {
        self.indent += 1;
        self.block(body);
        self.indent -= 1;
    }

    fn block(&mut self, body: &[Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Loop(l) => self.inner_loop(l),
            Stmt::Let(scalar, expr) => self.bind(*scalar, expr),
            Stmt::Store(arg, index, value) => {
                let elem = self.args[*arg as usize];
                self.store(&format!("a{arg}"), elem, index, *value);
            }
            Stmt::StoreSum(arg, index, value) => {
                let mut value = self.operand(*value, self.vector.is_some());
                if self.vector.is_some() {
                    value = operations::join_lanes(Join::Sum, &value);
                }
                self.line(&format!("a{arg}[{}] = {value};", names::index(index, None)));
            }
            Stmt::Array(local, elem, len) => {
                let vector = self.vector.is_some();
                self.arrays.push((*local, *elem));
                if vector {
                    self.vector_arrays.insert(*local);
                }
                let ty = operations::c_type(if *elem == Elem::F32 { Type::F32 } else { Type::I32 }, vector);
                self.line(&format!("{ty} m{}[{len}];", local.0));
            }
            Stmt::StoreLocal(local, index, value) => {
                if self.vector_arrays.contains(local) {
                    let value = self.operand(*value, true);
                    self.line(&format!("m{}[{}] = {value};", local.0, names::index(index, None)));
                } else {
                    let elem = self.elem_of(*local);
                    self.store(&format!("m{}", local.0), elem, index, *value);
                }
            }
            Stmt::Acc(acc, join) => {
                let vector = self.vector.is_some();
                if vector {
                    self.vector_accs.insert(*acc);
                }
                let start = operations::neutral(*join);
                let start = if vector { format!("vset({start})") } else { start };
                self.line(&format!("{} r{} = {start};", operations::c_type(Type::F32, vector), acc.0));
            }
            Stmt::Accumulate(acc, value) => {
                let vector = self.vector.is_some();
                let value = self.operand(*value, vector);
                let lanes = vector && !self.vector_accs.contains(acc);
                let name = if lanes { format!("r{}v", acc.0) } else { format!("r{}", acc.0) };
                let joined = operations::join(self.accs[acc.0 as usize], &name, &value, vector);
                self.line(&format!("{name} = {joined};"));
            }
        }
    }

    fn elem_of(&self, local: Local) -> Elem {
        self.arrays.iter().rev().find(|a| a.0 == local).map_or(Elem::F32, |a| a.1)
    }

    fn inner_loop(&mut self, l: &Loop) {
        let (v, n) = (names::var(l.var), names::extent(l.extent));
        let vector = matches!(l.kind, LoopKind::Vector | LoopKind::ParallelLanes);
        if vector && self.vector.is_none() {
            self.line("{");
            self.indent += 1;
            self.line(&format!("int64_t {v} = 0;"));
            self.vector_then_rest(l, &n, l.extent.known());
            self.indent -= 1;
            self.line("}");
            return;
        }
        if l.kind == LoopKind::Unrolled {
            self.line(&format!("#pragma GCC unroll {}", l.extent.count.max(1)));
        }
        self.line(&format!("for (int64_t {v} = 0; {v} < {n}; {v}++) {{"));
        self.indented(&l.body);
        self.line("}");
    }

    /// Whole vectors as far as they go, then single elements. Accumulators from outside get lanes of their
    /// own, which are joined in a fixed order.
    fn vector_then_rest(&mut self, l: &Loop, stop: &str, known: Option<i64>) {
        let v = names::var(l.var);
        let lanes = self.lanes;
        if known.is_none_or(|n| n >= lanes) {
            let mut outer = Vec::new();
            accumulated(&l.body, &mut outer);
            for acc in &outer {
                let start = operations::neutral(self.accs[acc.0 as usize]);
                self.line(&format!("vf r{}v = vset({start});", acc.0));
            }
            self.line(&format!("for (; {v} + {lanes} <= {stop}; {v} += {lanes}) {{"));
            self.indent += 1;
            self.as_vector(l);
            self.indent -= 1;
            self.line("}");
            for acc in &outer {
                let join = self.accs[acc.0 as usize];
                let name = format!("r{}", acc.0);
                let lanes = operations::join_lanes(join, &format!("{name}v"));
                let joined = operations::join(join, &name, &lanes, false);
                self.line(&format!("{name} = {joined};"));
            }
        }
        if known.is_none_or(|n| n % lanes != 0) {
            self.line(&format!("for (; {v} < {stop}; {v}++) {{"));
            self.indented(&l.body);
            self.line("}");
        }
    }

    fn bind(&mut self, scalar: Scalar, expr: &Expr) {
        let ty = self.scalars[scalar.0 as usize];
        let varies = self.expr_varies(expr);
        if varies {
            self.varying.insert(scalar);
        } else {
            self.varying.remove(&scalar);
        }
        let name = names::scalar(scalar);
        let c_type = operations::c_type(ty, varies);
        match self.value(ty, expr, varies) {
            Value::Expression(text) => self.line(&format!("const {c_type} {name} = {text};")),
            Value::Lanes(text) => {
                self.line(&format!("{c_type} {name} = {{0}};"));
                self.line(&format!("EACH_LANE {name}[l] = {text};"));
            }
        }
    }

    fn expr_varies(&self, expr: &Expr) -> bool {
        if self.vector.is_none() {
            return false;
        }
        let of = |o: &Operand| matches!(o, Operand::Scalar(s) if self.varying.contains(s));
        match expr {
            Expr::Load(_, index) | Expr::Index(index) => self.index_varies(index),
            Expr::Local(local, index) => self.vector_arrays.contains(local) || self.index_varies(index),
            Expr::Acc(acc) => self.vector_accs.contains(acc),
            Expr::Unary(_, a) => of(a),
            Expr::Binary(_, a, b) => of(a) || of(b),
            Expr::Select(a, b, c) => of(a) || of(b) || of(c),
            Expr::Math(_, inputs) => inputs.iter().any(of),
        }
    }

    fn index_varies(&self, index: &Index) -> bool {
        self.vector.is_some_and(|v| index.mentions(v))
            || index.data().iter().any(|s| self.varying.contains(s))
    }

    /// From one lane to the next, how far an index moves; `None` if not evenly.
    fn lane_stride(&self, index: &Index) -> Option<i64> {
        if index.data().iter().any(|s| self.varying.contains(s)) {
            return None;
        }
        index.stride(self.vector?)
    }

    fn lane_index(&self, index: &Index) -> String {
        let varies = |s: Scalar| self.varying.contains(&s);
        let var = self.vector.unwrap_or(IndexVar(u32::MAX));
        names::index(index, Some(&Lane { var, varies: &varies }))
    }

    fn value(&self, ty: Type, expr: &Expr, vector: bool) -> Value {
        let text = match expr {
            Expr::Load(arg, index) => return self.load(&format!("a{arg}"), ty, index, vector),
            Expr::Local(local, index) if self.vector_arrays.contains(local) => {
                format!("m{}[{}]", local.0, names::index(index, None))
            }
            Expr::Local(local, index) => return self.load(&format!("m{}", local.0), ty, index, vector),
            Expr::Acc(acc) => format!("r{}", acc.0),
            Expr::Index(index) if vector => match self.lane_stride(index) {
                Some(step) => format!("vindex({}, {step})", names::index(index, None)),
                None => return Value::Lanes(self.lane_index(index)),
            },
            Expr::Index(index) => format!("(int32_t)({})", names::index(index, None)),
            Expr::Unary(op, a) => operations::unary(*op, self.type_of(*a), &self.operand(*a, vector), vector),
            Expr::Binary(op, a, b) => {
                // Vectors are shifted by a number, not by a vector.
                let by = matches!(op, crate::ir::Binary::Shl | crate::ir::Binary::Shr);
                let right = self.operand(*b, vector && !by);
                operations::binary(*op, self.type_of(*a), &self.operand(*a, vector), &right, vector)
            }
            Expr::Select(m, a, b) => operations::select(
                ty,
                &self.operand(*m, vector),
                &self.operand(*a, vector),
                &self.operand(*b, vector),
                vector,
            ),
            Expr::Math(function, inputs) => {
                let inputs: Vec<String> = inputs.iter().map(|i| self.operand(*i, vector)).collect();
                let prefix = if vector { "v" } else { "s" };
                format!("{prefix}{}({})", names::math(*function), inputs.join(", "))
            }
        };
        Value::Expression(text)
    }

    fn type_of(&self, operand: Operand) -> Type {
        match operand {
            Operand::Scalar(s) => self.scalars[s.0 as usize],
            Operand::Float(_) => Type::F32,
            Operand::Int(_) => Type::I32,
        }
    }

    fn load(&self, from: &str, ty: Type, index: &Index, vector: bool) -> Value {
        let p = if ty == Type::I32 { "vi" } else { "v" };
        match (vector, self.lane_stride(index)) {
            (false, _) => Value::Expression(format!("{from}[{}]", names::index(index, None))),
            (true, Some(1)) => Value::Expression(format!("{p}load({from} + {})", names::index(index, None))),
            (true, _) => Value::Lanes(format!("{from}[{}]", self.lane_index(index))),
        }
    }

    fn store(&mut self, to: &str, elem: Elem, index: &Index, value: Operand) {
        let vector = self.vector.is_some() && self.index_varies(index);
        let p = if elem == Elem::I32 { "vi" } else { "v" };
        match (vector, self.lane_stride(index)) {
            (false, _) => {
                let value = self.operand(value, false);
                self.line(&format!("{to}[{}] = {value};", names::index(index, None)));
            }
            (true, Some(1)) => {
                let value = self.operand(value, true);
                self.line(&format!("{p}store({to} + {}, {value});", names::index(index, None)));
            }
            (true, _) => {
                let varies = matches!(value, Operand::Scalar(s) if self.varying.contains(&s));
                let value = names::number(value) + if varies { "[l]" } else { "" };
                let index = self.lane_index(index);
                self.line(&format!("EACH_LANE {to}[{index}] = {value};"));
            }
        }
    }

    /// An operand; where a vector is wanted, one that does not vary fills all lanes.
    fn operand(&self, operand: Operand, vector: bool) -> String {
        let varies = matches!(operand, Operand::Scalar(s) if self.varying.contains(&s));
        let text = names::number(operand);
        if !vector || varies {
            return text;
        }
        match self.type_of(operand) {
            Type::F32 => format!("vset({text})"),
            Type::I32 => format!("viset({text})"),
            Type::Mask => format!("vmset({text})"),
        }
    }
}

enum Value {
    Expression(String),
    /// One lane, `l`, at a time.
    Lanes(String),
}

/// Accumulators that the statements add to and do not declare.
fn accumulated(stmts: &[Stmt], found: &mut Vec<Acc>) {
    let mut all = Vec::new();
    let mut own = Vec::new();
    fn visit(stmts: &[Stmt], all: &mut Vec<Acc>, own: &mut Vec<Acc>) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => visit(&l.body, all, own),
                Stmt::Accumulate(acc, _) if !all.contains(acc) => all.push(*acc),
                Stmt::Acc(acc, _) => own.push(*acc),
                _ => {}
            }
        }
    }
    visit(stmts, &mut all, &mut own);
    found.extend(all.into_iter().filter(|a| !own.contains(a)));
}
