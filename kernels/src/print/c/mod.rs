//! The C printer.

mod loops;
mod values;

use super::at_once::read_at_once;
use super::expression::Expression;
use super::lines::Lines;
use super::names::{self, Names};
use super::{Target, called, heading, operations};
use crate::ir::math::Definition;
use crate::ir::{Acc, Elem, Expr, IndexVar, Join, Kernel, Local, Math, Role, Scalar, Stmt, Type};
use std::collections::{BTreeMap, BTreeSet};

/// One kernel as a C function:
/// `void NAME(void *const *args, int64_t batch, int64_t begin, int64_t end)`.
#[must_use]
pub fn print_c(kernel: &Kernel, target: Target) -> String {
    let mut printer = Printer::new(&kernel.scalars, &kernel.accs, target.lanes() as i64);
    printer.names = Names::new(kernel);
    printer.at_once = read_at_once(&kernel.body);
    printer.args = kernel.args.iter().map(|a| a.elem).collect();
    for line in heading(kernel).into_iter().chain(printer.names.legend()) {
        printer.line(&format!("/* {line} */"));
    }
    let name = &kernel.name;
    printer.line(&format!("void {name}(void *const *args, int64_t batch, int64_t begin, int64_t end) {{"));
    printer.lines.indent += 1;
    let used = used(&kernel.body);
    for (i, arg) in kernel.args.iter().enumerate().filter(|(i, _)| used.contains(&(*i as u32))) {
        let elem = if arg.elem == Elem::F32 { "float" } else { "int32_t" };
        let constant = if arg.role == Role::Read { "const " } else { "" };
        printer.line(&format!("{constant}{elem} *restrict a{i} = args[{i}];"));
    }
    printer.line("(void)batch;");
    printer.writes_out = held(&kernel.body) <= HELD;
    let parallel = kernel.parallel();
    if parallel.is_empty() {
        printer.line("(void)begin, (void)end;");
    }
    printer.top(&kernel.body, &parallel.iter().map(|p| p.0).collect::<Vec<_>>());
    printer.lines.indent -= 1;
    printer.line("}");
    printer.lines.text
}

/// The arguments that statements read or write.
fn used(body: &[Stmt]) -> BTreeSet<u32> {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Loop(l) => used(&l.body),
        Stmt::Let(_, Expr::Load(arg, _)) | Stmt::Store(arg, ..) | Stmt::Fetch(arg, _) => [*arg].into(),
        _ => BTreeSet::new(),
    };
    body.iter().flat_map(of).collect()
}

/// How many vectors short arrays may hold together for short loops to be written out, so that the arrays are registers. GCC
/// takes time by the square of what stands in one block: with 704 it took two minutes for a kernel that was a fifth faster.
const HELD: i64 = 256;
/// The longest array that may become registers.
const SHORT: i64 = 32;

/// How many vectors the short arrays of a kernel hold.
fn held(body: &[Stmt]) -> i64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Array(_, _, length) if *length <= SHORT => *length,
        Stmt::Loop(l) => held(&l.body),
        _ => 0,
    };
    body.iter().map(of).sum()
}

/// One function of the language, for scalars and for vectors.
#[must_use]
pub(super) fn print_math(function: Math, definition: &Definition) -> String {
    let mut text = String::new();
    for vector in [false, true] {
        let mut printer = Printer::new(&definition.scalars, &[], 1);
        printer.names = Names::of_function(definition);
        printer.at_once = read_at_once(&definition.body);
        let (ty, prefix) = if vector { ("vf", "v") } else { ("float", "s") };
        if vector {
            printer.vector = Some(IndexVar(u32::MAX));
            printer.varying.extend((0..definition.parameters).map(|p| Scalar(p as u32)));
        }
        let parameters: Vec<String> = (0..definition.parameters)
            .map(|p| format!("{ty} {}", printer.names.scalar(Scalar(p as u32))))
            .collect();
        printer.line("");
        printer.line(&format!(
            "static inline {ty} {prefix}{}({}) {{",
            names::math(function),
            parameters.join(", ")
        ));
        printer.lines.indent += 1;
        printer.block(&definition.body);
        let result = printer.operand(definition.result, vector).text;
        printer.line(&format!("return {result};"));
        printer.lines.indent -= 1;
        printer.line("}");
        text += &printer.lines.text;
    }
    text
}

struct Printer<'k> {
    lines: Lines,
    names: Names,
    lanes: i64,
    args: Vec<Elem>,
    scalars: &'k [Type],
    accs: &'k [Join],
    /// The variable of the vector loop that is being printed as vectors.
    vector: Option<IndexVar>,
    varying: BTreeSet<Scalar>,
    /// Values that may stand where they are read, and those that do.
    at_once: BTreeSet<Scalar>,
    folded: BTreeMap<Scalar, Expression>,
    /// Arrays and accumulators that were declared inside the vector loop: their elements are vectors.
    vector_arrays: BTreeSet<Local>,
    vector_accs: BTreeSet<Acc>,
    arrays: Vec<(Local, Elem)>,
    /// Whether short loops are written out.
    writes_out: bool,
    /// Whether the lanes of what is added to a sum are joined there.
    joins_at_once: bool,
}

impl<'k> Printer<'k> {
    fn new(scalars: &'k [Type], accs: &'k [Join], lanes: i64) -> Self {
        Printer {
            lines: Lines::default(),
            names: Names::default(),
            lanes,
            args: Vec::new(),
            scalars,
            accs,
            vector: None,
            varying: BTreeSet::new(),
            at_once: BTreeSet::new(),
            folded: BTreeMap::new(),
            vector_arrays: BTreeSet::new(),
            vector_accs: BTreeSet::new(),
            arrays: Vec::new(),
            writes_out: true,
            joins_at_once: false,
        }
    }

    fn line(&mut self, text: &str) {
        self.lines.line(text);
    }

    fn block(&mut self, body: &[Stmt]) {
        let ends = self.names.ends(body);
        for (name, number) in &ends {
            self.line(&format!("const int64_t {name} = {number};"));
        }
        for stmt in body {
            self.stmt(stmt);
        }
        self.names.forget_ends(ends.len());
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Loop(l) => self.inner_loop(l),
            Stmt::Let(scalar, expr) => self.bind(*scalar, expr),
            Stmt::Store(arg, index, value) => {
                let elem = self.args[*arg as usize];
                self.store(&format!("a{arg}"), elem, index, *value);
            }
            Stmt::Array(local, elem, len) => {
                let vector = self.vector.is_some();
                self.arrays.push((*local, *elem));
                if vector {
                    self.vector_arrays.insert(*local);
                }
                let ty = operations::c_type(if *elem == Elem::F32 { Type::F32 } else { Type::I32 }, vector);
                // Arrays that vectors lie in start where a line of the cache does.
                let aligned = if vector { "" } else { "_Alignas(64) " };
                let name = self.names.local(*local);
                self.line(&format!("{aligned}{ty} {name}[{len}];"));
            }
            Stmt::StoreLocal(local, index, value) => {
                if self.vector_arrays.contains(local) {
                    let (element, value) = (self.element(*local, index), self.operand(*value, true));
                    self.line(&format!("{} = {};", element.text, value.text));
                } else {
                    let elem = self.elem_of(*local);
                    self.store(&self.names.local(*local), elem, index, *value);
                }
            }
            Stmt::Acc(acc, join) => {
                let vector = self.vector.is_some();
                if vector {
                    self.vector_accs.insert(*acc);
                }
                let start = operations::neutral(*join);
                let start = if vector { format!("vset({start})") } else { start };
                let name = called::acc(*acc);
                self.line(&format!("{} {name} = {start};", operations::c_type(Type::F32, vector)));
            }
            Stmt::Accumulate(acc, value) => {
                let vector = self.vector.is_some();
                let value = self.operand(*value, vector);
                let lanes = vector && !self.vector_accs.contains(acc);
                let (name, join) = (called::acc(*acc), self.accs[acc.0 as usize]);
                let line = if lanes && self.joins_at_once {
                    let all = Expression::tight(operations::join_lanes(join, &value.text));
                    format!("{name} = {};", operations::join(join, &name, &all, false))
                } else {
                    let name = name + if lanes { "v" } else { "" };
                    format!("{name} = {};", operations::join(join, &name, &value, vector))
                };
                self.line(&line);
            }
            // What is left over at the end of a row is not worth it.
            Stmt::Fetch(arg, index) if self.vector.is_some() => {
                let at = self.names.index(index, None);
                self.line(&format!("FETCH(a{arg}, {at});"));
            }
            Stmt::Fetch(..) => {}
        }
    }

    fn elem_of(&self, local: Local) -> Elem {
        self.arrays.iter().rev().find(|a| a.0 == local).map_or(Elem::F32, |a| a.1)
    }
}
