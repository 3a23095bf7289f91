//! Calls: what is called, and what all calls share.

use super::Session;
use super::arguments::Given;
use super::matching::Bound;
use super::scope::Env;
use super::value::{Callee, Entry, Tensor, Val};
use crate::graph::AxisId;
use crate::ops::{Op, View};
use arch_grammar::ast::{Arg, Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};

impl Session<'_> {
    pub(super) fn eval_call(
        &mut self,
        env: &mut Env,
        callee: &Expr,
        piped: Option<(Val, Span)>,
        args: &[Arg],
        span: Span,
    ) -> Val {
        if matches!(piped, Some((Val::Error, _))) {
            return Val::Error;
        }
        let mut target = self.eval(env, callee);
        // A number cannot be called: `dropout(x, dropout)` has a function and a config value of one name.
        if let (Val::Number(_), ExprKind::Name(name)) = (&target, &callee.kind)
            && let Some(function) = self.callee_named(env.scope.file, name)
        {
            target = Val::Callee(function);
        }
        let mut given: Vec<Given<'_>> = Vec::new();
        if let Some((value, at)) = piped {
            given.push(Given { name: None, value: Some(value), expr: None, span: at });
        }
        given.extend(args.iter().map(|a| Given {
            name: a.name.as_ref(),
            value: None,
            expr: Some(&a.value),
            span: a.value.span,
        }));
        let shown = self.sources.slice(callee.span).to_string();
        match target {
            Val::Error => {
                self.look_at_arguments(env, args);
                Val::Error
            }
            Val::Callee(Callee::Builtin(name)) => self.call_builtin(env, name, &given, span),
            Val::Callee(Callee::Function(item)) => self.call_function(env, item, &given, span),
            Val::Layer(layer) => self.call_layer(env, &layer, &shown, &given, span).unwrap_or(Val::Error),
            Val::Callee(Callee::Block(item)) => {
                let name = self.item_name(item).name;
                let d =
                    Diagnostic::error("A0403", format!("block `{name}` is called where values are"), span)
                        .label("a block has weights and must be declared first")
                        .help(format!(
                            "declare `layer = {name}(…)` among the block's members, then call `layer(…)`"
                        ));
                self.report(d);
                Val::Error
            }
            Val::Absent(why) => {
                let d = Diagnostic::error(
                    "A0410",
                    format!("`{shown}` does not exist in this configuration"),
                    callee.span,
                )
                .remark(why.to_string())
                .help("use it under the same condition: `if … { … } else { … }`");
                self.report(d);
                Val::Error
            }
            other => {
                let text = format!("`{shown}` is {}, which cannot be called", other.kind());
                let mut d = Diagnostic::error("A0403", text, callee.span);
                if matches!(other, Val::List(_)) {
                    d = d.help(format!(
                        "call its layers one after the other: `for layer in {shown} {{ x <- layer(x) }}`, or one: `{shown}[0](x)`"
                    ));
                }
                self.report(d);
                Val::Error
            }
        }
    }

    /// Looks for mistakes in the arguments of a call of something unknown. Which of them are axes nobody knows,
    /// but what calculates is a value.
    fn look_at_arguments(&mut self, env: &mut Env, args: &[Arg]) {
        for arg in args {
            if matches!(arg.value.kind, ExprKind::Call(..) | ExprKind::Pipe(..) | ExprKind::Binary(..)) {
                self.eval(env, &arg.value);
            }
        }
    }

    pub(super) fn twice(&mut self, what: &str, axis: AxisId, bound: &Bound, span: Span) {
        let name = self.axis_name(axis);
        let d = Diagnostic::error(
            "A0307",
            format!("the result of `{what}` would have axis `{name}` twice"),
            span,
        )
        .help(format!("rename one of the arguments first: `rename(…, {name} -> S)`"));
        let d = self.with_bindings(d, bound);
        self.report(d);
    }

    /// A value that this configuration has.
    pub(super) fn present(&mut self, value: Val, span: Span) -> Option<Val> {
        match value {
            Val::Error => None,
            Val::Absent(why) => {
                let d = Diagnostic::error("A0406", "this value does not exist in this configuration", span)
                    .remark(why.to_string())
                    .help("use it under the same condition: `if … { … } else { … }`");
                self.report(d);
                None
            }
            v => Some(v),
        }
    }

    /// The same tensor with one axis under another identity.
    pub(super) fn rename(&mut self, t: &Tensor, from: AxisId, to: AxisId, span: Span, how: &str) -> Tensor {
        if from == to {
            return t.clone();
        }
        let mut axes = t.axes.clone();
        for (a, e) in &mut axes {
            if *a == from {
                *a = to;
                if how == "was renamed" {
                    *e = Entry { span, how: format!("`{}` was renamed", self.axis_name(from)).into() };
                }
            }
        }
        self.apply(Op::View(View::Rename { from, to }), &[t], axes, t.dtype, span)
    }
}
