//! What a test may ask of a layer or of the item under test: parameters, multiply-accumulates, kernels.

use super::super::Session;
use super::super::arguments::Given;
use super::super::scope::Env;
use super::super::value::{Callee, Layer, Val};
use super::Uncounted;
use crate::graph::FuncId;
use crate::program::Program;
use crate::{canon, cost};
use arch_grammar::ast::{Expr, ExprKind};
use arch_grammar::{Diagnostic, Span};

/// The names that only tests know.
pub(in super::super) const NAMES: &[&str] =
    &["activation_bytes", "bytes_moved", "gemms", "kernels", "macs", "params", "params_with_buffers"];

/// Puts the names of measures in scope, and those of the passes that they are taken of.
pub(super) fn bind_names(env: &mut Env, span: Span) {
    for name in NAMES {
        env.bind(name, Val::Callee(Callee::Builtin(name)), span);
    }
    for pass in ["forward", "train"] {
        env.bind(pass, Val::Word(pass.into()), span);
    }
}

/// In a test of an item, `params` is a number.
pub(super) fn bind_totals(env: &mut Env, program: &Program, span: Span) {
    let row = &program.layers[0];
    env.bind("params", number(row.params as u64), span);
    env.bind("params_with_buffers", number(row.params_with_buffers as u64), span);
}

fn number(value: u64) -> Val {
    Val::int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// How a measure of the item under test is written, where `e` is its bare name.
pub(super) fn of_a_pass(e: &Expr) -> Option<String> {
    let ExprKind::Name(name) = &e.kind else { return None };
    let known = NAMES.contains(&name.as_str()) && !name.starts_with("params");
    known.then(|| format!("{name}(forward)"))
}

impl Session<'_> {
    /// `params(block)`, `macs(forward)`, `kernels(train)`.
    pub(in super::super) fn call_measure(
        &mut self,
        env: &mut Env,
        name: &str,
        given: &[Given<'_>],
        span: Span,
    ) -> Option<Val> {
        let args = self.arguments(name, given, (1, 1), &[], span)?;
        let of = self.given_value(env, args[0]);
        let of = self.present(of, args[0].span)?;
        match (&of, name) {
            (Val::Word(pass), _) => self.measure_item(name, &pass.clone(), span),
            (Val::Layer(_) | Val::List(_), "params" | "params_with_buffers") => {
                let found = self.layer_params(&of, name == "params_with_buffers");
                found.map(|n| number(n as u64)).or_else(|| self.not_measured(name, &of, args[0].span))
            }
            (Val::Layer(l), "macs" | "activation_bytes") => {
                let function = self.only_function(l, span)?;
                self.measured(name, function, span)
            }
            _ => self.not_measured(name, &of, args[0].span),
        }
    }

    fn not_measured(&mut self, name: &str, of: &Val, span: Span) -> Option<Val> {
        let d = Diagnostic::error("A0602", format!("`{name}` is not known of {}", of.kind()), span);
        self.report(d.help(
            "`params(block)` and `macs(block)` take a layer; in `test \"…\" of MODEL`, `macs(forward)`, \
             `kernels(forward)` and `kernels(train)` speak of the model",
        ));
        None
    }

    fn measure_item(&mut self, name: &str, pass: &str, span: Span) -> Option<Val> {
        let state = self.test.as_ref()?;
        let Some(program) = &state.program else {
            let d = Diagnostic::error("A0602", format!("`{pass}` of what is not said"), span);
            self.report(d.help("name the item: `test \"…\" of DiT preset S/2 { … }`"));
            return None;
        };
        let found = match (name, pass) {
            ("macs", "forward") => Some(cost::macs(&program.module, program.entry)),
            ("activation_bytes", "forward") => Some(cost::activation_bytes(&program.module, program.entry)),
            ("kernels" | "gemms" | "bytes_moved", "forward" | "train") => {
                match state.counts.count(program, name, pass) {
                    Ok(n) => Some(n),
                    Err(Uncounted::NotHere) => None,
                    Err(Uncounted::Refused(why)) => {
                        let text = format!("`{name}({pass})` cannot be counted: {why}");
                        self.report(Diagnostic::error("A0602", text, span));
                        return None;
                    }
                }
            }
            _ => None,
        };
        if found.is_none() {
            let d = Diagnostic::error("A0602", format!("`{name}({pass})` is not known here"), span);
            let help = match name {
                "macs" | "activation_bytes" => {
                    format!("it is counted for one forward pass: `{name}(forward)`")
                }
                "kernels" | "gemms" | "bytes_moved" => {
                    "it is known only where kernels are made: run the test with `archc test`".to_string()
                }
                _ => format!("it needs no pass: `{name} == …`"),
            };
            self.report(d.help(help));
        }
        found.map(number)
    }

    /// The one function that was made of a layer.
    fn only_function(&mut self, layer: &Layer, span: Span) -> Option<FuncId> {
        let built: Vec<FuncId> =
            self.templates[layer.template.0].built.values().map(|b| b.function).collect();
        if let [only] = built[..] {
            return Some(only);
        }
        let text = if built.is_empty() {
            format!("`{}` has not been called yet, so its sizes are not known", layer.path)
        } else {
            format!("`{}` was called with several shapes", layer.path)
        };
        let d = Diagnostic::error("A0602", text, span);
        self.report(d.help(format!("call it once before: `let y = {}(x)`", layer.path)));
        None
    }

    fn measured(&mut self, name: &str, function: FuncId, span: Span) -> Option<Val> {
        let mut module = self.module.clone();
        if let Err(e) = canon::run_all(&mut module) {
            self.report(Diagnostic::error("A0999", e.0, span));
            return None;
        }
        let of = if name == "macs" { cost::macs } else { cost::activation_bytes };
        Some(number(of(&module, function)))
    }
}
