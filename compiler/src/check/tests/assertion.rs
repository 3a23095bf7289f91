//! `assert`: what is known at once is decided at once; comparisons of tensors wait for the run.

use super::super::Session;
use super::super::scope::Env;
use super::super::value::{Callee, Scalar, Tensor, Val};
use super::measure::of_a_pass;
use crate::graph::{AxisId, ValueId};
use crate::ops::{Map, Op, View};
use arch_grammar::ast::{Arg, BinaryOp, Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};

/// How far values may be apart if nothing is said: the interpreter computes in f64.
const TOLERANCE: f64 = 1e-9;

/// Two tensors to compare, in one storage order.
pub(super) struct Pending {
    pub found: ValueId,
    pub wanted: ValueId,
    axes: Vec<AxisId>,
    comparison: Comparison,
    span: Span,
}

#[derive(Clone, Copy)]
enum Comparison {
    Close(f64),
    Operator(BinaryOp),
}

impl Comparison {
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Comparison::Close(t) => a == b || (a - b).abs() <= t * 1f64.max(a.abs()).max(b.abs()),
            Comparison::Operator(op) => match op {
                BinaryOp::Eq => a == b,
                BinaryOp::Ne => a != b,
                BinaryOp::Lt => a < b,
                BinaryOp::Le => a <= b,
                BinaryOp::Gt => a > b,
                _ => a >= b,
            },
        }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

impl Session<'_> {
    pub(super) fn assert(&mut self, env: &mut Env, e: &Expr, span: Span) {
        match &e.kind {
            ExprKind::Paren(x) => self.assert(env, x, span),
            ExprKind::Call(callee, args) if callee.kind == ExprKind::Name("close".into()) => {
                self.assert_close(env, args, span);
            }
            ExprKind::Binary(op, a, b) if is_comparison(*op) => self.assert_compared(env, *op, a, b, span),
            _ => match self.eval(env, e) {
                Val::Bool(true) | Val::Error => {}
                Val::Bool(false) => self.does_not_hold(span, &[]),
                other => {
                    let text = format!("`assert` takes a comparison or `close(a, b)`, not {}", other.kind());
                    self.report(Diagnostic::error("A0603", text, e.span));
                }
            },
        }
    }

    /// A comparison that stands in a test without `assert`. Gives whether `e` is one.
    pub(super) fn unasserted(&mut self, e: &Expr) -> bool {
        let ExprKind::Binary(op, a, b) = &e.kind else { return false };
        if !is_comparison(*op) {
            return false;
        }
        let text = self.sources.slice(e.span);
        // What stands between both sides and behind the right one stays as it is written.
        let (left, right) = (self.sources.slice(a.span), self.sources.slice(b.span));
        let between = &text[left.len()..text.len() - right.len()];
        let said = |e: &Expr, text: &str| of_a_pass(e).unwrap_or_else(|| text.to_string());
        let whole = format!("{}{between}{}", said(a, left), said(b, right));
        let d = Diagnostic::error("A0409", "the value of this expression is lost", e.span);
        self.report(d.help(format!("a test states what holds: `assert {whole}`")));
        true
    }

    fn assert_compared(&mut self, env: &mut Env, op: BinaryOp, a: &Expr, b: &Expr, span: Span) {
        let (x, y) = (self.eval(env, a), self.eval(env, b));
        if matches!(x, Val::Error) || matches!(y, Val::Error) {
            return;
        }
        for (value, e) in [(&x, a), (&y, b)] {
            if let Val::Callee(Callee::Builtin(name)) = value
                && let Some(whole) = of_a_pass(e)
            {
                let d = Diagnostic::error("A0602", format!("`{name}` of what is not said"), e.span);
                let help = match *name {
                    "macs" | "activation_bytes" => format!("write `{whole}`"),
                    _ => format!("write `{whole}` or `{name}(train)`"),
                };
                return self.report(d.help(help));
            }
        }
        if let (Some(p), Some(q)) = (self.as_number(&x), self.as_number(&y)) {
            let comparison = Comparison::Operator(op);
            if !comparison.holds(p.value.float(), q.value.float()) {
                let slices = [a, b].map(|e| self.sources.slice(e.span).to_string());
                let [a, b] = slices;
                self.does_not_hold(span, &[(a, spelled(p.value)), (b, spelled(q.value))]);
            }
            return;
        }
        if matches!(x, Val::Tensor(_)) || matches!(y, Val::Tensor(_)) {
            return self.postpone(&x, &y, Comparison::Operator(op), (a.span, b.span), span);
        }
        let (p, q) = (self.show_value(&x), self.show_value(&y));
        if (p == q) != (op == BinaryOp::Eq) {
            self.does_not_hold(span, &[("left".into(), p), ("right".into(), q)]);
        }
    }

    fn assert_close(&mut self, env: &mut Env, args: &[Arg], span: Span) {
        let plain: Vec<&Arg> = args.iter().filter(|a| a.name.is_none()).collect();
        let named: Vec<&Arg> = args.iter().filter(|a| a.name.is_some()).collect();
        let known = named.iter().all(|a| a.name.as_ref().is_some_and(|n| n.name == "tolerance"));
        let [a, b] = plain[..] else {
            let d = Diagnostic::error("A0603", "`close` compares two values", span);
            return self
                .report(d.help("write `assert close(a, b)` or `assert close(a, b, tolerance: 1e-6)`"));
        };
        if !known {
            let d = Diagnostic::error("A0402", "`close` takes `tolerance` and nothing else by name", span);
            return self.report(d);
        }
        let mut tolerance = TOLERANCE;
        if let Some(t) = named.first() {
            let value = self.eval(env, &t.value);
            match self.as_number(&value) {
                Some(n) => tolerance = n.value.float(),
                None => {
                    return self.report(Diagnostic::error("A0211", "a tolerance is a number", t.value.span));
                }
            }
        }
        let (x, y) = (self.eval(env, &a.value), self.eval(env, &b.value));
        self.postpone(&x, &y, Comparison::Close(tolerance), (a.value.span, b.value.span), span);
    }

    /// Brings two values into one storage order and leaves them for the run.
    fn postpone(&mut self, x: &Val, y: &Val, comparison: Comparison, at: (Span, Span), span: Span) {
        let (Some(a), Some(b)) = (self.tensor(x, at.0), self.tensor(y, at.1)) else { return };
        let (a, b) = (self.float(&a, at.0), self.float(&b, at.1));
        if !self.contained("is close to", &a, &b, span) {
            return;
        }
        let axes: Vec<AxisId> =
            super::super::arith::union(&a.axes, &b.axes).into_iter().map(|(a, _)| a).collect();
        let found = self.laid_out(&a, &b, &axes, span);
        let wanted = self.laid_out(&b, &a, &axes, span);
        if let Some(state) = &mut self.test {
            state.pending.push(Pending { found, wanted, axes, comparison, span });
        }
    }

    fn laid_out(&mut self, t: &Tensor, like: &Tensor, axes: &[AxisId], span: Span) -> ValueId {
        let all = self.apply(Op::Map(Map::Broadcast), &[t, like], t.axes.clone(), t.dtype, span);
        self.apply(Op::View(View::Transpose(axes.to_vec())), &[&all], Vec::new(), t.dtype, span).value
    }

    /// Holds the two sides against each other after the run.
    pub(super) fn compare(&mut self, p: &Pending, found: &[f64], wanted: &[f64]) {
        let pairs = found.iter().zip(wanted).enumerate();
        let wrong: Vec<(usize, (&f64, &f64))> =
            pairs.filter(|(_, (a, b))| !p.comparison.holds(**a, **b)).collect();
        let apart = |(_, (a, b)): &(usize, (&f64, &f64))| {
            let d = (*a - *b).abs();
            if d.is_nan() { f64::INFINITY } else { d }
        };
        let Some(worst) = wrong.iter().max_by(|a, b| apart(a).total_cmp(&apart(b))) else { return };
        let (at, (a, b)) = *worst;
        let mut facts = vec![("left".to_string(), format!("{a:?}")), ("right".to_string(), format!("{b:?}"))];
        if !p.axes.is_empty() {
            let share = format!("{} of {} elements", wrong.len(), found.len());
            facts.push(("furthest apart at".into(), self.position(&p.axes, at)));
            facts.push(("does not hold for".into(), share));
        }
        self.does_not_hold(p.span, &facts);
    }

    /// `T = 2, D = 5`.
    fn position(&self, axes: &[AxisId], mut at: usize) -> String {
        let mut names = Vec::new();
        for a in axes.iter().rev() {
            let size = self.size_of(*a);
            names.push(format!("{} = {}", self.axis_name(*a), at % size));
            at /= size;
        }
        names.reverse();
        names.join(", ")
    }

    fn does_not_hold(&mut self, span: Span, facts: &[(String, String)]) {
        let mut d = Diagnostic::error("A0601", "this does not hold", span);
        for (name, value) in facts {
            let same = name.replace('_', "") == value.replace('_', "");
            if !same {
                d = d.remark(if name.ends_with(" at") || name.ends_with(" for") {
                    format!("{name} {value}")
                } else {
                    format!("{name} = {value}")
                });
            }
        }
        self.report(d);
    }
}

/// A number as one writes it: `2_960`.
fn spelled(value: Scalar) -> String {
    let Scalar::Int(i) = value else { return value.to_string() };
    let digits = i.unsigned_abs().to_string();
    let mut out = String::new();
    for (n, c) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push('_');
        }
        out.push(c);
    }
    if i < 0 { format!("-{out}") } else { out }
}
