//! The operations of the language: which there are, and how each takes its arguments.

use super::Session;
use super::arguments::Given;
use super::scope::Env;
use super::value::{Number, Scalar, Tensor, Val};
use crate::graph::{AxisId, DType, InputKind};
use crate::ops::source::{Distribution, Random};
use crate::ops::{Map, Op, Reduce};
use arch_grammar::ast::{Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};
use std::rc::Rc;

/// Every operation by name.
pub(super) const NAMES: &[&str] = &[
    "abs",
    "broadcast",
    "ceil_div",
    "concat",
    "cos",
    "drop_label",
    "dropout",
    "erf",
    "exp",
    "flatten",
    "flip",
    "float",
    "floor",
    "floor_div",
    "int",
    "inverse",
    "iota",
    "len",
    "log",
    "log_uniform",
    "max",
    "mean",
    "min",
    "normal",
    "number_after",
    "ones",
    "pad",
    "permute",
    "prod",
    "rearrange",
    "rename",
    "reversed",
    "rsqrt",
    "shift",
    "sigmoid",
    "sin",
    "softplus",
    "split",
    "sqrt",
    "stop_gradient",
    "sum",
    "tanh",
    "trunc_normal",
    "unflatten",
    "uniform",
    "where",
    "window",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
    "zip",
];

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|n| **n == name).copied()
}

/// How an operation is written, where its arguments are not values alone.
const USAGES: [(&str, &str); 19] = [
    ("sum", "sum(x, over: D)"),
    ("mean", "mean(x, over: D)"),
    ("prod", "prod(x, over: D)"),
    ("where", "where(condition, a, b)"),
    ("iota", "iota(T)"),
    ("dropout", "dropout(x, 0.1)"),
    ("drop_label", "drop_label(y, 0.1, to: num_classes)"),
    ("rename", "rename(x, T -> S)"),
    ("flatten", "flatten(x, (H, W) -> T)"),
    ("unflatten", "unflatten(x, T -> (H, W))"),
    ("split", "split(x)` or `split(x, over: Z)"),
    ("concat", "concat(a, b, into: S)"),
    ("flip", "flip(x, T)"),
    ("shift", "shift(x, T, by: 1, fill: 0)"),
    ("pad", "pad(x, T -> S, left: 1, right: 1)"),
    ("window", "window(x, T -> (T, K), left: 3)"),
    ("broadcast", "broadcast(x, T)"),
    ("permute", "permute(x, T -> Z, order)"),
    ("rearrange", "rearrange(x, \"T D=(H K) -> H T K\")"),
];

/// Shows how an operation is written.
fn with_usage(d: Diagnostic, name: &str) -> Diagnostic {
    match USAGES.iter().find(|(n, _)| *n == name) {
        Some((_, usage)) => d.help(format!("write `{usage}`")),
        None => d,
    }
}

fn unary(name: &str) -> Option<Map> {
    Some(match name {
        "abs" => Map::Abs,
        "floor" => Map::Floor,
        "exp" => Map::Exp,
        "log" => Map::Log,
        "sqrt" => Map::Sqrt,
        "rsqrt" => Map::Rsqrt,
        "sin" => Map::Sin,
        "cos" => Map::Cos,
        "tanh" => Map::Tanh,
        "erf" => Map::Erf,
        "sigmoid" => Map::Sigmoid,
        "softplus" => Map::Softplus,
        "stop_gradient" => Map::StopGradient,
        "float" => Map::ToFloat,
        _ => return None,
    })
}

fn unary_number(map: Map, x: f64) -> Option<f64> {
    Some(match map {
        Map::Abs => x.abs(),
        Map::Floor => x.floor(),
        Map::Exp => x.exp(),
        Map::Log => x.ln(),
        Map::Sqrt => x.sqrt(),
        Map::Rsqrt => 1.0 / x.sqrt(),
        Map::Sin => x.sin(),
        Map::Cos => x.cos(),
        Map::Tanh => x.tanh(),
        Map::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Map::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Map::StopGradient | Map::ToFloat => x,
        _ => return None,
    })
}

impl Session<'_> {
    pub(super) fn call_builtin(
        &mut self,
        env: &mut Env,
        name: &'static str,
        given: &[Given<'_>],
        span: Span,
    ) -> Val {
        if let Some(map) = unary(name) {
            return self.call_unary(env, name, map, given, span).unwrap_or(Val::Error);
        }
        let value = match name {
            "sum" | "mean" | "prod" => self.call_reduce(env, name, given, span),
            "max" | "min" if given.iter().any(|g| g.name.is_some()) => {
                self.call_reduce(env, name, given, span)
            }
            "max" | "min" => self.call_pairwise(env, name, given, span),
            "where" => self.call_where(env, given, span),
            "iota" => self.call_iota(env, given, span),
            "floor_div" | "ceil_div" => self.call_rounded(env, name, given, span),
            "int" => self.call_int(env, given, span),
            "number_after" => self.call_number_after(env, given, span),
            "len" | "reversed" | "zip" => self.call_list(env, name, given, span),
            "drop_label" | "dropout" => self.call_dropout(env, name, given, span),
            "zeros" | "ones" | "normal" | "trunc_normal" | "uniform" | "log_uniform" | "xavier_uniform"
            | "xavier_normal" => self.call_initialiser(env, name, given, span),
            _ if super::tests::NAMES.contains(&name) => self.call_measure(env, name, given, span),
            _ => self.call_view(env, name, given, span),
        };
        value.unwrap_or(Val::Error)
    }

    /// Checks the number of positional arguments and the names of the others.
    pub(super) fn arguments<'a, 'b>(
        &mut self,
        name: &str,
        given: &'b [Given<'a>],
        positional: (usize, usize),
        named: &[&str],
        span: Span,
    ) -> Option<Vec<&'b Given<'a>>> {
        let plain: Vec<&Given<'a>> = given.iter().filter(|g| g.name.is_none()).collect();
        for g in given {
            let Some(n) = g.name else { continue };
            if !named.contains(&n.name.as_str()) {
                let d = Diagnostic::error("A0402", format!("`{name}` has no `{}`", n.name), n.span);
                let near = arch_grammar::nearest(&n.name, named.iter().copied());
                let d = match near {
                    Some(m) => d.help(format!("did you mean `{m}`?")),
                    None if named.is_empty() => d.help(format!("`{name}` takes no named arguments")),
                    None => d.help(format!("it takes `{}`", named.join("`, `"))),
                };
                self.report(with_usage(d, name));
                return None;
            }
        }
        if plain.len() < positional.0 || plain.len() > positional.1 {
            let wanted = match positional {
                (least, most) if least == most => least.to_string(),
                (least, most) if most >= 99 => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            let one = positional.0 == 1 && (positional.1 == 1 || positional.1 >= 99);
            let are = if plain.len() == 1 { "is" } else { "are" };
            let text = format!(
                "`{name}` takes {wanted} argument{}, but {} {are} given",
                if one { "" } else { "s" },
                plain.len()
            );
            self.report(with_usage(Diagnostic::error("A0401", text, span), name));
            return None;
        }
        Some(plain)
    }

    pub(super) fn named<'a, 'b>(given: &'b [Given<'a>], name: &str) -> Option<&'b Given<'a>> {
        given.iter().find(|g| g.name.is_some_and(|n| n.name == name))
    }

    pub(super) fn given_tensor(&mut self, env: &mut Env, given: &Given<'_>) -> Option<Tensor> {
        let v = self.given_value(env, given);
        let v = self.present(v, given.span)?;
        self.tensor(&v, given.span)
    }

    pub(super) fn given_number(&mut self, env: &mut Env, given: &Given<'_>) -> Option<f64> {
        let v = self.given_value(env, given);
        if matches!(v, Val::Error) {
            return None;
        }
        let n = self.as_number(&v).map(|n| n.value.float());
        if n.is_none() {
            let text = format!("a number known at compile time is wanted here, not {}", v.kind());
            self.report(Diagnostic::error("A0211", text, given.span));
        }
        n
    }

    pub(super) fn given_int(&mut self, env: &mut Env, given: &Given<'_>) -> Option<i64> {
        let was = std::mem::replace(&mut env.sizes, true);
        let v = self.given_value(env, given);
        env.sizes = was;
        self.as_int(&v, given.span)
    }

    /// The axes of an argument such as `over: (H, W)`.
    pub(super) fn given_axes(&mut self, env: &mut Env, given: &Given<'_>) -> Option<Vec<AxisId>> {
        match (&given.value, given.expr) {
            (Some(Val::Axis(a)), _) => Some(vec![*a]),
            (Some(Val::Axes(list)), _) => Some(list.clone()),
            (_, Some(e)) => self.axes_from_expr(env, e),
            _ => None,
        }
    }

    fn call_unary(
        &mut self,
        env: &mut Env,
        name: &str,
        map: Map,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        let args = self.arguments(name, given, (1, 1), &[], span)?;
        let v = self.given_value(env, args[0]);
        let v = self.present(v, args[0].span)?;
        if let Some(n) = self.as_number(&v)
            && let Some(y) = unary_number(map, n.value.float())
        {
            return Some(Val::Number(Number { value: Scalar::Float(y), origin: None }));
        }
        let t = self.tensor(&v, args[0].span)?;
        let t = self.float(&t, span);
        if map == Map::ToFloat {
            return Some(Val::Tensor(t));
        }
        Some(Val::Tensor(self.apply(Op::Map(map), &[&t], t.axes.clone(), DType::F32, span)))
    }

    fn call_reduce(&mut self, env: &mut Env, name: &str, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments(name, given, (1, 1), &["over"], span)?;
        let t = self.given_tensor(env, args[0])?;
        let Some(over) = Self::named(given, "over") else {
            let d = Diagnostic::error("A0401", format!("`{name}` needs `over`"), span);
            let has = self.show_axes(&t.ids());
            let last = t.ids().last().map_or_else(|| "D".into(), |axis| self.axis_name(*axis));
            let help = match super::index::unsayable(&last) {
                Some(way) => format!("{way}, and `{name}(…, over: J)` here"),
                None => format!("write `{name}(…, over: {last})`"),
            };
            self.report(d.label(format!("the value is {has}")).help(help));
            return None;
        };
        let axes = self.given_axes(env, over)?;
        for a in &axes {
            if !t.has(*a) {
                self.no_axis(&t, *a, over.span);
                return None;
            }
        }
        let rest: Vec<_> = t.axes.iter().filter(|(a, _)| !axes.contains(a)).cloned().collect();
        if axes.is_empty() {
            return Some(Val::Tensor(t));
        }
        let t = self.float(&t, span);
        let kind = match name {
            "max" => Reduce::Max,
            "min" => Reduce::Min,
            "prod" => Reduce::Product,
            _ => Reduce::Sum,
        };
        let count = self.elements(&axes);
        let r = self.apply(Op::Reduce(kind, axes), &[&t], rest.clone(), DType::F32, span);
        if name != "mean" {
            return Some(Val::Tensor(r));
        }
        let share = self.number(1.0 / count as f64, false, span);
        Some(Val::Tensor(self.apply(Op::Map(Map::Mul), &[&r, &share], rest, DType::F32, span)))
    }

    fn call_pairwise(&mut self, env: &mut Env, name: &str, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments(name, given, (2, 2), &["over"], span)?;
        let (x, y) = (self.given_value(env, args[0]), self.given_value(env, args[1]));
        if let (Some(p), Some(q)) = (self.as_number(&x), self.as_number(&y)) {
            let first = (p.value.float() <= q.value.float()) == (name == "min");
            return Some(Val::Number(Number { value: if first { p.value } else { q.value }, origin: None }));
        }
        let (x, y) = (self.present(x, args[0].span)?, self.present(y, args[1].span)?);
        let a = self.operand(&x, &y, args[0].span)?;
        let b = self.operand(&y, &x, args[1].span)?;
        if !self.contained(name, &a, &b, span) {
            return None;
        }
        let map = if name == "min" { Map::Min } else { Map::Max };
        Some(Val::Tensor(self.map2(map, &a, &b, span)))
    }

    fn call_where(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments("where", given, (3, 3), &[], span)?;
        let c = self.given_tensor(env, args[0])?;
        if c.dtype != DType::Bool {
            let d = Diagnostic::error("A0315", "`where` decides by a comparison", args[0].span);
            self.report(d.help("write for example `where(x > 0, a, b)`"));
            return None;
        }
        let (x, y) = (self.given_value(env, args[1]), self.given_value(env, args[2]));
        let a = self.operand(&x, &y, args[1].span)?;
        let b = self.operand(&y, &x, args[2].span)?;
        if !self.contained("and", &a, &b, span) {
            return None;
        }
        let both_int = a.dtype == DType::Int && b.dtype == DType::Int;
        let (a, b) = if both_int { (a, b) } else { (self.float(&a, span), self.float(&b, span)) };
        let axes = super::arith::union(&super::arith::union(&a.axes, &b.axes), &c.axes);
        let dtype = if both_int { DType::Int } else { DType::F32 };
        Some(Val::Tensor(self.apply(Op::Map(Map::Where), &[&c, &a, &b], axes, dtype, span)))
    }

    fn call_iota(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments("iota", given, (1, 1), &[], span)?;
        let axes = self.given_axes(env, args[0])?;
        let [axis] = axes[..] else {
            self.report(Diagnostic::error("A0316", "`iota` counts along one axis", args[0].span));
            return None;
        };
        let entry = super::value::Entry { span, how: "`iota` counts along it".into() };
        Some(Val::Tensor(self.apply(Op::Iota(axis), &[], vec![(axis, entry)], DType::Int, span)))
    }

    fn call_rounded(&mut self, env: &mut Env, name: &str, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments(name, given, (2, 2), &[], span)?;
        let (x, y) = (self.given_value(env, args[0]), self.given_value(env, args[1]));
        if let (Val::Tensor(_), _) | (_, Val::Tensor(_)) = (&x, &y) {
            return self.rounded_tensor(name, &x, &y, (args[0].span, args[1].span), span);
        }
        let (a, b) = (self.as_int(&x, args[0].span)?, self.as_int(&y, args[1].span)?);
        if b == 0 {
            self.report(Diagnostic::error("A0206", "division by zero", args[1].span));
            return None;
        }
        let Some(floor) = a.checked_div_euclid(b) else {
            let d = Diagnostic::error("A0207", format!("{a} divided by {b} is too large"), span);
            self.report(d.help("whole numbers have 64 bits"));
            return None;
        };
        let up = name == "ceil_div" && a.rem_euclid(b) != 0;
        Some(Val::int(floor.saturating_add(i64::from(up))))
    }

    /// Rounded division of integer tensors: exact in f64 for all positions that fit a tensor.
    fn rounded_tensor(&mut self, name: &str, x: &Val, y: &Val, at: (Span, Span), span: Span) -> Option<Val> {
        if name == "ceil_div" {
            self.report(Diagnostic::error("A0315", "`ceil_div` takes numbers, not tensors", span));
            return None;
        }
        let (a, b) = (self.operand(x, y, at.0)?, self.operand(y, x, at.1)?);
        if a.dtype != DType::Int || b.dtype != DType::Int {
            self.report(Diagnostic::error("A0315", "`floor_div` takes integers", span));
            return None;
        }
        // (a - a % b) / b is exact, so no rounding of a quotient can go wrong.
        let rest = self.map2(Map::Rem, &a, &b, span);
        let whole = self.map2(Map::Sub, &a, &rest, span);
        let axes = super::arith::union(&a.axes, &b.axes);
        let quotient = self.map2(Map::Div, &whole, &b, span);
        let t = self.apply(Op::Map(Map::Floor), &[&quotient], axes, DType::F32, span);
        Some(Val::Tensor(Tensor { dtype: DType::F32, ..t }))
    }

    fn call_int(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments("int", given, (1, 1), &[], span)?;
        let was = std::mem::replace(&mut env.sizes, false);
        let x = self.given_number(env, args[0]);
        env.sizes = was;
        Some(Val::int(x?.trunc() as i64))
    }

    /// The whole number that stands in a text behind a prefix; `none` where the text begins otherwise.
    fn call_number_after(&mut self, env: &mut Env, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments("number_after", given, (2, 2), &[], span)?;
        let text = self.given_text(env, args[0])?;
        let prefix = self.given_text(env, args[1])?;
        let Some(rest) = text.strip_prefix(&*prefix) else { return Some(Val::None) };
        let digits = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
        let Some(number) = rest.parse().ok().filter(|_| digits) else {
            let title = format!("\"{text}\" has no whole number behind \"{prefix}\"");
            let d = Diagnostic::error("A0205", title, args[0].span);
            self.report(d.help(format!("write for example \"{prefix}8\"")));
            return None;
        };
        Some(Val::int(number))
    }

    fn given_text(&mut self, env: &mut Env, given: &Given<'_>) -> Option<Rc<str>> {
        match self.given_value(env, given) {
            Val::Str(s) => Some(s),
            Val::Error => None,
            other => {
                let text = format!("a text is wanted here, not {}", other.kind());
                self.report(Diagnostic::error("A0205", text, given.span));
                None
            }
        }
    }

    fn call_list(&mut self, env: &mut Env, name: &str, given: &[Given<'_>], span: Span) -> Option<Val> {
        let args = self.arguments(name, given, (1, if name == "zip" { 9 } else { 1 }), &[], span)?;
        let mut lists = Vec::new();
        for g in args {
            match self.given_value(env, g) {
                Val::List(l) => lists.push((l, g.span)),
                Val::Axis(a) if name == "len" => return Some(Val::int(self.size_of(a) as i64)),
                Val::Error => return None,
                other => {
                    let text = format!("`{name}` takes lists, not {}", other.kind());
                    self.report(Diagnostic::error("A0205", text, g.span));
                    return None;
                }
            }
        }
        match name {
            "len" => Some(Val::int(lists[0].0.len() as i64)),
            "reversed" => Some(Val::List(Rc::new(lists[0].0.iter().rev().cloned().collect()))),
            _ => {
                let n = lists[0].0.len();
                if let Some((l, at)) = lists.iter().find(|(l, _)| l.len() != n) {
                    let text = format!("`zip` takes lists of one length, but these have {n} and {}", l.len());
                    let d = Diagnostic::error("A0407", text, *at).label(format!("{} entries", l.len()));
                    self.report(d.also(lists[0].1, format!("{n} entries")));
                    return None;
                }
                let rows =
                    (0..n).map(|i| Val::Tuple(Rc::new(lists.iter().map(|(l, _)| l[i].clone()).collect())));
                Some(Val::List(Rc::new(rows.collect())))
            }
        }
    }

    fn call_dropout(&mut self, env: &mut Env, name: &str, given: &[Given<'_>], span: Span) -> Option<Val> {
        let label = name == "drop_label";
        let named: &[&str] = if label { &["to"] } else { &[] };
        let args = self.arguments(name, given, (2, 2), named, span)?;
        let t = self.given_tensor(env, args[0])?;
        if label && t.dtype != DType::Int {
            let has = self.show_axes(&t.ids());
            let d = Diagnostic::error("A0315", "`drop_label` takes labels, which are integers", args[0].span)
                .label(format!("this is {has}, of floats"));
            self.report(
                d.help("declare the input as integers, `y: [] int`, and look it up when it was dropped: `table[C: drop_label(y, p, to: …)]`"),
            );
            return None;
        }
        let p = self.given_number(env, args[1])?;
        if !(0.0..1.0).contains(&p) {
            let d = Diagnostic::error("A0204", format!("a share of {p} cannot be dropped"), args[1].span);
            self.report(d.help("the share is at least 0 and below 1"));
            return None;
        }
        let to = match Self::named(given, "to") {
            Some(g) => Some((self.given_int(env, g)?, g.span)),
            None if label => {
                self.report(Diagnostic::error("A0401", "`drop_label` needs `to`: the label for none", span));
                return None;
            }
            None => None,
        };
        if !self.training || p == 0.0 {
            return Some(Val::Tensor(t));
        }
        if t.level > 0 {
            self.report(Diagnostic::error("A0509", "dropout cannot stand in a scan", span));
            return None;
        }
        let shape = self.context().levels[0].function.value(t.value).shape.clone();
        let what = if label { "label_dropout" } else { "dropout" };
        let mut count = 0;
        while self.context().hidden.contains_key(&format!("{what}{count}")) {
            count += 1;
        }
        let purpose = format!("{what}{count}");
        let kind =
            InputKind::Random(Random { purpose: purpose.clone(), distribution: Distribution::Uniform });
        let value = self.hidden_input(&purpose, kind, &shape, DType::F32, span);
        let u = Tensor { level: 0, value, axes: t.axes.clone(), dtype: DType::F32, gone: Rc::default() };
        let share = self.number(p, false, span);
        let drop = self.map2(Map::Lt, &u, &share, span);
        let (dropped, kept) = match to {
            Some((null, at)) => (self.number(null as f64, true, at), t.clone()),
            None => {
                // No draw is as large as 1: that stands for no dropout, where a program of training is evaluated.
                let (one, more) = (self.number(1.0, false, span), self.number(1.0 / (1.0 - p), false, span));
                let drawn = self.map2(Map::Lt, &u, &one, span);
                let scale =
                    self.apply(Op::Map(Map::Where), &[&drawn, &more, &one], t.axes.clone(), DType::F32, span);
                (self.number(0.0, false, span), self.map2(Map::Mul, &t, &scale, span))
            }
        };
        let axes = t.axes.clone();
        Some(Val::Tensor(self.apply(Op::Map(Map::Where), &[&drop, &dropped, &kept], axes, t.dtype, span)))
    }

    /// `a -> b` in an argument.
    pub(super) fn arrow<'e>(&mut self, given: &Given<'e>, what: &str) -> Option<(&'e Expr, &'e Expr)> {
        match given.expr.map(|e| &e.kind) {
            Some(ExprKind::Arrow(a, b)) => Some((a, b)),
            _ => {
                let d = Diagnostic::error("A0401", format!("`{what}` takes `from -> to`"), given.span);
                let d = with_usage(d, what);
                let elsewhere =
                    "it puts positions along one axis in another order; axes have names and need no order";
                self.report(if what == "permute" { d.help(elsewhere) } else { d });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arch_grammar::ast::Item;
    use std::collections::BTreeSet;

    #[test]
    fn the_language_page_lists_what_is_always_in_scope() {
        let page = include_str!("../../../docs/language.md");
        let (_, table) =
            page.split_once("| always in scope | |\n").expect("the page has a table of operations");
        let (table, _) = table.split_once("\n\n").expect("the table ends");
        let code = table.split('`').skip(1).step_by(2);
        let listed: BTreeSet<&str> = code.filter_map(|c| c.split('(').next()).collect();
        let prelude = crate::library::STD.iter().find(|(name, _)| *name == crate::library::PRELUDE);
        let (_, text) = prelude.expect("the library has functions that are in scope everywhere");
        let (prelude, _) = arch_grammar::parse(arch_grammar::FileId(0), text);
        let functions = prelude.items.iter().filter_map(|i| match i {
            Item::Fn(f) => Some(f.name.name.as_str()),
            _ => None,
        });
        let known: BTreeSet<&str> = super::NAMES.iter().copied().chain(functions).collect();
        let (missing, unknown): (Vec<_>, Vec<_>) =
            (known.difference(&listed).collect(), listed.difference(&known).collect());
        assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
    }
}
