//! What values and arrays are called in the text of a kernel: after what they do, with a number. None of it comes from a
//! program's own names, so that two spellings of one computation have one text.

use crate::ir::math::Definition;
use crate::ir::{Acc, Binary, Expr, Index, Join, Kernel, Local, Math, Operand, Scalar, Stmt, Unary};
use std::collections::BTreeMap;

/// The names of what a kernel binds and declares.
#[derive(Default)]
pub(super) struct Called {
    scalars: BTreeMap<Scalar, String>,
    /// What each value does, and whether that is a name by itself: what is read has the number of where it is read from.
    does: BTreeMap<Scalar, (String, bool)>,
    /// What an element of an array is called.
    elements: BTreeMap<Local, &'static str>,
    joins: Vec<Join>,
    /// How often each name has been given.
    given: BTreeMap<String, usize>,
}

impl Called {
    /// The names in a kernel. What its arguments are, `a0`, is read into `x0`.
    pub(super) fn of(kernel: &Kernel) -> Self {
        let mut called = Called { joins: kernel.accs.clone(), ..Called::default() };
        let mut stores = BTreeMap::new();
        each_store(&kernel.body, &mut BTreeMap::new(), &mut stores);
        let renewed = if kernel.family == "scan" { "state" } else { "value" };
        for (local, stored) in stores {
            let name = match stored {
                Stored { sums: true, .. } => "part",
                Stored { places: 1, .. } => "copy",
                _ => renewed,
            };
            called.elements.insert(local, name);
        }
        called.visit(&kernel.body);
        called
    }

    /// The names in a function of the language.
    pub(super) fn of_function(definition: &Definition) -> Self {
        let mut called = Called::default();
        for (at, name) in ["x", "y"].into_iter().enumerate().take(definition.parameters) {
            called.scalars.insert(Scalar(at as u32), name.to_string());
        }
        called.visit(&definition.body);
        called
    }

    pub(super) fn scalar(&self, s: Scalar) -> &str {
        self.scalars.get(&s).map_or("unbound", String::as_str)
    }

    /// Gives a value its name, which it keeps where it is bound again; the first that does something has number 0.
    pub(super) fn give(&mut self, s: Scalar) -> &str {
        let Some((plain, is_name)) = self.does.get(&s) else { return "unbound" };
        self.scalars.entry(s).or_insert_with(|| {
            let given = self.given.entry(plain.clone()).or_insert(0);
            *given += 1;
            match (*is_name, *given) {
                (true, 1) => plain.clone(),
                (true, n) => format!("{plain}_{n}"),
                (false, n) => format!("{plain}{}", n - 1),
            }
        })
    }

    /// An array: what lies in it, in the plural.
    pub(super) fn local(&self, local: Local) -> String {
        let many = match self.element(local) {
            "copy" => "copies",
            "part" => "parts",
            "state" => "states",
            _ => "values",
        };
        format!("{many}{}", local.0)
    }

    fn element(&self, local: Local) -> &'static str {
        self.elements.get(&local).copied().unwrap_or("value")
    }

    fn visit(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Loop(l) => self.visit(&l.body),
                Stmt::Let(scalar, expr) => {
                    let does = match expr {
                        Expr::Load(arg, _) => (format!("x{arg}"), true),
                        Expr::Local(local, _) => (format!("{}{}", self.element(*local), local.0), true),
                        Expr::Acc(acc) => (format!("{}{}", self.whole(*acc), acc.0), true),
                        other => (operation(other).to_string(), false),
                    };
                    self.does.insert(*scalar, does);
                }
                _ => {}
            }
        }
    }

    /// What an accumulator holds in the end.
    fn whole(&self, acc: Acc) -> &'static str {
        match self.joins.get(acc.0 as usize) {
            Some(Join::Max) => "largest",
            Some(Join::Min) => "smallest",
            _ => "total",
        }
    }
}

/// An accumulator, before all of it is there.
pub(super) fn acc(acc: Acc) -> String {
    format!("acc{}", acc.0)
}

fn operation(expr: &Expr) -> &'static str {
    match expr {
        Expr::Load(..) | Expr::Local(..) | Expr::Acc(_) => "x",
        Expr::Index(_) => "place",
        Expr::Select(..) => "chosen",
        Expr::Unary(op, _) => match op {
            Unary::Neg => "negative",
            Unary::Abs => "size",
            Unary::Floor => "floor",
            Unary::Rint => "nearest",
            Unary::Sqrt => "root",
            Unary::Not => "is_not",
            Unary::ToFloat => "real",
            Unary::ToInt => "whole",
            Unary::Bits => "bits",
            Unary::FromBits => "from_bits",
            Unary::Sixteenth => "sixteenth",
        },
        Expr::Binary(Binary::Mul, a, b) if a == b => "square",
        Expr::Binary(Binary::Div, a, _) if *a == Operand::float(1.0) => "inverse",
        Expr::Binary(op, ..) => match op {
            Binary::Add => "sum",
            Binary::Sub => "diff",
            Binary::Mul => "prod",
            Binary::Div => "ratio",
            Binary::Rem => "rest",
            Binary::Min => "min",
            Binary::Max => "max",
            Binary::Lt => "is_less",
            Binary::Le => "is_at_most",
            Binary::Eq => "is_equal",
            Binary::And => "both",
            Binary::Or => "either",
            Binary::Xor => "unlike",
            Binary::Shl | Binary::Shr => "shifted",
            Binary::Scale => "scaled",
        },
        Expr::Math(function, _) => match function {
            Math::Pow => "power",
            function => super::names::math(*function),
        },
    }
}

/// How an array is written.
#[derive(Default)]
struct Stored {
    /// Statements that do.
    places: usize,
    /// Whether one adds to what was there.
    sums: bool,
}

fn each_store<'s>(
    stmts: &'s [Stmt],
    bound: &mut BTreeMap<Scalar, &'s Expr>,
    stores: &mut BTreeMap<Local, Stored>,
) {
    for stmt in stmts {
        match stmt {
            Stmt::Loop(l) => each_store(&l.body, bound, stores),
            Stmt::Let(scalar, expr) => drop(bound.insert(*scalar, expr)),
            Stmt::StoreLocal(local, index, value) => {
                let stored = stores.entry(*local).or_default();
                stored.places += 1;
                stored.sums |= adds_to(*local, index, *value, bound);
            }
            _ => {}
        }
    }
}

/// Whether a value is the sum of an element of an array and something.
fn adds_to(local: Local, index: &Index, value: Operand, bound: &BTreeMap<Scalar, &Expr>) -> bool {
    let expr = |operand: Operand| match operand {
        Operand::Scalar(scalar) => bound.get(&scalar).copied(),
        _ => None,
    };
    let is_element = |operand: &Operand| matches!(expr(*operand), Some(Expr::Local(from, at)) if *from == local && at == index);
    matches!(expr(value), Some(Expr::Binary(Binary::Add, a, b)) if is_element(a) || is_element(b))
}
