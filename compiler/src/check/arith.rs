//! Arithmetic: on numbers known at compile time, and on tensors by axis.

use super::Session;
use super::scope::Env;
use super::value::{Entry, Number, Scalar, Tensor, Val};
use crate::graph::{AxisId, DType};
use crate::ops::{Map, Op};
use arch_grammar::ast::{BinaryOp, Expr, UnaryOp};
use arch_grammar::{Diagnostic, Span};

impl Session<'_> {
    pub(super) fn eval_unary(&mut self, env: &mut Env, op: UnaryOp, x: &Expr, span: Span) -> Val {
        let value = self.eval(env, x);
        match (op, value) {
            (_, Val::Error) => Val::Error,
            (UnaryOp::Not, Val::Bool(b)) => Val::Bool(!b),
            (UnaryOp::Not, Val::Tensor(t)) if t.dtype == DType::Bool => {
                Val::Tensor(self.apply(Op::Map(Map::Not), &[&t], t.axes.clone(), DType::Bool, span))
            }
            (UnaryOp::Neg, Val::Tensor(t)) => {
                let dtype = if t.dtype == DType::Int { DType::Int } else { DType::F32 };
                Val::Tensor(self.apply(Op::Map(Map::Neg), &[&t], t.axes.clone(), dtype, span))
            }
            (UnaryOp::Neg, value) if self.as_number(&value).is_some() => {
                let n = self.as_number(&value).map_or(Scalar::Int(0), |n| n.value);
                let value = match n {
                    Scalar::Int(i) => Scalar::Int(i.saturating_neg()),
                    Scalar::Float(f) => Scalar::Float(-f),
                };
                Val::Number(Number { value, origin: None })
            }
            (op, other) => {
                let symbol = if op == UnaryOp::Neg { "-" } else { "not" };
                let text = format!("`{symbol}` does not apply to {}", other.kind());
                self.report(Diagnostic::error("A0315", text, span));
                Val::Error
            }
        }
    }

    pub(super) fn eval_binary(&mut self, env: &mut Env, op: BinaryOp, a: &Expr, b: &Expr, span: Span) -> Val {
        if let (BinaryOp::Eq | BinaryOp::Ne, Some(equal)) = (op, self.choice_equal(env, a, b)) {
            return equal.map_or(Val::Error, |e| Val::Bool(e == (op == BinaryOp::Eq)));
        }
        let x = self.eval(env, a);
        // `false and …` and `true or …` do not look at the other side: a config may not make sense there.
        match (op, &x) {
            (BinaryOp::And, Val::Bool(false)) => return Val::Bool(false),
            (BinaryOp::Or, Val::Bool(true)) => return Val::Bool(true),
            _ => {}
        }
        let y = self.eval(env, b);
        if matches!(x, Val::Error) || matches!(y, Val::Error) {
            return Val::Error;
        }
        if let Some(v) = self.compile_time(env, op, &x, &y, (a, b), span) {
            return v;
        }
        if let Some(v) = moved_position(op, &x, &y) {
            return v;
        }
        let (Some(s), Some(t)) = (self.operand(&x, &y, a.span), self.operand(&y, &x, b.span)) else {
            return Val::Error;
        };
        let level = s.level.max(t.level);
        if !self.fits_step(&s, level, a.span) || !self.fits_step(&t, level, b.span) {
            return Val::Error;
        }
        self.remember_exchanged(op, (&s, &t), (a.span, b.span), span);
        self.tensor_binary(op, &s, &t, span).map_or(Val::Error, Val::Tensor)
    }

    /// One operand as a tensor. A whole number beside an integer tensor stays a whole number.
    pub(super) fn operand(&mut self, value: &Val, other: &Val, span: Span) -> Option<Tensor> {
        if let (Some(Number { value: Scalar::Int(i), .. }), Val::Tensor(t)) = (self.as_number(value), other)
            && t.dtype == DType::Int
        {
            return Some(self.number(i as f64, true, span));
        }
        self.tensor(value, span)
    }

    /// The result if both sides are known at compile time.
    fn compile_time(
        &mut self,
        env: &mut Env,
        op: BinaryOp,
        x: &Val,
        y: &Val,
        exprs: (&Expr, &Expr),
        span: Span,
    ) -> Option<Val> {
        if let (Some(p), Some(q)) = (self.as_number(x), self.as_number(y)) {
            return Some(self.number_binary(env, op, p.value, q.value, exprs, span));
        }
        let equal = match (x, y) {
            (Val::Bool(p), Val::Bool(q)) => match op {
                BinaryOp::And => return Some(Val::Bool(*p && *q)),
                BinaryOp::Or => return Some(Val::Bool(*p || *q)),
                _ => p == q,
            },
            (Val::Word(p), Val::Word(q)) | (Val::Str(p), Val::Str(q)) => p == q,
            (Val::None, Val::None) => true,
            (Val::None, other) | (other, Val::None) if can_be_none(other) => false,
            (Val::Callee(p), Val::Callee(q)) => p == q,
            _ => return None,
        };
        match op {
            BinaryOp::Eq => Some(Val::Bool(equal)),
            BinaryOp::Ne => Some(Val::Bool(!equal)),
            _ => {
                let text = format!("`{}` does not apply to {}", op.symbol(), x.kind());
                self.report(Diagnostic::error("A0315", text, span));
                Some(Val::Error)
            }
        }
    }

    fn number_binary(
        &mut self,
        env: &mut Env,
        op: BinaryOp,
        p: Scalar,
        q: Scalar,
        exprs: (&Expr, &Expr),
        span: Span,
    ) -> Val {
        let (a, b) = (p.float(), q.float());
        let truth = match op {
            BinaryOp::Eq => Some(a == b),
            BinaryOp::Ne => Some(a != b),
            BinaryOp::Lt => Some(a < b),
            BinaryOp::Le => Some(a <= b),
            BinaryOp::Gt => Some(a > b),
            BinaryOp::Ge => Some(a >= b),
            _ => None,
        };
        if let Some(t) = truth {
            return Val::Bool(t);
        }
        if let (Scalar::Int(i), Scalar::Int(j)) = (p, q)
            && let Some(v) = self.int_binary(env, op, i, j, exprs, span)
        {
            return v;
        }
        let value = match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Div => a / b,
            BinaryOp::Rem => a.rem_euclid(b),
            BinaryOp::Pow => a.powf(b),
            _ => {
                let text = format!("`{}` joins truth values, not numbers", op.symbol());
                self.report(Diagnostic::error("A0315", text, span));
                return Val::Error;
            }
        };
        Val::Number(Number { value: Scalar::Float(value), origin: None })
    }

    /// Arithmetic on whole numbers; `None` where the result is a float.
    fn int_binary(
        &mut self,
        env: &mut Env,
        op: BinaryOp,
        i: i64,
        j: i64,
        exprs: (&Expr, &Expr),
        span: Span,
    ) -> Option<Val> {
        let value = match op {
            BinaryOp::Add => i.checked_add(j),
            BinaryOp::Sub => i.checked_sub(j),
            BinaryOp::Mul => i.checked_mul(j),
            BinaryOp::Pow if j >= 0 => i.checked_pow(u32::try_from(j).unwrap_or(u32::MAX)),
            BinaryOp::Div | BinaryOp::Rem if j == 0 => {
                let d = Diagnostic::error("A0206", "division by zero", span);
                let d = self.facts(env, exprs.1, d);
                self.report(d);
                return Some(Val::Error);
            }
            BinaryOp::Rem => i.checked_rem_euclid(j),
            BinaryOp::Div if env.sizes => {
                if i.checked_rem(j).is_some_and(|rest| rest != 0) {
                    self.not_whole(env, i, j, exprs, span);
                    return Some(Val::Error);
                }
                i.checked_div(j)
            }
            _ => return None,
        };
        match value {
            Some(v) => Some(Val::int(v)),
            None => {
                let text = format!("{i} {} {j} is too large", op.symbol());
                let d = Diagnostic::error("A0207", text, span);
                self.report(d.help("whole numbers have 64 bits, sizes are below 4,294,967,296"));
                Some(Val::Error)
            }
        }
    }

    fn not_whole(&mut self, env: &mut Env, i: i64, j: i64, exprs: (&Expr, &Expr), span: Span) {
        let text = self.sources.slice(span).to_string();
        let mut d = Diagnostic::error("A0206", format!("{text} = {i} / {j} is not whole"), span)
            .label(format!("{i} does not divide by {j}"));
        d = self.facts(env, exprs.0, d);
        d = self.facts(env, exprs.1, d);
        let near: Vec<String> = near_divisors(i, j).iter().map(i64::to_string).collect();
        if !near.is_empty() {
            d = d.help(format!("divisors of {i} near {j}: {}", near.join(" and ")));
        }
        self.report(d.help("`floor_div(a, b)` and `ceil_div(a, b)` round"));
    }

    /// An operation on two tensors.
    pub(super) fn tensor_binary(
        &mut self,
        op: BinaryOp,
        a: &Tensor,
        b: &Tensor,
        span: Span,
    ) -> Option<Tensor> {
        let free = matches!(op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow | BinaryOp::Rem);
        let (map, swap, negate) = match op {
            BinaryOp::Add => (Map::Add, false, false),
            BinaryOp::Sub => (Map::Sub, false, false),
            BinaryOp::Mul => (Map::Mul, false, false),
            BinaryOp::Div => (Map::Div, false, false),
            BinaryOp::Rem => (Map::Rem, false, false),
            BinaryOp::Pow => (Map::Pow, false, false),
            BinaryOp::Lt => (Map::Lt, false, false),
            BinaryOp::Le => (Map::Le, false, false),
            BinaryOp::Gt => (Map::Lt, true, false),
            BinaryOp::Ge => (Map::Le, true, false),
            BinaryOp::Eq => (Map::Eq, false, false),
            BinaryOp::Ne => (Map::Eq, false, true),
            BinaryOp::And => (Map::And, false, false),
            BinaryOp::Or => (Map::Or, false, false),
        };
        if !free && !self.contained(op.symbol(), a, b, span) {
            return None;
        }
        let t = if swap { self.map2(map, b, a, span) } else { self.map2(map, a, b, span) };
        let axes = union(&a.axes, &b.axes);
        let t = Tensor { axes: axes.clone(), ..t };
        Some(if negate { self.apply(Op::Map(Map::Not), &[&t], axes, DType::Bool, span) } else { t })
    }

    /// A map of two tensors, with integers converted where one side is a float.
    pub(super) fn map2(&mut self, map: Map, a: &Tensor, b: &Tensor, span: Span) -> Tensor {
        let floats = matches!(map, Map::Div | Map::Pow) || a.dtype != DType::Int || b.dtype != DType::Int;
        let logic = matches!(map, Map::And | Map::Or);
        let (a, b) = if floats && !logic {
            (self.float(a, span), self.float(b, span))
        } else {
            (a.clone(), b.clone())
        };
        let dtype = match map {
            Map::Lt | Map::Le | Map::Eq | Map::And | Map::Or => DType::Bool,
            _ if floats => DType::F32,
            _ => DType::Int,
        };
        let axes = union(&a.axes, &b.axes);
        self.apply(Op::Map(map), &[&a, &b], axes, dtype, span)
    }

    /// The tensor with float elements.
    pub(super) fn float(&mut self, t: &Tensor, span: Span) -> Tensor {
        if t.dtype == DType::F32 || t.dtype == DType::BF16 {
            return t.clone();
        }
        self.apply(Op::Map(Map::ToFloat), &[t], t.axes.clone(), DType::F32, span)
    }

    /// Reports operands of which neither has all the axes of the other.
    pub(super) fn contained(&mut self, symbol: &str, a: &Tensor, b: &Tensor, span: Span) -> bool {
        let only_a: Vec<&(AxisId, Entry)> = a.axes.iter().filter(|(x, _)| !b.has(*x)).collect();
        let only_b: Vec<&(AxisId, Entry)> = b.axes.iter().filter(|(x, _)| !a.has(*x)).collect();
        if only_a.is_empty() || only_b.is_empty() {
            return true;
        }
        let (left, right) = (self.show_axes(&a.ids()), self.show_axes(&b.ids()));
        let mut d = Diagnostic::error("A0301", format!("{left} {symbol} {right} is an outer sum"), span)
            .label("neither side has all the axes of the other");
        for (axis, entry) in only_a.iter().chain(&only_b) {
            let text = format!("{} came in here: {}", self.show_axis(*axis), entry.how);
            d = d.also(entry.span, text);
        }
        let (p, q) = (only_a[0].0, only_b[0].0);
        let lacking = only_b.iter().map(|(a, _)| self.axis_name(*a)).collect::<Vec<_>>().join(", ");
        let lacking = if only_b.len() > 1 { format!("({lacking})") } else { lacking };
        let outer = format!(
            "if the outer {} is meant: `broadcast(x, {lacking})` for the left side `x`",
            word(symbol)
        );
        // Sides that meet in one axis are rather meant to be spread over the others than to meet in these, too, but
        // where they differ at one place alone a `rename` is more likely to have been forgotten.
        let differ = a.ids().iter().zip(b.ids()).filter(|(x, y)| *x != y).count();
        let meet = only_a.len() < a.axes.len() && (a.axes.len() != b.axes.len() || differ != 1);
        if meet {
            d = d.help(outer.clone());
        }
        let alike = self.size_of(p) == self.size_of(q);
        let certain = !self.is_made_up(p) && !self.is_made_up(q);
        let (left, right, n) = (self.axis_name(p), self.axis_name(q), self.size_of(p));
        if alike && certain {
            d = d.remark(format!(
                "`{left}` and `{right}` are both {n} long, but equal size does not make them one axis"
            ));
        }
        if alike && (certain || !meet) {
            d = d.help(format!("if they are meant to meet: {}", self.how_to_rename(q, p)));
        }
        let d = if meet { d } else { d.help(outer) };
        self.report(d);
        false
    }
}

/// Whether a config value of that kind could be `none` instead.
fn can_be_none(value: &Val) -> bool {
    matches!(
        value,
        Val::Number(_)
            | Val::Bool(_)
            | Val::Str(_)
            | Val::Word(_)
            | Val::List(_)
            | Val::Callee(_)
            | Val::Init(_)
    )
}

fn word(symbol: &str) -> &'static str {
    match symbol {
        "+" => "sum",
        "-" => "difference",
        _ => "comparison",
    }
}

/// `t + 1`, `t - 1` for a position of a scan.
fn moved_position(op: BinaryOp, x: &Val, y: &Val) -> Option<Val> {
    let whole = |v: &Val| match v {
        Val::Number(Number { value: Scalar::Int(i), .. }) => Some(*i),
        _ => None,
    };
    match (op, x, y) {
        (BinaryOp::Add, Val::Position(p), n) | (BinaryOp::Add, n, Val::Position(p)) => {
            Some(Val::Position(p.saturating_add(whole(n)?)))
        }
        (BinaryOp::Sub, Val::Position(p), n) => Some(Val::Position(p.saturating_sub(whole(n)?))),
        _ => None,
    }
}

/// The axes of `a`, then those of `b` that `a` lacks.
pub(super) fn union(a: &[(AxisId, Entry)], b: &[(AxisId, Entry)]) -> Vec<(AxisId, Entry)> {
    let mut axes = a.to_vec();
    axes.extend(b.iter().filter(|(x, _)| !a.iter().any(|(y, _)| x == y)).cloned());
    axes
}

/// The divisors of `n` just below and just above `near`.
pub(super) fn near_divisors(n: i64, near: i64) -> Vec<i64> {
    if n <= 0 || n > 1 << 20 {
        return Vec::new();
    }
    let divides = |k: &i64| n % k == 0;
    let below = (1..near.min(n + 1)).rev().find(divides);
    let above = (near.max(0).saturating_add(1)..=n).find(divides);
    below.into_iter().chain(above).collect()
}
