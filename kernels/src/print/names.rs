//! Names and numbers in C and CUDA.

use crate::ir::{Atom, Extent, Index, IndexVar, Kernel, LoopKind, Math, Operand, Scalar, Stmt};
use std::collections::BTreeMap;

/// Words that a loop's variable cannot be called.
const TAKEN: [&str; 29] = [
    "args", "batch", "begin", "bool", "break", "case", "char", "const", "continue", "do", "double", "else",
    "end", "float", "for", "goto", "if", "int", "l", "lane", "long", "p", "piece", "return", "stop",
    "switch", "turn", "warp", "while",
];

/// The names of the loops' variables: those of their axes, told apart where one loop stands in another.
#[derive(Default)]
pub(super) struct Names {
    vars: BTreeMap<IndexVar, String>,
    /// Whether loaded integers must become wider before they are multiplied.
    pub wide: bool,
    /// Whether variables must, too.
    pub wide_vars: bool,
    /// Whether an index has no more brackets than it needs.
    pub tight: bool,
}

impl Names {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Names::beside(kernel, &[])
    }

    /// The same, where the printer calls other things by these names.
    pub(super) fn beside(kernel: &Kernel, taken: &[&str]) -> Self {
        let mut names = Names::default();
        let mut around = taken.iter().map(|n| (*n).to_string()).collect();
        names.visit(&kernel.body, &kernel.axes, &mut around);
        names
    }

    /// Parallel loops are one level whose names hold in everything that follows.
    fn visit(&mut self, stmts: &[Stmt], axes: &[String], around: &mut Vec<String>) {
        for stmt in stmts {
            let Stmt::Loop(l) = stmt else { continue };
            let axis = axes.get(l.var.0 as usize).map_or("", String::as_str);
            let name = distinct(&plain(axis, l.var), around);
            around.push(name.clone());
            self.vars.insert(l.var, name);
            self.visit(&l.body, axes, around);
            if !matches!(l.kind, LoopKind::Parallel | LoopKind::ParallelLanes) {
                around.pop();
            }
        }
    }

    pub(super) fn var(&self, v: IndexVar) -> String {
        self.vars.get(&v).cloned().unwrap_or_else(|| format!("i{}", v.0))
    }

    pub(super) fn index(&self, index: &Index, lane: Option<&Lane<'_>>) -> String {
        index_text(self, index, lane)
    }
}

/// The name of an axis as a name in C; names of values and arguments are a letter and a number, so no axis may
/// be called like that.
fn plain(axis: &str, var: IndexVar) -> String {
    let name: String =
        axis.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let numbered = |n: &str| {
        let rest = n.trim_start_matches(|c: char| c.is_ascii_lowercase());
        n.len() - rest.len() <= 1 && !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit())
    };
    match name.as_str() {
        "" => format!("i{}", var.0),
        n if n.starts_with(|c: char| c.is_ascii_digit() || c == '_') => format!("i{}", var.0),
        n if TAKEN.contains(&n) || numbered(n) => format!("{n}_"),
        n => n.to_string(),
    }
}

fn distinct(name: &str, around: &[String]) -> String {
    let mut wanted = name.to_string();
    let mut number = 1;
    while around.contains(&wanted) {
        number += 1;
        wanted = format!("{name}_{number}");
    }
    wanted
}

pub(super) fn scalar(s: Scalar) -> String {
    format!("x{}", s.0)
}

pub(super) fn extent(e: Extent) -> String {
    match (e.batch, e.count) {
        (false, n) => n.to_string(),
        (true, 1) => "batch".into(),
        (true, n) => format!("batch * {n}"),
    }
}

/// A float so that C reads back the same bits.
pub(super) fn float(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_nan() {
        "__builtin_nanf(\"\")".into()
    } else if value.is_infinite() {
        if value > 0.0 { "__builtin_inff()".into() } else { "(-__builtin_inff())".into() }
    } else {
        let text = format!("{value:?}f");
        if text.starts_with('-') { format!("({text})") } else { text }
    }
}

pub(super) fn number(operand: Operand) -> String {
    match operand {
        Operand::Scalar(s) => scalar(s),
        Operand::Float(bits) => float(bits),
        Operand::Int(i32::MIN) => "INT32_MIN".into(),
        Operand::Int(n) if n < 0 => format!("({n})"),
        Operand::Int(n) => n.to_string(),
    }
}

pub(super) fn math(function: Math) -> &'static str {
    match function {
        Math::Exp => "exp",
        Math::Log => "log",
        Math::Sin => "sin",
        Math::Cos => "cos",
        Math::Tanh => "tanh",
        Math::Erf => "erf",
        Math::Sigmoid => "sigmoid",
        Math::Softplus => "softplus",
        Math::Pow => "pow",
    }
}

/// How the lanes of one vector are told apart in an index: which variable counts lanes, and which loaded
/// integers are vectors. `None`: the place of the first lane.
pub(super) struct Lane<'a> {
    pub var: IndexVar,
    pub varies: &'a dyn Fn(Scalar) -> bool,
}

fn bracketed(names: &Names, text: String) -> String {
    if names.tight && !text.contains(' ') { text } else { format!("({text})") }
}

fn index_text(names: &Names, index: &Index, lane: Option<&Lane<'_>>) -> String {
    let inner_text = |inner: &Index| index_text(names, inner, lane);
    let mut text = String::new();
    for (atom, scale) in &index.terms {
        let atom = match atom {
            Atom::Var(v) => match lane {
                Some(l) if l.var == *v => format!("({} + l)", names.var(*v)),
                _ if names.wide_vars => format!("(long long){}", names.var(*v)),
                _ => names.var(*v),
            },
            Atom::Data(s) => match lane {
                Some(l) if (l.varies)(*s) => format!("{}[l]", scalar(*s)),
                _ if names.wide => format!("(long long){}", scalar(*s)),
                _ => scalar(*s),
            },
            Atom::Div(inner, by) => format!("{} / {by}", bracketed(names, inner_text(inner))),
            Atom::Mod(inner, by) => format!("{} % {by}", bracketed(names, inner_text(inner))),
            Atom::Clamp(inner, low, high) => format!("clamp({}, {low}, {high})", inner_text(inner)),
        };
        let sign = match (text.is_empty(), *scale < 0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        let product = match scale.abs() {
            1 => atom,
            // Quotients and remainders bind like products, from the left.
            n if atom.contains(' ') && !atom.starts_with("clamp") && !names.tight => {
                format!("({atom}) * {n}")
            }
            n => format!("{atom} * {n}"),
        };
        text = format!("{text}{sign}{product}");
    }
    match (text.is_empty(), index.constant) {
        (true, n) => n.to_string(),
        (false, 0) => text,
        (false, n) if n < 0 => format!("{text} - {}", -n),
        (false, n) => format!("{text} + {n}"),
    }
}
